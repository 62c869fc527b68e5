#include "histories.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "run_rules.h"

namespace ivory::tracking {
namespace {

using storage::Connection;

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

// As many points as are kept for further pages, of all histories together.
constexpr std::size_t kMaxKeptPoints = 1'000'000;
constexpr std::chrono::seconds kKeptFor{60};

bool comes_before(const HistoryPoint& a, const HistoryPoint& b) {
  return std::tie(a.timestamp_ms, a.step, a.value) < std::tie(b.timestamp_ms, b.step, b.value);
}

Metric to_metric(const HistoryPoint& point, std::string_view key) {
  return {std::string(key), point.is_nan ? std::numeric_limits<double>::quiet_NaN() : point.value,
          point.timestamp_ms, point.step};
}

}  // namespace

double read_value(const storage::Query& row, int value, int is_nan) {
  return row.integer(is_nan) != 0 ? std::numeric_limits<double>::quiet_NaN() : row.real(value);
}

// SQLite reads them in the order of an index, which is mostly the right one already; asked for the right one,
// it goes through all runs that have the key.
HistoryPoints load_points(Connection& connection, std::string_view run_id, std::string_view key) {
  auto rows = connection.query(
      "SELECT value, is_nan, timestamp, step FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step");
  rows.bind(run_id, key);
  HistoryPoints points;
  while (rows.next())
    points.push_back({rows.real(0), rows.integer(1) != 0, rows.integer(2), rows.integer(3)});
  if (!std::is_sorted(points.begin(), points.end(), comes_before))
    std::sort(points.begin(), points.end(), comes_before);
  return points;
}

std::vector<Metric> to_metrics(const HistoryPoints& points, std::string_view key) {
  std::vector<Metric> metrics;
  metrics.reserve(points.size());
  for (const HistoryPoint& point : points) metrics.push_back(to_metric(point, key));
  return metrics;
}

Page<Metric> HistoryPages::page(std::string_view run_id, const HistoryQuery& query, const Load& load) {
  const std::int64_t offset = parse_page_token(query.page_token);
  if (query.max_results && *query.max_results < 1) check_max_results(*query.max_results);
  Points points = offset > 0 ? find(run_id, query.key) : nullptr;
  if (!points) points = std::make_shared<const HistoryPoints>(load());
  const auto count = static_cast<std::int64_t>(points->size());
  const std::int64_t begin = std::min(offset, count);
  const std::int64_t end = begin + std::min(query.max_results.value_or(count), count - begin);
  Page<Metric> page;
  page.items = to_metrics({points->begin() + begin, points->begin() + end}, query.key);
  if (end < count) {
    page.next_page_token = make_page_token(end);
    keep(run_id, query.key, points);
  }
  return page;
}

HistoryPages::Points HistoryPages::find(std::string_view run_id, std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  kept_.remove_if([&](const Kept& kept) { return now - kept.since > kKeptFor; });
  const auto found = std::find_if(kept_.begin(), kept_.end(),
                                  [&](const Kept& kept) { return kept.run_id == run_id && kept.key == key; });
  return found == kept_.end() ? nullptr : found->points;
}

void HistoryPages::keep(std::string_view run_id, std::string_view key, const Points& points) {
  const std::lock_guard lock(mutex_);
  kept_.remove_if([&](const Kept& kept) { return kept.run_id == run_id && kept.key == key; });
  kept_.push_front({std::string(run_id), std::string(key), points, std::chrono::steady_clock::now()});
  std::size_t total = 0;
  auto kept = kept_.begin();
  while (kept != kept_.end() && (total += kept->points->size()) <= kMaxKeptPoints) ++kept;
  kept_.erase(kept, kept_.end());
}

std::vector<MetricOfRun> load_samples(Connection& connection, const HistorySampling& sampling) {
  std::vector<std::vector<std::int64_t>> steps;
  for (const std::string& run : sampling.run_ids) {
    auto rows =
        connection.query("SELECT DISTINCT step FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY step");
    rows.bind(run, sampling.key);
    auto& of_run = steps.emplace_back();
    while (rows.next()) of_run.push_back(rows.integer(0));
  }
  const auto chosen = sampled_steps(steps, sampling);
  std::vector<MetricOfRun> points;
  if (chosen.empty()) return points;
  for (const std::string& run : sampling.run_ids)
    append_points(connection, run, sampling.key, chosen, points);
  return points;
}

}  // namespace ivory::tracking
