#include "study_records.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include <ivory/base/error.h>

#include "rows_file.h"
#include "table.h"

namespace ivory {
namespace {
using tuning::Direction;
using tuning::Distribution;
using tuning::FrozenTrial;
using tuning::Study;

std::string lower(std::string_view word) {
  std::string text(word);
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Params or_null(const std::string& text) { return text.empty() ? Params() : Params(text); }

// As Optuna's JSON of it.
Params distribution_record(const Distribution& distribution) {
  Params attributes = Params::map();
  if (distribution.is_categorical()) {
    Params choices = Params::list();
    for (const Params& choice : distribution.choices()) choices.push_back(choice);
    attributes.set("choices", choices);
    return {{"name", "CategoricalDistribution"}, {"attributes", attributes}};
  }
  const auto number = [&](double value) {
    return distribution.is_int() ? Params(static_cast<std::int64_t>(value)) : Params(value);
  };
  attributes.set("log", distribution.log());
  attributes.set("step", distribution.step() == 0 ? Params() : number(distribution.step()));
  attributes.set("low", number(distribution.low()));
  attributes.set("high", number(distribution.high()));
  return {{"name", distribution.is_int() ? "IntDistribution" : "FloatDistribution"},
          {"attributes", attributes}};
}

// Numbers of the best trials; null if none is complete and feasible.
Params best_numbers(const Study& study) {
  Params numbers = Params::list();
  for (const auto& trial : best_of(study)) numbers.push_back(trial.number);
  return numbers.empty() && study.directions().size() == 1 ? Params() : numbers;
}

Params directions_record(const std::vector<Direction>& directions) {
  Params list = Params::list();
  for (const Direction direction : directions) list.push_back(std::string(to_text(direction)));
  return list;
}

// The keys that any of the trials has, in the order in which they come up.
template <class Keys>
std::vector<std::string> all_keys(const std::vector<FrozenTrial>& trials, const Keys& keys_of) {
  std::vector<std::string> all;
  for (const auto& trial : trials) {
    for (const std::string& key : keys_of(trial)) {
      if (std::ranges::find(all, key) == all.end()) all.push_back(key);
    }
  }
  return all;
}

std::string field(const Params& value) {
  return value.is_list() || value.is_map() ? value.to_json() : value.is_null() ? "" : value.to_text();
}
}  // namespace

std::string utc_text(const std::optional<tuning::Time>& time) {
  if (!time) return {};
  const auto second = std::chrono::floor<std::chrono::seconds>(*time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", second, (*time - second).count());
}

std::string seconds_text(const FrozenTrial& trial) {
  if (!trial.datetime_start || !trial.datetime_complete) return {};
  const std::chrono::duration<double> seconds = *trial.datetime_complete - *trial.datetime_start;
  return fmt::format("{:.6g}", seconds.count());
}

std::string directions_text(const std::vector<Direction>& directions) {
  std::vector<std::string> words;
  for (const Direction direction : directions) words.push_back(lower(to_text(direction)));
  return join(words);
}

std::vector<std::string> objective_names(const std::vector<std::string>& metric_names,
                                         std::size_t objectives) {
  if (metric_names.size() == objectives) return metric_names;
  if (objectives == 1) return {"value"};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < objectives; ++i) names.push_back("value " + std::to_string(i));
  return names;
}

Params trial_record(const FrozenTrial& trial) {
  Params internal = Params::map(), distributions = Params::map(), reports = Params::map(),
         constraints = Params::map();
  for (const auto& param : trial.params) {
    internal.set(param.name, param.internal);
    distributions.set(param.name, distribution_record(param.distribution));
  }
  for (const auto& [step, value] : trial.intermediate_values) reports.set(std::to_string(step), value);
  for (const auto& [key, value] : trial.constraints()) constraints.set(key, value);
  Params record{{"number", trial.number},
                {"trial_id", trial.trial_id},
                {"state", std::string(to_text(trial.state))},
                {"values", trial.values.empty() ? Params() : Params(trial.values)},
                {"params", trial.params_map()},
                {"internal_params", internal},
                {"distributions", distributions},
                {"intermediate_values", reports},
                {"user_attrs", trial.user_attrs},
                {"system_attrs", trial.system_attrs},
                {"constraints", constraints},
                {"datetime_start_utc", or_null(utc_text(trial.datetime_start))},
                {"datetime_complete_utc", or_null(utc_text(trial.datetime_complete))}};
  if (trial.reports.empty()) return record;
  Params full = Params::list();  // those with folds or several objectives
  for (const auto& report : trial.reports) {
    full.push_back({{"fold", report.fold ? Params(*report.fold) : Params()},
                    {"step", report.step},
                    {"values", report.values}});
  }
  record.set("reports", full);
  return record;
}

Params summary_record(const tuning::StudySummary& summary) {
  Params states = Params::map();
  for (const auto& [state, count] : summary.n_by_state) states.set(to_text(state), count);
  return {{"study_name", summary.study_name},
          {"directions", directions_record(summary.directions)},
          {"n_trials", summary.n_trials},
          {"n_by_state", states},
          {"best_trial", summary.best_trial ? trial_record(*summary.best_trial) : Params()},
          {"datetime_start_utc", or_null(utc_text(summary.datetime_start))},
          {"user_attrs", summary.user_attrs},
          {"system_attrs", summary.system_attrs}};
}

Params study_record(const Study& study) {
  Params trials = Params::list();
  for (const auto& trial : study.trials()) trials.push_back(trial_record(trial));
  return {{"study_name", study.study_name()},          {"directions", directions_record(study.directions())},
          {"user_attrs", study.user_attrs()},          {"system_attrs", study.system_attrs()},
          {"best_trial_numbers", best_numbers(study)}, {"trials", trials}};
}

std::vector<FrozenTrial> best_of(const Study& study) {
  if (study.directions().size() > 1) return study.best_trials();
  try {
    return {study.best_trial()};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kConflict) throw;
    return {};
  }
}

std::string param_text(const Params& value) {
  return value.is_real() ? number_text(value.as_real()) : value.to_text();
}

std::string trials_text(const std::vector<FrozenTrial>& trials, const std::vector<std::string>& objectives) {
  if (trials.empty()) return "The study has no trials yet.\n";
  const auto params = all_keys(trials, [](const FrozenTrial& trial) { return trial.params_map().keys(); });
  std::vector<std::string> heading{"trial", "state"};
  heading.insert(heading.end(), objectives.begin(), objectives.end());
  heading.insert(heading.end(), params.begin(), params.end());
  heading.emplace_back("seconds");
  Table table(std::move(heading));
  for (const auto& trial : trials) {
    std::vector<std::string> row{std::to_string(trial.number), std::string(to_text(trial.state))};
    for (std::size_t i = 0; i < objectives.size(); ++i)
      row.push_back(i < trial.values.size() ? number_text(trial.values[i]) : "");
    for (const auto& name : params) {
      const auto* param = trial.find_param(name);
      row.push_back(param == nullptr ? "" : param_text(param->value()));
    }
    row.push_back(seconds_text(trial));
    table.add_row(std::move(row));
  }
  return table.to_text();
}

std::string trials_csv(const std::vector<FrozenTrial>& trials, std::size_t objectives) {
  const auto params = all_keys(trials, [](const FrozenTrial& trial) { return trial.params_map().keys(); });
  const auto attrs = all_keys(trials, [](const FrozenTrial& trial) { return trial.user_attrs.keys(); });
  std::vector<std::string> heading{"number"};
  for (std::size_t i = 0; i < objectives; ++i)
    heading.push_back(objectives == 1 ? "value" : "values_" + std::to_string(i));
  for (const char* name : {"datetime_start", "datetime_complete", "duration"}) heading.emplace_back(name);
  for (const auto& name : params) heading.push_back("params_" + name);
  for (const auto& name : attrs) heading.push_back("user_attrs_" + name);
  heading.emplace_back("state");
  std::string text = csv_line(heading);
  for (const auto& trial : trials) {
    std::vector<std::string> row{std::to_string(trial.number)};
    for (std::size_t i = 0; i < objectives; ++i)
      row.push_back(i < trial.values.size() ? real_to_text(trial.values[i]) : "");
    row.push_back(utc_text(trial.datetime_start));
    row.push_back(utc_text(trial.datetime_complete));
    row.push_back(seconds_text(trial));
    for (const auto& name : params) {
      const auto* param = trial.find_param(name);
      row.push_back(param ? field(param->value()) : "");
    }
    for (const auto& name : attrs) {
      const Params* value = trial.user_attrs.find(name);
      row.push_back(value ? field(*value) : "");
    }
    row.emplace_back(to_text(trial.state));
    text += csv_line(row);
  }
  return text;
}

}  // namespace ivory
