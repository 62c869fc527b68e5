#include <ivory/tuning/importance.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/base/rng.h>
#include <ivory/tuning/samplers.h>

#include "json.h"
#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;
using Importances = std::map<std::string, double>;

Importances by_name(const std::vector<ParamImportance>& importances) {
  Importances found;
  for (const auto& [name, value] : importances) found[name] = value;
  return found;
}

Importances importances_of(const Study& study, const ImportanceOptions& options = {}) {
  return by_name(get_param_importances(study, options));
}

std::vector<std::shared_ptr<const ImportanceEvaluator>> all_evaluators() {
  return {make_ped_anova_evaluator(), make_fanova_evaluator(), make_mdi_evaluator()};
}

Params reference() {
  return json::read(read_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/reference.json")).at("importance");
}

// The 60 trials of the reference.
Study reference_study() {
  const std::vector<std::pair<std::string, Distribution>> distributions = {
      {"a", Distribution::floats(0, 1)},
      {"b", Distribution::floats(1e-3, 1, {.log = true})},
      {"c", Distribution::categorical({"u", "v", "w"})},
      {"k", Distribution::ints(0, 7)}};
  Study study = create_study();
  const Params item = reference();
  for (const auto& trial : item.at("trials").elements()) {
    study.add_trial(create_trial({.values = {trial.at("value").as_real()},
                                  .params = trial.at("params"),
                                  .distributions = distributions}));
  }
  return study;
}

Importances expected(std::string_view key) {
  Importances found;
  const Params item = reference();
  for (const auto& [name, value] : item.at(key).items()) found[name] = value.as_real();
  return found;
}

void expect_near(const Importances& found, const Importances& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, value] : expected) EXPECT_NEAR(found.at(name), value, tolerance) << name;
}

TEST(PedAnova, MatchesTheReference) {
  const Study study = reference_study();
  expect_near(importances_of(study), expected("ped_anova_normalized"), 1e-9);
  expect_near(importances_of(study, {.normalize = false}), expected("ped_anova_raw"), 1e-9);
}

TEST(Fanova, IsNearTheReference) {
  expect_near(importances_of(reference_study(), {.evaluator = make_fanova_evaluator()}),
              expected("fanova_seed0"), 0.05);
}

TEST(MeanDecreaseImpurity, IsNearTheReference) {
  expect_near(importances_of(reference_study(), {.evaluator = make_mdi_evaluator()}), expected("mdi_seed0"),
              0.05);
}

// A number in [0, 1) that looks like chance.
double chance(int i, int k) {
  return static_cast<double>((i * 7919 + k * 104729 + i * i * 31 * k) % 1000) / 1000;
}

// Ninety trials with what is hard: parameters that only some trials have, a range that changes, steps,
// logarithms, choices; one or two objectives.
Study mixed_study(const std::vector<Direction>& directions) {
  Study study = create_study({.directions = directions});
  for (int i = 0; i < 90; ++i) {
    const double x = chance(i, 1), tenth = std::floor(11 * chance(i, 5)) / 10;
    const bool tree = i % 3 == 0, narrow = i < 45;
    const int depth = 1 + static_cast<int>(8 * chance(i, 2));
    const double rate = 0.001 + 0.999 * chance(i, 3);
    const int width = 1 + static_cast<int>((narrow ? 16 : 64) * chance(i, 4));
    const int units = 1 + static_cast<int>(200 * chance(i, 6));
    TrialTemplate trial{.params = {{"x", x},
                                   {"kind", tree ? "tree" : "net"},
                                   {"width", width},
                                   {"units", units},
                                   {"tenth", tenth}},
                        .distributions = {{"x", Distribution::floats(0, 1)},
                                          {"kind", Distribution::categorical({"net", "tree"})},
                                          {"width", Distribution::ints(1, narrow ? 16 : 64)},
                                          {"units", Distribution::ints(1, 200, {.log = true})},
                                          {"tenth", Distribution::floats(0, 1, {.step = 0.1})}}};
    if (tree) {
      trial.params["depth"] = depth;
      trial.distributions.emplace_back("depth", Distribution::ints(1, 8));
    } else {
      trial.params["rate"] = rate;
      trial.distributions.emplace_back("rate", Distribution::floats(1e-3, 1, {.log = true}));
    }
    const double first = (x - 0.3) * (x - 0.3) + (tree ? 0.05 * depth : 0.5 + rate) + 0.002 * width;
    trial.values = {first, x - 0.1 * tenth + (tree ? 0.2 : 0)};
    trial.values.resize(directions.size());
    study.add_trial(create_trial(trial));
  }
  return study;
}

Study mixed_study() { return mixed_study({Direction::kMinimize}); }

// The numbers of these tests are Optuna 5.0's for the same trials.
TEST(PedAnova, MatchesOptunaWithConditionalParametersAndChangingRanges) {
  const Quiet quiet;
  expect_near(importances_of(mixed_study()),
              {{"depth", 0.6109808332281758},
               {"kind", 0.16199763075262277},
               {"rate", 0.0},
               {"tenth", 0.038900267851430116},
               {"units", 0.05542595503527277},
               {"width", 0.02074782090711925},
               {"x", 0.11194749222537917}},
              1e-9);
  expect_near(importances_of(mixed_study({Direction::kMaximize})),
              {{"depth", 0.0},
               {"kind", 0.008807175264938396},
               {"rate", 0.8901930299047397},
               {"tenth", 0.0011558586897710385},
               {"units", 0.044346357280330664},
               {"width", 0.010368133246691677},
               {"x", 0.04512944561352817}},
              1e-9);
}

TEST(PedAnova, MatchesOptunaWithATarget) {
  const ImportanceTarget x = [](const FrozenTrial& trial) { return trial.find_param("x")->internal; };
  expect_near(importances_of(mixed_study(), {.target = x}),
              {{"depth", 0.00472708348745041},
               {"kind", 2.0869670457477307e-05},
               {"rate", 0.17637735110966563},
               {"tenth", 0.004677463372586611},
               {"units", 0.007084697105367608},
               {"width", 0.008262220332708722},
               {"x", 0.7988503149217635}},
              1e-9);
}

TEST(PedAnova, MatchesOptunaWithinARegionAndAgainstAnEvenSpread) {
  const Study study = mixed_study();
  const Quiet quiet;
  expect_near(
      importances_of(study,
                     {.evaluator = make_ped_anova_evaluator({.target_quantile = 0.2, .region_quantile = 0.5}),
                      .normalize = false}),
      {{"depth", 0.0278479500351868},
       {"kind", 0.015236215104288079},
       {"rate", 0.0},
       {"tenth", 0.010909694163163966},
       {"units", 0.015828036230095783},
       {"width", 0.0024750276352543225},
       {"x", 0.01198960291293156}},
      1e-9);
  expect_near(importances_of(study, {.evaluator = make_ped_anova_evaluator({.evaluate_on_local = false}),
                                     .normalize = false}),
              {{"depth", 0.029007737544992584},
               {"kind", 0.0020249999999999995},
               {"rate", 0.0},
               {"tenth", 0.0008672181268074613},
               {"units", 0.00497632757033923},
               {"width", 0.0007334623429303225},
               {"x", 0.0033311241888753893}},
              1e-9);
}

TEST(PedAnova, MatchesOptunaWithTwoObjectives) {
  expect_near(importances_of(mixed_study({Direction::kMinimize, Direction::kMaximize})),
              {{"depth", 0.5218658569080981},
               {"kind", 0.18959561895236568},
               {"rate", 0.0},
               {"tenth", 0.010279840212890518},
               {"units", 0.11097529942794657},
               {"width", 0.06383830849979305},
               {"x", 0.10344507599890611}},
              1e-9);
}

TEST(PedAnova, JudgesTheParametersThatAreAskedFor) {
  const Study study = mixed_study();
  expect_near(importances_of(study, {.params = {{"depth", "x"}}}),
              {{"depth", 0.845147176720258}, {"x", 0.15485282327974204}}, 1e-9);
  EXPECT_TRUE(get_param_importances(study, {.params = std::vector<std::string>{}}).empty());
  EXPECT_THAT(message_of([&] { importances_of(study, {.params = {{"dept"}}}); }),
              HasSubstr("no complete trial has the parameter 'dept'; did you mean 'depth'?"));
}

TEST(PedAnova, RefusesQuantilesThatAreNone) {
  EXPECT_THAT(message_of([] { static_cast<void>(make_ped_anova_evaluator({.target_quantile = 0})); }),
              HasSubstr("0 < target < region <= 1; got 0.0 and 1.0"));
  EXPECT_THROW(static_cast<void>(make_ped_anova_evaluator({.target_quantile = 0.5, .region_quantile = 0.5})),
               Error);
}

TEST(Fanova, IsNearOptunaOnTheParametersThatAllTrialsHave) {
  const Study study = mixed_study();
  expect_near(importances_of(study, {.evaluator = make_fanova_evaluator()}),
              {{"kind", 0.82060266153891},
               {"tenth", 0.015303229124780441},
               {"units", 0.01310218972019444},
               {"x", 0.15099191961611508}},
              0.05);
  expect_near(
      importances_of(study, {.evaluator = make_fanova_evaluator(), .params = {{"rate", "x", "tenth"}}}),
      {{"rate", 0.867699788429102}, {"tenth", 0.005432160153173085}, {"x", 0.126868051417725}}, 0.05);
}

TEST(MeanDecreaseImpurity, IsNearOptunaOnTheParametersThatAllTrialsHave) {
  const Study study = mixed_study();
  expect_near(importances_of(study, {.evaluator = make_mdi_evaluator()}),
              {{"kind", 0.651026984626075},
               {"tenth", 0.07232205426377927},
               {"units", 0.08432229054433169},
               {"x", 0.1923286705658141}},
              0.05);
  expect_near(importances_of(study, {.evaluator = make_mdi_evaluator(), .params = {{"rate", "x", "tenth"}}}),
              {{"rate", 0.8295570657361988}, {"tenth", 0.019070043259243462}, {"x", 0.1513728910045577}},
              0.05);
}

// Choices of which each matters differently.
Study study_of_choices() {
  const std::vector<Params> letters{"a", "b", "c", "d", "e"}, two{"p", "q"};
  const std::vector<double> effects{0, 1, 0.2, 2, 0.5};
  Study study = create_study();
  for (int i = 0; i < 200; ++i) {
    const double x = chance(i, 1), y = chance(i, 2);
    const auto letter = static_cast<std::size_t>(5 * chance(i, 3)),
               group = static_cast<std::size_t>(2 * chance(i, 5));
    study.add_trial(create_trial({.values = {effects[letter] + x + (group == 0 ? y : 0)},
                                  .params = {{"x", x}, {"y", y}, {"c", letters[letter]}, {"g", two[group]}},
                                  .distributions = {{"x", Distribution::floats(0, 1)},
                                                    {"y", Distribution::floats(0, 1)},
                                                    {"c", Distribution::categorical(letters)},
                                                    {"g", Distribution::categorical(two)}}}));
  }
  return study;
}

TEST(MeanDecreaseImpurity, IsNearOptunaWithManyChoices) {
  expect_near(importances_of(study_of_choices(), {.evaluator = make_mdi_evaluator()}),
              {{"c", 0.7276966123025832},
               {"g", 0.07684714149808529},
               {"x", 0.14270495703124572},
               {"y", 0.05275128916808593}},
              0.05);
}

// f = 4 a + 2 [c = 1], nothing of b: the shares of variance are known.
TEST(Fanova, FindsTheSharesOfAFunctionWhoseVarianceIsKnown) {
  Study study = create_study();
  Rng rng({.seed = 11});
  for (int i = 0; i < 1000; ++i) {
    const double a = rng.uniform(), b = rng.uniform();
    const auto c = static_cast<std::int64_t>(rng.below(4));
    study.add_trial(create_trial({.values = {4 * a + (c == 1 ? 2 : 0)},
                                  .params = {{"a", a}, {"b", b}, {"c", c}},
                                  .distributions = {{"a", Distribution::floats(0, 1)},
                                                    {"b", Distribution::floats(0, 1)},
                                                    {"c", Distribution::categorical({0, 1, 2, 3})}}}));
  }
  // Var(4 a) = 16 / 12, Var(2 [c = 1]) = 4 * 3/16.
  const double of_a = 16.0 / 12, of_c = 0.75, all = of_a + of_c;
  const auto found = importances_of(study, {.evaluator = make_fanova_evaluator(), .normalize = false});
  EXPECT_NEAR(found.at("a"), of_a / all, 0.01);
  EXPECT_NEAR(found.at("b"), 0, 0.01);
  EXPECT_NEAR(found.at("c"), of_c / all, 0.01);
}

TEST(Forests, GiveTheSameForTheSameSeedAndLittleElseForAnother) {
  const Study study = reference_study();
  for (const auto make : {make_fanova_evaluator, make_mdi_evaluator}) {
    const auto first = importances_of(study, {.evaluator = make({})});
    EXPECT_EQ(first, importances_of(study, {.evaluator = make({})}));
    const auto other = importances_of(study, {.evaluator = make({.seed = 1})});
    EXPECT_NE(first, other);
    expect_near(first, other, 0.05);
  }
}

TEST(Forests, ShareBetweenParametersThatAreTheSame) {
  Study study = create_study();
  for (int i = 0; i < 100; ++i) {
    const double x = chance(i, 1);
    study.add_trial(create_trial(
        {.values = {x},
         .params = {{"x", x}, {"copy", x}},
         .distributions = {{"x", Distribution::floats(0, 1)}, {"copy", Distribution::floats(0, 1)}}}));
  }
  EXPECT_NEAR(importances_of(study, {.evaluator = make_mdi_evaluator()}).at("x"), 0.5, 0.15);
}

TEST(Forests, RefuseWhatTheyCannotJudge) {
  const auto fanova = [](ImportanceOptions options) {
    options.evaluator = make_fanova_evaluator();
    return options;
  };
  const Study two = mixed_study({Direction::kMinimize, Direction::kMinimize}), one = mixed_study();
  EXPECT_THAT(message_of([&] { importances_of(two, fanova({})); }),
              HasSubstr("2 objectives; the evaluator 'fanova' needs a target"));
  EXPECT_THAT(message_of([&] { importances_of(one, fanova({.params = {{"width"}}})); }),
              HasSubstr("the range of 'width' changes from trial to trial (int in [1, 16], int in [1, 64])"));
  EXPECT_THAT(message_of([&] { importances_of(one, fanova({.params = {{"depth", "rate"}}})); }),
              HasSubstr("no complete trial has all of the parameters depth, rate"));
  EXPECT_THAT(message_of([] { static_cast<void>(make_mdi_evaluator({.n_trees = 0})); }),
              HasSubstr("n_trees 0"));
  // Of one objective of several.
  const ImportanceTarget second = [](const FrozenTrial& trial) { return trial.values[1]; };
  EXPECT_GT(importances_of(two, fanova({.target = second})).at("x"), 0.5);
}

TEST(GetParamImportances, SortsByValueAndSumsToOne) {
  const Study study = mixed_study();
  for (const auto& evaluator : all_evaluators()) {
    const auto importances = get_param_importances(study, {.evaluator = evaluator});
    double sum = 0;
    for (const auto& importance : importances) sum += importance.value;
    EXPECT_TRUE(std::ranges::is_sorted(importances, std::greater<>(), &ParamImportance::value));
    EXPECT_NEAR(sum, 1, 1e-12);
  }
}

TEST(GetParamImportances, OfTooFewTrialsAllAreAlike) {
  const Quiet quiet;
  Study study = create_study({.sampler = make_random_sampler({.seed = 1})});
  for (const auto& evaluator : all_evaluators())
    EXPECT_TRUE(get_param_importances(study, {.evaluator = evaluator}).empty());
  study.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1); },
                 {.n_trials = 1});
  for (const auto& evaluator : all_evaluators())
    EXPECT_EQ(importances_of(study, {.evaluator = evaluator}), (Importances{{"x", 0.5}, {"y", 0.5}}));
}

TEST(GetParamImportances, LooksOnlyAtCompleteTrialsWithFiniteValues) {
  const Study study = mixed_study();
  Study noisy = mixed_study();
  const double infinity = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 9; ++i) {
    FrozenTrial trial = study.trial(i);
    trial.values = {-infinity};
    noisy.add_trial(trial);
    trial.state = TrialState::kPruned;
    trial.values = {-100.0 * i};
    noisy.add_trial(trial);
  }
  for (const auto& evaluator : all_evaluators()) {
    EXPECT_EQ(importances_of(study, {.evaluator = evaluator}),
              importances_of(noisy, {.evaluator = evaluator}))
        << evaluator->name();
  }
}

TEST(GetParamImportances, SaysNothingWhereTheObjectiveOrAParameterIsConstant) {
  Study study = create_study({.sampler = make_random_sampler({.seed = 1})});
  study.optimize(
      [](Trial& trial) {
        trial.suggest_float("x", 0, 1);
        return 1 + 0 * trial.suggest_float("one", 3, 3);
      },
      {.n_trials = 20});
  const Quiet quiet;
  for (const auto& evaluator : all_evaluators()) {
    EXPECT_EQ(importances_of(study, {.evaluator = evaluator}), (Importances{{"one", 0.5}, {"x", 0.5}}))
        << evaluator->name();
  }
}
}  // namespace
}  // namespace ivory::tuning
