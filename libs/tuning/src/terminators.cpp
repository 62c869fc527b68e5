#include <ivory/tuning/terminators.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <ivory/base/error.h>
#include <ivory/base/log.h>

namespace ivory::tuning {
namespace {
constexpr std::string_view kScoresKey = "terminator:cv_scores";

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

bool is_complete(const FrozenTrial& trial) { return trial.state == TrialState::kComplete; }

// The first of the best. Errors: none is COMPLETE.
const FrozenTrial& best_of(std::span<const FrozenTrial> trials, Direction direction) {
  const double sign = direction == Direction::kMaximize ? -1 : 1;
  const FrozenTrial* best = nullptr;
  for (const auto& trial : trials) {
    if (is_complete(trial) && (!best || sign * trial.value() < sign * best->value())) best = &trial;
  }
  if (!best) fail("no trial is complete yet, so there is nothing to improve on");
  return *best;
}

class BestValueStagnation final : public ImprovementEvaluator {
 public:
  explicit BestValueStagnation(std::int64_t most) : most_(most) {
    if (most < 0) fail("max_stagnation_trials is 0 or more; got " + std::to_string(most));
  }
  [[nodiscard]] double evaluate(std::span<const FrozenTrial> trials, Direction direction) const override {
    const FrozenTrial* best = &best_of(trials, direction);
    const auto since = std::count_if(trials.begin() + (best - trials.data()) + 1, trials.end(), is_complete);
    return static_cast<double>(most_ - since);
  }
  [[nodiscard]] std::unique_ptr<ErrorEvaluator> make_error_evaluator() const override {
    return make_static_error_evaluator(0);
  }

 private:
  std::int64_t most_;
};

class StaticError final : public ErrorEvaluator {
 public:
  explicit StaticError(double constant) : constant_(constant) {}
  [[nodiscard]] double evaluate(std::span<const FrozenTrial>, Direction) const override { return constant_; }

 private:
  double constant_;
};

class CrossValidationError final : public ErrorEvaluator {
 public:
  [[nodiscard]] double evaluate(std::span<const FrozenTrial> trials, Direction direction) const override {
    const FrozenTrial& best = best_of(trials, direction);
    const Params* scores = best.system_attrs.find(kScoresKey);
    if (!scores || scores->size() < 2) {
      fail("trial " + std::to_string(best.number) +
           " has no cross-validation scores; the objective gives them to report_cross_validation_scores");
    }
    const auto k = static_cast<double>(scores->size());
    double mean = 0, variance = 0;
    for (const auto& score : scores->elements()) mean += score.as_real() / k;
    for (const auto& score : scores->elements())
      variance += (score.as_real() - mean) * (score.as_real() - mean) / k;
    return std::sqrt((1 / k + 1 / (k - 1)) * variance);
  }
};

class MedianError final : public ErrorEvaluator {
 public:
  MedianError(std::shared_ptr<const ImprovementEvaluator> improvement, const MedianErrorOptions& options)
      : improvement_(std::move(improvement)), options_(options) {
    if (!improvement_) fail("the median error needs the evaluator of the improvement that it goes with");
    if (options.warm_up_trials < 0)
      fail("warm_up_trials is 0 or more; got " + std::to_string(options.warm_up_trials));
    if (options.n_initial_trials < 1)
      fail("n_initial_trials is 1 or more; got " + std::to_string(options.n_initial_trials));
    if (!(options.threshold_ratio > 0) || std::isinf(options.threshold_ratio))
      fail("threshold_ratio is a number greater than 0; got " + real_to_text(options.threshold_ratio));
  }
  [[nodiscard]] double evaluate(std::span<const FrozenTrial> trials, Direction direction) const override {
    const auto skipped = static_cast<std::size_t>(options_.warm_up_trials);
    const auto looked_at = static_cast<std::size_t>(options_.n_initial_trials);
    std::vector<FrozenTrial> complete;
    for (const auto& trial : trials) {
      if (is_complete(trial) && complete.size() < skipped + looked_at) complete.push_back(trial);
    }
    if (complete.size() < skipped + looked_at) return -std::numeric_limits<double>::min();
    std::vector<double> improvements;
    for (std::size_t n = 1; n <= looked_at; ++n)
      improvements.push_back(improvement_->evaluate(std::span(complete).subspan(skipped, n), direction));
    std::ranges::sort(improvements);
    return std::min(std::numeric_limits<double>::max(),
                    improvements[improvements.size() / 2] * options_.threshold_ratio);
  }

 private:
  std::shared_ptr<const ImprovementEvaluator> improvement_;
  MedianErrorOptions options_;
};
}  // namespace

std::unique_ptr<ErrorEvaluator> ImprovementEvaluator::make_error_evaluator() const {
  return make_cross_validation_error_evaluator();
}

std::unique_ptr<ImprovementEvaluator> make_best_value_stagnation_evaluator(
    std::int64_t max_stagnation_trials) {
  return std::make_unique<BestValueStagnation>(max_stagnation_trials);
}

std::unique_ptr<ErrorEvaluator> make_cross_validation_error_evaluator() {
  return std::make_unique<CrossValidationError>();
}

void report_cross_validation_scores(Trial& trial, std::span<const double> scores) {
  if (scores.size() < 2)
    fail("cross-validation scores are those of two folds or more; got " + std::to_string(scores.size()));
  trial.set_system_attr(kScoresKey, std::vector<double>(scores.begin(), scores.end()));
}

std::unique_ptr<ErrorEvaluator> make_static_error_evaluator(double constant) {
  return std::make_unique<StaticError>(constant);
}

std::unique_ptr<ErrorEvaluator> make_median_error_evaluator(
    std::shared_ptr<const ImprovementEvaluator> improvement, const MedianErrorOptions& options) {
  return std::make_unique<MedianError>(std::move(improvement), options);
}

Terminator::Terminator(TerminatorOptions options) : options_(std::move(options)) {
  if (options_.min_n_trials < 1)
    fail("min_n_trials is 1 or more; got " + std::to_string(options_.min_n_trials));
  if (!options_.improvement) options_.improvement = make_regret_bound_evaluator();
  if (!options_.error) options_.error = options_.improvement->make_error_evaluator();
}

void Terminator::update(const Study& study) {
  const auto count = static_cast<std::size_t>(study.size());
  for (const std::size_t i : open_) trials_[i] = study.trial(static_cast<std::int64_t>(i));
  for (std::size_t i = trials_.size(); i < count; ++i) {
    trials_.push_back(study.trial(static_cast<std::int64_t>(i)));
    open_.push_back(i);
  }
  std::erase_if(open_, [&](std::size_t i) {
    if (is_complete(trials_[i])) ++complete_;
    return is_finished(trials_[i].state);
  });
}

bool Terminator::should_terminate(const Study& study) {
  const Direction direction = study.direction();
  update(study);
  if (complete_ < options_.min_n_trials) return false;
  return options_.improvement->evaluate(trials_, direction) < options_.error->evaluate(trials_, direction);
}

TerminatorCallback::TerminatorCallback(TerminatorOptions options)
    : terminator_(std::make_shared<Terminator>(std::move(options))) {}

void TerminatorCallback::operator()(Study& study, const FrozenTrial&) const {
  if (!terminator_->should_terminate(study)) return;
  log_info("the terminator ends the study '" + study.study_name() +
           "': there is less to gain than its error");
  study.stop();
}

}  // namespace ivory::tuning
