// Points in time as Optuna's files write them: UTC, to the microsecond.
#pragma once
#include <string>
#include <string_view>

#include <ivory/tuning/frozen_trial.h>

namespace ivory::tuning {

// "2026-11-23T16:54:09.376692+00:00".
[[nodiscard]] std::string to_iso(Time time);
// "2026-11-23 16:54:09.376692".
[[nodiscard]] std::string to_sql(Time time);
// Either form, with or without a fraction; an offset, if there is one, is taken into account.
// Errors: kInvalidArgument for anything else.
[[nodiscard]] Time parse_time(std::string_view text);

}  // namespace ivory::tuning
