#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "table.h"

namespace ivory {
namespace {

using Outcomes = std::vector<const RunOutcome*>;

// One number of a run, if the run has it.
struct Measure {
  std::string heading;
  std::function<std::optional<double>(const RunOutcome&)> value;
};

std::optional<double> find(const MetricRecord& record, const std::string& name) {
  const auto found = std::ranges::find(record, name, &MetricRecord::value_type::first);
  return found == record.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> names_in(std::span<const RunOutcome> runs, MetricRecord RunOutcome::* record) {
  std::vector<std::string> names;
  for (const RunOutcome& run : runs)
    for (const auto& [name, value] : run.*record)
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

std::vector<Measure> measures_of(std::span<const RunOutcome> runs) {
  std::vector<Measure> measures;
  for (const std::string& name : names_in(runs, &RunOutcome::metrics))
    if (name != "lr") measures.push_back({name, [name](const RunOutcome& run) { return find(run.metrics, name); }});
  const auto watched = std::ranges::find_if(runs, [](const RunOutcome& run) { return !run.monitor.empty(); });
  if (watched != runs.end()) measures.push_back({"best " + watched->monitor, [](const RunOutcome& run) { return run.best_score; }});
  for (const std::string& name : names_in(runs, &RunOutcome::test))
    measures.push_back({name, [name](const RunOutcome& run) { return find(run.test, name); }});
  return measures;
}

struct Spread {
  std::size_t count = 0;
  double mean = 0, sd = 0;
};

Spread spread_of(const Outcomes& runs, const Measure& measure) {
  std::vector<double> values;
  for (const RunOutcome* run : runs)
    if (const auto value = measure.value(*run)) values.push_back(*value);
  Spread spread{.count = values.size()};
  if (values.empty()) return spread;
  for (const double value : values) spread.mean += value;
  spread.mean /= static_cast<double>(values.size());
  for (const double value : values) spread.sd += (value - spread.mean) * (value - spread.mean);
  if (values.size() > 1) spread.sd = std::sqrt(spread.sd / static_cast<double>(values.size() - 1));
  return spread;
}

Outcomes finished(std::span<const RunOutcome> runs) {
  Outcomes all;
  for (const RunOutcome& run : runs)
    if (run.status == "FINISHED") all.push_back(&run);
  return all;
}

std::string value_of(const RunOutcome& run, const std::string& parameter) {
  const Params* value = run.update.find(parameter);
  return value == nullptr ? std::string() : value->to_text();
}

// What follows a metric in the table; the epoch of the best score stands beside it.
std::vector<std::string> cells_of(const RunOutcome& run, const std::vector<Measure>& measures) {
  std::vector<std::string> cells;
  for (const Measure& measure : measures) {
    const auto value = measure.value(run);
    cells.push_back(value ? number_text(*value) : std::string());
  }
  return cells;
}

void add_spread(Table& table, const std::vector<std::string>& first, const Outcomes& runs, const std::vector<Measure>& measures, bool sd) {
  std::vector<std::string> cells = first;
  for (const Measure& measure : measures) {
    const Spread spread = spread_of(runs, measure);
    cells.push_back(spread.count == 0 ? std::string() : number_text(sd ? spread.sd : spread.mean));
  }
  table.add_row(std::move(cells));
}

std::string run_table(std::span<const RunOutcome> runs, const std::vector<std::string>& varied, const std::vector<Measure>& measures) {
  std::vector<std::string> headings{"run"};
  headings.insert(headings.end(), varied.begin(), varied.end());
  for (const Measure& measure : measures) headings.push_back(measure.heading);
  headings.insert(headings.end(), {"at epoch", "seconds", "status"});
  Table table(headings);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunOutcome& run = runs[i];
    std::vector<std::string> cells{run.name.empty() ? std::to_string(i) : run.name};
    for (const std::string& parameter : varied) cells.push_back(value_of(run, parameter));
    const std::vector<std::string> numbers = cells_of(run, measures);
    cells.insert(cells.end(), numbers.begin(), numbers.end());
    cells.push_back(run.best_epoch < 0 ? std::string() : std::to_string(run.best_epoch));
    cells.push_back(fmt::format("{:.1f}", run.seconds));
    cells.push_back(run.status == "FINISHED" ? std::string() : run.status);
    table.add_row(std::move(cells));
  }
  if (const Outcomes done = finished(runs); done.size() > 1) {
    std::vector<std::string> first(1 + varied.size());
    first.front() = "mean";
    add_spread(table, first, done, measures, false);
    first.front() = "± sd";
    add_spread(table, first, done, measures, true);
  }
  return table.to_text();
}

// For each value of one parameter, the mean over the runs that have it.
std::string value_table(std::span<const RunOutcome> runs, const std::string& parameter, const std::vector<Measure>& measures) {
  std::vector<std::pair<std::string, Outcomes>> groups;
  for (const RunOutcome* run : finished(runs)) {
    const std::string value = value_of(*run, parameter);
    auto group = std::ranges::find(groups, value, &std::pair<std::string, Outcomes>::first);
    if (group == groups.end()) group = groups.insert(groups.end(), {value, {}});
    group->second.push_back(run);
  }
  std::vector<std::string> headings{parameter, "runs"};
  for (const Measure& measure : measures) headings.push_back(measure.heading);
  Table table(headings);
  for (const auto& [value, members] : groups) {
    std::vector<std::string> cells{value, std::to_string(members.size())};
    for (const Measure& measure : measures) {
      const Spread spread = spread_of(members, measure);
      cells.push_back(spread.count == 0 ? std::string() : number_text(spread.mean) + (spread.count > 1 ? " ± " + number_text(spread.sd) : ""));
    }
    table.add_row(std::move(cells));
  }
  return table.to_text();
}

Params record_params(const MetricRecord& record) {
  Params map = Params::map();
  for (const auto& [name, value] : record) map.set(name, value);
  return map;
}

Params run_params(const RunOutcome& run) {
  Params map{{"id", run.id}, {"name", run.name}, {"status", run.status}};
  if (!run.error.empty()) map.set("error", run.error);
  map.set("params", run.update);
  map.set("epochs", run.epochs);
  map.set("metrics", record_params(run.metrics));
  if (run.best_score) map.set("best", {{"metric", run.monitor}, {"score", *run.best_score}, {"epoch", run.best_epoch}});
  if (!run.test.empty()) map.set("test", record_params(run.test));
  map.set("seconds", run.seconds);
  return map;
}

}  // namespace

std::string report_text(std::span<const RunOutcome> runs, const std::vector<std::string>& varied) {
  const std::vector<Measure> measures = measures_of(runs);
  std::string text = run_table(runs, varied, measures);
  if (varied.size() < 2 || finished(runs).size() < 2) return text;
  for (const std::string& parameter : varied) text += "\n" + value_table(runs, parameter, measures);
  return text;
}

Params report_params(std::span<const RunOutcome> runs) {
  Params list = Params::list();
  for (const RunOutcome& run : runs) list.push_back(run_params(run));
  const Outcomes done = finished(runs);
  Params summary{{"runs", done.size()}};
  Params metrics = Params::map();
  for (const Measure& measure : measures_of(runs)) {
    const Spread spread = spread_of(done, measure);
    const std::string name = measure.heading.starts_with("best ") ? "best_score" : measure.heading;
    if (spread.count > 0) metrics.set(name, {{"mean", spread.mean}, {"sd", spread.sd}});
  }
  summary.set("metrics", std::move(metrics));
  Params report = Params::map();
  report.set("runs", std::move(list));
  report.set("summary", std::move(summary));
  return report;
}

}  // namespace ivory
