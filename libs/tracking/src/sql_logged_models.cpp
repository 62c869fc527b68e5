#include "sql_logged_models.h"

#include <string>
#include <utility>

#include <ivory/tracking/store_error.h>

#include "experiment_rows.h"
#include "model_rules.h"
#include "run_identifiers.h"
#include "sql_logged_model_rows.h"
#include "validation.h"

namespace ivory::tracking {
namespace {

using storage::Connection;

constexpr std::string_view kDeletedStage = "deleted";

void check_tables(Connection& connection) {
  if (has_logged_model_tables(connection)) return;
  throw StoreError(Refusal::kNotImplemented,
                   "database '" + connection.path().string() +
                       "' has no tables for logged models: it is of an MLflow before 3.0; `ivory db upgrade` "
                       "brings it up");
}

// A deleted one too, as MLflow lets it be written to.
LoggedModel get_model(Connection& connection, std::string_view model_id) {
  check_tables(connection);
  auto query = connection.query("SELECT " + std::string(kLoggedModelColumns) +
                                " FROM logged_models WHERE model_id = ?");
  query.bind(model_id);
  if (!query.next()) fail_no_logged_model(model_id);
  LoggedModel model = read_logged_model(query);
  complete(connection, model);
  return model;
}

void insert_params(Connection& connection, const LoggedModel& model, const std::vector<KeyValue>& params) {
  for (const KeyValue& param : params) {
    connection
        .query(
            "INSERT INTO logged_model_params (model_id, experiment_id, param_key, param_value) "
            "VALUES (?, ?, ?, ?)")
        .bind(model.model_id, experiment_number(model.experiment_id), param.key, param.value)
        .run();
  }
}

void write_tags(Connection& connection, const LoggedModel& model, const std::vector<KeyValue>& tags) {
  for (const KeyValue& tag : tags) {
    connection
        .query(
            "INSERT INTO logged_model_tags (model_id, experiment_id, tag_key, tag_value) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (model_id, tag_key) DO UPDATE SET tag_value = excluded.tag_value")
        .bind(model.model_id, experiment_number(model.experiment_id), tag.key, tag.value)
        .run();
  }
}

void insert_model(Connection& connection, const LoggedModel& model) {
  const auto none_if_empty = [](const std::string& text) {
    return text.empty() ? std::optional<std::string_view>() : std::optional<std::string_view>(text);
  };
  connection
      .query(
          "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, "
          "creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, model_type, "
          "source_run_id) VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?, ?)")
      .bind(model.model_id, experiment_number(model.experiment_id), model.name, model.artifact_uri,
            model.creation_time, model.last_update_time, static_cast<int>(model.status),
            none_if_empty(model.model_type), none_if_empty(model.source_run_id))
      .run();
}

}  // namespace

LoggedModel SqlLoggedModels::create_logged_model(const CreateLoggedModel& create) {
  check_new_logged_model(create);
  const std::int64_t experiment = experiment_number(create.experiment_id);
  return database_.write([&](Connection& connection) {
    check_tables(connection);
    LoggedModel model;
    model.model_id = "m-" + make_run_id();
    model.experiment_id = std::to_string(experiment);
    model.name = create.name.empty() ? make_run_name() : create.name;
    const std::string location = active_experiment_location(connection, create.experiment_id);
    model.artifact_uri = append_to_location(location, "models/" + model.model_id + "/artifacts");
    model.creation_time = now_ms();
    model.last_update_time = model.creation_time;
    model.model_type = create.model_type;
    model.source_run_id = create.source_run_id;
    insert_model(connection, model);
    insert_params(connection, model, create.params);
    write_tags(connection, model, create.tags);
    return get_model(connection, model.model_id);
  });
}

std::optional<LoggedModel> SqlLoggedModels::find_logged_model(std::string_view model_id) const {
  return database_.read([&](Connection& connection) -> std::optional<LoggedModel> {
    if (!has_logged_model_tables(connection)) return std::nullopt;
    auto query = connection.query("SELECT " + std::string(kLoggedModelColumns) +
                                  " FROM logged_models WHERE model_id = ? AND lifecycle_stage != ?");
    query.bind(model_id, kDeletedStage);
    if (!query.next()) return std::nullopt;
    LoggedModel model = read_logged_model(query);
    complete(connection, model);
    return model;
  });
}

LoggedModel SqlLoggedModels::get_logged_model(std::string_view model_id) const {
  auto model = find_logged_model(model_id);
  if (!model) fail_no_logged_model(model_id);
  return *std::move(model);
}

LoggedModel SqlLoggedModels::finalize_logged_model(std::string_view model_id, LoggedModelStatus status) {
  return database_.write([&](Connection& connection) {
    (void)get_model(connection, model_id);
    connection.query("UPDATE logged_models SET status = ?, last_updated_timestamp_ms = ? WHERE model_id = ?")
        .bind(static_cast<int>(status), now_ms(), model_id)
        .run();
    return get_model(connection, model_id);
  });
}

void SqlLoggedModels::delete_logged_model(std::string_view model_id) {
  database_.write([&](Connection& connection) {
    (void)get_model(connection, model_id);
    connection
        .query(
            "UPDATE logged_models SET lifecycle_stage = ?, last_updated_timestamp_ms = ? WHERE model_id = ?")
        .bind(kDeletedStage, now_ms(), model_id)
        .run();
  });
}

LoggedModel SqlLoggedModels::set_logged_model_tags(std::string_view model_id,
                                                   const std::vector<KeyValue>& tags) {
  check_logged_model_entries(tags, "tag");
  return database_.write([&](Connection& connection) {
    write_tags(connection, get_model(connection, model_id), tags);
    return get_model(connection, model_id);
  });
}

void SqlLoggedModels::delete_logged_model_tag(std::string_view model_id, std::string_view key) {
  database_.write([&](Connection& connection) {
    (void)get_model(connection, model_id);
    connection.query("DELETE FROM logged_model_tags WHERE model_id = ? AND tag_key = ?")
        .bind(model_id, key)
        .run();
    if (connection.changed_rows() == 0) fail_no_logged_model_tag(model_id, key);
  });
}

void SqlLoggedModels::log_logged_model_params(std::string_view model_id,
                                              const std::vector<KeyValue>& params) {
  check_logged_model_entries(params, "param");
  database_.write([&](Connection& connection) {
    const LoggedModel model = get_model(connection, model_id);
    insert_params(connection, model, not_yet_logged(model, params));
  });
}

}  // namespace ivory::tracking
