#include <ivory/tuning/auto_sampler.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

namespace ivory::tuning {
namespace {
TEST(ChooseSampler, NumbersThatAreDearGoToAGaussianProcessWithTpeInBetween) {
  const auto chosen_after = [](std::int64_t finished) {
    std::set<std::string_view> chosen;
    for (std::int64_t number = 0; number < 4; ++number)
      chosen.insert(choose_sampler({.numbers = 5, .number = number, .finished = finished}));
    return chosen;
  };
  EXPECT_EQ(chosen_after(49), (std::set<std::string_view>{"gp-warped", "tpe"}));
  EXPECT_EQ(chosen_after(50), (std::set<std::string_view>{"gp", "gp-warped", "tpe"}));
}

TEST(ChooseSampler, ManyTrialsOfNumbersGoToCmaEsAndOfChoicesToTpe) {
  EXPECT_EQ(choose_sampler({.numbers = 5, .finished = 5000}), "cma-es");
  EXPECT_EQ(choose_sampler({.numbers = 5, .choices = 1, .finished = 5000}), "tpe");
  EXPECT_EQ(choose_sampler({.numbers = 5, .constrained = true, .finished = 5000}), "tpe");
  EXPECT_EQ(choose_sampler({.numbers = 1, .finished = 5000}), "tpe");
}

TEST(ChooseSampler, AKnownBudgetDecidesHowLongTheGaussianProcessLasts) {
  EXPECT_EQ(choose_sampler({.numbers = 5, .number = 500, .finished = 500, .n_trials = 600}), "gp-warped");
  EXPECT_EQ(choose_sampler({.numbers = 5, .number = 500, .finished = 500, .n_trials = 5000}), "cma-es");
}

TEST(ChooseSampler, ConditionalSpacesGoToTpe) {
  EXPECT_EQ(choose_sampler({.numbers = 1, .conditional = true, .number = 4, .finished = 50}), "tpe-group");
  EXPECT_EQ(choose_sampler({.numbers = 1, .conditional = true, .number = 6, .finished = 50}), "random");
  EXPECT_EQ(choose_sampler({.objectives = 2, .numbers = 1, .conditional = true}), "tpe");
}

// For trials 0 to 7.
std::set<std::string_view> chosen_in(Situation situation) {
  std::set<std::string_view> names;
  for (situation.number = 0; situation.number < 8; ++situation.number)
    names.insert(choose_sampler(situation));
  return names;
}

TEST(ChooseSampler, EachChoiceIsASampler) {
  std::set<std::string_view> known{"tpe-group", "gp-warped"};
  for (const auto& entry : sampler_table()) known.insert(entry.name);
  for (const std::size_t objectives : {1U, 2U, 4U}) {
    for (const std::int64_t finished : {0, 20, 2000, 100000}) {
      for (const std::size_t parameters : {0U, 1U, 3U, 500U}) {
        EXPECT_THAT(chosen_in({.objectives = objectives,
                               .numbers = parameters,
                               .choices = parameters / 2,
                               .finished = finished}),
                    testing::IsSubsetOf(known));
      }
    }
  }
}

double best_of(std::shared_ptr<const Sampler> sampler) {
  Study study = create_study({.sampler = std::move(sampler)});
  study.optimize(
      [](Trial& trial) {
        const double x = trial.suggest_float("x", -5, 10), y = trial.suggest_float("y", -5, 10);
        return 100 * std::pow(y - x * x, 2) + std::pow(1 - x, 2);
      },
      {.n_trials = 60});
  return study.best_value();
}

TEST(AutoSampler, DoesBetterThanChance) {
  EXPECT_LT(best_of(make_auto_sampler({.seed = 1})), best_of(make_random_sampler({.seed = 1})));
}

TEST(AutoSampler, CmaEsGoesOnWhereEarlierTrialsWereGood) {
  const auto objective = [](Trial& trial) {
    const double x = trial.suggest_float("x", -5, 5), y = trial.suggest_float("y", -5, 5);
    return (x - 2) * (x - 2) + (y + 3) * (y + 3);
  };
  Study random = create_study({.sampler = make_random_sampler({.seed = 2})});
  random.optimize(objective, {.n_trials = 300});
  Study study = create_study({.sampler = make_auto_sampler({.seed = 2})});
  study.add_trials(random.trials());
  study.optimize(objective, {.n_trials = 60});
  EXPECT_LT(study.best_value(), random.best_value() / 10);
  double mean = 0;
  for (std::int64_t number = 304; number < 312; ++number) mean += study.trial(number).value() / 8;
  EXPECT_LT(mean, 3) << "near the best of the 300 from the beginning";
}

TEST(AutoSampler, FollowsAConditionalSpace) {
  Study study = create_study({.sampler = make_auto_sampler({.seed = 3})});
  study.optimize(
      [](Trial& trial) {
        if (trial.suggest_categorical("kind", {"a", "b"}) == Params("a"))
          return 1 + std::abs(trial.suggest_float("a_x", -1, 1));
        return std::abs(trial.suggest_float("b_x", -1, 1) - 0.25);
      },
      {.n_trials = 80});
  EXPECT_LT(study.best_value(), 0.1);
  EXPECT_EQ(study.best_params().at("kind").as_string(), "b");
}

TEST(AutoSampler, GoesOnInAnotherProcessAsInOne) {
  const auto objective = [](Trial& trial) {
    const double x = trial.suggest_float("x", -1, 1), y = trial.suggest_float("y", -1, 1);
    return x * x + std::abs(y - 0.3);
  };
  Study whole = create_study({.sampler = make_auto_sampler({.seed = 7})});
  whole.optimize(objective, {.n_trials = 24});
  const auto expected = whole.trials();
  Study copy = create_study({.sampler = make_auto_sampler({.seed = 7})});
  copy.add_trials(std::span(expected).first(16));
  copy.optimize(objective, {.n_trials = 8});
  const auto found = copy.trials();
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].values, expected[i].values) << i;
}
}  // namespace
}  // namespace ivory::tuning
