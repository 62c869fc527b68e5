// Points of metrics: whole histories, pages and samples of them.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

[[nodiscard]] double read_value(const storage::Query& row, int value, int is_nan);

// A point without its key. A NaN has its place as the 0 that MLflow keeps it as.
struct HistoryPoint {
  double value;
  bool is_nan;
  TimeMs timestamp_ms;
  std::int64_t step;
};
using HistoryPoints = std::vector<HistoryPoint>;

// By (timestamp, step, value).
[[nodiscard]] HistoryPoints load_points(storage::Connection& connection, std::string_view run_id,
                                        std::string_view key);
[[nodiscard]] std::vector<Metric> to_metrics(const HistoryPoints& points, std::string_view key);

// Serves pages. A long history is read and put in order once, with its first page; the pages that follow
// within a minute come from there, so that they fit together whatever is logged meanwhile. Threads: any.
class HistoryPages {
 public:
  using Load = std::function<HistoryPoints()>;
  [[nodiscard]] Page<Metric> page(std::string_view run_id, const HistoryQuery& query, const Load& load);

 private:
  using Points = std::shared_ptr<const HistoryPoints>;
  struct Kept {
    std::string run_id;
    std::string key;
    Points points;
    std::chrono::steady_clock::time_point since;
  };
  [[nodiscard]] Points find(std::string_view run_id, std::string_view key);
  void keep(std::string_view run_id, std::string_view key, const Points& points);

  std::mutex mutex_;
  std::list<Kept> kept_;  // newest first
};

[[nodiscard]] std::vector<MetricOfRun> load_samples(storage::Connection& connection,
                                                    const HistorySampling& sampling);

}  // namespace ivory::tracking
