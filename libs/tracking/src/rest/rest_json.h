// MLflow's REST messages: to our entities and from them. Fields that are missing have their defaults, as in
// protocol buffers; 64-bit integers are taken as numbers or text, as servers of either kind send them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>

namespace ivory::tracking {

using Json = nlohmann::json;

// The value of a field, or its default. Errors of all from_json below: kIo for a value of another type.
[[nodiscard]] std::string text_of(const Json& object, std::string_view field);
[[nodiscard]] std::int64_t integer_of(const Json& object, std::string_view field);
// The elements of a list; none if it is missing.
[[nodiscard]] const Json& list_of(const Json& object, std::string_view field);
[[nodiscard]] const Json& object_of(const Json& object, std::string_view field);

[[nodiscard]] Json to_json(const std::vector<KeyValue>& pairs);
[[nodiscard]] Json to_json(const Metric& metric);
[[nodiscard]] Json to_json(const ModelMetric& metric);
[[nodiscard]] Json to_json(const DatasetInput& input);

[[nodiscard]] std::vector<KeyValue> pairs_from(const Json& list);  // by key
[[nodiscard]] Metric metric_from(const Json& json);
[[nodiscard]] ModelMetric model_metric_from(const Json& json);
[[nodiscard]] DatasetInput dataset_input_from(const Json& json);
[[nodiscard]] ExperimentRecord experiment_from(const Json& json);
[[nodiscard]] RunRecord run_from(const Json& json);
[[nodiscard]] LoggedModel logged_model_from(const Json& json);
[[nodiscard]] RegisteredModel registered_model_from(const Json& json);
[[nodiscard]] ModelVersion model_version_from(const Json& json);

}  // namespace ivory::tracking
