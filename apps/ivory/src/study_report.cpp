#include "study_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/tuning/importance.h>
#include <ivory/yaml/yaml.h>

#include "study_records.h"
#include "table.h"

namespace ivory {
namespace {

using tuning::Direction;
using tuning::FrozenTrial;
using tuning::TrialState;

constexpr std::size_t kShown = 10;

std::vector<FrozenTrial> shown_trials(const tuning::Study& study, const std::vector<FrozenTrial>& all) {
  if (study.directions().size() > 1) return best_of(study);
  std::vector<FrozenTrial> shown;
  for (const FrozenTrial& trial : all)
    if (trial.state == TrialState::kComplete && trial.is_feasible()) shown.push_back(trial);
  const bool maximize = study.direction() == Direction::kMaximize;
  std::ranges::stable_sort(shown, [&](const FrozenTrial& a, const FrozenTrial& b) {
    return maximize ? a.value() > b.value() : a.value() < b.value();
  });
  if (shown.size() > kShown) shown.resize(kShown);
  return shown;
}

std::string counts_text(const std::vector<FrozenTrial>& all) {
  std::map<TrialState, std::int64_t> counts;
  for (const FrozenTrial& trial : all) ++counts[trial.state];
  std::vector<std::string> words;
  for (const auto& [state, count] : counts) words.push_back(fmt::format("{} {}", count, to_text(state)));
  return fmt::format("{} {}: {}\n", all.size(), all.size() == 1 ? "trial" : "trials",
                     words.empty() ? "none yet" : join(words));
}

// Of several objectives there is none that stands for all.
std::vector<tuning::ParamImportance> importance_of(const tuning::Study& study) {
  if (best_of(study).empty()) return {};
  return tuning::get_param_importances(study);
}

Params importance_record(const tuning::Study& study) {
  Params map = Params::map();
  for (const auto& [name, value] : importance_of(study)) map.set(name, value);
  return map;
}

std::string importance_text(const tuning::Study& study) {
  Table table({"parameter", "importance"});
  const auto importances = importance_of(study);
  for (const auto& [name, value] : importances) table.add_row({name, number_text(value)});
  return importances.size() > 1 ? "\n" + table.to_text() : std::string();
}

}  // namespace

std::string study_text(const tuning::Study& study, const std::string& metric) {
  const std::vector<FrozenTrial> all = study.trials();
  const std::vector<FrozenTrial> shown = shown_trials(study, all);
  std::vector<std::string> names = objective_names(study.metric_names(), study.directions().size());
  if (names.size() == 1) names.front() = metric;
  std::string text;
  if (!shown.empty()) text += trials_text(shown, names);
  text += counts_text(all);
  if (shown.empty()) return text;
  if (names.size() > 1)
    return text + "\nNone of those above is better than another in every metric.\n" + importance_text(study);
  const FrozenTrial& best = shown.front();
  text += fmt::format("\nBest parameters (trial {}, {} {}):\n{}", best.number, metric,
                      number_text(best.value()), to_yaml(best.params_map()));
  return text + importance_text(study);
}

Params study_report(const tuning::Study& study) {
  Params record = study_record(study);
  Params states = Params::map();
  const std::vector<FrozenTrial> all = study.trials();
  for (const TrialState state : {TrialState::kComplete, TrialState::kPruned, TrialState::kFail,
                                 TrialState::kRunning, TrialState::kWaiting}) {
    const auto count = std::ranges::count(all, state, &FrozenTrial::state);
    if (count > 0) states.set(std::string(to_text(state)), static_cast<std::int64_t>(count));
  }
  Params best;
  const std::vector<FrozenTrial> front = best_of(study);
  if (study.directions().size() > 1) {
    best = Params::list();
    for (const FrozenTrial& trial : front) best.push_back(trial_record(trial));
  } else if (!front.empty()) {
    best = trial_record(front.front());
  }
  Params report = Params::map();
  report.set("study_name", record.at("study_name"));
  report.set("directions", record.at("directions"));
  report.set("n_trials", all.size());
  report.set("n_by_state", std::move(states));
  report.set("best", std::move(best));
  report.set("importance", importance_record(study));
  report.set("trials", record.at("trials"));
  return report;
}

Params best_arguments(const Study& study, const tuning::Study& tuned) {
  Params arguments = Params::map();
  const Params& recorded = study.recorded();
  if (!recorded.is_null())
    for (const Params& item : recorded.at("params").elements())
      if (const Params* value = item.find("value"); value != nullptr && !value->is_list())
        arguments.set(item.at("name").as_string(), *value);
  const Params best = study.arguments_of(tuned.best_params());
  for (const auto& [name, value] : best.items()) arguments.set(name, value);
  return arguments;
}

void write_parameter_file(const std::filesystem::path& path, const Experiment& experiment,
                          const Params& arguments, const std::string& comment) {
  const Params params = experiment.create_params(arguments).first;
  Params file = params.at("run");
  for (const char* section : {"task", "study"})
    if (const Params* own = params.find(section)) file.set(section, *own);
  write_file(path, "# " + comment + "\n" + to_yaml(file));
}

}  // namespace ivory
