// The samplers that end: grid and brute force; and those that wrap or fill.
#include <algorithm>
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

double on_grid(Trial& trial) {
  const double x = trial.suggest_float("x", -1, 1);
  const Params c = trial.suggest_categorical("c", {"a", "b"});
  return x + (c == Params("a") ? 0 : 10) + static_cast<double>(trial.suggest_int("n", 1, 3));
}

GridOptions grid() { return {.values = {{"x", {-1, 0.5, 1}}, {"n", {1, 3}}, {"c", {"a", "b"}}}}; }

std::set<std::string> params_of(const Study& study) {
  std::set<std::string> all;
  for (const auto& trial : study.trials()) all.insert(trial.params_map().to_text());
  return all;
}

TEST(GridSampler, TakesEachPointOnceAndStops) {
  for (const int jobs : {1, 3}) {
    Study study = create_study({.sampler = make_grid_sampler(grid())});
    study.optimize(on_grid, {.n_jobs = jobs});
    EXPECT_EQ(params_of(study).size(), 12U);
    if (jobs == 1) {
      EXPECT_EQ(study.size(), 12);
    }
    EXPECT_EQ(study.best_value(), 0);
    EXPECT_EQ(study.trial(3).system_attrs.at("grid_id").as_int(), 3);
  }
}

TEST(GridSampler, GoesOnWhereItWasEnded) {
  const auto sampler = std::shared_ptr<const Sampler>(make_grid_sampler(grid()));
  Study study = create_study({.sampler = sampler});
  study.enqueue_trial({{"x", 0.25}});
  study.optimize(on_grid, {.n_trials = 5});
  EXPECT_TRUE(study.trial(0).params_map().contains("c"));
  study.optimize(on_grid);
  EXPECT_EQ(params_of(study).size(), 13U);
}

TEST(GridSampler, RefusesWhatDoesNotFit) {
  const Quiet quiet;
  EXPECT_THAT(message_of([] { (void)make_grid_sampler({.values = {{"x", {}}}}); }),
              HasSubstr("no values for 'x'"));
  const auto run = [](const GridOptions& options) {
    Study study = create_study({.sampler = make_grid_sampler(options)});
    study.optimize(on_grid, {.n_trials = 1});
  };
  EXPECT_THAT(message_of([&] { run({.values = {{"x", {0}}, {"n", {1}}}}); }), HasSubstr("no parameter 'c'"));
  EXPECT_THAT(message_of([&] { run({.values = {{"x", {7}}}}); }), HasSubstr("value 7 of 'x' lies outside"));
}

double branching(Trial& trial) {
  const auto n = trial.suggest_int("n", 0, 2);
  if (n == 0) return 0;
  auto sum = static_cast<double>(n);
  for (int i = 0; i < n; ++i) sum += trial.suggest_float("f" + std::to_string(i), 0, 1, {.step = 0.5});
  return sum + (trial.suggest_categorical("b", {true, false}).as_bool() ? 1 : 0);
}

TEST(BruteForceSampler, GoesEveryWayOnceAndStops) {
  for (const int jobs : {1, 3}) {
    Study study =
        create_study({.direction = Direction::kMaximize, .sampler = make_brute_force_sampler({.seed = 1})});
    study.optimize(branching, {.n_jobs = jobs});
    EXPECT_EQ(params_of(study).size(), 1U + 3 * 2 + 9 * 2);
    if (jobs == 1) {
      EXPECT_EQ(study.size(), 25);
    }
    EXPECT_EQ(study.best_value(), 5);
  }
}

TEST(BruteForceSampler, NeedsSteps) {
  const Quiet quiet;
  Study study = create_study({.sampler = make_brute_force_sampler()});
  EXPECT_THAT(
      message_of([&] { study.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1); }); }),
      HasSubstr("needs a step for a float in [0.0, 1.0]"));
}

TEST(PartialFixedSampler, FixesSomeAndLeavesTheRest) {
  const std::shared_ptr<const Sampler> base = make_tpe_sampler({.n_startup_trials = 3, .seed = 1});
  Study study = create_study({.sampler = make_partial_fixed_sampler({{"c", "b"}, {"n", 2}}, base)});
  study.optimize(on_grid, {.n_trials = 10});
  std::set<double> xs;
  for (const auto& trial : study.trials()) {
    EXPECT_EQ(trial.params_map().at("c"), Params("b"));
    EXPECT_EQ(trial.params_map().at("n"), Params(2));
    xs.insert(trial.params_map().at("x").as_real());
  }
  EXPECT_EQ(xs.size(), 10U);
  const Quiet quiet;
  Study wrong = create_study({.sampler = make_partial_fixed_sampler({{"n", 9}}, base)});
  EXPECT_THAT(message_of([&] { wrong.optimize(on_grid, {.n_trials = 1}); }),
              HasSubstr("fixed value 9 of 'n'"));
}

}  // namespace
}  // namespace ivory::tuning
