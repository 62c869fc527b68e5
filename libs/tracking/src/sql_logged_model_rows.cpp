#include "sql_logged_model_rows.h"

#include <limits>
#include <string>
#include <vector>

#include "schema.h"

namespace ivory::tracking {
namespace {

using storage::Connection;
using storage::Query;

LoggedModelStatus parse_status(std::int64_t number) {
  const bool known = number >= 0 && number <= static_cast<int>(LoggedModelStatus::kUploadFailed);
  return known ? static_cast<LoggedModelStatus>(number) : LoggedModelStatus::kUnspecified;
}

std::vector<KeyValue> read_pairs(Connection& connection, std::string_view sql, const std::string& model_id) {
  auto query = connection.query(sql);
  query.bind(model_id);
  std::vector<KeyValue> pairs;
  while (query.next()) pairs.push_back({std::string(query.text(0)), std::string(query.text(1))});
  return pairs;
}

}  // namespace

bool has_logged_model_tables(Connection& connection) {
  return has_column(connection, "logged_models", "model_id");
}

LoggedModel read_logged_model(const Query& row) {
  LoggedModel model;
  model.model_id = row.text(0);
  model.experiment_id = std::to_string(row.integer(1));
  model.name = row.text(2);
  model.artifact_uri = row.text(3);
  model.creation_time = row.integer(4);
  model.last_update_time = row.integer(5);
  model.status = parse_status(row.integer(6));
  model.model_type = row.text(7);
  model.source_run_id = row.text(8);
  model.status_message = row.text(9);
  return model;
}

void complete(Connection& connection, LoggedModel& model) {
  model.params = read_pairs(
      connection,
      "SELECT param_key, param_value FROM logged_model_params WHERE model_id = ? ORDER BY param_key",
      model.model_id);
  model.tags = read_pairs(
      connection, "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ? ORDER BY tag_key",
      model.model_id);
  auto query = connection.query(
      "SELECT metric_name, metric_value, metric_timestamp_ms, metric_step, dataset_name, dataset_digest, "
      "run_id FROM logged_model_metrics WHERE model_id = ? "
      "ORDER BY metric_name, metric_timestamp_ms, metric_step, run_id");
  query.bind(model.model_id);
  while (query.next()) {
    const double value = query.is_null(1) ? std::numeric_limits<double>::quiet_NaN() : query.real(1);
    model.metrics.push_back({{std::string(query.text(0)), value, query.integer(2), query.integer(3)},
                             model.model_id,
                             std::string(query.text(4)),
                             std::string(query.text(5)),
                             std::string(query.text(6))});
  }
}

}  // namespace ivory::tracking
