// Reports that Optuna's files have no place for, as trial attributes under "ivory:".
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include <ivory/tuning/frozen_trial.h>

namespace ivory::tuning {

// "ivory:report:<fold>:<step>", without a fold "ivory:report::<step>"; the value is the list of objectives.
[[nodiscard]] std::string report_key(const TrialReport& report);
// None: the attribute is something else.
[[nodiscard]] std::optional<TrialReport> find_report(std::string_view key, const Params& value);
// Moves the trial's reports into its system attributes.
[[nodiscard]] FrozenTrial with_reports_as_attrs(FrozenTrial trial);

}  // namespace ivory::tuning
