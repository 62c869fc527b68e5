#include <ivory/tuning/hypervolume_history.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/multi_objective.h>
#include <ivory/tuning/samplers.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

void add(Study& study, std::vector<double> values, double violation = 0) {
  study.add_trial(
      create_trial({.values = std::move(values), .system_attrs = {{"constraints:g", violation}}}));
}

TEST(HypervolumeHistory, GrowsWithTheFront) {
  Study study = create_study({.directions = {Direction::kMinimize, Direction::kMaximize}});
  const std::vector<double> reference{4, 0};
  add(study, {3, 1});      // a box of 1 by 1
  add(study, {3.5, 0.5});  // inside it
  add(study, {1, 3}, 1);   // violates a constraint
  add(study, {1, 0.5});    // 2 by 0.5 more
  add(study, {5, 9});      // beyond the reference
  study.add_trial(create_trial({.state = TrialState::kFail}));
  add(study, {0, 2});  // all of 4 by 2
  EXPECT_THAT(hypervolume_history(study, reference),
              ElementsAre(HypervolumePoint{0, 1}, HypervolumePoint{1, 1}, HypervolumePoint{2, 1},
                          HypervolumePoint{3, 2}, HypervolumePoint{4, 2}, HypervolumePoint{6, 8}));
}

TEST(HypervolumeHistory, EndsAtTheHypervolumeOfAllTrials) {
  for (std::size_t objectives = 1; objectives <= 4; ++objectives) {
    Study study = create_study({.directions = std::vector(objectives, Direction::kMinimize),
                                .sampler = make_random_sampler({.seed = objectives})});
    study.optimize(
        [objectives](Trial& trial) {
          std::vector<double> values;
          for (std::size_t k = 0; k < objectives; ++k)
            values.push_back(trial.suggest_float("x" + std::to_string(k), 0, 1));
          return values;
        },
        {.n_trials = 40});
    const std::vector<double> reference(objectives, 0.9);
    std::vector<std::vector<double>> points;
    for (const auto& [number, volume] : hypervolume_history(study, reference)) {
      points.push_back(study.trial(number).values);
      EXPECT_NEAR(volume, hypervolume(points, reference), 1e-12) << number;
    }
    EXPECT_EQ(points.size(), 40U);
  }
}

TEST(HypervolumeHistory, WantsANumberAnObjective) {
  const Study study = create_study({.directions = {Direction::kMinimize, Direction::kMinimize}});
  EXPECT_THAT(message_of([&] { static_cast<void>(hypervolume_history(study, std::vector{1.0})); }),
              HasSubstr("2 expected, 1 found"));
  EXPECT_THAT(hypervolume_history(study, std::vector{1.0, 1.0}), testing::IsEmpty());
}

}  // namespace
}  // namespace ivory::tuning
