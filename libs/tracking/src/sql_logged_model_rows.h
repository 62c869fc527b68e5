// Rows of logged models: the reading half of SqlLoggedModels.
#pragma once
#include <string_view>

#include <ivory/storage/connection.h>
#include <ivory/tracking/logged_models.h>

namespace ivory::tracking {

// Databases of an MLflow before 3.0 have none.
[[nodiscard]] bool has_logged_model_tables(storage::Connection& connection);

// The columns of logged_models that read_logged_model() reads.
inline constexpr std::string_view kLoggedModelColumns =
    "model_id, experiment_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, "
    "status, model_type, source_run_id, status_message";
[[nodiscard]] LoggedModel read_logged_model(const storage::Query& row);
// Adds params, tags and metrics.
void complete(storage::Connection& connection, LoggedModel& model);

}  // namespace ivory::tracking
