// ivory search: the runs that were tracked.
#include "command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <map>
#include <set>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/liveness.h>

#include "conditions.h"
#include "rows_file.h"
#include "stored_runs.h"
#include "table.h"

namespace ivory {
namespace {

using tracking::RunRecord;

std::string time_text(std::optional<tracking::TimeMs> time) {
  return time ? fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(*time / 1000)))
              : std::string();
}

std::string duration_text(const RunRecord& run) {
  if (!run.start_time || !run.end_time) return {};
  return fmt::format("{:.1f}", static_cast<double>(*run.end_time - *run.start_time) / 1000);
}

std::string metric_text(const RunRecord& run, std::string_view name) {
  const tracking::Metric* metric = run.find_metric(name);
  return metric == nullptr ? std::string() : number_text(metric->value);
}

// Of a run, a task, a study.
std::string best_text(const RunRecord& run) {
  for (const char* name : {"best_score", "best_score_mean", "best_value"})
    if (run.find_metric(name) != nullptr) return metric_text(run, name);
  return {};
}

std::string params_text(const RunRecord& run) {
  std::string text;
  for (const auto& [key, value] : run.params)
    fmt::format_to(std::back_inserter(text), "{}{}={}", text.empty() ? "" : " ", key, value);
  return text;
}

std::string parent_of(const RunRecord& run) {
  const std::string* parent = run.find_tag(tracking::kParentRunIdTag);
  return parent == nullptr ? std::string() : *parent;
}

Params to_params(const std::optional<tracking::TimeMs>& time) { return time ? Params(*time) : Params(); }

Params to_params(const RunRecord& run, const std::string& experiment) {
  Params map{{"id", run.run_id},
             {"name", run.name},
             {"experiment", experiment},
             {"status", tracking::shown_status(run)},
             {"parent", parent_of(run)},
             {"start_time", to_params(run.start_time)},
             {"end_time", to_params(run.end_time)},
             {"artifact_uri", run.artifact_uri}};
  Params params = Params::map(), metrics = Params::map();
  for (const auto& [key, value] : run.params) params.set(key, value);
  for (const tracking::Metric& metric : run.metrics) metrics.set(metric.key, metric.value);
  map.set("params", std::move(params));
  map.set("metrics", std::move(metrics));
  return map;
}

class SearchCommand : public Command {
 public:
  void declare(Options& options) override {
    options.words("NAME KEY=VALUE", words_,
                  "the experiment (none: all), and conditions on params: lr=1e-3, lr=1e-4_1e-2, fold=0,2");
    options.flag("--parents", search_.parent_only, "tasks alone: runs with nested runs");
    options.flag("--nested", search_.nested_only, "runs of tasks alone");
    options.flag("--csv", csv_, "a line a run, a column for each param and metric");
  }

  int execute() override {
    if (csv_ && json()) throw Error(ErrorCode::kInvalidArgument, "--csv and --json exclude each other");
    if (search_.parent_only && search_.nested_only)
      throw Error(ErrorCode::kInvalidArgument, "--parents and --nested exclude each other");
    if (!words_.empty() && words_.front().find('=') == std::string::npos) {
      search_.name = words_.front();
      words_.erase(words_.begin());
    }
    search_.params = read_conditions(words_);
    const Client client(directory());
    std::vector<RunRecord> runs;
    if (client.tracker()->exists()) runs = client.search_runs(search_);
    std::ranges::reverse(runs);  // the newest first
    const Names experiments = names_of(stored_experiments(client));
    print(json() ? as_json(runs, experiments)
          : csv_ ? as_csv(runs, experiments)
                 : as_text(client, runs, experiments));
    return 0;
  }

 private:
  using Names = std::map<std::string, std::string>;  // by id

  static Names names_of(const std::vector<std::pair<std::string, std::string>>& experiments) {
    return {experiments.begin(), experiments.end()};
  }

  static std::string name_of(const Names& names, const std::string& id) {
    const auto found = names.find(id);
    return found == names.end() ? id : found->second;
  }

  static std::string as_json(const std::vector<RunRecord>& runs, const Names& experiments) {
    Params list = Params::list();
    for (const RunRecord& run : runs) list.push_back(to_params(run, name_of(experiments, run.experiment_id)));
    return list.to_json(2) + "\n";
  }

  static std::string as_csv(const std::vector<RunRecord>& runs, const Names& experiments) {
    std::set<std::string> params, metrics;
    for (const RunRecord& run : runs) {
      for (const auto& [key, value] : run.params) params.insert(key);
      for (const tracking::Metric& metric : run.metrics) metrics.insert(metric.key);
    }
    std::vector<std::string> heading{"id",     "name",       "experiment", "status",
                                     "parent", "start_time", "end_time"};
    for (const std::string& key : params) heading.push_back("params." + key);
    for (const std::string& key : metrics) heading.push_back("metrics." + key);
    std::string text = csv_line(heading);
    for (const RunRecord& run : runs) {
      std::vector<std::string> row{run.run_id,
                                   run.name,
                                   name_of(experiments, run.experiment_id),
                                   std::string(tracking::shown_status(run)),
                                   parent_of(run),
                                   time_text(run.start_time),
                                   time_text(run.end_time)};
      for (const std::string& key : params) {
        const std::string* value = run.find_param(key);
        row.push_back(value == nullptr ? std::string() : *value);
      }
      for (const std::string& key : metrics) {
        const tracking::Metric* metric = run.find_metric(key);
        row.push_back(metric == nullptr ? std::string() : fmt::format("{}", metric->value));
      }
      text += csv_line(row);
    }
    return text;
  }

  [[nodiscard]] std::string nothing(const Client& client) const {
    const std::string where = " in " + client.tracker()->tracking_uri() + ".\n";
    const bool restricted = !search_.params.empty() || search_.parent_only || search_.nested_only;
    return (restricted ? "No run fits" : "There are no runs yet") + where;
  }

  [[nodiscard]] std::string as_text(const Client& client, const std::vector<RunRecord>& runs,
                                    const Names& experiments) const {
    if (runs.empty()) return nothing(client);
    Names names;  // of runs
    for (const RunRecord& run : runs) names.emplace(run.run_id, run.name);
    Table table({"id", "experiment", "task", "run", "status", "started", "seconds", "best score", "params"});
    bool stale = false;
    for (const RunRecord& run : runs) {
      stale = stale || tracking::is_stale(run);
      const std::string parent = parent_of(run);
      if (!parent.empty() && !names.contains(parent)) names.emplace(parent, client.get_run_name(parent));
      table.add_row({run.run_id.substr(0, 8), name_of(experiments, run.experiment_id),
                     parent.empty() ? std::string() : names.at(parent), run.name,
                     std::string(tracking::shown_status(run)), time_text(run.start_time), duration_text(run),
                     best_text(run), params_text(run)});
    }
    return table.to_text() +
           (stale ? "\nThe process of a STALE run is gone; `ivory resume RUN` goes on with it, "
                    "`ivory gc --stale` closes such runs.\n"
                  : "");
  }

  RunSearch search_;
  std::vector<std::string> words_;
  bool csv_ = false;
};

}  // namespace

std::unique_ptr<Command> make_search_command() { return std::make_unique<SearchCommand>(); }

}  // namespace ivory
