#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/samplers.h>
#include <ivory/tuning/terminators.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

// A number in [0, 1) that looks like chance.
double chance(int i, int k) {
  return static_cast<double>((i * 7919 + k * 104729 + i * i * 31 * k) % 1000) / 1000;
}

// Trials of a bowl, whose bottom a choice lifts.
std::vector<FrozenTrial> bowl(int count, double sign = 1) {
  std::vector<FrozenTrial> trials;
  for (int i = 0; i < count; ++i) {
    const double x = chance(i, 1), y = chance(i, 2);
    const bool lifted = chance(i, 5) < 0.5;
    const double height = (x - 0.3) * (x - 0.3) + 0.5 * (y - 0.6) * (y - 0.6) + (lifted ? 0.1 : 0);
    trials.push_back(create_trial({.values = {sign * 10 * height},
                                   .params = {{"x", x}, {"y", y}, {"c", lifted ? "u" : "v"}},
                                   .distributions = {{"x", Distribution::floats(0, 1)},
                                                     {"y", Distribution::floats(0, 1)},
                                                     {"c", Distribution::categorical({"u", "v"})}}}));
    trials.back().number = i;
  }
  return trials;
}

// The numbers are Optuna 5.0's for the same trials; there, too, a tenth depends on the seed of the points
// that stand for the space.
void expect_near(double found, double expected) { EXPECT_NEAR(found, expected, 0.1 * expected); }

TEST(RegretBound, IsNearOptuna) {
  const auto evaluator = make_regret_bound_evaluator();
  expect_near(evaluator->evaluate(bowl(15), Direction::kMinimize), 1.293);
  expect_near(evaluator->evaluate(bowl(40), Direction::kMinimize), 0.5042);
  expect_near(evaluator->evaluate(bowl(40, -1), Direction::kMaximize), 0.5042);
  expect_near(evaluator->evaluate(bowl(80), Direction::kMinimize), 0.0793);
}

TEST(RegretBound, GivesTheSameForTheSameSeed) {
  const auto bound = [](std::uint64_t seed) {
    return make_regret_bound_evaluator({.seed = seed})->evaluate(bowl(40), Direction::kMinimize);
  };
  EXPECT_EQ(bound(1), bound(1));
  EXPECT_NE(bound(1), bound(2));
}

TEST(RegretBound, FallsToZeroWhereValuesDoNotDiffer) {
  std::vector<FrozenTrial> trials = bowl(30);
  for (auto& trial : trials) trial.values = {1};
  EXPECT_LT(make_regret_bound_evaluator()->evaluate(trials, Direction::kMinimize), 1e-8);
}

TEST(RegretBound, RefusesWhatItCannotJudge) {
  const auto evaluator = make_regret_bound_evaluator();
  const auto message = [&](const std::vector<FrozenTrial>& trials) {
    return message_of([&] { static_cast<void>(evaluator->evaluate(trials, Direction::kMinimize)); });
  };
  EXPECT_THAT(message({}), HasSubstr("no trial is complete yet"));
  std::vector<FrozenTrial> trials = bowl(3);
  trials.push_back(create_trial({.values = {1}}));
  EXPECT_THAT(message(trials), HasSubstr("no parameter in common"));
  EXPECT_THAT(message_of([] { static_cast<void>(make_regret_bound_evaluator({.top_trials_ratio = 0})); }),
              HasSubstr("top_trials_ratio is in (0, 1]; got 0.0"));
  EXPECT_THAT(message_of([] { static_cast<void>(make_regret_bound_evaluator({.min_n_trials = 0})); }),
              HasSubstr("min_n_trials is 1 or more; got 0"));
}

TEST(Emmr, IsNearOptuna) {
  const auto evaluator = make_emmr_evaluator();
  expect_near(evaluator->evaluate(bowl(15), Direction::kMinimize), 0.9329);
  expect_near(evaluator->evaluate(bowl(40), Direction::kMinimize), 0.0558);
  expect_near(evaluator->evaluate(bowl(40, -1), Direction::kMaximize), 0.0558);
  expect_near(
      make_emmr_evaluator({.deterministic_objective = true})->evaluate(bowl(40), Direction::kMinimize),
      0.0554);
  expect_near(make_median_error_evaluator(make_emmr_evaluator())->evaluate(bowl(40), Direction::kMinimize),
              0.01019);
}

TEST(Emmr, SaysNothingBeforeItCan) {
  const Quiet quiet;
  const auto evaluator = make_emmr_evaluator();
  EXPECT_GT(evaluator->evaluate(bowl(1), Direction::kMinimize), 1e300);
  const std::vector<FrozenTrial> bare{create_trial({.values = {1}}), create_trial({.values = {2}})};
  EXPECT_GT(evaluator->evaluate(bare, Direction::kMinimize), 1e300);
  EXPECT_THAT(message_of([] { static_cast<void>(make_emmr_evaluator({.min_n_trials = 1})); }),
              HasSubstr("min_n_trials is 2 or more; got 1"));
  EXPECT_THAT(message_of([] { static_cast<void>(make_emmr_evaluator({.delta = 1})); }), HasSubstr("got 1.0"));
}

TEST(Emmr, TakesInfiniteValuesForTheWorst) {
  std::vector<FrozenTrial> trials = bowl(20);
  trials[3].values = {std::numeric_limits<double>::infinity()};
  const double found = make_emmr_evaluator()->evaluate(trials, Direction::kMinimize);
  EXPECT_TRUE(std::isfinite(found)) << found;
  EXPECT_TRUE(std::isfinite(make_regret_bound_evaluator()->evaluate(trials, Direction::kMinimize)));
}

TEST(Terminator, ComparesTheRegretBoundWithTheErrorOfACrossValidationByDefault) {
  const Quiet quiet;
  const auto trials_until_the_end = [](double spread) {
    Study study = create_study({.sampler = make_tpe_sampler({.seed = 3})});
    study.optimize(
        [&](Trial& trial) {
          const double x = trial.suggest_float("x", 0, 1);
          const double value = (x - 0.3) * (x - 0.3);
          report_cross_validation_scores(trial, std::vector{value - spread, value, value + spread});
          return value;
        },
        {.n_trials = 40, .callbacks = {TerminatorCallback()}});
    return study.size();
  };
  EXPECT_EQ(trials_until_the_end(10), 20);    // scores that differ so much leave nothing to find
  EXPECT_EQ(trials_until_the_end(1e-9), 40);  // exact ones do
}

}  // namespace
}  // namespace ivory::tuning
