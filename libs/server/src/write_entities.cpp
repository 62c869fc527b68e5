#include "write_entities.h"

namespace ivory::server {
namespace {

using tracking::KeyValue;
using tracking::Metric;

void write_metric_fields(JsonWriter& writer, const Metric& metric) {
  writer.field("key", metric.key);
  writer.field("value", metric.value);
  writer.field("timestamp", metric.timestamp_ms);
  writer.field("step", metric.step);
}

void write_model_metric(JsonWriter& writer, const tracking::ModelMetric& metric) {
  writer.begin_object();
  write_metric_fields(writer, metric.metric);
  writer.field_unless_empty("dataset_name", metric.dataset_name);
  writer.field_unless_empty("dataset_digest", metric.dataset_digest);
  writer.field_unless_empty("model_id", metric.model_id);
  writer.field_unless_empty("run_id", metric.run_id);
  writer.end_object();
}

// A list as a member, left out if it is empty.
template <class T, class Write>
void write_list(JsonWriter& writer, std::string_view name, const std::vector<T>& items, const Write& write) {
  if (items.empty()) return;
  writer.begin_list(name);
  for (const T& item : items) write(item);
  writer.end_list();
}

void write_dataset_input(JsonWriter& writer, const tracking::DatasetInput& input) {
  writer.begin_object();
  write_pairs(writer, "tags", input.tags);
  writer.begin_object("dataset");
  writer.field("name", input.dataset.name);
  writer.field("digest", input.dataset.digest);
  writer.field("source_type", input.dataset.source_type);
  writer.field("source", input.dataset.source);
  writer.field_unless_empty("schema", input.dataset.schema);
  writer.field_unless_empty("profile", input.dataset.profile);
  writer.end_object();
  writer.end_object();
}

void write_inputs(JsonWriter& writer, const tracking::RunRecord& run) {
  writer.begin_object("inputs");
  write_list(writer, "dataset_inputs", run.dataset_inputs,
             [&](const auto& input) { write_dataset_input(writer, input); });
  write_list(writer, "model_inputs", run.model_inputs, [&](const std::string& model_id) {
    writer.begin_object();
    writer.field("model_id", model_id);
    writer.end_object();
  });
  writer.end_object();
}

void write_outputs(JsonWriter& writer, const tracking::RunRecord& run) {
  writer.begin_object("outputs");
  write_list(writer, "model_outputs", run.model_outputs, [&](const tracking::ModelOutput& output) {
    writer.begin_object();
    writer.field("model_id", output.model_id);
    writer.field("step", output.step);
    writer.end_object();
  });
  writer.end_object();
}

}  // namespace

void write_pairs(JsonWriter& writer, std::string_view name, const std::vector<KeyValue>& pairs) {
  write_list(writer, name, pairs, [&](const KeyValue& pair) {
    writer.begin_object();
    writer.field("key", pair.key);
    writer.field("value", pair.value);
    writer.end_object();
  });
}

void write_metric(JsonWriter& writer, const Metric& metric) {
  writer.begin_object();
  write_metric_fields(writer, metric);
  writer.end_object();
}

void write_experiment(JsonWriter& writer, const tracking::ExperimentRecord& experiment) {
  writer.begin_object();
  writer.field("experiment_id", experiment.id);
  writer.field("name", experiment.name);
  writer.field("artifact_location", experiment.artifact_location);
  writer.field("lifecycle_stage", to_text(experiment.lifecycle_stage));
  if (experiment.last_update_time) writer.field("last_update_time", *experiment.last_update_time);
  if (experiment.creation_time) writer.field("creation_time", *experiment.creation_time);
  write_pairs(writer, "tags", experiment.tags);
  writer.end_object();
}

void write_run_info(JsonWriter& writer, const tracking::RunRecord& run) {
  writer.begin_object();
  writer.field("run_uuid", run.run_id);
  writer.field("experiment_id", run.experiment_id);
  writer.field("run_name", run.name);
  writer.field("user_id", run.user_id);
  writer.field("status", to_text(run.status));
  if (run.start_time) writer.field("start_time", *run.start_time);
  if (run.end_time) writer.field("end_time", *run.end_time);
  writer.field("artifact_uri", run.artifact_uri);
  writer.field("lifecycle_stage", to_text(run.lifecycle_stage));
  writer.field("run_id", run.run_id);
  writer.end_object();
}

void write_run(JsonWriter& writer, const tracking::RunRecord& run, bool is_new) {
  writer.begin_object();
  writer.key("info");
  write_run_info(writer, run);
  writer.begin_object("data");
  write_list(writer, "metrics", run.metrics, [&](const Metric& metric) { write_metric(writer, metric); });
  write_pairs(writer, "params", run.params);
  write_pairs(writer, "tags", run.tags);
  writer.end_object();
  write_inputs(writer, run);
  if (!is_new) write_outputs(writer, run);
  writer.end_object();
}

void write_logged_model(JsonWriter& writer, const tracking::LoggedModel& model) {
  writer.begin_object();
  writer.begin_object("info");
  writer.field("model_id", model.model_id);
  writer.field("experiment_id", model.experiment_id);
  writer.field("name", model.name);
  writer.field("creation_timestamp_ms", model.creation_time);
  writer.field("last_updated_timestamp_ms", model.last_update_time);
  writer.field("artifact_uri", model.artifact_uri);
  writer.field("status", to_text(model.status));
  writer.field("model_type", model.model_type);
  writer.field("source_run_id", model.source_run_id);
  writer.field_unless_empty("status_message", model.status_message);
  write_pairs(writer, "tags", model.tags);
  writer.end_object();
  writer.begin_object("data");
  write_pairs(writer, "params", model.params);
  write_list(writer, "metrics", model.metrics,
             [&](const auto& metric) { write_model_metric(writer, metric); });
  writer.end_object();
  writer.end_object();
}

void write_model_version(JsonWriter& writer, const tracking::ModelVersion& version) {
  writer.begin_object();
  writer.field("name", version.name);
  writer.field("version", version.version);
  writer.field("creation_timestamp", version.creation_time);
  writer.field("last_updated_timestamp", version.last_update_time);
  writer.field_unless_empty("user_id", version.user_id);
  writer.field("current_stage", version.current_stage);
  writer.field("description", version.description);
  writer.field("source", version.source);
  writer.field("run_id", version.run_id);
  writer.field("status", version.status);
  writer.field_unless_empty("status_message", version.status_message);
  write_pairs(writer, "tags", version.tags);
  writer.field("run_link", version.run_link);
  write_list(writer, "aliases", version.aliases, [&](const std::string& alias) { writer.value(alias); });
  writer.field_unless_empty("model_id", version.model_id);
  write_list(writer, "model_params", version.model_params, [&](const KeyValue& param) {
    writer.begin_object();
    writer.field("name", param.key);
    writer.field("value", param.value);
    writer.end_object();
  });
  write_list(writer, "model_metrics", version.model_metrics,
             [&](const auto& metric) { write_model_metric(writer, metric); });
  writer.end_object();
}

void write_registered_model(JsonWriter& writer, const tracking::RegisteredModel& model) {
  writer.begin_object();
  writer.field("name", model.name);
  writer.field("creation_timestamp", model.creation_time);
  writer.field("last_updated_timestamp", model.last_update_time);
  writer.field_unless_empty("description", model.description);
  write_list(writer, "latest_versions", model.latest_versions,
             [&](const auto& version) { write_model_version(writer, version); });
  write_pairs(writer, "tags", model.tags);
  write_list(writer, "aliases", model.aliases, [&](const tracking::ModelAlias& alias) {
    writer.begin_object();
    writer.field("alias", alias.alias);
    writer.field("version", alias.version);
    writer.end_object();
  });
  writer.field_unless_empty("deployment_job_id", model.deployment_job_id);
  writer.end_object();
}

}  // namespace ivory::server
