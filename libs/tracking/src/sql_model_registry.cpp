#include "sql_model_registry.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <ivory/tracking/store_error.h>

#include "model_rules.h"
#include "sql_model_rows.h"
#include "validation.h"

namespace ivory::tracking {
namespace {

using storage::Connection;

void write_model_tag(Connection& connection, const ModelRows& rows, std::string_view name,
                     const KeyValue& tag) {
  connection
      .query("UPDATE registered_model_tags SET value = ? WHERE " + rows.scope() + "key = ? AND name = ?")
      .bind(tag.value, tag.key, name)
      .run();
  if (connection.changed_rows() != 0) return;
  connection.query("INSERT INTO registered_model_tags (key, value, name) VALUES (?, ?, ?)")
      .bind(tag.key, tag.value, name)
      .run();
}

void write_version_tag(Connection& connection, const ModelRows& rows, const ModelVersion& version,
                       const KeyValue& tag) {
  const std::int64_t number = parse_model_version(version.version);
  connection
      .query("UPDATE model_version_tags SET value = ? WHERE " + rows.scope() +
             "key = ? AND name = ? AND version = ?")
      .bind(tag.value, tag.key, version.name, number)
      .run();
  if (connection.changed_rows() != 0) return;
  connection.query("INSERT INTO model_version_tags (key, value, name, version) VALUES (?, ?, ?, ?)")
      .bind(tag.key, tag.value, version.name, number)
      .run();
}

void touch_model(Connection& connection, const ModelRows& rows, std::string_view name, TimeMs now) {
  connection.query("UPDATE registered_models SET last_updated_time = ? WHERE " + rows.scope() + "name = ?")
      .bind(now, name)
      .run();
}

std::int64_t next_version(Connection& connection, const ModelRows& rows, std::string_view name) {
  auto query = connection.query("SELECT max(version) FROM model_versions WHERE " + rows.scope() + "name = ?");
  query.bind(name);
  return (query.next() ? query.find_integer(0).value_or(0) : 0) + 1;
}

void insert_version(Connection& connection, const ModelVersion& version, std::string_view location) {
  connection
      .query(
          "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, "
          "current_stage, source, run_id, status, run_link, storage_location) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'READY', ?, ?)")
      .bind(version.name, parse_model_version(version.version), version.creation_time,
            version.last_update_time, version.description, kStageNone, version.source, version.run_id,
            version.run_link, location)
      .run();
}

}  // namespace

SqlModelRegistry::SqlModelRegistry(storage::Database& database, const LoggedModels& logged_models)
    : database_(database), logged_models_(logged_models) {}

RegisteredModel SqlModelRegistry::create_registered_model(std::string_view name,
                                                          const std::vector<KeyValue>& tags,
                                                          std::string_view description, std::string_view) {
  check_registered_model_name(name);
  check_text(description, "the description of a registered model");
  for (const KeyValue& tag : tags) check_model_tag(tag);
  return database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    if (rows.has_model(name)) fail_name_taken(name, is_prompt(rows.get_model(name).tags), is_prompt(tags));
    const TimeMs now = now_ms();
    connection
        .query(
            "INSERT INTO registered_models (name, creation_time, last_updated_time, description) "
            "VALUES (?, ?, ?, ?)")
        .bind(name, now, now, description)
        .run();
    for (const auto& [key, value] : last_of_each_key(tags))
      write_model_tag(connection, rows, name, {key, value});
    return rows.get_model(name);
  });
}

RegisteredModel SqlModelRegistry::update_registered_model(std::string_view name,
                                                          const RegisteredModelUpdate& update) {
  check_registered_model_name(name);
  if (update.description) check_text(*update.description, "the description of a registered model");
  return database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    connection
        .query(
            "UPDATE registered_models SET description = coalesce(?, description), last_updated_time = ? "
            "WHERE " +
            rows.scope() + "name = ?")
        .bind(update.description, now_ms(), name)
        .run();
    return rows.get_model(name);
  });
}

// The tables that refer to the name follow by themselves (ON UPDATE CASCADE).
RegisteredModel SqlModelRegistry::rename_registered_model(std::string_view name, std::string_view new_name) {
  check_registered_model_name(new_name, "new_name");
  check_registered_model_name(name);
  return database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    if (!rows.has_model(name)) fail_no_registered_model(name);
    if (name != new_name && rows.has_model(new_name)) {
      throw StoreError(Refusal::kResourceAlreadyExists,
                       "Registered Model (name=" + std::string(new_name) + ") already exists.");
    }
    const TimeMs now = now_ms();
    connection
        .query("UPDATE registered_models SET name = ?, last_updated_time = ? WHERE " + rows.scope() +
               "name = ?")
        .bind(new_name, now, name)
        .run();
    connection.query("UPDATE model_versions SET last_updated_time = ? WHERE " + rows.scope() + "name = ?")
        .bind(now, new_name)
        .run();
    return rows.get_model(new_name);
  });
}

void SqlModelRegistry::delete_registered_model(std::string_view name) {
  check_registered_model_name(name);
  database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    if (!rows.has_model(name)) fail_no_registered_model(name);
    for (const std::string_view table : {"model_version_tags", "registered_model_aliases", "model_versions",
                                         "registered_model_tags", "registered_models"}) {
      connection.query("DELETE FROM " + std::string(table) + " WHERE " + rows.scope() + "name = ?")
          .bind(name)
          .run();
    }
  });
}

RegisteredModel SqlModelRegistry::get_registered_model(std::string_view name) const {
  check_registered_model_name(name);
  return database_.read([&](Connection& connection) { return ModelRows(connection).get_model(name); });
}

std::vector<ModelVersion> SqlModelRegistry::latest_versions(std::string_view name,
                                                            const std::vector<std::string>& stages) const {
  check_registered_model_name(name);
  std::vector<std::string_view> wanted;
  for (const std::string& stage : stages) wanted.push_back(canonical_stage(stage));
  return database_.read([&](Connection& connection) {
    const ModelRows rows(connection);
    if (!rows.has_model(name)) fail_no_registered_model(name);
    auto latest = rows.latest_versions(name);
    if (wanted.empty()) return latest;
    std::erase_if(latest, [&](const ModelVersion& version) {
      return std::find(wanted.begin(), wanted.end(), version.current_stage) == wanted.end();
    });
    return latest;
  });
}

void SqlModelRegistry::set_registered_model_tag(std::string_view name, const KeyValue& tag) {
  check_registered_model_name(name);
  check_model_tag(tag);
  database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    if (!rows.has_model(name)) fail_no_registered_model(name);
    write_model_tag(connection, rows, name, tag);
  });
}

void SqlModelRegistry::delete_registered_model_tag(std::string_view name, std::string_view key) {
  check_registered_model_name(name);
  check_key(key, "tag");
  database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    if (!rows.has_model(name)) fail_no_registered_model(name);
    connection.query("DELETE FROM registered_model_tags WHERE " + rows.scope() + "key = ? AND name = ?")
        .bind(key, name)
        .run();
  });
}

ModelVersion SqlModelRegistry::create_model_version(const CreateModelVersion& create) {
  check_new_model_version(create);
  const ModelOrigin origin = origin_of(create, *this, logged_models_);
  return database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    if (!rows.has_model(create.name)) fail_no_registered_model(create.name);
    ModelVersion version;
    version.name = create.name;
    version.version = std::to_string(next_version(connection, rows, create.name));
    version.creation_time = now_ms();
    version.last_update_time = version.creation_time;
    version.description = create.description;
    version.source = create.source;
    version.run_id = origin.run_id;
    version.run_link = create.run_link;
    insert_version(connection, version, origin.location);
    for (const auto& [key, value] : last_of_each_key(create.tags))
      write_version_tag(connection, rows, version, {key, value});
    touch_model(connection, rows, create.name, version.creation_time);
    return rows.get_version(create.name, parse_model_version(version.version));
  });
}

ModelVersion SqlModelRegistry::update_model_version(std::string_view name, std::string_view version,
                                                    std::string_view description) {
  check_registered_model_name(name);
  const std::int64_t number = parse_model_version(version);
  check_text(description, "the description of a model version");
  return database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    connection
        .query("UPDATE model_versions SET description = ?, last_updated_time = ? WHERE " + rows.scope() +
               "name = ? AND version = ? AND current_stage != ?")
        .bind(description, now_ms(), name, number, kStageDeleted)
        .run();
    return rows.get_version(name, number);
  });
}

ModelVersion SqlModelRegistry::transition_stage(std::string_view name, std::string_view version,
                                                std::string_view stage, bool archive_existing) {
  const std::string_view wanted = transition_target(stage, archive_existing);
  check_registered_model_name(name);
  const std::int64_t number = parse_model_version(version);
  return database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    (void)rows.get_version(name, number);
    const TimeMs now = now_ms();
    const std::string update =
        "UPDATE model_versions SET current_stage = ?, last_updated_time = ? WHERE " + rows.scope();
    if (archive_existing) {
      connection.query(update + "name = ? AND version != ? AND current_stage = ?")
          .bind(kStageArchived, now, name, number, wanted)
          .run();
    }
    connection.query(update + "name = ? AND version = ?").bind(wanted, now, name, number).run();
    touch_model(connection, rows, name, now);
    return rows.get_version(name, number);
  });
}

// Its number is not given again, and its tags stay, as MLflow leaves it.
void SqlModelRegistry::delete_model_version(std::string_view name, std::string_view version) {
  check_registered_model_name(name);
  const std::int64_t number = parse_model_version(version);
  database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    (void)rows.get_version(name, number);
    const TimeMs now = now_ms();
    connection
        .query("DELETE FROM registered_model_aliases WHERE " + rows.scope() + "name = ? AND version = ?")
        .bind(name, number)
        .run();
    connection
        .query(
            "UPDATE model_versions SET current_stage = ?, last_updated_time = ?, description = NULL, "
            "user_id = NULL, source = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID', "
            "run_link = 'REDACTED-RUN-LINK', status_message = NULL WHERE " +
            rows.scope() + "name = ? AND version = ?")
        .bind(kStageDeleted, now, name, number)
        .run();
    touch_model(connection, rows, name, now);
  });
}

ModelVersion SqlModelRegistry::get_model_version(std::string_view name, std::string_view version) const {
  check_registered_model_name(name);
  const std::int64_t number = parse_model_version(version);
  return database_.read(
      [&](Connection& connection) { return ModelRows(connection).get_version(name, number); });
}

std::string SqlModelRegistry::download_uri(std::string_view name, std::string_view version) const {
  check_registered_model_name(name);
  const std::int64_t number = parse_model_version(version);
  return database_.read([&](Connection& connection) {
    const ModelRows rows(connection);
    auto query = connection.query("SELECT coalesce(storage_location, source) FROM model_versions WHERE " +
                                  rows.scope() + "name = ? AND version = ? AND current_stage != ?");
    query.bind(name, number, kStageDeleted);
    if (!query.next()) fail_no_model_version(name, version);
    return std::string(query.text(0));
  });
}

void SqlModelRegistry::set_model_version_tag(std::string_view name, std::string_view version,
                                             const KeyValue& tag) {
  check_registered_model_name(name);
  const std::int64_t number = parse_model_version(version);
  check_model_tag(tag);
  database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    write_version_tag(connection, rows, rows.get_version(name, number), tag);
  });
}

void SqlModelRegistry::delete_model_version_tag(std::string_view name, std::string_view version,
                                                std::string_view key) {
  check_registered_model_name(name);
  const std::int64_t number = parse_model_version(version);
  check_key(key, "tag");
  database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    (void)rows.get_version(name, number);
    connection
        .query("DELETE FROM model_version_tags WHERE " + rows.scope() +
               "key = ? AND name = ? AND version = ?")
        .bind(key, name, number)
        .run();
  });
}

void SqlModelRegistry::set_alias(std::string_view name, std::string_view alias, std::string_view version) {
  check_registered_model_name(name);
  check_alias(alias);
  check_alias_is_free(alias);
  const std::int64_t number = parse_model_version(version);
  database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    (void)rows.get_version(name, number);
    connection
        .query("UPDATE registered_model_aliases SET version = ? WHERE " + rows.scope() +
               "name = ? AND alias = ?")
        .bind(number, name, alias)
        .run();
    if (connection.changed_rows() != 0) return;
    connection.query("INSERT INTO registered_model_aliases (alias, version, name) VALUES (?, ?, ?)")
        .bind(alias, number, name)
        .run();
  });
}

void SqlModelRegistry::delete_alias(std::string_view name, std::string_view alias) {
  check_registered_model_name(name);
  check_alias(alias);
  database_.write([&](Connection& connection) {
    const ModelRows rows(connection);
    if (!rows.has_model(name)) fail_no_registered_model(name);
    connection.query("DELETE FROM registered_model_aliases WHERE " + rows.scope() + "name = ? AND alias = ?")
        .bind(name, alias)
        .run();
  });
}

ModelVersion SqlModelRegistry::get_version_by_alias(std::string_view name, std::string_view alias) const {
  check_registered_model_name(name);
  check_alias(alias);
  return database_.read([&](Connection& connection) {
    const ModelRows rows(connection);
    if (!rows.has_model(name)) fail_no_registered_model(name);
    if (is_latest_alias(alias)) {
      auto latest = rows.latest_versions(name);
      if (latest.empty()) fail_no_latest_version(name);
      return std::move(latest.front());
    }
    auto query = connection.query("SELECT version FROM registered_model_aliases WHERE " + rows.scope() +
                                  "name = ? AND alias = ?");
    query.bind(name, alias);
    if (!query.next()) fail_no_alias(alias);
    return rows.get_version(name, query.integer(0));
  });
}

}  // namespace ivory::tracking
