// What a condition or an order looks at in a record in memory.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <ivory/tracking/search.h>

namespace ivory::tracking {

// What a record has under a key: nothing, a number or a text.
using SearchField = std::variant<std::monostate, double, std::string_view>;

[[nodiscard]] SearchField time_field(const std::optional<TimeMs>& time);
[[nodiscard]] SearchField text_field(const std::string* text);

[[nodiscard]] bool field_matches(const SearchField& field, const SearchCondition& condition);
[[nodiscard]] bool text_matches(std::string_view text, const SearchCondition& condition);

// Less than 0 if `left` comes first: numbers and texts before NaN before nothing.
[[nodiscard]] int compare_fields(const SearchField& left, const SearchField& right, bool ascending);

}  // namespace ivory::tracking
