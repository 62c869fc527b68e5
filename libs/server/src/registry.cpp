// /api/2.0/mlflow/registered-models/… and model-versions/…
#include <algorithm>
#include <array>
#include <filesystem>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/store_error.h>

#include "routes.h"
#include "write_entities.h"

namespace ivory::server {
namespace {

using tracking::ModelRegistry;
using tracking::ModelVersion;
using tracking::RegisteredModel;

ModelRegistry& registry(const Call& call) { return call.store().model_registry(); }

net::Response answer_model(const RegisteredModel& model) {
  return answer_with("registered_model", [&](JsonWriter& writer) { write_registered_model(writer, model); });
}

net::Response answer_version(const ModelVersion& version) {
  return answer_with("model_version", [&](JsonWriter& writer) { write_model_version(writer, version); });
}

net::Response create_model(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string name = fields.required_text("name");
  const auto tags = fields.pairs("tags");
  const std::string description = fields.text("description"), job = fields.text("deployment_job_id");
  call.needs_models(Permission::kEdit);
  return answer_model(registry(call).create_registered_model(name, tags, description, job));
}

net::Response get_model(Call& call) {
  const std::string name = call.fields().required_text("name");
  call.needs_models(Permission::kRead);
  return answer_model(registry(call).get_registered_model(name));
}

net::Response rename_model(Call& call) {
  const std::string name = call.fields().required_text("name");
  const std::string new_name = call.fields().required_text("new_name");
  call.needs_models(Permission::kManage);
  return answer_model(registry(call).rename_registered_model(name, new_name));
}

net::Response update_model(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string name = fields.required_text("name");
  const tracking::RegisteredModelUpdate update{fields.find_text("description"),
                                               fields.find_text("deployment_job_id")};
  call.needs_models(Permission::kEdit);
  return answer_model(registry(call).update_registered_model(name, update));
}

net::Response delete_model(Call& call) {
  const std::string name = call.fields().required_text("name");
  call.needs_models(Permission::kManage);
  registry(call).delete_registered_model(name);
  return empty_answer();
}

tracking::SearchModels search_fields(const RequestReader& fields, std::int64_t most) {
  tracking::SearchModels search;
  search.filter = fields.text("filter");
  search.order_by = fields.texts("order_by");
  search.max_results = fields.integer("max_results");
  if (search.max_results.value_or(0) > most) fields.refuse("max_results");
  search.page_token = fields.text("page_token");
  return search;
}

net::Response search_models(Call& call) {
  constexpr std::int64_t kMost = 1000;
  const auto search = search_fields(call.fields(), kMost);
  call.needs_models(Permission::kRead);
  const auto page = registry(call).search_registered_models(search);
  return answer_page("registered_models", page.items, page.next_page_token, write_registered_model);
}

net::Response search_versions(Call& call) {
  constexpr std::int64_t kMost = 200'000;
  const auto search = search_fields(call.fields(), kMost);
  call.needs_models(Permission::kRead);
  const auto page = registry(call).search_model_versions(search);
  return answer_page("model_versions", page.items, page.next_page_token, write_model_version);
}

net::Response latest_versions(Call& call) {
  const std::string name = call.fields().required_text("name");
  const auto stages = call.fields().texts("stages");
  call.needs_models(Permission::kRead);
  return answer_page("model_versions", registry(call).latest_versions(name, stages), "", write_model_version);
}

net::Response set_model_tag(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string name = fields.required_text("name"), key = fields.required_text("key");
  const std::string value = fields.text("value");
  call.needs_models(Permission::kEdit);
  registry(call).set_registered_model_tag(name, {key, value});
  return empty_answer();
}

net::Response delete_model_tag(Call& call) {
  const std::string name = call.fields().required_text("name"), key = call.fields().required_text("key");
  call.needs_models(Permission::kEdit);
  registry(call).delete_registered_model_tag(name, key);
  return empty_answer();
}

// The path of a URI of this machine; empty for another.
std::filesystem::path local_path(const std::string& uri) {
  constexpr std::string_view kFile = "file://";
  if (uri.starts_with(kFile)) return uri.substr(kFile.size());
  return uri.find(':') == std::string::npos ? std::filesystem::path(uri) : std::filesystem::path();
}

bool is_inside(const std::filesystem::path& path, const std::filesystem::path& root) {
  const auto inner = std::filesystem::weakly_canonical(path), outer = std::filesystem::weakly_canonical(root);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

bool is_prompt(const tracking::CreateModelVersion& create) {
  return std::ranges::any_of(create.tags,
                             [](const auto& tag) { return tag.key == "mlflow.prompt.is_prompt"; });
}

// A prompt's text is in its tags; MLflow's clients send a word where the place of a model would be.
bool is_prompt_without_place(const tracking::CreateModelVersion& create) {
  return create.source.find_first_of("/\\.%:") == std::string::npos && is_prompt(create);
}

// A version must not lead whoever loads it to files that nobody logged.
void check_source(const Call& call, const tracking::CreateModelVersion& create) {
  const auto refuse = [&](std::string_view why) {
    throw tracking::StoreError(tracking::Refusal::kInvalidParameterValue,
                               "Invalid model version source: '" + create.source + "'. " + std::string(why));
  };
  if (is_prompt_without_place(create)) return;
  // A local path lies where its run or model does, which is looked at below.
  if (local_path(create.source).empty()) call.needs_place(create.source, Permission::kRead);
  if (const auto path = local_path(create.source); !path.empty()) {
    const std::string uri = !create.model_id.empty()
                                ? call.store().logged_models().get_logged_model(create.model_id).artifact_uri
                            : !create.run_id.empty() ? call.store().get_run(create.run_id).artifact_uri
                                                     : std::string();
    const auto logged = local_path(uri);
    if (!logged.empty() && path.is_absolute() && is_inside(path, logged)) return;
    refuse(
        "To use a local path as a model version source, the run_id request parameter has to be specified and "
        "the "
        "local path has to be contained within the artifact directory of the run specified by the run_id.");
  }
  std::string decoded = create.source;
  while (const auto further = net::percent_decoded(decoded, true)) {
    if (*further == decoded) break;
    decoded = *further;
  }
  const std::filesystem::path words = decoded.substr(decoded.find(':') + 1);
  const bool is_relative =
      std::ranges::any_of(words, [](const auto& word) { return word == ".." || word == "."; });
  if (is_relative || decoded.find("%00") != std::string::npos || decoded.find('\\') != std::string::npos) {
    refuse(
        "If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts "
        "uri, "
        "an absolute path must be provided without relative path references present. Please provide an "
        "absolute path.");
  }
}

// The versions that a logged model is, as MLflow keeps them in a tag of it: [{"name": "m", "version": 1}].
void note_version(const Call& call, const std::string& model_id, const tracking::ModelVersion& version) {
  constexpr std::string_view kTag = "mlflow.modelVersions";
  JsonWriter name(JsonWriter::Style::kCompact);
  name.value(version.name);
  const std::string entry = "{\"name\": " + name.take() + ", \"version\": " + version.version + "}";
  tracking::LoggedModels& models = call.store().logged_models();
  std::string list = "[" + entry + "]";
  for (const tracking::KeyValue& tag : models.get_logged_model(model_id).tags) {
    if (tag.key != kTag || !tag.value.starts_with("[{") || !tag.value.ends_with("}]")) continue;
    if (tag.value.find(entry) != std::string::npos) return;
    list = tag.value.substr(0, tag.value.size() - 1) + ", " + entry + "]";
  }
  (void)models.set_logged_model_tags(model_id, {{std::string(kTag), list}});
}

net::Response create_version(Call& call) {
  const RequestReader& fields = call.fields();
  tracking::CreateModelVersion create;
  create.name = fields.required_text("name");
  create.source = fields.required_text("source");
  create.run_id = fields.text("run_id");
  create.tags = fields.pairs("tags");
  create.run_link = fields.text("run_link");
  create.description = fields.text("description");
  create.model_id = fields.text("model_id");
  call.needs_models(Permission::kEdit);
  if (!create.model_id.empty()) call.needs_logged_model(create.model_id, Permission::kRead);
  check_source(call, create);
  const tracking::ModelVersion version = registry(call).create_model_version(create);
  if (!create.model_id.empty() && !is_prompt(create)) note_version(call, create.model_id, version);
  return answer_version(version);
}

// The two fields that name a version.
struct Version {
  std::string name, number;
};
Version version_of(Call& call) {
  const RequestReader& fields = call.fields();
  std::string name = fields.required_text("name");
  return {std::move(name), fields.required_text("version")};
}

net::Response get_version(Call& call) {
  const Version version = version_of(call);
  call.needs_models(Permission::kRead);
  return answer_version(registry(call).get_model_version(version.name, version.number));
}

net::Response update_version(Call& call) {
  const Version version = version_of(call);
  const std::string description = call.fields().text("description");
  call.needs_models(Permission::kEdit);
  return answer_version(registry(call).update_model_version(version.name, version.number, description));
}

net::Response transition(Call& call) {
  const Version version = version_of(call);
  const std::string stage = call.fields().required_text("stage");
  const bool archive = call.fields().flag("archive_existing_versions");
  call.needs_models(Permission::kEdit);
  return answer_version(registry(call).transition_stage(version.name, version.number, stage, archive));
}

net::Response delete_version(Call& call) {
  const Version version = version_of(call);
  call.needs_models(Permission::kManage);
  registry(call).delete_model_version(version.name, version.number);
  return empty_answer();
}

net::Response download_uri(Call& call) {
  const Version version = version_of(call);
  call.needs_models(Permission::kRead);
  const std::string uri = registry(call).download_uri(version.name, version.number);
  return answer_with("artifact_uri", [&](JsonWriter& writer) { writer.value(uri); });
}

net::Response set_version_tag(Call& call) {
  const Version version = version_of(call);
  const std::string key = call.fields().required_text("key"), value = call.fields().text("value");
  call.needs_models(Permission::kEdit);
  registry(call).set_model_version_tag(version.name, version.number, {key, value});
  return empty_answer();
}

net::Response delete_version_tag(Call& call) {
  const Version version = version_of(call);
  const std::string key = call.fields().required_text("key");
  call.needs_models(Permission::kEdit);
  registry(call).delete_model_version_tag(version.name, version.number, key);
  return empty_answer();
}

net::Response set_alias(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string name = fields.required_text("name"), alias = fields.required_text("alias");
  const std::string version = fields.required_text("version");
  call.needs_models(Permission::kEdit);
  registry(call).set_alias(name, alias, version);
  return empty_answer();
}

net::Response delete_alias(Call& call) {
  const std::string name = call.fields().required_text("name"), alias = call.fields().required_text("alias");
  call.needs_models(Permission::kEdit);
  registry(call).delete_alias(name, alias);
  return empty_answer();
}

net::Response get_by_alias(Call& call) {
  const std::string name = call.fields().required_text("name"), alias = call.fields().required_text("alias");
  call.needs_models(Permission::kRead);
  return answer_version(registry(call).get_version_by_alias(name, alias));
}

constexpr std::array kRoutes{
    Route{"POST", "/api/2.0/mlflow/registered-models/create", Effect::kWrites, create_model},
    Route{"GET", "/api/2.0/mlflow/registered-models/get", Effect::kReads, get_model},
    Route{"POST", "/api/2.0/mlflow/registered-models/rename", Effect::kWrites, rename_model},
    Route{"PATCH", "/api/2.0/mlflow/registered-models/update", Effect::kWrites, update_model},
    Route{"DELETE", "/api/2.0/mlflow/registered-models/delete", Effect::kWrites, delete_model},
    Route{"GET", "/api/2.0/mlflow/registered-models/search", Effect::kReads, search_models},
    Route{"POST", "/api/2.0/mlflow/registered-models/get-latest-versions", Effect::kReads, latest_versions},
    Route{"GET", "/api/2.0/mlflow/registered-models/get-latest-versions", Effect::kReads, latest_versions},
    Route{"POST", "/api/2.0/mlflow/registered-models/set-tag", Effect::kWrites, set_model_tag},
    Route{"DELETE", "/api/2.0/mlflow/registered-models/delete-tag", Effect::kWrites, delete_model_tag},
    Route{"POST", "/api/2.0/mlflow/registered-models/alias", Effect::kWrites, set_alias},
    Route{"DELETE", "/api/2.0/mlflow/registered-models/alias", Effect::kWrites, delete_alias},
    Route{"GET", "/api/2.0/mlflow/registered-models/alias", Effect::kReads, get_by_alias},
    Route{"POST", "/api/2.0/mlflow/model-versions/create", Effect::kWrites, create_version},
    Route{"GET", "/api/2.0/mlflow/model-versions/get", Effect::kReads, get_version},
    Route{"PATCH", "/api/2.0/mlflow/model-versions/update", Effect::kWrites, update_version},
    Route{"POST", "/api/2.0/mlflow/model-versions/transition-stage", Effect::kWrites, transition},
    Route{"DELETE", "/api/2.0/mlflow/model-versions/delete", Effect::kWrites, delete_version},
    Route{"GET", "/api/2.0/mlflow/model-versions/search", Effect::kReads, search_versions},
    Route{"GET", "/api/2.0/mlflow/model-versions/get-download-uri", Effect::kReads, download_uri},
    Route{"POST", "/api/2.0/mlflow/model-versions/set-tag", Effect::kWrites, set_version_tag},
    Route{"DELETE", "/api/2.0/mlflow/model-versions/delete-tag", Effect::kWrites, delete_version_tag},
};

}  // namespace

std::span<const Route> registry_routes() { return kRoutes; }

}  // namespace ivory::server
