// Studies and trials as other programs read them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/tuning/study.h>

namespace ivory {

// Everything a trial has: params (as the objective saw them), internal_params (as files keep them),
// distributions, values, intermediate_values …; times in UTC.
[[nodiscard]] Params trial_record(const tuning::FrozenTrial& trial);
[[nodiscard]] Params summary_record(const tuning::StudySummary& summary);
// A study with all its trials, and the numbers of the best ones (null: none is complete).
[[nodiscard]] Params study_record(const tuning::Study& study);

// The best trial, or those that none dominates; empty: none is complete.
[[nodiscard]] std::vector<tuning::FrozenTrial> best_of(const tuning::Study& study);

// A table: number, state, the value of each objective, parameters, seconds.
[[nodiscard]] std::string trials_text(const std::vector<tuning::FrozenTrial>& trials,
                                      const std::vector<std::string>& objectives);
// Four digits of a real number.
[[nodiscard]] std::string param_text(const Params& value);
// Lines for a table, with the columns of Optuna's trials_dataframe: number, value (values_0 … of several
// objectives), datetime_start, datetime_complete, duration (seconds), params_*, user_attrs_*, state.
[[nodiscard]] std::string trials_csv(const std::vector<tuning::FrozenTrial>& trials, std::size_t objectives);

// The names of the objectives, or "value", or "value 0", "value 1" …
[[nodiscard]] std::vector<std::string> objective_names(const std::vector<std::string>& metric_names,
                                                       std::size_t objectives);
[[nodiscard]] std::string directions_text(const std::vector<tuning::Direction>& directions);
// "2026-11-23T16:54:09.376692Z"; empty: none.
[[nodiscard]] std::string utc_text(const std::optional<tuning::Time>& time);
// Seconds from the start to the end; empty: it has not ended.
[[nodiscard]] std::string seconds_text(const tuning::FrozenTrial& trial);

}  // namespace ivory
