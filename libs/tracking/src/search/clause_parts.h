// What the search languages share in reading a clause: comparators, numbers, quoted values, and MLflow's
// words.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/search.h>

namespace ivory::tracking {

// "LIKE" and the like, in upper case; empty for another.
[[nodiscard]] std::optional<Comparator> find_comparator(std::string_view name) noexcept;
// Of a name that has been found good.
[[nodiscard]] Comparator comparator_named(std::string_view name);
// Of a number token; what is out of range keeps its side: an infinity, or 0.
[[nodiscard]] double parse_search_number(std::string_view text);
[[nodiscard]] bool is_quotable(const FilterClause& clause) noexcept;
// The value of such a clause without its quotes. Errors: kInvalidArgument if it has none.
[[nodiscard]] std::string quoted_text(const FilterClause& clause);
// Without quotes, and without backquotes in them.
[[nodiscard]] std::string_view bare_key(std::string_view key);
// As Python prints a set of texts; in one order always.
[[nodiscard]] std::string set_of_names(const std::vector<std::string_view>& names);
// As Python prints a list of texts.
[[nodiscard]] std::string list_of_texts(const std::vector<std::string>& texts);

}  // namespace ivory::tracking
