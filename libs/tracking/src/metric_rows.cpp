#include "metric_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <tuple>

#include "postgres_rows.h"

namespace ivory::tracking {
namespace {

using storage::Connection;

// Of each key the point that MLflow takes for the latest: largest (step, timestamp, stored value).
std::map<std::string_view, const Metric*> latest_of(const std::vector<Metric>& metrics) {
  const auto rank = [](const Metric& m) {
    return std::make_tuple(m.step, m.timestamp_ms, to_stored(m.value).value);
  };
  std::map<std::string_view, const Metric*> latest;
  for (const Metric& metric : metrics) {
    const auto [entry, is_new] = latest.try_emplace(metric.key, &metric);
    if (!is_new && rank(*entry->second) < rank(metric)) entry->second = &metric;
  }
  return latest;
}

MetricRow to_row(const Metric& metric) {
  const StoredValue stored = to_stored(metric.value);
  return {metric.key, stored.value, metric.timestamp_ms, metric.step, stored.is_nan};
}

void insert_metrics_at_once(Connection& connection, std::string_view run_id,
                            const std::vector<Metric>& metrics) {
  std::vector<MetricRow> rows;
  for (const Metric& metric : metrics) rows.push_back(to_row(metric));
  insert_metric_rows(connection, run_id, rows);
  rows.clear();
  for (const auto& [key, metric] : latest_of(metrics)) rows.push_back(to_row(*metric));
  upsert_latest_rows(connection, run_id, rows);
}

// The points of one key go to one place of the table's key: the fewer places in turn, the better. Among
// themselves they keep their order.
std::vector<const Metric*> grouped_by_key(const std::vector<Metric>& metrics) {
  std::vector<const Metric*> grouped;
  grouped.reserve(metrics.size());
  for (const Metric& metric : metrics) grouped.push_back(&metric);
  const auto by_key = [](const Metric* left, const Metric* right) { return left->key < right->key; };
  if (!std::ranges::is_sorted(grouped, by_key)) std::ranges::stable_sort(grouped, by_key);
  return grouped;
}

std::string insert_points_sql(std::size_t rows) {
  constexpr std::string_view kRow = "(?, ?, ?, ?, ?, ?)";
  std::string sql = "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ";
  for (std::size_t i = 0; i < rows; ++i) sql.append(i == 0 ? "" : ", ").append(kRow);
  return sql + " ON CONFLICT DO NOTHING";
}

// A statement costs as much as a row, so that many rows share one.
void insert_points(Connection& connection, std::string_view run_id, const std::vector<Metric>& metrics) {
  constexpr std::size_t kAtOnce = 50;
  static const std::string kOneRow = insert_points_sql(1), kManyRows = insert_points_sql(kAtOnce);
  const auto points = grouped_by_key(metrics);
  std::size_t at = 0;
  const auto insert = [&](const std::string& sql, std::size_t rows) {
    if (points.size() - at < rows) return;
    auto query = connection.query(sql);
    while (points.size() - at >= rows) {
      for (const std::size_t end = at + rows; at < end; ++at) {
        const Metric& point = *points[at];
        const StoredValue stored = to_stored(point.value);
        query.add(point.key).add(stored.value).add(point.timestamp_ms);
        query.add(run_id).add(point.step).add(stored.is_nan);
      }
      query.run();
    }
  };
  insert(kManyRows, kAtOnce);
  insert(kOneRow, 1);
}

}  // namespace

StoredValue to_stored(double value) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  if (std::isnan(value)) return {0.0, true};
  if (std::isinf(value)) return {value > 0 ? kLargest : -kLargest, false};
  return {value + 0.0, false};  // -0.0 becomes 0.0
}

void insert_metrics(Connection& connection, std::string_view run_id, const std::vector<Metric>& metrics) {
  if (metrics.empty()) return;
  if (connection.dialect() == storage::Dialect::kPostgres)
    return insert_metrics_at_once(connection, run_id, metrics);
  insert_points(connection, run_id, metrics);
  auto upsert = connection.query(
      "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp, "
      "step = excluded.step, is_nan = excluded.is_nan "
      "WHERE (excluded.step, excluded.timestamp, excluded.value) > "
      "(latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)");
  for (const auto& [key, metric] : latest_of(metrics)) {
    const StoredValue stored = to_stored(metric->value);
    upsert.bind(key, stored.value, metric->timestamp_ms, metric->step, stored.is_nan, run_id).run();
  }
}

}  // namespace ivory::tracking
