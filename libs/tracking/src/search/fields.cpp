#include "fields.h"

#include <algorithm>
#include <cmath>

namespace ivory::tracking {
namespace {

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

// Numbers and texts before NaN before nothing.
int rank_of(const SearchField& field) {
  if (std::holds_alternative<std::monostate>(field)) return 2;
  const auto* const number = std::get_if<double>(&field);
  return number != nullptr && std::isnan(*number) ? 1 : 0;
}

}  // namespace

SearchField time_field(const std::optional<TimeMs>& time) {
  return time ? SearchField(static_cast<double>(*time)) : SearchField();
}

SearchField text_field(const std::string* text) {
  return text != nullptr ? SearchField(std::string_view(*text)) : SearchField();
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

bool field_matches(const SearchField& field, const SearchCondition& condition) {
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

int compare_fields(const SearchField& left, const SearchField& right, bool ascending) {
  const int rank = rank_of(left);
  if (rank != rank_of(right)) return rank - rank_of(right);
  if (rank != 0 || left == right) return 0;
  return (left < right) == ascending ? -1 : 1;
}

}  // namespace ivory::tracking
