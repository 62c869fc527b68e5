// Ids and names for new runs, in MLflow's forms.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ivory::tracking {

// A random UUID (version 4) as 32 lower-case hex digits.
[[nodiscard]] std::string make_run_id();

// Ids like those of make_run_id() whose first eight digits count up from a random number: what belongs to
// runs that are made one after the other stands side by side in every index of a database, so that a
// transaction changes few pages of it. The rest is random: an id cannot be guessed from another. Threads:
// any.
class RunIds {
 public:
  RunIds();
  [[nodiscard]] std::string next();

 private:
  std::atomic<std::uint32_t> count_;
};

// "adjective-noun-number", number 0 to 1000, at most 20 characters; not unique.
[[nodiscard]] std::string make_run_name();

// The N of a name `prefix#N`; empty if the name is not of that form.
[[nodiscard]] std::optional<std::int64_t> number_of_name(std::string_view name,
                                                         std::string_view prefix) noexcept;

}  // namespace ivory::tracking
