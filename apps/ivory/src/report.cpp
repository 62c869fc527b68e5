#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "table.h"

namespace ivory {
namespace {

using Outcomes = std::vector<const RunOutcome*>;

// One number of a run, if the run has it.
struct Measure {
  std::string name;     // in JSON
  std::string heading;  // in a table
  std::function<std::optional<double>(const RunOutcome&)> value;
  int decimals = -1;  // so many in the whole column; -1: as each number needs
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

// Four significant digits for the largest; a column of numbers of very different sizes has none in common.
int decimals_of(std::span<const RunOutcome> runs, const Measure& measure) {
  double largest = 0;
  double smallest = std::numeric_limits<double>::infinity();
  for (const RunOutcome& run : runs) {
    const double value = std::abs(measure.value(run).value_or(0));
    if (!std::isfinite(value)) return -1;
    largest = std::max(largest, value);
    if (value > 0) smallest = std::min(smallest, value);
  }
  if (largest == 0 || largest >= 1e6 || largest < 1e-6 || smallest < largest / 100) return -1;
  return std::clamp(4 - static_cast<int>(std::floor(std::log10(largest))) - 1, 0, 9);
}

std::vector<Measure> measures_of(std::span<const RunOutcome> runs) {
  std::vector<Measure> measures;
  for (const std::string& name : names_in(runs, &RunOutcome::metrics))
    if (name != "lr")
      measures.push_back({name, name, [name](const RunOutcome& run) { return find(run.metrics, name); }});
  const auto watched = std::ranges::find_if(runs, [](const RunOutcome& run) { return !run.monitor.empty(); });
  if (watched != runs.end())
    measures.push_back(
        {"best_score", "best " + watched->monitor, [](const RunOutcome& run) { return run.best_score; }});
  for (const std::string& name : names_in(runs, &RunOutcome::test))
    measures.push_back({name, name, [name](const RunOutcome& run) { return find(run.test, name); }});
  for (Measure& measure : measures) measure.decimals = decimals_of(runs, measure);
  return measures;
}

std::string text_of(const Measure& measure, double value) {
  return measure.decimals < 0 ? number_text(value) : fmt::format("{:.{}f}", value, measure.decimals);
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

using Cells = std::vector<std::string>;

std::string best_epoch_text(const RunOutcome& run) {
  return run.best_epoch < 0 ? std::string() : std::to_string(run.best_epoch);
}

// The epoch of the best score stands beside it.
Cells headings_of(const std::vector<Measure>& measures) {
  Cells headings;
  for (const Measure& measure : measures) {
    headings.push_back(measure.heading);
    if (measure.name == "best_score") headings.emplace_back("at epoch");
  }
  return headings;
}

Cells cells_of(const RunOutcome& run, const std::vector<Measure>& measures) {
  Cells cells;
  for (const Measure& measure : measures) {
    const auto value = measure.value(run);
    cells.push_back(value ? text_of(measure, *value) : std::string());
    if (measure.name == "best_score") cells.push_back(best_epoch_text(run));
  }
  return cells;
}

Cells spread_cells(const Outcomes& runs, const std::vector<Measure>& measures, double Spread::* part) {
  Cells cells;
  for (const Measure& measure : measures) {
    const Spread spread = spread_of(runs, measure);
    cells.push_back(spread.count == 0 ? std::string() : text_of(measure, spread.*part));
    if (measure.name == "best_score") cells.emplace_back();
  }
  return cells;
}

void append(Cells& cells, const Cells& more) { cells.insert(cells.end(), more.begin(), more.end()); }

std::string run_table(std::span<const RunOutcome> runs, const std::vector<std::string>& varied,
                      const std::vector<Measure>& measures, bool with_mean) {
  Cells headings{"run"};
  append(headings, varied);
  append(headings, headings_of(measures));
  append(headings, {"seconds", "status"});
  Table table(headings);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunOutcome& run = runs[i];
    Cells cells{run.name.empty() ? std::to_string(i) : run.name};
    for (const std::string& parameter : varied) cells.push_back(value_of(run, parameter));
    append(cells, cells_of(run, measures));
    append(cells,
           {fmt::format("{:.1f}", run.seconds), run.status == "FINISHED" ? std::string() : run.status});
    table.add_row(std::move(cells));
  }
  const Outcomes done = finished(runs);
  if (!with_mean || done.size() < 2) return table.to_text();
  for (const auto& [title, part] : {std::pair("mean", &Spread::mean), std::pair("± sd", &Spread::sd)}) {
    Cells cells(1 + varied.size());
    cells.front() = title;
    append(cells, spread_cells(done, measures, part));
    table.add_row(std::move(cells));
  }
  return table.to_text();
}

// Those that choose between values: of a training metric that is measured in validation too, the latter.
std::vector<Measure> choosing(const std::vector<Measure>& measures) {
  const auto has = [&](const std::string& name) {
    return std::ranges::find(measures, name, &Measure::name) != measures.end();
  };
  std::vector<Measure> chosen;
  for (const Measure& measure : measures)
    if (!has("val_" + measure.name)) chosen.push_back(measure);
  return chosen;
}

// For each value of one parameter, the mean over the runs that have it.
std::string value_table(std::span<const RunOutcome> runs, const std::string& parameter,
                        const std::vector<Measure>& measures) {
  std::vector<std::pair<std::string, Outcomes>> groups;
  for (const RunOutcome* run : finished(runs)) {
    const std::string value = value_of(*run, parameter);
    auto group = std::ranges::find(groups, value, &std::pair<std::string, Outcomes>::first);
    if (group == groups.end()) group = groups.insert(groups.end(), {value, {}});
    group->second.push_back(run);
  }
  Cells headings{parameter, "runs"};
  for (const Measure& measure : measures) headings.push_back(measure.heading);
  Table table(headings);
  for (const auto& [value, members] : groups) {
    Cells cells{value, std::to_string(members.size())};
    for (const Measure& measure : measures) {
      const Spread spread = spread_of(members, measure);
      std::string text = spread.count == 0 ? std::string() : text_of(measure, spread.mean);
      if (spread.count > 1) text += " ± " + text_of(measure, spread.sd);
      cells.push_back(std::move(text));
    }
    table.add_row(std::move(cells));
  }
  return table.to_text();
}

// Runs are started in the order of the plan, so those of a stage are a part of them.
std::span<const RunOutcome> runs_of(std::span<const RunOutcome> runs, RunPlan::Stage stage) {
  const std::size_t first = std::min(stage.first, runs.size());
  return runs.subspan(first, std::min(stage.last, runs.size()) - first);
}

}  // namespace

std::string report_text(std::span<const RunOutcome> runs, const RunPlan& plan) {
  const std::vector<Measure> measures = measures_of(runs);
  const std::vector<std::string> varied = plan.varied();
  const bool chain = plan.kind() == RunPlan::Kind::kChain;
  std::string text = run_table(runs, varied, measures, !chain);
  if (varied.size() < 2 || finished(runs).size() < 2) return text;
  for (std::size_t i = 0; i < varied.size(); ++i) {
    const auto part = chain ? runs_of(runs, plan.stage(i)) : runs;
    if (!finished(part).empty()) text += "\n" + value_table(part, varied[i], choosing(measures));
  }
  return text;
}

Params report_params(std::span<const RunOutcome> runs) {
  Params list = Params::list();
  for (const RunOutcome& run : runs) list.push_back(run.to_params());
  const Outcomes done = finished(runs);
  Params summary{{"runs", done.size()}};
  Params metrics = Params::map();
  for (const Measure& measure : measures_of(runs)) {
    const Spread spread = spread_of(done, measure);
    if (spread.count > 0) metrics.set(measure.name, {{"mean", spread.mean}, {"sd", spread.sd}});
  }
  summary.set("metrics", std::move(metrics));
  Params report = Params::map();
  report.set("runs", std::move(list));
  report.set("summary", std::move(summary));
  return report;
}

}  // namespace ivory
