// Indexes of our own in MLflow's tables, which MLflow ignores. They make searches take time by what they find
// and not by what there is.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include <ivory/storage/connection.h>

namespace ivory::tracking {

// Longer params and tags are not indexed: a plan or a note is looked at, not looked for.
inline constexpr std::size_t kMaxIndexedText = 250;

// "length(COLUMN) <= 250": what a query must say for these indexes to serve it.
[[nodiscard]] std::string short_text_condition(std::string_view column);

// The same for names of runs with a number: `run#3`. Others, most of them random, are found by their tag.
[[nodiscard]] std::string numbered_name_condition(std::string_view column);

[[nodiscard]] bool has_own_indexes(storage::Connection& connection);
void create_own_indexes(storage::Connection& connection);

}  // namespace ivory::tracking
