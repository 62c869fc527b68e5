// Page tokens in MLflow's form: base64 of {"offset": N}.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace ivory::tracking {

[[nodiscard]] std::string make_page_token(std::int64_t offset);

// 0 for an empty token. Errors: kInvalidArgument, in MLflow's words.
[[nodiscard]] std::int64_t parse_page_token(std::string_view token);

// Errors: kInvalidArgument for what is no number of results to ask for.
void check_max_results(std::int64_t max_results);

}  // namespace ivory::tracking
