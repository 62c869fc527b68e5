// Rows of a batch for PostgreSQL, all in one statement: on a server each statement is an answer to wait for.
// They go as arrays, so that a batch of any size is the same statement, prepared once.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include <ivory/storage/connection.h>
#include <ivory/tracking/entities.h>

#include "run_rules.h"

namespace ivory::tracking {

// A point as its columns: what SQL does not keep is replaced already.
struct MetricRow {
  std::string_view key;
  double value;
  TimeMs timestamp_ms;
  std::int64_t step;
  bool is_nan;
};

// In a transaction. Points that are there stay.
void insert_metric_rows(storage::Connection& connection, std::string_view run_id,
                        const std::vector<MetricRow>& rows);
// One point a key at most; a later one stays.
void upsert_latest_rows(storage::Connection& connection, std::string_view run_id,
                        const std::vector<MetricRow>& rows);
// Of a key that comes twice the last counts.
void upsert_tag_rows(storage::Connection& connection, std::string_view run_id,
                     const std::vector<KeyValue>& tags);
// Returns those that are logged already with another value; they stay.
[[nodiscard]] std::vector<ChangedParam> insert_param_rows(storage::Connection& connection,
                                                          std::string_view run_id,
                                                          const std::vector<KeyValue>& params);

}  // namespace ivory::tracking
