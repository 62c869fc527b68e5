// The parameters that trials have in common.
#pragma once
#include <span>
#include <vector>

#include <ivory/tuning/frozen_trial.h>

namespace ivory::tuning {

// True if the trial has the parameter with the same distribution.
[[nodiscard]] bool has_param(const FrozenTrial& trial, const TrialParam& wanted);
// Those that each COMPLETE trial has with the same distribution, by name; of one value too.
[[nodiscard]] std::vector<TrialParam> common_space(std::span<const FrozenTrial> trials);

}  // namespace ivory::tuning
