#include "histories.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>

namespace ivory::tracking {
namespace {

using storage::Connection;

constexpr std::size_t kMaxSampledPoints = 25'000;  // of one run: many points may share a step

struct StepRange {
  std::int64_t first;
  std::int64_t last;
  [[nodiscard]] bool has(std::int64_t step) const noexcept { return step >= first && step <= last; }
};

// The steps of the range that any of the runs has, in order; those with which a run begins or ends are added
// to `ends`.
std::vector<std::int64_t> steps_of(Connection& connection, const HistorySampling& sampling,
                                   const StepRange& range, std::set<std::int64_t>& ends) {
  std::vector<std::int64_t> steps;
  for (const std::string& run : sampling.run_ids) {
    auto rows =
        connection.query("SELECT DISTINCT step FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step");
    rows.bind(run, sampling.key);
    std::vector<std::int64_t> of_run;
    while (rows.next()) of_run.push_back(rows.integer(0));
    if (of_run.empty()) continue;
    for (const std::int64_t end : {of_run.front(), of_run.back()}) {
      if (range.has(end)) ends.insert(end);
    }
    std::copy_if(of_run.begin(), of_run.end(), std::back_inserter(steps),
                 [&](std::int64_t step) { return range.has(step); });
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  return steps;
}

// At most `count` of the steps, evenly by their places, and the last.
std::set<std::int64_t> thinned(const std::vector<std::int64_t>& steps, std::size_t count) {
  if (steps.size() <= count) return {steps.begin(), steps.end()};
  std::set<std::int64_t> chosen;
  const double interval = static_cast<double>(steps.size()) / static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::size_t>(static_cast<double>(i) * interval);
    if (place < steps.size()) chosen.insert(steps[place]);
  }
  chosen.insert(steps.back());
  return chosen;
}

void append_points(Connection& connection, std::string_view run, const std::string& key,
                   const std::set<std::int64_t>& steps, std::vector<MetricOfRun>& points) {
  auto rows = connection.query(
      "SELECT value, is_nan, timestamp, step FROM metrics WHERE run_uuid = ? AND key = ? AND "
      "step BETWEEN ? AND ? ORDER BY step, timestamp, value");
  rows.bind(run, key, *steps.begin(), *steps.rbegin());
  std::size_t count = 0;
  while (count < kMaxSampledPoints && rows.next()) {
    if (!steps.contains(rows.integer(3))) continue;
    points.push_back({std::string(run), {key, read_value(rows, 0, 1), rows.integer(2), rows.integer(3)}});
    ++count;
  }
}

std::vector<Metric> read_points(storage::Query& rows, std::string_view key) {
  std::vector<Metric> points;
  while (rows.next())
    points.push_back({std::string(key), read_value(rows, 0, 1), rows.integer(2), rows.integer(3)});
  return points;
}

constexpr std::string_view kHistory =
    "SELECT value, is_nan, timestamp, step FROM metrics WHERE run_uuid = ? AND key = ? "
    "ORDER BY timestamp, step, value";

}  // namespace

double read_value(const storage::Query& row, int value, int is_nan) {
  return row.integer(is_nan) != 0 ? std::numeric_limits<double>::quiet_NaN() : row.real(value);
}

std::vector<Metric> load_history(Connection& connection, std::string_view run_id, std::string_view key) {
  auto rows = connection.query(kHistory);
  rows.bind(run_id, key);
  return read_points(rows, key);
}

Page<Metric> load_history_page(Connection& connection, std::string_view run_id, const HistoryQuery& query) {
  const std::int64_t offset = parse_page_token(query.page_token);
  constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
  if (query.max_results && *query.max_results < 1) check_max_results(*query.max_results);
  const std::int64_t most = query.max_results.value_or(kAll - 1);
  auto rows = connection.query(std::string(kHistory) + " LIMIT ? OFFSET ?");
  // One more row says whether there is a further page.
  rows.bind(run_id, query.key, std::min(most, kAll - 1) + 1, offset);
  Page<Metric> page{read_points(rows, query.key), {}};
  if (static_cast<std::int64_t>(page.items.size()) > most) {
    page.items.pop_back();
    page.next_page_token = make_page_token(offset + most);
  }
  return page;
}

std::vector<MetricOfRun> load_samples(Connection& connection, const HistorySampling& sampling) {
  check_max_results(sampling.max_results);
  const StepRange range{sampling.start_step.value_or(std::numeric_limits<std::int64_t>::min()),
                        sampling.end_step.value_or(std::numeric_limits<std::int64_t>::max())};
  std::set<std::int64_t> ends;
  const auto steps = steps_of(connection, sampling, range, ends);
  std::vector<MetricOfRun> points;
  if (steps.empty()) return points;
  auto chosen = thinned(steps, static_cast<std::size_t>(sampling.max_results));
  chosen.merge(ends);
  for (const std::string& run : sampling.run_ids)
    append_points(connection, run, sampling.key, chosen, points);
  return points;
}

}  // namespace ivory::tracking
