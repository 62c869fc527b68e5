#include "experiment_rows.h"

#include <charconv>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/store_error.h>

namespace ivory::tracking {

void fail_no_experiment(std::string_view id) {
  throw Error(ErrorCode::kNotFound, "No Experiment with id=" + std::string(id) + " exists");
}

std::optional<std::int64_t> parse_experiment_id(std::string_view id) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  return number;
}

std::int64_t experiment_number(std::string_view id) {
  const auto number = parse_experiment_id(id);
  if (number) return *number;
  throw StoreError(Refusal::kInvalidParameterValue, ErrorCode::kNotFound,
                   "Invalid experiment ID '" + std::string(id) + "'. Experiment ID must be a valid integer.");
}

void check_active(std::string_view what, std::string_view id, std::string_view lifecycle_stage) {
  if (lifecycle_stage == to_text(LifecycleStage::kActive)) return;
  throw Error(ErrorCode::kConflict, "The " + std::string(what) + " " + std::string(id) +
                                        " must be in the 'active' state. Current state is " +
                                        std::string(lifecycle_stage) + ".");
}

std::string active_experiment_location(storage::Connection& connection, std::string_view id) {
  auto query =
      connection.query("SELECT artifact_location, lifecycle_stage FROM experiments WHERE experiment_id = ?");
  query.bind(experiment_number(id));
  if (!query.next()) fail_no_experiment(id);
  check_active("experiment", id, query.text(1));
  return std::string(query.text(0));
}

std::string append_to_location(std::string location, std::string_view tail) {
  while (location.size() > 1 && location.back() == '/') location.pop_back();
  return location + "/" + std::string(tail);
}

}  // namespace ivory::tracking
