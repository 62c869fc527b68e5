// When to stop: a study has found what is to be found once what it may still gain is less than the error that
// its values have anyway.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <ivory/tuning/study.h>

namespace ivory::tuning {

// How far a value may be off. Threads: any. Errors: kInvalidArgument if it cannot judge these trials.
class ErrorEvaluator {
 public:
  virtual ~ErrorEvaluator() = default;
  ErrorEvaluator(const ErrorEvaluator&) = delete;
  ErrorEvaluator& operator=(const ErrorEvaluator&) = delete;
  // `trials`: those of a study of one objective, by number; at least one is COMPLETE.
  [[nodiscard]] virtual double evaluate(std::span<const FrozenTrial> trials, Direction direction) const = 0;

 protected:
  ErrorEvaluator() = default;
};

// How much the best value may still improve, in the unit of the error that it goes with. As ErrorEvaluator.
class ImprovementEvaluator {
 public:
  virtual ~ImprovementEvaluator() = default;
  ImprovementEvaluator(const ImprovementEvaluator&) = delete;
  ImprovementEvaluator& operator=(const ImprovementEvaluator&) = delete;
  [[nodiscard]] virtual double evaluate(std::span<const FrozenTrial> trials, Direction direction) const = 0;
  // The error it is compared with where none is given: that of a cross-validation.
  [[nodiscard]] virtual std::unique_ptr<ErrorEvaluator> make_error_evaluator() const;

 protected:
  ImprovementEvaluator() = default;
};

// How many more trials the best value may stay as it is: `max_stagnation_trials` less the COMPLETE trials
// since it was found; below 0 once they are more. Goes with an error of 0.
// Errors: kInvalidArgument for a negative number.
[[nodiscard]] std::unique_ptr<ImprovementEvaluator> make_best_value_stagnation_evaluator(
    std::int64_t max_stagnation_trials = 30);

struct RegretBoundOptions {
  double top_trials_ratio = 0.5;   // the part of the COMPLETE trials that is looked at, the best ones …
  std::int64_t min_n_trials = 20;  // … and at least so many
  std::uint64_t seed = 0;          // of the points that stand for the space
};
// A bound on how far the best value is from the best there is, in the objective's unit: under a Gaussian
// process that is fitted to the best trials, the greatest upper confidence bound in the space less the
// greatest lower one of a trial, to minimize the other way round (Makarova et al., Automatic Termination for
// Hyperparameter Optimization, 2022; confidence as in Srinivas et al. 2010 with delta 0.1, scaled down by 5).
// Looks at the parameters that all COMPLETE trials have. A call fits a process: some milliseconds for tens of
// trials, with their cube. Errors: kInvalidArgument for options that make no sense, and if trials have no
// parameter in common.
[[nodiscard]] std::unique_ptr<ImprovementEvaluator> make_regret_bound_evaluator(
    const RegretBoundOptions& options = {});

struct EmmrOptions {
  bool deterministic_objective = false;
  double delta = 0.1;  // the chance that the bound does not hold
  std::int64_t min_n_trials = 2;
  std::uint64_t seed = 0;
};
// The gap of expected minimum simple regrets: how much the latest trial changed what two Gaussian processes,
// with and without it, expect of the best value; in standard deviations of the values (Ishibashi et al., A
// Stopping Criterion for Bayesian Optimization by the Gap of Expected Minimum Simple Regrets, 2023). Goes
// with the median error. Huge while there are fewer trials, or no common parameter. Costs two fits. Errors:
// kInvalidArgument for options that make no sense.
[[nodiscard]] std::unique_ptr<ImprovementEvaluator> make_emmr_evaluator(const EmmrOptions& options = {});

// The error of a mean over folds, of the best trial: with the scores of k folds that the objective has given
// to report_cross_validation_scores, sqrt((1 / k + 1 / (k - 1)) variance) (Nadeau and Bengio, Inference for
// the Generalization Error, 2003; Makarova et al., Automatic Termination for Hyperparameter Optimization,
// 2022). Errors: kInvalidArgument if the best trial has none.
[[nodiscard]] std::unique_ptr<ErrorEvaluator> make_cross_validation_error_evaluator();
// Keeps the scores in the attribute `terminator:cv_scores`. Errors: kInvalidArgument for fewer than two.
void report_cross_validation_scores(Trial& trial, std::span<const double> scores);

// Always the same.
[[nodiscard]] std::unique_ptr<ErrorEvaluator> make_static_error_evaluator(double constant);

struct MedianErrorOptions {
  std::int64_t warm_up_trials = 10;    // COMPLETE ones that are left out: samplers begin at random
  std::int64_t n_initial_trials = 20;  // those after them that are looked at
  double threshold_ratio = 0.01;
};
// A small part of what there was to gain at the beginning: of the improvements that `improvement` sees after
// 1, 2 … n_initial_trials trials the median, times threshold_ratio (Ishibashi et al., A Stopping Criterion
// for Bayesian Optimization by the Gap of Expected Minimum Simple Regrets, 2023). Before there are as many,
// less than 0. Works the median out anew at each call. Errors: kInvalidArgument for numbers that make no
// sense.
[[nodiscard]] std::unique_ptr<ErrorEvaluator> make_median_error_evaluator(
    std::shared_ptr<const ImprovementEvaluator> improvement, const MedianErrorOptions& options = {});

struct TerminatorOptions {
  std::shared_ptr<const ImprovementEvaluator> improvement = {};  // none: the regret bound
  std::shared_ptr<const ErrorEvaluator> error = {};              // none: the one that goes with it
  std::int64_t min_n_trials = 20;                                // COMPLETE ones before it may say so
};
// Serves one study, of which it remembers the trials that have ended.
// Threads: one at a time. Errors: kInvalidArgument for min_n_trials < 1.
class Terminator {
 public:
  explicit Terminator(TerminatorOptions options = {});
  // True if there is less to gain than the error. Errors: kInvalidArgument for a study of several objectives.
  [[nodiscard]] bool should_terminate(const Study& study);

 private:
  void update(const Study& study);
  TerminatorOptions options_;
  std::vector<FrozenTrial> trials_;
  std::vector<std::size_t> open_;  // of them, those that had not ended when last seen
  std::int64_t complete_ = 0;
};

// For OptimizeOptions::callbacks: stops the study when its terminator says so. Copies share the terminator.
class TerminatorCallback {
 public:
  explicit TerminatorCallback(TerminatorOptions options = {});
  void operator()(Study& study, const FrozenTrial& trial) const;

 private:
  std::shared_ptr<Terminator> terminator_;
};

}  // namespace ivory::tuning
