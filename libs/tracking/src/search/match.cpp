// Conditions and orders over records in memory.
#include <algorithm>
#include <cmath>
#include <compare>
#include <limits>
#include <optional>

#include <ivory/base/utf8.h>
#include <ivory/tracking/search.h>

#include "fields.h"

namespace ivory::tracking {
namespace {

using Entity = SearchEntity;
using Field = SearchField;

Field attribute_of(const RunRecord& run, std::string_view key) {
  if (key == "run_id") return std::string_view(run.run_id);
  if (key == "run_name") return std::string_view(run.name);
  if (key == "status") return to_text(run.status);
  if (key == "user_id") return std::string_view(run.user_id);
  if (key == "artifact_uri") return std::string_view(run.artifact_uri);
  return time_field(key == "start_time" ? run.start_time : run.end_time);
}

Field field_of(const RunRecord& run, Entity entity, std::string_view key) {
  switch (entity) {
    case Entity::kMetric: {
      const Metric* const metric = run.find_metric(key);
      return metric != nullptr ? Field(metric->value) : Field();
    }
    case Entity::kParam:
      return text_field(run.find_param(key));
    case Entity::kTag:
      return text_field(run.find_tag(key));
    default:
      return attribute_of(run, key);
  }
}

double experiment_number(const ExperimentRecord& experiment) {
  return std::strtod(experiment.id.c_str(), nullptr);
}

Field field_of(const ExperimentRecord& experiment, Entity entity, std::string_view key) {
  if (entity == Entity::kTag) {
    const auto tag = std::find_if(experiment.tags.begin(), experiment.tags.end(),
                                  [&](const KeyValue& entry) { return entry.key == key; });
    return tag != experiment.tags.end() ? Field(std::string_view(tag->value)) : Field();
  }
  if (key == "name") return std::string_view(experiment.name);
  if (key == "experiment_id") return experiment_number(experiment);
  return time_field(key == "creation_time" ? experiment.creation_time : experiment.last_update_time);
}

bool input_matches(const DatasetInput& input, const SearchCondition& condition) {
  if (condition.key == "name") return text_matches(input.dataset.name, condition);
  if (condition.key == "digest") return text_matches(input.dataset.digest, condition);
  return std::any_of(input.tags.begin(), input.tags.end(), [&](const KeyValue& tag) {
    return tag.key == "mlflow.data.context" && text_matches(tag.value, condition);
  });
}

bool is_met(const RunRecord& run, const SearchCondition& condition) {
  if (condition.entity != Entity::kDataset)
    return field_matches(field_of(run, condition.entity, condition.key), condition);
  return std::any_of(run.dataset_inputs.begin(), run.dataset_inputs.end(),
                     [&](const DatasetInput& input) { return input_matches(input, condition); });
}

template <class Record>
int order_of(const Record& left, const Record& right, const std::vector<SearchOrder>& order) {
  for (const SearchOrder& key : order) {
    const int result = compare_fields(field_of(left, key.entity, key.key),
                                      field_of(right, key.entity, key.key), key.ascending);
    if (result != 0) return result;
  }
  return 0;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t character_bytes(std::string_view text) { return decode_utf8(text).bytes; }

}  // namespace

// The last % that was met is taken up again where what follows it does not fit: at most text times pattern.
bool matches_pattern(std::string_view text, std::string_view pattern, bool ignore_case) {
  const auto same = [&](char a, char b) { return a == b || (ignore_case && lower(a) == lower(b)); };
  std::string_view after_percent;
  std::string_view tried;
  bool has_percent = false;
  while (!text.empty() || !pattern.empty()) {
    if (!pattern.empty() && pattern.front() == '%') {
      pattern.remove_prefix(1);
      after_percent = pattern;
      tried = text;
      has_percent = true;
    } else if (!pattern.empty() && !text.empty() && pattern.front() == '_') {
      text.remove_prefix(character_bytes(text));
      pattern.remove_prefix(1);
    } else if (!pattern.empty() && !text.empty() && same(pattern.front(), text.front())) {
      text.remove_prefix(1);
      pattern.remove_prefix(1);
    } else if (has_percent && !tried.empty()) {
      tried.remove_prefix(character_bytes(tried));
      text = tried;
      pattern = after_percent;
    } else {
      return false;
    }
  }
  return true;
}

bool matches(const RunRecord& run, const std::vector<SearchCondition>& conditions) {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const SearchCondition& condition) { return is_met(run, condition); });
}

bool matches(const ExperimentRecord& experiment, const std::vector<SearchCondition>& conditions) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const SearchCondition& condition) {
    return field_matches(field_of(experiment, condition.entity, condition.key), condition);
  });
}

void sort_records(std::vector<RunRecord>& runs, const std::vector<SearchOrder>& order) {
  const std::vector<SearchOrder> natural{{Entity::kAttribute, "start_time", false},
                                         {Entity::kAttribute, "run_id", true}};
  std::sort(runs.begin(), runs.end(), [&](const RunRecord& left, const RunRecord& right) {
    const int first = order_of(left, right, order);
    return (first != 0 ? first : order_of(left, right, natural)) < 0;
  });
}

void sort_records(std::vector<ExperimentRecord>& experiments, const std::vector<SearchOrder>& order) {
  std::sort(experiments.begin(), experiments.end(),
            [&](const ExperimentRecord& left, const ExperimentRecord& right) {
              return order_of(left, right, order) < 0;
            });
}

}  // namespace ivory::tracking
