// Conditions and orders over registered models, their versions and logged models in memory.
#include <algorithm>
#include <cstdlib>

#include <ivory/tracking/model_search.h>

#include "../model_rules.h"
#include "fields.h"

namespace ivory::tracking {
namespace {

using Entity = SearchEntity;

SearchField number_field(std::int64_t number) { return static_cast<double>(number); }

SearchField entry_field(const std::vector<KeyValue>& entries, std::string_view key) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const KeyValue& entry) { return entry.key == key; });
  return found == entries.end() ? SearchField() : SearchField(std::string_view(found->value));
}

SearchField field_of(const RegisteredModel& model, const SearchEntity entity, std::string_view key) {
  if (entity == Entity::kTag) return entry_field(model.tags, key);
  if (key == "name") return std::string_view(model.name);
  return number_field(key == "creation_timestamp" ? model.creation_time : model.last_update_time);
}

SearchField field_of(const ModelVersion& version, const SearchEntity entity, std::string_view key) {
  if (entity == Entity::kTag) return entry_field(version.tags, key);
  if (key == "name") return std::string_view(version.name);
  if (key == "run_id") return std::string_view(version.run_id);
  if (key == "source_path") return std::string_view(version.source);
  if (key == "version_number") return std::strtod(version.version.c_str(), nullptr);
  return number_field(key == "creation_timestamp" ? version.creation_time : version.last_update_time);
}

std::string_view short_name(LoggedModelStatus status) {
  switch (status) {
    case LoggedModelStatus::kPending:
      return "PENDING";
    case LoggedModelStatus::kReady:
      return "READY";
    case LoggedModelStatus::kUploadFailed:
      return "FAILED";
    default:
      return "UNSPECIFIED";
  }
}

SearchField attribute_of(const LoggedModel& model, std::string_view key) {
  if (key == "name") return std::string_view(model.name);
  if (key == "model_id") return std::string_view(model.model_id);
  if (key == "status") return short_name(model.status);
  if (key == "creation_timestamp") return number_field(model.creation_time);
  if (key == "last_updated_timestamp") return number_field(model.last_update_time);
  const std::string& text = key == "model_type" ? model.model_type : model.source_run_id;
  return text.empty() ? SearchField() : SearchField(std::string_view(text));
}

bool is_on(const ModelMetric& metric, std::string_view name, std::string_view digest) {
  return (name.empty() || metric.dataset_name == name) && (digest.empty() || metric.dataset_digest == digest);
}

bool is_on_any(const ModelMetric& metric, const std::vector<Dataset>& datasets) {
  return datasets.empty() || std::any_of(datasets.begin(), datasets.end(), [&](const Dataset& dataset) {
           return is_on(metric, dataset.name, dataset.digest);
         });
}

bool is_met(const LoggedModel& model, const SearchCondition& condition,
            const std::vector<Dataset>& datasets) {
  switch (condition.entity) {
    case Entity::kParam:
      return field_matches(entry_field(model.params, condition.key), condition);
    case Entity::kTag:
      return field_matches(entry_field(model.tags, condition.key), condition);
    case Entity::kMetric:
      return std::any_of(model.metrics.begin(), model.metrics.end(), [&](const ModelMetric& metric) {
        return metric.metric.key == condition.key && is_on_any(metric, datasets) &&
               field_matches(metric.metric.value, condition);
      });
    default:
      return field_matches(attribute_of(model, condition.key), condition);
  }
}

// Of the latest point.
SearchField metric_of(const LoggedModel& model, const LoggedModelSort& sort) {
  const Metric* latest = nullptr;
  for (const ModelMetric& point : model.metrics) {
    if (point.metric.key != sort.order.key || !is_on(point, sort.dataset_name, sort.dataset_digest)) continue;
    const bool later =
        latest == nullptr || point.metric.timestamp_ms > latest->timestamp_ms ||
        (point.metric.timestamp_ms == latest->timestamp_ms && point.metric.step > latest->step);
    if (later) latest = &point.metric;
  }
  return latest == nullptr ? SearchField() : SearchField(latest->value);
}

SearchField field_of(const LoggedModel& model, const LoggedModelSort& sort) {
  return sort.order.entity == Entity::kMetric ? metric_of(model, sort) : attribute_of(model, sort.order.key);
}

// Prompts are left out of what does not ask for them; a condition on their tag says no more then.
template <class Record>
bool matches_registered(const Record& record, const std::vector<SearchCondition>& conditions) {
  const bool prompts = asks_for_prompts(conditions);
  if (!prompts && is_prompt(record.tags)) return false;
  return std::all_of(conditions.begin(), conditions.end(), [&](const SearchCondition& condition) {
    const bool is_about_prompts = condition.entity == Entity::kTag && condition.key == kPromptTag;
    return (is_about_prompts && !prompts) ||
           field_matches(field_of(record, condition.entity, condition.key), condition);
  });
}

template <class Record>
void sort_registered(std::vector<Record>& records, const std::vector<SearchOrder>& order) {
  std::sort(records.begin(), records.end(), [&](const Record& left, const Record& right) {
    for (const SearchOrder& key : order) {
      const int result = compare_fields(field_of(left, key.entity, key.key),
                                        field_of(right, key.entity, key.key), key.ascending);
      if (result != 0) return result < 0;
    }
    return false;
  });
}

}  // namespace

bool matches(const RegisteredModel& model, const std::vector<SearchCondition>& conditions) {
  return matches_registered(model, conditions);
}

bool matches(const ModelVersion& version, const std::vector<SearchCondition>& conditions) {
  return matches_registered(version, conditions);
}

bool matches(const LoggedModel& model, const std::vector<SearchCondition>& conditions,
             const std::vector<Dataset>& datasets) {
  bool has_metric = false;
  for (const SearchCondition& condition : conditions) {
    has_metric = has_metric || condition.entity == Entity::kMetric;
    if (!is_met(model, condition, datasets)) return false;
  }
  return datasets.empty() || has_metric ||
         std::any_of(model.metrics.begin(), model.metrics.end(),
                     [&](const ModelMetric& metric) { return is_on_any(metric, datasets); });
}

void sort_records(std::vector<RegisteredModel>& models, const std::vector<SearchOrder>& order) {
  sort_registered(models, order);
}

void sort_records(std::vector<ModelVersion>& versions, const std::vector<SearchOrder>& order) {
  sort_registered(versions, order);
}

void sort_records(std::vector<LoggedModel>& models, const std::vector<LoggedModelSort>& order) {
  std::sort(models.begin(), models.end(), [&](const LoggedModel& left, const LoggedModel& right) {
    for (const LoggedModelSort& sort : order) {
      const int result = compare_fields(field_of(left, sort), field_of(right, sort), sort.order.ascending);
      if (result != 0) return result < 0;
    }
    return false;
  });
}

}  // namespace ivory::tracking
