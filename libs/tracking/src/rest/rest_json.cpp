#include "rest/rest_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include <ivory/base/error.h>

namespace ivory::tracking {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(std::string_view field, std::string_view expected, const Json& found) {
  throw Error(ErrorCode::kIo, "the tracking server's field '" + std::string(field) + "' is " +
                                  found.type_name() + ", expected " + std::string(expected));
}

const Json* find_field(const Json& object, std::string_view field) {
  if (!object.is_object()) refuse(field, "a field of an object", object);
  const auto found = object.find(field);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::int64_t> find_integer(const Json& object, std::string_view field) {
  const Json* const value = find_field(object, field);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  }
  refuse(field, "an integer", *value);
}

double number_of(const Json& object, std::string_view field) {
  const Json* const value = find_field(object, field);
  if (value == nullptr) return 0;
  if (value->is_number()) return value->get<double>();
  const std::string text = value->is_string() ? value->get<std::string>() : "";
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return kInfinity;
  if (text == "-Infinity") return -kInfinity;
  refuse(field, "a number", *value);
}

Json number_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

template <class T, class F>
std::vector<T> vector_from(const Json& list, const F& read) {
  std::vector<T> items;
  items.reserve(list.size());
  for (const Json& item : list) items.push_back(read(item));
  return items;
}

std::string string_from(const Json& json) {
  if (!json.is_string()) refuse("list", "a list of texts", json);
  return json.get<std::string>();
}

LifecycleStage stage_of(const Json& object) {
  return text_of(object, "lifecycle_stage") == to_text(LifecycleStage::kDeleted) ? LifecycleStage::kDeleted
                                                                                 : LifecycleStage::kActive;
}

// As its name, or (old servers) its number.
RunStatus status_of(const Json& info) {
  const Json* const value = find_field(info, "status");
  if (value == nullptr) return RunStatus::kRunning;
  if (value->is_number_integer()) {
    constexpr std::array kByNumber{RunStatus::kRunning, RunStatus::kScheduled, RunStatus::kFinished,
                                   RunStatus::kFailed, RunStatus::kKilled};
    const auto number = value->get<std::int64_t>();
    if (number >= 1 && number <= static_cast<std::int64_t>(kByNumber.size()))
      return kByNumber.at(static_cast<std::size_t>(number - 1));
  }
  if (value->is_string())
    if (const auto status = find_run_status(value->get<std::string>())) return *status;
  refuse("status", "a run's status", *value);
}

void put(Json& json, const char* field, const std::string& value) {
  if (!value.empty()) json[field] = value;
}

}  // namespace

std::string text_of(const Json& object, std::string_view field) {
  const Json* const value = find_field(object, field);
  if (value == nullptr) return {};
  if (!value->is_string()) refuse(field, "a text", *value);
  return value->get<std::string>();
}

std::int64_t integer_of(const Json& object, std::string_view field) {
  return find_integer(object, field).value_or(0);
}

const Json& list_of(const Json& object, std::string_view field) {
  static const Json kEmpty = Json::array();
  const Json* const value = find_field(object, field);
  if (value == nullptr) return kEmpty;
  if (!value->is_array()) refuse(field, "a list", *value);
  return *value;
}

const Json& object_of(const Json& object, std::string_view field) {
  static const Json kEmpty = Json::object();
  const Json* const value = find_field(object, field);
  if (value == nullptr) return kEmpty;
  if (!value->is_object()) refuse(field, "an object", *value);
  return *value;
}

Json to_json(const std::vector<KeyValue>& pairs) {
  Json list = Json::array();
  for (const KeyValue& pair : pairs) list.push_back({{"key", pair.key}, {"value", pair.value}});
  return list;
}

Json to_json(const Metric& metric) {
  return {{"key", metric.key},
          {"value", number_json(metric.value)},
          {"timestamp", metric.timestamp_ms},
          {"step", metric.step}};
}

Json to_json(const ModelMetric& metric) {
  Json json = to_json(metric.metric);
  put(json, "model_id", metric.model_id);
  put(json, "dataset_name", metric.dataset_name);
  put(json, "dataset_digest", metric.dataset_digest);
  put(json, "run_id", metric.run_id);
  return json;
}

Json to_json(const DatasetInput& input) {
  Json dataset = {{"name", input.dataset.name},
                  {"digest", input.dataset.digest},
                  {"source_type", input.dataset.source_type},
                  {"source", input.dataset.source}};
  put(dataset, "schema", input.dataset.schema);
  put(dataset, "profile", input.dataset.profile);
  return {{"dataset", std::move(dataset)}, {"tags", to_json(input.tags)}};
}

std::vector<KeyValue> pairs_from(const Json& list) {
  auto pairs = vector_from<KeyValue>(
      list, [](const Json& json) { return KeyValue{text_of(json, "key"), text_of(json, "value")}; });
  std::ranges::sort(pairs, {}, &KeyValue::key);
  return pairs;
}

Metric metric_from(const Json& json) {
  return {.key = text_of(json, "key"),
          .value = number_of(json, "value"),
          .timestamp_ms = integer_of(json, "timestamp"),
          .step = integer_of(json, "step")};
}

DatasetInput dataset_input_from(const Json& json) {
  const Json& dataset = object_of(json, "dataset");
  return {.dataset = {.name = text_of(dataset, "name"),
                      .digest = text_of(dataset, "digest"),
                      .source_type = text_of(dataset, "source_type"),
                      .source = text_of(dataset, "source"),
                      .schema = text_of(dataset, "schema"),
                      .profile = text_of(dataset, "profile")},
          .tags = pairs_from(list_of(json, "tags"))};
}

ModelMetric model_metric_from(const Json& json) {
  return {.metric = metric_from(json),
          .model_id = text_of(json, "model_id"),
          .dataset_name = text_of(json, "dataset_name"),
          .dataset_digest = text_of(json, "dataset_digest"),
          .run_id = text_of(json, "run_id")};
}

ExperimentRecord experiment_from(const Json& json) {
  return {.id = text_of(json, "experiment_id"),
          .name = text_of(json, "name"),
          .artifact_location = text_of(json, "artifact_location"),
          .lifecycle_stage = stage_of(json),
          .creation_time = find_integer(json, "creation_time"),
          .last_update_time = find_integer(json, "last_update_time"),
          .tags = pairs_from(list_of(json, "tags"))};
}

RunRecord run_from(const Json& json) {
  const Json& info = object_of(json, "info");
  const Json& data = object_of(json, "data");
  RunRecord run;
  run.run_id = text_of(info, "run_id");
  if (run.run_id.empty()) run.run_id = text_of(info, "run_uuid");
  run.experiment_id = text_of(info, "experiment_id");
  run.name = text_of(info, "run_name");
  run.status = status_of(info);
  run.start_time = find_integer(info, "start_time");
  run.end_time = find_integer(info, "end_time");
  run.artifact_uri = text_of(info, "artifact_uri");
  run.user_id = text_of(info, "user_id");
  run.lifecycle_stage = stage_of(info);
  run.metrics = vector_from<Metric>(list_of(data, "metrics"), metric_from);
  std::ranges::sort(run.metrics, {}, &Metric::key);
  run.params = pairs_from(list_of(data, "params"));
  run.tags = pairs_from(list_of(data, "tags"));
  const Json& inputs = object_of(json, "inputs");
  run.dataset_inputs = vector_from<DatasetInput>(list_of(inputs, "dataset_inputs"), dataset_input_from);
  run.model_inputs = vector_from<std::string>(list_of(inputs, "model_inputs"),
                                              [](const Json& model) { return text_of(model, "model_id"); });
  run.model_outputs = vector_from<ModelOutput>(
      list_of(object_of(json, "outputs"), "model_outputs"),
      [](const Json& model) { return ModelOutput{text_of(model, "model_id"), integer_of(model, "step")}; });
  return run;
}

LoggedModel logged_model_from(const Json& json) {
  const Json& info = object_of(json, "info");
  const Json& data = object_of(json, "data");
  LoggedModel model;
  model.model_id = text_of(info, "model_id");
  model.experiment_id = text_of(info, "experiment_id");
  model.name = text_of(info, "name");
  model.artifact_uri = text_of(info, "artifact_uri");
  model.creation_time = integer_of(info, "creation_timestamp_ms");
  model.last_update_time = integer_of(info, "last_updated_timestamp_ms");
  model.status = find_logged_model_status(text_of(info, "status")).value_or(LoggedModelStatus::kUnspecified);
  model.model_type = text_of(info, "model_type");
  model.source_run_id = text_of(info, "source_run_id");
  model.status_message = text_of(info, "status_message");
  model.tags = pairs_from(list_of(info, "tags"));
  model.params = pairs_from(list_of(data, "params"));
  model.metrics = vector_from<ModelMetric>(list_of(data, "metrics"), model_metric_from);
  std::ranges::sort(model.metrics, {}, [](const ModelMetric& point) {
    const Metric& metric = point.metric;
    return std::tie(metric.key, point.dataset_name, point.dataset_digest, metric.step, metric.timestamp_ms);
  });
  return model;
}

RegisteredModel registered_model_from(const Json& json) {
  RegisteredModel model;
  model.name = text_of(json, "name");
  model.creation_time = integer_of(json, "creation_timestamp");
  model.last_update_time = integer_of(json, "last_updated_timestamp");
  model.description = text_of(json, "description");
  model.deployment_job_id = text_of(json, "deployment_job_id");
  model.tags = pairs_from(list_of(json, "tags"));
  model.aliases = vector_from<ModelAlias>(list_of(json, "aliases"), [](const Json& alias) {
    return ModelAlias{text_of(alias, "alias"), text_of(alias, "version")};
  });
  std::ranges::sort(model.aliases, {}, &ModelAlias::alias);
  model.latest_versions = vector_from<ModelVersion>(list_of(json, "latest_versions"), model_version_from);
  return model;
}

ModelVersion model_version_from(const Json& json) {
  ModelVersion version;
  version.name = text_of(json, "name");
  version.version = text_of(json, "version");
  version.creation_time = integer_of(json, "creation_timestamp");
  version.last_update_time = integer_of(json, "last_updated_timestamp");
  version.user_id = text_of(json, "user_id");
  version.current_stage = text_of(json, "current_stage");
  version.description = text_of(json, "description");
  version.source = text_of(json, "source");
  version.run_id = text_of(json, "run_id");
  version.run_link = text_of(json, "run_link");
  version.status = text_of(json, "status");
  version.status_message = text_of(json, "status_message");
  version.model_id = text_of(json, "model_id");
  version.model_params = vector_from<KeyValue>(list_of(json, "model_params"), [](const Json& param) {
    return KeyValue{text_of(param, "name"), text_of(param, "value")};
  });
  version.model_metrics = vector_from<ModelMetric>(list_of(json, "model_metrics"), model_metric_from);
  version.tags = pairs_from(list_of(json, "tags"));
  version.aliases = vector_from<std::string>(list_of(json, "aliases"), string_from);
  std::ranges::sort(version.aliases);
  return version;
}

}  // namespace ivory::tracking
