// Files of runs and models: artifacts/list, /get-artifact, upload-artifact, and the proxy mlflow-artifacts.
#include <array>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/store_error.h>

#include "routes.h"
#include "uploads.h"

namespace ivory::server {
namespace {

using tracking::ArtifactInfo;
using tracking::Refusal;
using tracking::StoreError;

constexpr std::string_view kJson = "application/json";

void write_files(JsonWriter& writer, const std::vector<ArtifactInfo>& files, bool only_names) {
  bool begun = false;
  for (const ArtifactInfo& file : files) {
    const std::string_view path = file.path;
    const std::string_view name = path.substr(path.rfind('/') + 1);
    if (name.starts_with(kUploadPrefix)) continue;  // not whole yet
    if (!begun) writer.begin_list("files");
    begun = true;
    writer.begin_object();
    writer.field("path", only_names ? name : path);
    writer.field("is_dir", file.is_folder);
    if (file.size_bytes) writer.field("file_size", *file.size_bytes);
    writer.end_object();
  }
  if (begun) writer.end_list();
}

net::Response answer_files(const ArtifactRoots& roots, const std::string& uri, const std::string& path) {
  JsonWriter writer;
  writer.begin_object();
  writer.field("root_uri", uri);
  write_files(writer, roots.open(uri)->list(path), false);
  writer.end_object();
  return json_answer(writer);
}

std::string joined(std::string_view uri, std::string_view path) {
  const auto colon = uri.find(":/");
  const std::string_view shown = colon == std::string_view::npos ? uri : uri.substr(colon + 2);
  return std::string(shown) + "/" + std::string(path);
}

std::string query_text(const Call& call, std::string_view name) {
  const std::string* const text = call.request().find_query(name);
  return text == nullptr ? std::string() : *text;
}

std::string required_query(const Call& call, std::string_view name) {
  std::string text = query_text(call, name);
  if (text.empty())
    throw StoreError(Refusal::kInvalidParameterValue, "Request must specify " + std::string(name) + ".");
  return text;
}

net::Response list(Call& call) {
  const std::string id = call.fields().run_id();
  const std::string path = safe_path(call.fields().text("path"));
  const tracking::RunRecord run = call.store().get_run(id);
  call.needs_experiment(run.experiment_id, Permission::kRead);
  return answer_files(call.artifacts(), run.artifact_uri, path);
}

net::Response get_file(Call& call) {
  const std::string id = call.request().find_query("run_id") != nullptr ? required_query(call, "run_id")
                                                                        : required_query(call, "run_uuid");
  const std::string path = safe_path(required_query(call, "path"));
  const tracking::RunRecord run = call.store().get_run(id);
  call.needs_experiment(run.experiment_id, Permission::kRead);
  return file_answer(*call.artifacts().open(run.artifact_uri), path, joined(run.artifact_uri, path));
}

net::Response get_file_of_version(Call& call) {
  const std::string name = required_query(call, "name"), version = required_query(call, "version");
  const std::string path = safe_path(required_query(call, "path"));
  call.needs_models(Permission::kRead);
  const std::string uri = call.store().model_registry().download_uri(name, version);
  return file_answer(*call.artifacts().open(uri), path, joined(uri, path));
}

std::unique_ptr<net::BodySink> upload_file(Call& call) {
  const std::string id = required_query(call, "run_uuid");
  const std::string path = safe_path(required_query(call, "path"));
  const tracking::RunRecord run = call.store().get_run(id);
  call.needs_experiment(run.experiment_id, Permission::kEdit);
  return file_sink(*call.artifacts().open(run.artifact_uri), path, "", kJson, call.artifacts().durability());
}

net::Response refuse_no_data(Call& call) {
  (void)upload_file(call);  // what is wrong besides comes first
  throw StoreError(Refusal::kInvalidParameterValue, "Request must specify data.");
}

net::Response list_of_model(Call& call) {
  const std::string path = safe_path(call.fields().text("artifact_directory_path"));
  const auto model = call.store().logged_models().get_logged_model(call.word(0));
  call.needs_experiment(model.experiment_id, Permission::kRead);
  return answer_files(call.artifacts(), model.artifact_uri, path);
}

net::Response get_file_of_model(Call& call) {
  const std::string path = safe_path(required_query(call, "artifact_file_path"));
  const auto model = call.store().logged_models().get_logged_model(call.word(0));
  call.needs_experiment(model.experiment_id, Permission::kRead);
  return file_answer(*call.artifacts().open(model.artifact_uri), path, joined(model.artifact_uri, path));
}

net::Response proxy_list(Call& call) {
  const std::string path = safe_path(query_text(call, "path"));
  call.needs_artifact(path, Permission::kRead);
  JsonWriter writer;
  writer.begin_object();
  write_files(writer, call.artifacts().all().list(path), true);
  writer.end_object();
  return json_answer(writer);
}

net::Response proxy_get(Call& call) {
  const std::string path = safe_path(call.word(0));
  call.needs_artifact(path, Permission::kRead);
  return file_answer(call.artifacts().all(), path, path);
}

std::unique_ptr<net::BodySink> proxy_put(Call& call) {
  const std::string path = safe_path(call.word(0));
  call.needs_artifact(path, Permission::kEdit);
  return file_sink(call.artifacts().all(), path, "{}", kJson, call.artifacts().durability());
}

net::Response proxy_put_empty(Call& call) { return proxy_put(call)->finish(); }

net::Response proxy_delete(Call& call) {
  const std::string path = safe_path(call.word(0));
  call.needs_artifact(path, Permission::kEdit);
  // Nobody removes an experiment's folder, or all of them, by a path that is too short.
  if (path.find('/') == std::string::npos) throw StoreError(Refusal::kInvalidParameterValue, "Invalid path");
  call.artifacts().all().remove(path);
  return empty_answer();
}

[[noreturn]] net::Response no_multipart_upload(Call&) {
  throw StoreError(Refusal::kNotImplemented,
                   "Multipart upload is not supported for the current artifact repository");
}

[[noreturn]] net::Response no_presigned(Call&) {
  throw StoreError(Refusal::kNotImplemented,
                   "Multipart download is not supported for the current artifact repository");
}

constexpr std::string_view kFile = "/api/2.0/mlflow-artifacts/artifacts/{...}";
constexpr std::array kRoutes{
    Route{"GET", "/api/2.0/mlflow/artifacts/list", Effect::kReads, list},
    Route{"POST", "/api/2.0/mlflow/artifacts/presigned-upload-url", Effect::kWrites, no_multipart_upload},
    Route{"GET", "/get-artifact", Effect::kReads, get_file},
    Route{"GET", "/api/2.0/mlflow/get-artifact", Effect::kReads, get_file},
    Route{"GET", "/model-versions/get-artifact", Effect::kReads, get_file_of_version},
    Route{"POST", "/api/2.0/mlflow/upload-artifact", Effect::kWrites, refuse_no_data, upload_file},
    Route{"GET", "/api/2.0/mlflow/logged-models/{}/artifacts/directories", Effect::kReads, list_of_model},
    Route{"GET", "/api/2.0/mlflow/logged-models/{}/artifacts/files", Effect::kReads, get_file_of_model},
    Route{"GET", "/api/2.0/mlflow-artifacts/artifacts", Effect::kReads, proxy_list},
    Route{"GET", kFile, Effect::kReads, proxy_get},
    Route{"PUT", kFile, Effect::kWrites, proxy_put_empty, proxy_put},
    Route{"DELETE", kFile, Effect::kWrites, proxy_delete},
    Route{"POST", "/api/2.0/mlflow-artifacts/mpu/create/{...}", Effect::kWrites, no_multipart_upload},
    Route{"POST", "/api/2.0/mlflow-artifacts/mpu/complete/{...}", Effect::kWrites, no_multipart_upload},
    Route{"POST", "/api/2.0/mlflow-artifacts/mpu/abort/{...}", Effect::kWrites, no_multipart_upload},
    Route{"GET", "/api/2.0/mlflow-artifacts/presigned/{...}", Effect::kReads, no_presigned},
};

}  // namespace

std::span<const Route> artifact_routes() { return kRoutes; }

}  // namespace ivory::server
