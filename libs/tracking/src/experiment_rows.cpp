#include "experiment_rows.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/store_error.h>

namespace ivory::tracking {

std::optional<std::int64_t> parse_experiment_id(std::string_view id) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  // PostgreSQL's column has 32 bits, and what does not fit belongs to no experiment, as its largest number.
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  return std::clamp(number, -kLargest, kLargest);
}

std::int64_t experiment_number(std::string_view id) {
  const auto number = parse_experiment_id(id);
  if (number) return *number;
  throw StoreError(Refusal::kInvalidParameterValue, ErrorCode::kNotFound,
                   "Invalid experiment ID '" + std::string(id) + "'. Experiment ID must be a valid integer.");
}

std::string active_experiment_location(storage::Connection& connection, std::string_view id) {
  auto query =
      connection.query("SELECT artifact_location, lifecycle_stage FROM experiments WHERE experiment_id = ?");
  query.bind(experiment_number(id));
  if (!query.next()) fail_no_experiment(id);
  check_active("experiment", id, query.text(1));
  return std::string(query.text(0));
}

}  // namespace ivory::tracking
