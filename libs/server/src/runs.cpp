// /api/2.0/mlflow/runs/…
#include <algorithm>
#include <array>
#include <set>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/store_error.h>

#include "fields.h"
#include "routes.h"
#include "write_entities.h"

namespace ivory::server {
namespace {

using tracking::KeyValue;
using tracking::Refusal;
using tracking::RunRecord;
using tracking::StoreError;

net::Response answer_run(const RunRecord& run, bool is_new = false) {
  return answer_with("run", [&](JsonWriter& writer) { write_run(writer, run, is_new); });
}

void check_names_of_tags(const std::vector<KeyValue>& tags) {
  std::set<std::string_view> names;
  for (const KeyValue& tag : tags)
    if (!names.insert(tag.key).second)
      throw StoreError(Refusal::kBadRequest, "The tag '" + tag.key + "' is given twice");
}

net::Response create(Call& call) {
  const RequestReader& fields = call.fields();
  tracking::CreateRun create;
  create.experiment_id = fields.text("experiment_id");
  create.start_time_ms = fields.integer("start_time").value_or(0);
  create.name = fields.text("run_name");
  create.user_id = fields.text("user_id");
  create.tags = fields.pairs("tags");
  if (create.experiment_id.empty()) throw StoreError(Refusal::kBadRequest, "A run needs an experiment_id");
  check_names_of_tags(create.tags);
  call.needs_experiment(create.experiment_id, Permission::kEdit);
  return answer_run(call.store().create_run(create), true);
}

net::Response get(Call& call) {
  const std::string id = call.fields().run_id();
  const RunRecord run = call.store().get_run(id);
  call.needs_experiment(run.experiment_id, Permission::kRead);
  return answer_run(run);
}

std::optional<tracking::RunStatus> find_status(const RequestReader& fields) {
  constexpr std::array kStatuses{tracking::RunStatus::kRunning, tracking::RunStatus::kScheduled,
                                 tracking::RunStatus::kFinished, tracking::RunStatus::kFailed,
                                 tracking::RunStatus::kKilled};  // 1 to 5
  std::vector<RequestReader::EnumName> names;
  for (const auto status : kStatuses)
    names.push_back({to_text(status), static_cast<std::int64_t>(names.size()) + 1});
  const auto number = fields.enumerator("status", names);
  if (!number) return std::nullopt;
  return kStatuses.at(static_cast<std::size_t>(*number) - 1);
}

net::Response update(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.run_id();
  tracking::RunUpdate update;
  update.status = find_status(fields);
  update.end_time_ms = fields.integer("end_time");
  update.name = fields.find_text("run_name");
  call.needs_run(id, Permission::kEdit);
  call.store().update_run(id, update);
  const RunRecord run = call.store().get_run(id);
  return answer_with("run_info", [&](JsonWriter& writer) { write_run_info(writer, run); });
}

net::Response remove(Call& call) {
  const std::string id = call.fields().required_text("run_id");
  call.needs_run(id, Permission::kEdit);
  call.store().delete_run(id);
  return empty_answer();
}

net::Response restore(Call& call) {
  const std::string id = call.fields().required_text("run_id");
  call.needs_run(id, Permission::kEdit);
  call.store().restore_run(id);
  return empty_answer();
}

net::Response search(Call& call) {
  const RequestReader& fields = call.fields();
  constexpr std::int64_t kMost = 50'000, kDefault = 1000;
  tracking::SearchRuns search;
  search.experiment_ids = call.readable(fields.texts("experiment_ids"));
  search.filter = fields.text("filter");
  search.max_results = fields.integer("max_results").value_or(kDefault);
  if (search.max_results > kMost) fields.refuse("max_results");
  search.order_by = fields.texts("order_by");
  search.page_token = fields.text("page_token");
  search.with_inputs = true;
  search.view = find_view_type(fields, "run_view_type").value_or(tracking::ViewType::kActiveOnly);
  const auto page = call.store().search_runs(search);
  return answer_page("runs", page.items, page.next_page_token,
                     [](JsonWriter& writer, const RunRecord& run) { write_run(writer, run); });
}

net::Response log_parameter(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.run_id();
  const std::string key = fields.required_text("key");
  const std::string value = fields.text("value");
  call.needs_run(id, Permission::kEdit);
  call.store().log_param(id, {key, value});
  return empty_answer();
}

net::Response set_tag(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.run_id();
  const std::string key = fields.required_text("key");
  const std::string value = fields.text("value");
  call.needs_run(id, Permission::kEdit);
  call.store().set_tag(id, {key, value});
  return empty_answer();
}

net::Response delete_tag(Call& call) {
  const std::string id = call.fields().required_text("run_id");
  const std::string key = call.fields().required_text("key");
  call.needs_run(id, Permission::kEdit);
  call.store().delete_tag(id, key);
  return empty_answer();
}

// How many of each a batch may hold.
void check_size(const tracking::Batch& batch) {
  constexpr std::size_t kMetrics = 1000, kOthers = 100;
  const auto check = [](std::string_view what, std::size_t count, std::size_t most) {
    if (count <= most) return;
    throw StoreError(Refusal::kInvalidParameterValue,
                     "A batch logging request can contain at most " + std::to_string(most) + " " +
                         std::string(what) + ". Got " + std::to_string(count) + " " + std::string(what) +
                         ". Please split up " + std::string(what) +
                         " across multiple requests and try again.");
  };
  const std::size_t metrics = batch.metrics.size() + batch.model_metrics.size();
  check("metrics", metrics, kMetrics);
  check("params", batch.params.size(), kOthers);
  check("tags", batch.tags.size(), kOthers);
  check("metrics, params, and tags", metrics + batch.params.size() + batch.tags.size(), kMetrics);
}

net::Response log_batch(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.required_text("run_id");
  tracking::Batch batch;
  for (const RequestReader& entry : fields.objects("metrics")) add_metric(entry, batch);
  batch.params = fields.pairs("params", true);
  batch.tags = fields.pairs("tags", true);
  check_size(batch);
  call.needs_run(id, Permission::kEdit);
  call.store().log_batch(id, batch);
  return empty_answer();
}

tracking::DatasetInput dataset_input(const RequestReader& entry) {
  tracking::DatasetInput input;
  input.tags = entry.pairs("tags");
  const auto dataset = entry.object("dataset");
  if (!dataset) entry.refuse_missing("dataset");
  input.dataset = {.name = dataset->required_text("name"),
                   .digest = dataset->text("digest"),
                   .source_type = dataset->text("source_type"),
                   .source = dataset->text("source"),
                   .schema = dataset->text("schema"),
                   .profile = dataset->text("profile")};
  return input;
}

net::Response log_inputs(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.required_text("run_id");
  std::vector<tracking::DatasetInput> datasets;
  for (const RequestReader& entry : fields.objects("datasets")) datasets.push_back(dataset_input(entry));
  std::vector<std::string> models;
  for (const RequestReader& entry : fields.objects("models"))
    models.push_back(entry.required_text("model_id"));
  call.needs_run(id, Permission::kEdit);
  call.store().log_inputs(id, datasets, models);
  return empty_answer();
}

net::Response log_outputs(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.required_text("run_id");
  if (!fields.has("models")) fields.refuse_missing("models");
  std::vector<tracking::ModelOutput> models;
  for (const RequestReader& entry : fields.objects("models"))
    models.push_back({entry.required_text("model_id"), entry.integer("step").value_or(0)});
  call.needs_run(id, Permission::kEdit);
  call.store().log_outputs(id, models);
  return empty_answer();
}

// Models of MLflow 2: a list in a tag of the run.
net::Response log_model(Call& call) {
  const RequestReader& fields = call.fields();
  const std::string id = fields.required_text("run_id");
  const std::string text = fields.required_text("model_json");
  call.needs_run(id, Permission::kEdit);
  JsonValue model;
  try {
    model = JsonValue::parse(text);
  } catch (const StoreError&) {
    throw StoreError(Refusal::kInvalidParameterValue,
                     "Malformed model info. \n " + text + " \n is not a valid JSON.");
  }
  std::string missing;
  for (const std::string_view name : {"artifact_path", "flavors", "utc_time_created", "run_id"})
    if (model.find(name) == nullptr) missing += (missing.empty() ? "'" : ", '") + std::string(name) + "'";
  if (!missing.empty())
    throw StoreError(Refusal::kInvalidParameterValue,
                     "Model json is missing mandatory fields: {" + missing + "}");
  constexpr std::string_view kHistory = "mlflow.log-model.history";
  const RunRecord run = call.store().get_run(id);
  const std::string* const before = run.find_tag(kHistory);
  std::string history =
      before == nullptr || before->size() <= 2 ? "[" : before->substr(0, before->rfind(']')) + ", ";
  history += model.to_text() + "]";
  call.store().set_tag(id, {std::string(kHistory), history});
  return empty_answer();
}

constexpr std::array kRoutes{
    Route{"POST", "/api/2.0/mlflow/runs/create", Effect::kWrites, create},
    Route{"GET", "/api/2.0/mlflow/runs/get", Effect::kReads, get},
    Route{"POST", "/api/2.0/mlflow/runs/update", Effect::kWrites, update},
    Route{"POST", "/api/2.0/mlflow/runs/delete", Effect::kWrites, remove},
    Route{"POST", "/api/2.0/mlflow/runs/restore", Effect::kWrites, restore},
    Route{"POST", "/api/2.0/mlflow/runs/search", Effect::kReads, search},
    Route{"POST", "/api/2.0/mlflow/runs/log-parameter", Effect::kWrites, log_parameter},
    Route{"POST", "/api/2.0/mlflow/runs/set-tag", Effect::kWrites, set_tag},
    Route{"POST", "/api/2.0/mlflow/runs/delete-tag", Effect::kWrites, delete_tag},
    Route{"POST", "/api/2.0/mlflow/runs/log-batch", Effect::kWrites, log_batch},
    Route{"POST", "/api/2.0/mlflow/runs/log-inputs", Effect::kWrites, log_inputs},
    Route{"POST", "/api/2.0/mlflow/runs/outputs", Effect::kWrites, log_outputs},
    Route{"POST", "/api/2.0/mlflow/runs/log-model", Effect::kWrites, log_model},
};

}  // namespace

std::span<const Route> run_routes() { return kRoutes; }

}  // namespace ivory::server
