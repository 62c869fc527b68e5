// ivory search: the runs that were tracked.
#include "command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>

#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/liveness.h>

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

std::string params_text(const RunRecord& run) {
  std::string text;
  for (const auto& [key, value] : run.params)
    fmt::format_to(std::back_inserter(text), "{}{}={}", text.empty() ? "" : " ", key, value);
  return text;
}

Params to_params(const std::optional<tracking::TimeMs>& time) { return time ? Params(*time) : Params(); }

Params to_params(const RunRecord& run, const std::string& experiment) {
  Params map{{"id", run.run_id},
             {"name", run.name},
             {"experiment", experiment},
             {"status", tracking::shown_status(run)},
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
    options.word("NAME", name_, "the experiment; none: all experiments", false);
  }

  int execute() override {
    const Client client(directory());
    const std::vector<RunRecord> runs = stored_runs(client, name_, {});
    const auto experiments = stored_experiments(client);
    print(json() ? as_json(runs, experiments) : as_text(client, runs, experiments));
    return 0;
  }

 private:
  using Names = std::vector<std::pair<std::string, std::string>>;

  static std::string name_of(const Names& experiments, const std::string& id) {
    const auto found = std::ranges::find(experiments, id, &Names::value_type::first);
    return found == experiments.end() ? id : found->second;
  }

  static std::string as_json(const std::vector<RunRecord>& runs, const Names& experiments) {
    Params list = Params::list();
    for (const RunRecord& run : runs) list.push_back(to_params(run, name_of(experiments, run.experiment_id)));
    return list.to_json(2) + "\n";
  }

  static std::string as_text(const Client& client, const std::vector<RunRecord>& runs,
                             const Names& experiments) {
    if (runs.empty()) return "There are no runs yet in " + client.tracker()->tracking_uri() + ".\n";
    Table table({"id", "experiment", "run", "status", "started", "seconds", "best score", "params"});
    bool stale = false;
    for (const RunRecord& run : runs) {
      stale = stale || tracking::is_stale(run);
      table.add_row({run.run_id.substr(0, 8), name_of(experiments, run.experiment_id), run.name,
                     std::string(tracking::shown_status(run)), time_text(run.start_time), duration_text(run),
                     metric_text(run, "best_score"), params_text(run)});
    }
    return table.to_text() +
           (stale ? "\nThe process of a STALE run is gone; `ivory gc --stale` closes such runs.\n" : "");
  }

  std::string name_;
};

}  // namespace

std::unique_ptr<Command> make_search_command() { return std::make_unique<SearchCommand>(); }

}  // namespace ivory
