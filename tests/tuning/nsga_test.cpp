#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/multi_objective.h>
#include <ivory/tuning/nsga_samplers.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "crossover.h"
#include "support.h"
#include "survival.h"

namespace ivory::tuning {
namespace {
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr CrossoverKind kAllKinds[] = {CrossoverKind::kUniform, CrossoverKind::kBlxAlpha,
                                       CrossoverKind::kSpx,     CrossoverKind::kSbx,
                                       CrossoverKind::kVsbx,    CrossoverKind::kUndx};

std::vector<Individual> population_of(const std::vector<std::vector<double>>& points,
                                      const std::vector<double>& violations = {}) {
  std::vector<Individual> population;
  for (std::size_t i = 0; i < points.size(); ++i) {
    population.push_back({static_cast<std::int64_t>(i), points[i], violations.empty() ? 0 : violations[i]});
  }
  return population;
}

// ---- survival; the expected values are those of Optuna 5.0

TEST(Survival, TakesWholeRanksAndOfTheLastTheLeastCrowded) {
  const auto population = population_of({{2.49, -2.97},
                                         {3.18, -3.77},
                                         {2.96, -3.69},
                                         {0.12, -1.86},
                                         {3.77, -2.6},
                                         {3.6, -0.45},
                                         {1.88, -0.99},
                                         {2.18, -2.3},
                                         {0.05, -0.87},
                                         {1.12, -3.67},
                                         {3.06, -0.64},
                                         {3.19, -0.56},
                                         {2.47, -0.51},
                                         {0.01, -3.49}});
  EXPECT_THAT(survive_by_crowding(population, 7), ElementsAre(0, 1, 2, 3, 8, 9, 13));
}

TEST(Survival, TheEndsOfAFrontAreNotCrowded) {
  const auto population =
      population_of({{0, 5}, {1, 3}, {2, 2.5}, {4, 1}, {6, -kInfinity}, {kInfinity, -kInfinity}});
  const std::vector<std::size_t> front{0, 1, 2, 3, 4, 5};
  EXPECT_THAT(crowding_distances(population, front),
              ElementsAre(kInfinity, DoubleNear(0.9583333333333333, 1e-12), DoubleNear(1, 1e-12), kInfinity,
                          kInfinity, kInfinity));
}

TEST(Survival, FeasibleOnesGoFirstThenThoseThatViolateLess) {
  const auto population =
      population_of({{0, 5}, {1, 3}, {2, 2.5}, {4, 1}, {0.5, 6}, {3, 3}}, {0, 0.5, 2, 0, 0.5, 0});
  EXPECT_THAT(survive_by_crowding(population, 2), ElementsAre(0, 3));
  EXPECT_THAT(survive_by_crowding(population, 3), ElementsAre(0, 3, 5));
  EXPECT_THAT(survive_by_crowding(population, 5), ElementsAre(0, 1, 3, 4, 5));
  EXPECT_TRUE(constrained_dominates(population[1], population[2]));
  EXPECT_FALSE(constrained_dominates(population[1], population[4]));
}

TEST(Survival, ASimplexGridHasAllPointsOfASum) {
  EXPECT_EQ(simplex_grid(3, 3).size(), 10U);
  EXPECT_THAT(simplex_grid(2, 2), ElementsAre(ElementsAre(2, 0), ElementsAre(1, 1), ElementsAre(0, 2)));
}

TEST(Survival, NichesKeepOneOfEachDirection) {
  // One front along a line: a crowd in the middle and one near each axis.
  const auto population =
      population_of({{0, 1}, {0.49, 0.51}, {0.5, 0.5}, {0.51, 0.49}, {0.52, 0.48}, {1, 0}});
  const std::vector<std::vector<double>> references{{1, 0}, {1, 1}, {0, 1}};
  Rng rng({.seed = 1});
  EXPECT_THAT(survive_by_niche(population, 3, references, rng), ElementsAre(0, 2, 5));
}

TEST(Survival, NichesTakeInfiniteAndEqualValues) {
  const auto population = population_of(
      {{kInfinity, 1}, {1, kInfinity}, {1, 1}, {1, 1}, {-kInfinity, 7}, {kInfinity, kInfinity}});
  const std::vector<std::vector<double>> references{{1, 0}, {1, 1}, {0, 1}};
  Rng rng({.seed = 1});
  EXPECT_EQ(survive_by_niche(population, 4, references, rng).size(), 4U);
}

// ---- crossovers

class EveryCrossover : public testing::TestWithParam<CrossoverKind> {};

TEST_P(EveryCrossover, CentresOnItsParents) {
  const std::vector<double> a{1, 2, -1}, b{2, 4, -1.5}, c{1.5, 1, -0.5};
  const std::vector<std::span<const double>> parents = parent_count(GetParam()) == 3
                                                           ? std::vector<std::span<const double>>{a, b, c}
                                                           : std::vector<std::span<const double>>{a, b};
  const std::vector<Interval> bounds(3, {-10, 10});
  Rng rng({.seed = 3});
  std::vector<double> mean(3), expected(3);
  constexpr int kCount = 40000;
  for (int i = 0; i < kCount; ++i) {
    const auto child = cross({.kind = GetParam()}, parents, bounds, false, rng);
    for (std::size_t d = 0; d < 3; ++d) mean[d] += child[d] / kCount;
  }
  // UNDX's third parent gives the distance alone.
  const std::size_t centred = GetParam() == CrossoverKind::kSpx ? 3 : 2;
  for (std::size_t d = 0; d < 3; ++d) {
    for (std::size_t k = 0; k < centred; ++k) expected[d] += parents[k][d] / static_cast<double>(centred);
    EXPECT_NEAR(mean[d], expected[d], 0.05) << d;
  }
}

TEST_P(EveryCrossover, ServesAStudyOfEveryKindOfParameter) {
  Study study = create_study(
      {.directions = {Direction::kMinimize, Direction::kMinimize},
       .sampler = make_nsga2_sampler({.population_size = 10, .crossover = {.kind = GetParam()}, .seed = 2})});
  study.optimize(
      [](Trial& trial) {
        const double x = trial.suggest_float("x", -1, 1),
                     y = trial.suggest_float("y", 1e-3, 1, {.log = true});
        const auto n = static_cast<double>(trial.suggest_int("n", 1, 9));
        const double s = trial.suggest_float("s", 0, 1, {.step = 0.25});
        const bool flag = trial.suggest_categorical("flag", {true, false}).as_bool();
        const double near = std::abs(x) + std::abs(std::log10(y) + 1) + std::abs(n - 4) + s + (flag ? 0 : 1);
        return std::vector{near, std::abs(x - 0.5)};
      },
      {.n_trials = 150});
  double first = kInfinity, last = kInfinity;
  for (const auto& trial : study.trials()) {
    for (const auto& param : trial.params)
      EXPECT_TRUE(param.distribution.contains(param.internal)) << param.name << " " << param.internal;
    (trial.number < 20 ? first : last) = std::min(trial.number < 20 ? first : last, trial.values[0]);
  }
  EXPECT_LT(last, first);
}

INSTANTIATE_TEST_SUITE_P(Crossover, EveryCrossover, testing::ValuesIn(kAllKinds),
                         [](const auto& test) { return std::string(to_text(test.param)); });

TEST(Crossover, BlxStaysInTheWidenedBoxAndFillsIt) {
  const std::vector<double> a{0}, b{1};
  const std::vector<std::span<const double>> parents{a, b};
  const std::vector<Interval> bounds{{-5, 5}};
  Rng rng({.seed = 1});
  double least = 1, most = 0;
  for (int i = 0; i < 2000; ++i) {
    const double x = cross({.kind = CrossoverKind::kBlxAlpha, .alpha = 0.25}, parents, bounds, false, rng)[0];
    least = std::min(least, x);
    most = std::max(most, x);
  }
  EXPECT_NEAR(least, -0.25, 0.01);
  EXPECT_NEAR(most, 1.25, 0.01);
}

TEST(Crossover, SbxStaysInsideTheBounds) {
  const std::vector<double> a{0.01, 5}, b{0.02, 9.9};
  const std::vector<std::span<const double>> parents{a, b};
  const std::vector<Interval> bounds{{0, 1}, {0, 10}};
  Rng rng({.seed = 1});
  for (int i = 0; i < 5000; ++i) {
    const auto child = cross({.kind = CrossoverKind::kSbx}, parents, bounds, false, rng);
    for (std::size_t d = 0; d < 2; ++d) {
      EXPECT_GE(child[d], bounds[d].low - 1e-12);
      EXPECT_LE(child[d], bounds[d].high + 1e-12);
    }
  }
}

TEST(Crossover, UndxSpreadsAcrossTheLineByTheThirdParentsDistance) {
  const std::vector<double> a{0, 0}, b{1, 0}, c{0.3, 2};
  const std::vector<std::span<const double>> parents{a, b, c};
  const std::vector<Interval> bounds{{-9, 9}, {-9, 9}};
  Rng rng({.seed = 4});
  double along = 0, across = 0;
  constexpr int kCount = 20000;
  for (int i = 0; i < kCount; ++i) {
    const auto child = cross({.kind = CrossoverKind::kUndx, .sigma_eta = 0.6}, parents, bounds, true, rng);
    along += (child[0] - 0.5) * (child[0] - 0.5) / kCount;
    across += child[1] * child[1] / kCount;
  }
  EXPECT_NEAR(std::sqrt(along), 0.25, 0.01);       // sigma_xi squared, times the parents' distance
  EXPECT_NEAR(std::sqrt(across), 2 * 0.36, 0.02);  // sigma_eta squared, times the third's distance
}

TEST(Crossover, IsNamed) {
  for (const CrossoverKind kind : kAllKinds) EXPECT_EQ(parse_crossover_kind(to_text(kind)), kind);
  EXPECT_THAT(message_of([] { static_cast<void>(parse_crossover_kind("undy")); }), HasSubstr("undx"));
}

// ---- the samplers

std::vector<double> zdt1(Trial& trial) {
  constexpr int kWidth = 12;
  const double first = trial.suggest_float("x0", 0, 1);
  double g = 1;
  for (int i = 1; i < kWidth; ++i) g += 9 * trial.suggest_float("x" + std::to_string(i), 0, 1) / (kWidth - 1);
  return {first, g * (1 - std::sqrt(first / g))};
}

double volume_of(const Study& study) {
  std::vector<std::vector<double>> points;
  for (const auto& trial : study.trials()) points.push_back(trial.values);
  return hypervolume(points, std::vector<double>{1.1, 11});
}

double volume_found(std::shared_ptr<const Sampler> sampler) {
  Study study = create_study(
      {.directions = {Direction::kMinimize, Direction::kMinimize}, .sampler = std::move(sampler)});
  study.optimize(zdt1, {.n_trials = 400});
  return volume_of(study);
}

TEST(Nsga, FindsABetterFrontThanChance) {
  const double chance = volume_found(make_random_sampler({.seed = 1}));
  EXPECT_GT(volume_found(make_nsga2_sampler({.population_size = 20, .seed = 1})), chance + 1);
  EXPECT_GT(volume_found(make_nsga3_sampler({.population_size = 20, .seed = 1})), chance + 1);
}

TEST(Nsga, KeepsGenerationsAndParentsUnderOptunasNames) {
  Study study = create_study({.directions = {Direction::kMinimize, Direction::kMinimize},
                              .sampler = make_nsga2_sampler({.population_size = 8, .seed = 1})});
  study.optimize(zdt1, {.n_trials = 20});
  for (const auto& trial : study.trials())
    EXPECT_EQ(trial.system_attrs.at("NSGAIISampler:generation").as_int(), trial.number / 8);
  const Params attrs = study.system_attrs();
  EXPECT_EQ(attrs.at("NSGAIISampler:parent:1").size(), 8U);
  EXPECT_EQ(attrs.at("NSGAIISampler:parent:2").size(), 8U);
  EXPECT_FALSE(attrs.contains("NSGAIISampler:parent:3"));
}

// What the sampler knows is the history: it goes on in a copy of the study as in the study itself.
TEST(Nsga, GoesOnWhereAnotherProcessEnded) {
  const auto sampler = [] { return make_nsga3_sampler({.population_size = 8, .seed = 5}); };
  const std::vector<Direction> directions(2, Direction::kMinimize);
  Study whole = create_study({.directions = directions, .sampler = sampler()});
  whole.optimize(zdt1, {.n_trials = 50});
  const std::vector<FrozenTrial> expected = whole.trials();
  Study copy = create_study({.directions = directions, .sampler = sampler()});
  copy.add_trials(std::span(expected).first(29));
  copy.optimize(zdt1, {.n_trials = 21});
  const std::vector<FrozenTrial> found = copy.trials();
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].values, expected[i].values) << i;
}

TEST(Nsga, LeavesWhatViolatesConstraints) {
  Study study =
      create_study({.directions = {Direction::kMinimize, Direction::kMinimize},
                    .sampler = make_nsga2_sampler({.population_size = 10, .mutation_prob = 0.1, .seed = 3})});
  study.optimize(
      [](Trial& trial) {
        const double x = trial.suggest_float("x", 0, 1), y = trial.suggest_float("y", 0, 1);
        trial.set_constraint("sum", 1.2 - x - y);
        return std::vector{x, y};
      },
      {.n_trials = 200});
  int early = 0, late = 0;
  for (const auto& trial : study.trials()) {
    if (trial.number < 50 && trial.is_feasible()) ++early;
    if (trial.number >= 150 && trial.is_feasible()) ++late;
  }
  EXPECT_GT(late, early);
  EXPECT_GE(late, 35);
}

TEST(Nsga, MutationDrawsAgain) {
  const auto run = [](double prob) {
    Study study = create_study(
        {.directions = {Direction::kMinimize, Direction::kMinimize},
         .sampler = make_nsga2_sampler({.population_size = 5, .mutation_prob = prob, .seed = 1})});
    study.optimize(zdt1, {.n_trials = 40});
    const auto trials = study.trials();
    int fresh = 0;  // values that no earlier trial had
    for (std::size_t i = 5; i < trials.size(); ++i) {
      const double x = trials[i].find_param("x3")->internal;
      fresh += std::ranges::none_of(trials.begin(), trials.begin() + static_cast<std::ptrdiff_t>(i),
                                    [&](const auto& other) { return other.find_param("x3")->internal == x; })
                   ? 1
                   : 0;
    }
    return fresh;
  };
  EXPECT_EQ(run(0), 0);
  EXPECT_EQ(run(1), 35);
}

TEST(Nsga, SaysWhatIsWrongWithItsOptions) {
  EXPECT_THAT(message_of([] { static_cast<void>(make_nsga2_sampler({.population_size = 1})); }),
              HasSubstr("population_size should be 2 or more"));
  EXPECT_THAT(message_of([] {
                static_cast<void>(
                    make_nsga2_sampler({.population_size = 2, .crossover = {.kind = CrossoverKind::kUndx}}));
              }),
              HasSubstr("3 or more with the crossover undx"));
  EXPECT_THAT(message_of([] { static_cast<void>(make_nsga2_sampler({.mutation_prob = 1.5})); }),
              HasSubstr("mutation_prob is a probability in [0, 1]; got 1.5"));
  EXPECT_THAT(message_of([] { static_cast<void>(make_nsga3_sampler({.reference_points = {{0, 0}}})); }),
              HasSubstr("one of them is zero"));
  const std::shared_ptr<const Sampler> of_three =
      make_nsga3_sampler({.population_size = 2, .reference_points = {{1, 0, 1}}});
  Study study =
      create_study({.directions = {Direction::kMinimize, Direction::kMinimize}, .sampler = of_three});
  EXPECT_THAT(message_of([&] { study.optimize(zdt1, {.n_trials = 3}); }),
              HasSubstr("a reference point has 3 numbers, the study 2 objectives"));
}
}  // namespace
}  // namespace ivory::tuning
