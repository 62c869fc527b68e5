#include "common_space.h"

#include <algorithm>

namespace ivory::tuning {

bool has_param(const FrozenTrial& trial, const TrialParam& wanted) {
  const TrialParam* param = trial.find_param(wanted.name);
  return param && param->distribution == wanted.distribution;
}

std::vector<TrialParam> common_space(std::span<const FrozenTrial> trials) {
  std::vector<TrialParam> space;
  bool begun = false;
  for (const auto& trial : trials) {
    if (trial.state != TrialState::kComplete) continue;
    if (!begun) space = trial.params;
    begun = true;
    std::erase_if(space, [&](const TrialParam& param) { return !has_param(trial, param); });
  }
  std::ranges::sort(space, {}, &TrialParam::name);
  return space;
}

}  // namespace ivory::tuning
