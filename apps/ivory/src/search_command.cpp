// ivory search: the runs that were tracked.
#include "command.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/liveness.h>

#include "conditions.h"
#include "rows_file.h"
#include "run_columns.h"
#include "stored_runs.h"
#include "table.h"

namespace ivory {
namespace {

using tracking::RunRecord;

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

// All but those that have columns of their own.
std::string params_text(const RunRecord& run, const std::vector<RunColumn>& columns) {
  std::string text;
  for (const auto& [key, value] : run.params) {
    if (std::ranges::find(columns, RunColumn(tracking::SearchEntity::kParam, key)) != columns.end()) continue;
    fmt::format_to(std::back_inserter(text), "{}{}={}", text.empty() ? "" : " ", key, value);
  }
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
             {"lifecycle_stage", tracking::to_text(run.lifecycle_stage)},
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
                  "experiments (none: all), and conditions on params: lr=1e-3, lr=1e-4_1e-2, fold=0,2");
    options.option("--filter", search_.filter, "TEXT",
                   "MLflow's search language: \"metrics.loss < 0.3 and params.lr = '0.1'\"");
    options.option("--order-by", search_.order_by, "NAME",
                   R"("metrics.loss", "start_time DESC"; again for further keys (none: the newest first))");
    options.option("--max,--max-results", max_, "N", "no more than the first N");
    options.choice("--view", view_, {"active", "deleted", "all"}, "which runs");
    options.option("--column", columns_, "NAME",
                   "a further column of the table: metrics.loss, params.lr, tags.team; may be given again");
    options.flag("--parents", search_.parent_only, "tasks alone: runs with nested runs");
    options.flag("--nested", search_.nested_only, "runs of tasks alone");
    options.flag("--csv", csv_, "a line a run, a column for each param and metric");
  }

  int execute() override {
    if (csv_ && json()) throw Error(ErrorCode::kInvalidArgument, "--csv and --json exclude each other");
    if (search_.parent_only && search_.nested_only)
      throw Error(ErrorCode::kInvalidArgument, "--parents and --nested exclude each other");
    const auto conditions = std::ranges::find_if(
        words_, [](const std::string& word) { return word.find('=') != std::string::npos; });
    search_.names.assign(words_.begin(), conditions);
    search_.params = read_conditions({conditions, words_.end()});
    search_.view = parse_view(view_);
    search_.max_results = checked_max(max_);
    const Client client = Client::of_records(directory());
    if (json()) {
      print_json(client);
    } else {
      print(csv_ ? as_csv(client) : as_text(client));
    }
    return 0;
  }

 private:
  using Names = std::map<std::string, std::string>;  // by id

  static Names experiment_names(const Client& client) {
    const auto experiments = stored_experiments(client);
    return {experiments.begin(), experiments.end()};
  }

  static std::string name_of(const Names& names, const std::string& id) {
    const auto found = names.find(id);
    return found == names.end() ? id : found->second;
  }

  // Run by run: a list of any length needs little memory.
  void print_json(const Client& client) const {
    const Names experiments = experiment_names(client);
    bool first = true;
    client.visit_runs(search_, [&](const RunRecord& run) {
      std::string text = to_params(run, name_of(experiments, run.experiment_id)).to_json(2);
      for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 3)
        text.insert(at + 1, "  ");
      print((first ? "[\n  " : ",\n  ") + text);
      first = false;
    });
    print(first ? "[]\n" : "\n]\n");
  }

  [[nodiscard]] std::string as_csv(const Client& client) const {
    const Names experiments = experiment_names(client);
    std::vector<RunRecord> runs;  // all of them, for the heading
    client.visit_runs(search_, [&](const RunRecord& run) { runs.push_back(run); });
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
    const std::string where = " in " + client.tracker()->shown_uri() + ".\n";
    const bool restricted = !search_.params.empty() || search_.parent_only || search_.nested_only ||
                            !search_.filter.empty() || search_.view == tracking::ViewType::kDeletedOnly;
    return (restricted ? "No run fits" : "There are no runs yet") + where;
  }

  [[nodiscard]] std::string as_text(const Client& client) const {
    const std::vector<RunColumn> columns = run_columns(columns_, search_.order_by, search_.filter);
    std::vector<std::string> headings{"id",    "experiment", "task",    "run",       "status",
                                      "stage", "started",    "seconds", "best score"};
    for (const RunColumn& column : columns) headings.push_back(column.heading());
    headings.emplace_back("params");
    Table table(std::move(headings));
    const Names experiments = experiment_names(client);
    Names names;  // of parents
    std::size_t count = 0;
    bool stale = false;
    client.visit_runs(search_, [&](const RunRecord& run) {
      ++count;
      stale = stale || tracking::is_stale(run);
      const std::string parent = parent_of(run);
      if (!parent.empty() && !names.contains(parent)) names.emplace(parent, parent_name(client, parent));
      std::vector<std::string> row{run.run_id.substr(0, 8),
                                   name_of(experiments, run.experiment_id),
                                   parent.empty() ? std::string() : names.at(parent),
                                   run.name,
                                   std::string(tracking::shown_status(run)),
                                   is_deleted(run) ? "deleted" : "",
                                   time_text(run.start_time),
                                   duration_text(run),
                                   best_text(run)};
      for (const RunColumn& column : columns) row.push_back(column.cell(run));
      row.push_back(params_text(run, columns));
      table.add_row(std::move(row));
    });
    if (count == 0) return nothing(client);
    return table.to_text() +
           (stale ? "\nThe process of a STALE run is gone; `ivory resume RUN` goes on with it, "
                    "`ivory gc --stale` closes such runs.\n"
                  : "");
  }

  static bool is_deleted(const RunRecord& run) {
    return run.lifecycle_stage == tracking::LifecycleStage::kDeleted;
  }

  // Nested runs of other programs may name a parent that is not there.
  static std::string parent_name(const Client& client, const std::string& id) {
    const auto parent = client.tracker()->open_read_only()->find_run(id);
    return parent ? parent->name : id.substr(0, 8);
  }

  RunSearch search_;
  std::vector<std::string> words_, columns_;
  std::optional<std::int64_t> max_;
  std::string view_ = "active";
  bool csv_ = false;
};

}  // namespace

std::unique_ptr<Command> make_search_command() { return std::make_unique<SearchCommand>(); }

}  // namespace ivory
