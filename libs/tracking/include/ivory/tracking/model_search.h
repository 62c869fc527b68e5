// The search languages of the model registry and of logged models: search.h's with other names.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/search.h>

namespace ivory::tracking {

// Of all functions here: errors kInvalidArgument, in MLflow's words.

// Attributes: name. Tags.
[[nodiscard]] std::vector<SearchCondition> parse_registered_model_filter(std::string_view filter);
// Attributes: name, run_id (with IN, too), source_path, version_number. Tags.
[[nodiscard]] std::vector<SearchCondition> parse_model_version_filter(std::string_view filter);
// Attributes: name, model_id, model_type, status, source_run_id, creation_timestamp, last_updated_timestamp.
// Metrics, params, tags.
[[nodiscard]] std::vector<SearchCondition> parse_logged_model_filter(std::string_view filter);

// Attributes alone, with the last keys that make the order one. Models: name, creation_timestamp,
// last_updated_timestamp ("timestamp", too). Versions: version_number besides.
[[nodiscard]] std::vector<SearchOrder> parse_registered_model_order(const std::vector<std::string>& order_by);
[[nodiscard]] std::vector<SearchOrder> parse_model_version_order(const std::vector<std::string>& order_by);
// As asked for, with the last keys; attributes and metrics by the names above.
struct LoggedModelSort {
  SearchOrder order;
  std::string dataset_name;  // of a metric; empty: any
  std::string dataset_digest;
};
[[nodiscard]] std::vector<LoggedModelSort> parse_logged_model_order(
    const std::vector<LoggedModelOrder>& order_by);

// MLflow keeps prompts among the registered models and leaves them out of a search that does not ask for them
// with the tag mlflow.prompt.is_prompt.
[[nodiscard]] bool asks_for_prompts(const std::vector<SearchCondition>& conditions);

// Whether a record meets all conditions. A condition on what the record does not have is not met.
[[nodiscard]] bool matches(const RegisteredModel& model, const std::vector<SearchCondition>& conditions);
[[nodiscard]] bool matches(const ModelVersion& version, const std::vector<SearchCondition>& conditions);
// Metrics are looked at where they belong to one of the datasets, if there are any.
[[nodiscard]] bool matches(const LoggedModel& model, const std::vector<SearchCondition>& conditions,
                           const std::vector<Dataset>& datasets);

void sort_records(std::vector<RegisteredModel>& models, const std::vector<SearchOrder>& order);
void sort_records(std::vector<ModelVersion>& versions, const std::vector<SearchOrder>& order);
// What lacks the metric comes last, either way.
void sort_records(std::vector<LoggedModel>& models, const std::vector<LoggedModelSort>& order);

// The number of results that is asked for. Errors: for what is none, and for more than 1,000 models or
// 200,000 versions.
[[nodiscard]] std::int64_t registered_model_results(const SearchModels& search);
[[nodiscard]] std::int64_t model_version_results(const SearchModels& search);

}  // namespace ivory::tracking
