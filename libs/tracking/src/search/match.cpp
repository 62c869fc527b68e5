// Conditions and orders over records in memory.
#include <algorithm>
#include <cmath>
#include <compare>
#include <limits>
#include <optional>

#include <ivory/base/utf8.h>
#include <ivory/tracking/search.h>

namespace ivory::tracking {
namespace {

using Entity = SearchEntity;

// What a record has under a key: nothing, a number or a text.
using Field = std::variant<std::monostate, double, std::string_view>;

Field time_field(const std::optional<TimeMs>& time) {
  return time ? Field(static_cast<double>(*time)) : Field();
}

Field text_field(const std::string* text) {
  return text != nullptr ? Field(std::string_view(*text)) : Field();
}

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

template <class T>
bool compare(const T& left, Comparator comparator, const T& right) {
  switch (comparator) {
    case Comparator::kEqual:
      return left == right;
    case Comparator::kNotEqual:
      return left != right;
    case Comparator::kLess:
      return left < right;
    case Comparator::kLessEqual:
      return left <= right;
    case Comparator::kGreater:
      return left > right;
    case Comparator::kGreaterEqual:
      return left >= right;
    default:
      return false;
  }
}

bool text_matches(std::string_view text, const SearchCondition& condition) {
  if (const auto* const list = std::get_if<std::vector<std::string>>(&condition.value)) {
    const bool is_in = std::find(list->begin(), list->end(), text) != list->end();
    return is_in == (condition.comparator == Comparator::kIn);
  }
  const auto* const value = std::get_if<std::string>(&condition.value);
  if (value == nullptr) return false;
  if (condition.comparator == Comparator::kLike) return matches_pattern(text, *value, false);
  if (condition.comparator == Comparator::kIlike) return matches_pattern(text, *value, true);
  return compare(text, condition.comparator, std::string_view(*value));
}

bool field_matches(const Field& field, const SearchCondition& condition) {
  const bool is_there = !std::holds_alternative<std::monostate>(field);
  if (condition.comparator == Comparator::kIsNull) return !is_there;
  if (condition.comparator == Comparator::kIsNotNull) return is_there;
  if (const auto* const number = std::get_if<double>(&field)) {
    const auto* const value = std::get_if<double>(&condition.value);
    return value != nullptr && compare(*number, condition.comparator, *value);
  }
  const auto* const text = std::get_if<std::string_view>(&field);
  return text != nullptr && text_matches(*text, condition);
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

// Numbers and texts before NaN before nothing.
int rank_of(const Field& field) {
  if (std::holds_alternative<std::monostate>(field)) return 2;
  const auto* const number = std::get_if<double>(&field);
  return number != nullptr && std::isnan(*number) ? 1 : 0;
}

// Less than 0 if `left` comes first.
int order_of(const Field& left, const Field& right, bool ascending) {
  const int rank = rank_of(left);
  if (rank != rank_of(right)) return rank - rank_of(right);
  if (rank != 0 || left == right) return 0;
  return (left < right) == ascending ? -1 : 1;
}

template <class Record>
int order_of(const Record& left, const Record& right, const std::vector<SearchOrder>& order) {
  for (const SearchOrder& key : order) {
    const int result =
        order_of(field_of(left, key.entity, key.key), field_of(right, key.entity, key.key), key.ascending);
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
