#include <ivory/tuning/terminators.h>

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/fixed_trial.h>
#include <ivory/tuning/samplers.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

// Complete trials of these values.
std::vector<FrozenTrial> trials_of(const std::vector<double>& values) {
  std::vector<FrozenTrial> trials;
  for (const double value : values) {
    trials.push_back(create_trial({.values = {value}}));
    trials.back().number = static_cast<std::int64_t>(trials.size()) - 1;
  }
  return trials;
}

TEST(BestValueStagnation, CountsTheTrialsThatMayStillBringNothing) {
  const auto evaluator = make_best_value_stagnation_evaluator(3);
  const auto left = [&](const std::vector<double>& values, Direction direction) {
    return evaluator->evaluate(trials_of(values), direction);
  };
  EXPECT_EQ(left({5}, Direction::kMinimize), 3);
  EXPECT_EQ(left({5, 4, 4, 6}, Direction::kMinimize), 1);  // an equal value is no improvement
  EXPECT_EQ(left({5, 4, 4, 6}, Direction::kMaximize), 3);
  EXPECT_EQ(left({1, 2, 3, 4, 5}, Direction::kMinimize), -1);
}

TEST(BestValueStagnation, LooksAtCompleteTrialsOnly) {
  const auto evaluator = make_best_value_stagnation_evaluator(3);
  std::vector<FrozenTrial> trials = trials_of({2, 3});
  trials.insert(trials.begin() + 1, create_trial({.state = TrialState::kFail}));
  trials.push_back(create_trial({.state = TrialState::kPruned, .values = {1}}));
  EXPECT_EQ(evaluator->evaluate(trials, Direction::kMinimize), 2);
  trials.erase(trials.begin());
  trials.erase(trials.begin() + 1);
  EXPECT_THAT(message_of([&] { static_cast<void>(evaluator->evaluate(trials, Direction::kMinimize)); }),
              HasSubstr("no trial is complete yet"));
  EXPECT_THAT(message_of([] { static_cast<void>(make_best_value_stagnation_evaluator(-1)); }),
              HasSubstr("got -1"));
}

TEST(CrossValidationError, IsThatOfTheBestTrial) {
  Study study = create_study({.direction = Direction::kMaximize});
  int trial_number = 0;
  study.optimize(
      [&](Trial& trial) {
        const double base = trial_number++ == 1 ? 5 : 1;
        const std::vector<double> scores{base, base + 1, base + 2, base + 3};
        report_cross_validation_scores(trial, scores);
        return base + 1.5;
      },
      {.n_trials = 3});
  const auto evaluator = make_cross_validation_error_evaluator();
  // Variance 1.25, times 1/4 + 1/3.
  EXPECT_DOUBLE_EQ(evaluator->evaluate(study.trials(), study.direction()), std::sqrt(1.25 * 7 / 12));
  EXPECT_EQ(study.trial(1).system_attrs.at("terminator:cv_scores"), (Params{5.0, 6.0, 7.0, 8.0}));
}

TEST(CrossValidationError, SaysWhatItMisses) {
  const auto evaluator = make_cross_validation_error_evaluator();
  EXPECT_THAT(
      message_of([&] { static_cast<void>(evaluator->evaluate(trials_of({2, 1}), Direction::kMinimize)); }),
      HasSubstr("trial 1 has no cross-validation scores"));
  FixedTrial trial(Params::map());
  EXPECT_THAT(message_of([&] { report_cross_validation_scores(trial, std::vector{1.0}); }),
              HasSubstr("two folds or more; got 1"));
  report_cross_validation_scores(trial, std::vector{1.0, 2.0});
  EXPECT_EQ(trial.system_attrs().at("terminator:cv_scores"), (Params{1.0, 2.0}));
}

// Says what it is told, and keeps what it was asked about.
class Scripted final : public ImprovementEvaluator {
 public:
  explicit Scripted(std::vector<std::size_t>* asked) : asked_(asked) {}
  [[nodiscard]] double evaluate(std::span<const FrozenTrial> trials, Direction) const override {
    asked_->push_back(trials.size());
    return trials.back().value();
  }

 private:
  std::vector<std::size_t>* asked_;
};

TEST(MedianError, IsAPartOfTheMedianOfTheFirstImprovements) {
  std::vector<std::size_t> asked;
  const auto evaluator =
      make_median_error_evaluator(std::make_shared<Scripted>(&asked),
                                  {.warm_up_trials = 2, .n_initial_trials = 4, .threshold_ratio = 0.5});
  EXPECT_LT(evaluator->evaluate(trials_of({9, 9, 1, 2, 3}), Direction::kMinimize), 0);
  EXPECT_THAT(asked, testing::IsEmpty());
  // Of 8, 2, 6, 4 the upper median is 6.
  EXPECT_EQ(evaluator->evaluate(trials_of({9, 9, 8, 2, 6, 4, 100}), Direction::kMinimize), 3);
  EXPECT_THAT(asked, ElementsAre(1, 2, 3, 4));
}

TEST(MedianError, RefusesNumbersThatMakeNoSense) {
  const std::shared_ptr<const ImprovementEvaluator> stagnation = make_best_value_stagnation_evaluator();
  const auto message = [&](const MedianErrorOptions& options) {
    return message_of([&] { static_cast<void>(make_median_error_evaluator(stagnation, options)); });
  };
  EXPECT_THAT(message({.warm_up_trials = -1}), HasSubstr("warm_up_trials is 0 or more; got -1"));
  EXPECT_THAT(message({.n_initial_trials = 0}), HasSubstr("n_initial_trials is 1 or more; got 0"));
  EXPECT_THAT(message({.threshold_ratio = 0}),
              HasSubstr("threshold_ratio is a number greater than 0; got 0.0"));
  EXPECT_THAT(message_of([] { static_cast<void>(make_median_error_evaluator(nullptr)); }),
              HasSubstr("needs"));
}

TEST(Terminator, WaitsForEnoughTrialsAndThenComparesImprovementAndError) {
  Study study = create_study();
  std::vector<std::size_t> asked;
  Terminator terminator({.improvement = std::make_shared<Scripted>(&asked),
                         .error = make_static_error_evaluator(0.5),
                         .min_n_trials = 3});
  std::vector<bool> decisions;
  for (const double value : {0.1, 0.1, 0.6, 0.5, 0.4}) {
    study.add_trial(create_trial({.values = {value}}));
    decisions.push_back(terminator.should_terminate(study));
  }
  EXPECT_THAT(decisions, ElementsAre(false, false, false, false, true));
  EXPECT_THAT(asked, ElementsAre(3, 4, 5));
}

TEST(Terminator, SeesTrialsThatEndLaterThanOthers) {
  Study study = create_study();
  Terminator terminator({.improvement = make_best_value_stagnation_evaluator(0), .min_n_trials = 2});
  const auto slow = study.ask();
  study.tell(*study.ask(), 1.0);
  EXPECT_FALSE(terminator.should_terminate(study));
  study.tell(*slow, 0.5);
  EXPECT_TRUE(terminator.should_terminate(study));  // the best is the first, and one came after it
}

TEST(Terminator, RefusesWhatItCannotJudge) {
  EXPECT_THAT(message_of([] { const Terminator terminator({.min_n_trials = 0}); }),
              HasSubstr("min_n_trials"));
  const Study study = create_study({.directions = {Direction::kMinimize, Direction::kMinimize}});
  Terminator terminator;
  EXPECT_THAT(message_of([&] { static_cast<void>(terminator.should_terminate(study)); }),
              HasSubstr("several directions"));
}

TEST(TerminatorCallback, StopsAStudyThatStagnates) {
  const Quiet quiet;
  Study study = create_study({.sampler = make_random_sampler({.seed = 1})});
  study.optimize(
      [](Trial& trial) {
        trial.suggest_float("x", 0, 1);
        return trial.number() < 7 ? -static_cast<double>(trial.number()) : 0.0;
      },
      {.n_trials = 500,
       .callbacks = {TerminatorCallback({.improvement = make_best_value_stagnation_evaluator(15)})}});
  EXPECT_EQ(study.size(), 7 + 16);  // the best is trial 6; the sixteenth after it is one too many
}

}  // namespace
}  // namespace ivory::tuning
