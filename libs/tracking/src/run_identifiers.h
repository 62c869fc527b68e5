// Ids and names for new runs, in MLflow's forms.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ivory::tracking {

// A random UUID (version 4) as 32 lower-case hex digits.
[[nodiscard]] std::string make_run_id();

// "adjective-noun-number", number 0 to 1000, at most 20 characters; not unique.
[[nodiscard]] std::string make_run_name();

// The N of a name `prefix#N`; empty if the name is not of that form.
[[nodiscard]] std::optional<std::int64_t> number_of_name(std::string_view name,
                                                         std::string_view prefix) noexcept;

}  // namespace ivory::tracking
