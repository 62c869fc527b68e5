// Points of metrics as rows: of a run's history, and of its latest values.
#pragma once
#include <string_view>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/entities.h>

namespace ivory::tracking {

// A metric as its columns value and is_nan: what MLflow does to numbers that SQL does not keep.
struct StoredValue {
  double value;
  bool is_nan;
};
[[nodiscard]] StoredValue to_stored(double value);

// Into metrics and, where they are the latest, into latest_metrics.
void insert_metrics(storage::Connection& connection, std::string_view run_id,
                    const std::vector<Metric>& metrics);

}  // namespace ivory::tracking
