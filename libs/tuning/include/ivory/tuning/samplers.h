// The samplers at hand, with Optuna's defaults.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <ivory/tuning/sampler.h>

namespace ivory::tuning {

// A seed that is not given is drawn from the system: the study will not come out the same twice.
struct RandomOptions {
  std::optional<std::uint64_t> seed = {};
};
// Evenly from each parameter's range (its logarithm with log).
[[nodiscard]] std::unique_ptr<Sampler> make_random_sampler(const RandomOptions& options = {});

}  // namespace ivory::tuning
