#include "rest/rest_model_registry.h"

#include "rest/rest_json.h"

namespace ivory::tracking {
namespace {

using net::Repeat;

RegisteredModel model_in(const Json& answer) {
  return registered_model_from(object_of(answer, "registered_model"));
}

ModelVersion version_in(const Json& answer) { return model_version_from(object_of(answer, "model_version")); }

Query query_of(const SearchModels& search) {
  Query query;
  if (!search.filter.empty()) query.emplace_back("filter", search.filter);
  if (search.max_results) query.emplace_back("max_results", std::to_string(*search.max_results));
  for (const std::string& order : search.order_by) query.emplace_back("order_by", order);
  if (!search.page_token.empty()) query.emplace_back("page_token", search.page_token);
  return query;
}

Query version_query(std::string_view name, std::string_view version) {
  return {{"name", std::string(name)}, {"version", std::string(version)}};
}

}  // namespace

RegisteredModel RestModelRegistry::create_registered_model(std::string_view name,
                                                           const std::vector<KeyValue>& tags,
                                                           std::string_view description,
                                                           std::string_view deployment_job_id) {
  Json body = {{"name", name}, {"tags", to_json(tags)}};
  if (!description.empty()) body["description"] = description;
  if (!deployment_job_id.empty()) body["deployment_job_id"] = deployment_job_id;
  return model_in(client_.change("POST", "registered-models/create", body, Repeat::kIfUnmet));
}

RegisteredModel RestModelRegistry::update_registered_model(std::string_view name,
                                                           const RegisteredModelUpdate& update) {
  Json body = {{"name", name}};
  if (update.description) body["description"] = *update.description;
  if (update.deployment_job_id) body["deployment_job_id"] = *update.deployment_job_id;
  return model_in(client_.change("PATCH", "registered-models/update", body));
}

RegisteredModel RestModelRegistry::rename_registered_model(std::string_view name, std::string_view new_name) {
  return model_in(client_.change("POST", "registered-models/rename", {{"name", name}, {"new_name", new_name}},
                                 Repeat::kIfUnmet));
}

void RestModelRegistry::delete_registered_model(std::string_view name) {
  client_.change("DELETE", "registered-models/delete", {{"name", name}}, Repeat::kIfUnmet);
}

RegisteredModel RestModelRegistry::get_registered_model(std::string_view name) const {
  return model_in(client_.get("registered-models/get", {{"name", std::string(name)}}));
}

Page<RegisteredModel> RestModelRegistry::search_registered_models(const SearchModels& search) const {
  const Json answer = client_.get("registered-models/search", query_of(search));
  Page<RegisteredModel> page;
  for (const Json& model : list_of(answer, "registered_models"))
    page.items.push_back(registered_model_from(model));
  page.next_page_token = text_of(answer, "next_page_token");
  return page;
}

std::vector<ModelVersion> RestModelRegistry::latest_versions(std::string_view name,
                                                             const std::vector<std::string>& stages) const {
  const Json answer =
      client_.ask("registered-models/get-latest-versions", {{"name", name}, {"stages", stages}});
  std::vector<ModelVersion> versions;
  for (const Json& version : list_of(answer, "model_versions"))
    versions.push_back(model_version_from(version));
  return versions;
}

void RestModelRegistry::set_registered_model_tag(std::string_view name, const KeyValue& tag) {
  client_.change("POST", "registered-models/set-tag",
                 {{"name", name}, {"key", tag.key}, {"value", tag.value}});
}

void RestModelRegistry::delete_registered_model_tag(std::string_view name, std::string_view key) {
  client_.change("DELETE", "registered-models/delete-tag", {{"name", name}, {"key", key}}, Repeat::kIfUnmet);
}

ModelVersion RestModelRegistry::create_model_version(const CreateModelVersion& create) {
  Json body = {{"name", create.name}, {"source", create.source}, {"tags", to_json(create.tags)}};
  if (!create.run_id.empty()) body["run_id"] = create.run_id;
  if (!create.run_link.empty()) body["run_link"] = create.run_link;
  if (!create.description.empty()) body["description"] = create.description;
  if (!create.model_id.empty()) body["model_id"] = create.model_id;
  return version_in(client_.change("POST", "model-versions/create", body, Repeat::kIfUnmet));
}

ModelVersion RestModelRegistry::update_model_version(std::string_view name, std::string_view version,
                                                     std::string_view description) {
  return version_in(client_.change("PATCH", "model-versions/update",
                                   {{"name", name}, {"version", version}, {"description", description}}));
}

ModelVersion RestModelRegistry::transition_stage(std::string_view name, std::string_view version,
                                                 std::string_view stage, bool archive_existing) {
  return version_in(client_.change("POST", "model-versions/transition-stage",
                                   {{"name", name},
                                    {"version", version},
                                    {"stage", stage},
                                    {"archive_existing_versions", archive_existing}}));
}

void RestModelRegistry::delete_model_version(std::string_view name, std::string_view version) {
  client_.change("DELETE", "model-versions/delete", {{"name", name}, {"version", version}}, Repeat::kIfUnmet);
}

ModelVersion RestModelRegistry::get_model_version(std::string_view name, std::string_view version) const {
  return version_in(client_.get("model-versions/get", version_query(name, version)));
}

Page<ModelVersion> RestModelRegistry::search_model_versions(const SearchModels& search) const {
  const Json answer = client_.get("model-versions/search", query_of(search));
  Page<ModelVersion> page;
  for (const Json& version : list_of(answer, "model_versions"))
    page.items.push_back(model_version_from(version));
  page.next_page_token = text_of(answer, "next_page_token");
  return page;
}

std::string RestModelRegistry::download_uri(std::string_view name, std::string_view version) const {
  return text_of(client_.get("model-versions/get-download-uri", version_query(name, version)),
                 "artifact_uri");
}

void RestModelRegistry::set_model_version_tag(std::string_view name, std::string_view version,
                                              const KeyValue& tag) {
  client_.change("POST", "model-versions/set-tag",
                 {{"name", name}, {"version", version}, {"key", tag.key}, {"value", tag.value}});
}

void RestModelRegistry::delete_model_version_tag(std::string_view name, std::string_view version,
                                                 std::string_view key) {
  client_.change("DELETE", "model-versions/delete-tag", {{"name", name}, {"version", version}, {"key", key}},
                 Repeat::kIfUnmet);
}

void RestModelRegistry::set_alias(std::string_view name, std::string_view alias, std::string_view version) {
  client_.change("POST", "registered-models/alias", {{"name", name}, {"alias", alias}, {"version", version}});
}

void RestModelRegistry::delete_alias(std::string_view name, std::string_view alias) {
  client_.change("DELETE", "registered-models/alias", {{"name", name}, {"alias", alias}}, Repeat::kIfUnmet);
}

ModelVersion RestModelRegistry::get_version_by_alias(std::string_view name, std::string_view alias) const {
  return version_in(
      client_.get("registered-models/alias", {{"name", std::string(name)}, {"alias", std::string(alias)}}));
}

}  // namespace ivory::tracking
