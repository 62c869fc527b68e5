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

struct TpeOptions {
  std::int64_t n_startup_trials = 10;  // COMPLETE and PRUNED trials that are sampled at random first
  std::int64_t n_ei_candidates = 24;   // draws of which the best is taken
  std::optional<bool> multivariate =
      {};                     // parameters together; none: true for one objective, false for several
  bool group = false;         // together in groups that occur together; implies multivariate
  bool constant_liar = true;  // trials that run count as bad ones
  std::optional<std::uint64_t> seed = {};
};
// Tree-structured Parzen estimators (Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011;
// Making a Science of Model Search, 2013; Watanabe, arXiv 2304.11127; several objectives: Ozaki et al., 2020,
// 2022). The good tenth of the trials and the rest each make a density; of draws from the first, the one with
// the greatest ratio is taken. Trials that violate constraints count as bad, less so the less they do. Its
// cost grows linearly with the history. Default for studies of any number of objectives.
[[nodiscard]] std::unique_ptr<Sampler> make_tpe_sampler(const TpeOptions& options = {});

// A sampler by name, with this seed and defaults for the rest; for help, configuration and tests. Not those
// that cannot do without arguments (the grid).
struct SamplerEntry {
  std::string_view name, summary;
  std::unique_ptr<Sampler> (*make)(std::uint64_t seed);
};
[[nodiscard]] std::span<const SamplerEntry> sampler_table();

}  // namespace ivory::tuning
