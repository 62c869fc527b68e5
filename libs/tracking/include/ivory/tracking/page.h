// One page of a listing, and the tokens that lead from one to the next.
#pragma once
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ivory::tracking {

template <class T>
struct Page {
  std::vector<T> items;
  std::string next_page_token;  // empty on the last page
};

// Tokens in MLflow's form: base64 of {"offset": N}, counted in items of the whole listing.
[[nodiscard]] std::string make_page_token(std::int64_t offset);
// 0 for an empty token. Errors: kInvalidArgument, in MLflow's words.
[[nodiscard]] std::int64_t parse_page_token(std::string_view token);
// Errors: kInvalidArgument for what is no number of results to ask for (1 to 50,000).
void check_max_results(std::int64_t max_results);

// The page of `all` that begins at `offset`.
template <class T>
[[nodiscard]] Page<T> page_of(std::vector<T> all, std::int64_t offset, std::int64_t max_results) {
  const auto count = static_cast<std::int64_t>(all.size());
  const std::int64_t begin = std::min(offset, count);
  const std::int64_t end = begin + std::min(max_results, count - begin);
  Page<T> page;
  page.items.assign(std::make_move_iterator(all.begin() + begin), std::make_move_iterator(all.begin() + end));
  if (end < count) page.next_page_token = make_page_token(end);
  return page;
}

}  // namespace ivory::tracking
