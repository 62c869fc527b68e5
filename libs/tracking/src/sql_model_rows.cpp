#include "sql_model_rows.h"

#include <algorithm>
#include <map>

#include <ivory/tracking/store_error.h>

#include "model_rules.h"
#include "schema.h"

namespace ivory::tracking {
namespace {

using storage::Query;

std::vector<KeyValue> read_tags(Query& query) {
  std::vector<KeyValue> tags;
  while (query.next()) tags.push_back({std::string(query.text(0)), std::string(query.text(1))});
  return tags;
}

}  // namespace

ModelRows::ModelRows(storage::Connection& connection) : connection_(connection) {
  if (has_column(connection, "registered_models", "workspace")) {
    scope_ = "workspace = 'default' AND ";
  } else if (!has_column(connection, "registered_models", "name")) {
    throw StoreError(Refusal::kNotImplemented, "the database has no tables of a model registry");
  }
}

RegisteredModel ModelRows::read_model(const Query& row) {
  RegisteredModel model;
  model.name = row.text(0);
  model.creation_time = row.integer(1);
  model.last_update_time = row.find_integer(2).value_or(model.creation_time);
  model.description = row.text(3);
  return model;
}

ModelVersion ModelRows::read_version(const Query& row) {
  ModelVersion version;
  version.name = row.text(0);
  version.version = std::to_string(row.integer(1));
  version.creation_time = row.integer(2);
  version.last_update_time = row.find_integer(3).value_or(version.creation_time);
  version.description = row.text(4);
  version.user_id = row.text(5);
  version.current_stage = row.text(6);
  version.source = row.text(7);
  version.run_id = row.text(8);
  version.status = row.text(9);
  version.status_message = row.text(10);
  version.run_link = row.text(11);
  return version;
}

bool ModelRows::has_model(std::string_view name) const {
  auto query = connection_.query("SELECT 1 FROM registered_models WHERE " + scope_ + "name = ?");
  query.bind(name);
  return query.next();
}

RegisteredModel ModelRows::get_model(std::string_view name) const {
  auto query = connection_.query("SELECT " + std::string(kModelColumns) + " FROM registered_models WHERE " +
                                 scope_ + "name = ?");
  query.bind(name);
  if (!query.next()) fail_no_registered_model(name);
  RegisteredModel model = read_model(query);
  complete(model);
  return model;
}

ModelVersion ModelRows::get_version(std::string_view name, std::int64_t version) const {
  auto query = connection_.query("SELECT " + std::string(kVersionColumns) + " FROM model_versions WHERE " +
                                 scope_ + "name = ? AND version = ? AND current_stage != ?");
  query.bind(name, version, kStageDeleted);
  if (!query.next()) fail_no_model_version(name, std::to_string(version));
  std::vector<ModelVersion> found{read_version(query)};
  complete(found);
  return std::move(found.front());
}

std::vector<ModelVersion> ModelRows::latest_versions(std::string_view name) const {
  auto query =
      connection_.query("SELECT " + std::string(kVersionColumns) + " FROM model_versions WHERE " + scope_ +
                        "name = ?1 AND version IN (SELECT max(version) FROM model_versions WHERE " + scope_ +
                        "name = ?1 AND current_stage != ?2 GROUP BY current_stage)");
  query.bind(name, kStageDeleted);
  std::vector<ModelVersion> latest;
  while (query.next()) latest.push_back(read_version(query));

  std::map<std::string, std::int64_t> first_of_stage;
  auto firsts = connection_.query("SELECT current_stage, min(version) FROM model_versions WHERE " + scope_ +
                                  "name = ? AND current_stage != ? GROUP BY current_stage");
  firsts.bind(name, kStageDeleted);
  while (firsts.next()) first_of_stage[std::string(firsts.text(0))] = firsts.integer(1);
  std::sort(latest.begin(), latest.end(), [&](const ModelVersion& a, const ModelVersion& b) {
    return first_of_stage[a.current_stage] < first_of_stage[b.current_stage];
  });
  complete(latest);
  return latest;
}

std::vector<ModelAlias> ModelRows::aliases_of(std::string_view name) const {
  auto query = connection_.query("SELECT alias, version FROM registered_model_aliases WHERE " + scope_ +
                                 "name = ? ORDER BY alias");
  query.bind(name);
  std::vector<ModelAlias> aliases;
  while (query.next()) aliases.push_back({std::string(query.text(0)), std::to_string(query.integer(1))});
  return aliases;
}

void ModelRows::complete(RegisteredModel& model) const {
  auto tags = connection_.query("SELECT key, value FROM registered_model_tags WHERE " + scope_ +
                                "name = ? ORDER BY key");
  tags.bind(model.name);
  model.tags = read_tags(tags);
  model.aliases = aliases_of(model.name);
  model.latest_versions = latest_versions(model.name);
}

void ModelRows::complete(std::vector<ModelVersion>& versions) const {
  auto tags = connection_.query("SELECT key, value FROM model_version_tags WHERE " + scope_ +
                                "name = ? AND version = ? ORDER BY key");
  std::map<std::string, std::vector<ModelAlias>> aliases;
  for (ModelVersion& version : versions) {
    tags.bind(version.name, parse_model_version(version.version));
    version.tags = read_tags(tags);
    const auto [entry, is_new] = aliases.try_emplace(version.name);
    if (is_new) entry->second = aliases_of(version.name);
    for (const ModelAlias& alias : entry->second) {
      if (alias.version == version.version) version.aliases.push_back(alias.alias);
    }
  }
}

}  // namespace ivory::tracking
