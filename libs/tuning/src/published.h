// Joint proposals of running trials, for other processes, as Optuna keeps them.
#pragma once
#include <string_view>
#include <vector>

#include <ivory/tuning/sampler.h>

namespace ivory::tuning {

constexpr std::string_view kTpePublished = "tpe:relative_params:";
constexpr std::string_view kGpPublished = "gp:relative_params:";

// A JSON object of external values, in pieces under system attributes `prefix` and a number.
void publish_joint(TrialContext& context, std::string_view prefix, const std::vector<TrialParam>& proposal);

}  // namespace ivory::tuning
