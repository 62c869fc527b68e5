// The sampler that picks a sampler.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <ivory/tuning/sampler.h>

namespace ivory::tuning {

// What a choice depends on.
struct Situation {
  std::size_t objectives = 1;
  std::size_t numbers = 0;   // float and int parameters that all trials have
  std::size_t choices = 0;   // categorical ones
  bool conditional = false;  // some trials have parameters that others lack, or other ranges
  bool constrained = false;
  std::int64_t number = 0;                    // of the trial that is chosen for
  std::int64_t finished = 0;                  // trials that ended COMPLETE or PRUNED
  std::optional<std::int64_t> n_trials = {};  // the study's budget, if it is known
};
// The name of the sampler for the next trial, as in sampler_table(); "tpe-group" is TPE with `group`,
// "gp-warped" a GP with `warp_values` and `trust_region`.
[[nodiscard]] std::string_view choose_sampler(const Situation& situation) noexcept;

struct AutoOptions {
  std::optional<std::int64_t> n_trials = {};  // about how many trials the study will have
  std::optional<std::uint64_t> seed = {};
};
// Chooses for each trial, by what the history says of the space: a Gaussian process in a box around the best
// for few trials, with TPE every fourth time and, from 50 trials on, one over the whole space every fourth;
// then CMA-ES that begins where those were good; TPE for choices, constraints and conditional spaces; NSGA
// for many trials of several objectives. choose_sampler has the rules, RESULTS.md in benchmarks what they
// rest on. Workers that see the same history choose alike.
[[nodiscard]] std::unique_ptr<Sampler> make_auto_sampler(const AutoOptions& options = {});

}  // namespace ivory::tuning
