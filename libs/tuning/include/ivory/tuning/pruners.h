// The pruners at hand, with Optuna's defaults and decisions. A trial without reports goes on.
//
// With folds, a pruner looks at the fold that reported last: at its steps, and at the same fold of other
// trials; the signed-rank test takes each fold as an instance. With several objectives, values are compared
// by the front they stand in among those compared (non-dominated sorting, rank 0 is the best; equal ranks are
// equally good), and "worse" or "no better" means in every objective.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <ivory/tuning/sampler.h>

namespace ivory::tuning {

struct PercentileOptions {
  std::int64_t n_startup_trials = 5;  // COMPLETE trials before anything is pruned
  std::int64_t n_warmup_steps = 0;    // steps of a trial before it is
  std::int64_t interval_steps = 1;    // looks once in so many steps
  std::int64_t n_min_trials = 1;      // reports at the step to compare with
};
// Gives up a trial whose best report so far is worse than the percentile of the complete trials' reports at
// this step (Google Vizier's median rule with 50: Golovin et al. 2017), or whose reports are all NaN. With
// folds the best so far of this fold counts, against this step of this fold; with several objectives the best
// of each, and its rank against the percentile of the ranks. Errors: kInvalidArgument for a percentile
// outside [0, 100], negative counts, an interval below 1.
[[nodiscard]] std::unique_ptr<Pruner> make_percentile_pruner(double percentile,
                                                             const PercentileOptions& options = {});
[[nodiscard]] std::unique_ptr<Pruner> make_median_pruner(const PercentileOptions& options = {});

struct SuccessiveHalvingOptions {
  std::optional<std::int64_t> min_resource =
      {};  // none: a hundredth of the longest complete trial, at least 1
  std::int64_t reduction_factor = 4;
  std::int64_t min_early_stopping_rate = 0;
  std::int64_t bootstrap_count =
      0;  // trials that must reach a rung before one is promoted; needs min_resource
};
// Asynchronous successive halving (Li et al., A System for Massively Parallel Hyperparameter Tuning, 2018).
// At rung k, step min_resource * reduction_factor^(rate + k), a trial goes on if its value is in the best
// 1/reduction_factor of those that came there (with several objectives: if fewer have a better rank). The
// value is kept in the trial's system attribute `completed_rung_<k>`; each fold f has rungs of its own,
// `ivory:fold_<f>:completed_rung_<k>`.
[[nodiscard]] std::unique_ptr<Pruner> make_successive_halving_pruner(
    const SuccessiveHalvingOptions& options = {});

struct HyperbandOptions {
  std::int64_t min_resource = 1;
  std::optional<std::int64_t> max_resource =
      {};  // none: one more than the last step of the complete trial that ended first
  std::int64_t reduction_factor = 3;
  std::int64_t bootstrap_count = 0;
};
// Brackets of successive halving with early and late first rungs (Li et al., Hyperband, 2018). The bracket of
// a trial follows from the CRC-32 of the study's name and its number. Only trials of the same bracket are
// compared; samplers look at all of them.
[[nodiscard]] std::unique_ptr<Pruner> make_hyperband_pruner(const HyperbandOptions& options = {});

struct ThresholdOptions {
  std::optional<double> lower = {}, upper = {};  // at least one
  std::int64_t n_warmup_steps = 0;
  std::int64_t interval_steps = 1;
};
// Gives up a trial whose latest report is outside [lower, upper] or NaN; of several objectives one is enough.
[[nodiscard]] std::unique_ptr<Pruner> make_threshold_pruner(const ThresholdOptions& options);

// Asks `wrapped` (none: gives up) only if the best of the last `patience` + 1 reports is not better than the
// best before by more than `min_delta`. NaNs are passed over.
[[nodiscard]] std::unique_ptr<Pruner> make_patient_pruner(std::shared_ptr<const Pruner> wrapped,
                                                          std::int64_t patience, double min_delta = 0);

struct WilcoxonOptions {
  double p_threshold = 0.1;
  std::int64_t n_startup_steps = 2;
};
// Steps are instances of a problem, in any order: gives up a trial that is worse than the best one by a
// signed-rank test (Wilcoxon 1945; zeros split) over the instances both have seen, unless its mean is better.
// Of a trial that reports folds, these are the instances, each with its latest step, against the same step of
// the best trial's fold. With several objectives a trial is given up if one of the Pareto front is better in
// every objective, each by this test.
[[nodiscard]] std::unique_ptr<Pruner> make_wilcoxon_pruner(const WilcoxonOptions& options = {});

// Never gives up.
[[nodiscard]] std::unique_ptr<Pruner> make_nop_pruner();

// One-sided p-values of the signed-rank test, zeros split between both sides: exact up to 50 differences
// without ties and zeros, else the normal approximation without continuity correction.
enum class Alternative : std::uint8_t { kGreater, kLess };
[[nodiscard]] double wilcoxon_p_value(std::span<const double> differences, Alternative alternative);

// CRC-32 (ISO 3309) of a text.
[[nodiscard]] std::uint32_t crc32(std::string_view text) noexcept;

// A pruner by name, as made without arguments; for help, configuration and tests. Those that need arguments
// get ones that change nothing.
struct PrunerEntry {
  std::string_view name, summary;
  std::unique_ptr<Pruner> (*make)();
};
[[nodiscard]] std::span<const PrunerEntry> pruner_table();

}  // namespace ivory::tuning
