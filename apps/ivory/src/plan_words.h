// The runs that KEY=VALUE words ask for.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/experiment/creator.h>
#include <ivory/experiment/ranges.h>
#include <ivory/experiment/run_plan.h>

namespace ivory {

// Words are read by the present values of the experiment's parameters; a seed counts as the word `seed=N`
// before them. Errors of all: kInvalidArgument for a word without `=`, a name given twice, and those of
// present_value(), parse_values() and RunPlan.

// A run for each combination, `repeat` times.
[[nodiscard]] RunPlan product_plan(const Creator& experiment, const std::vector<std::string>& words,
                                   std::optional<std::int64_t> seed = {}, std::int64_t repeat = 1);
// For each word with several values a run a value; those with one value are fixed.
[[nodiscard]] RunPlan chain_plan(const Creator& experiment, const std::vector<std::string>& words,
                                 bool use_best_param, std::optional<std::int64_t> seed = {});

// What `ivory optimize` is to tune: of a word with an interval (lr=1e-5_1e-1.log) the interval itself, of one
// with several values those, of one with one value that; a word without `=` is the suggest function's name.
struct TuningWords {
  std::string suggest;  // empty: none
  Ranges params;
};
// Errors: also for a second suggest function, and for an interval in which nothing lies.
[[nodiscard]] TuningWords tuning_words(const Creator& experiment, const std::vector<std::string>& words,
                                       std::optional<std::int64_t> seed = {});
// The values of each word, to be swept.
[[nodiscard]] Ranges swept_words(const Creator& experiment, const std::vector<std::string>& words);

}  // namespace ivory
