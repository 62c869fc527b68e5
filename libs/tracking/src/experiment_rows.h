// What all SQL stores ask of the experiment that they write into.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <ivory/storage/connection.h>

#include "run_rules.h"

namespace ivory::tracking {

// SQL experiments have integers for ids; what is none cannot exist.
[[nodiscard]] std::optional<std::int64_t> parse_experiment_id(std::string_view id);
// Errors: kNotFound (kInvalidParameterValue to MLflow's clients) for what is no integer.
[[nodiscard]] std::int64_t experiment_number(std::string_view id);

// The artifact location of an experiment that may have new runs and models.
std::string active_experiment_location(storage::Connection& connection, std::string_view id);

}  // namespace ivory::tracking
