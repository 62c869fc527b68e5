// Points of metrics: whole histories, pages and samples of them.
#pragma once
#include <string_view>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

[[nodiscard]] double read_value(const storage::Query& row, int value, int is_nan);

[[nodiscard]] std::vector<Metric> load_history(storage::Connection& connection, std::string_view run_id,
                                               std::string_view key);
[[nodiscard]] Page<Metric> load_history_page(storage::Connection& connection, std::string_view run_id,
                                             const HistoryQuery& query);
[[nodiscard]] std::vector<MetricOfRun> load_samples(storage::Connection& connection,
                                                    const HistorySampling& sampling);

}  // namespace ivory::tracking
