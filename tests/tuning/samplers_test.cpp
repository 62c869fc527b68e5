#include <ivory/tuning/samplers.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/pruners.h>
#include <ivory/tuning/study.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

// Every kind of parameter, one of them only sometimes.
double everything(Trial& trial) {
  const double f = trial.suggest_float("f", -3, 5);
  const double lg = trial.suggest_float("lg", 1e-4, 10, {.log = true});
  const double st = trial.suggest_float("st", 0, 1, {.step = 0.1});
  const auto i = trial.suggest_int("i", -2, 9);
  const auto is = trial.suggest_int("is", 0, 100, {.step = 25});
  const auto il = trial.suggest_int("il", 1, 300, {.log = true});
  const Params c = trial.suggest_categorical("c", {nullptr, true, 3, 0.5, "text"});
  trial.suggest_float("one", 2, 2);
  const double more = i > 3 ? trial.suggest_float("more", 0, 1) : 0;
  const double sum = std::abs(f - 1) + std::abs(std::log10(lg) + 2) + st +
                     std::abs(static_cast<double>(i - 4)) + static_cast<double>(is) / 50 +
                     std::abs(std::log2(static_cast<double>(il)) - 4) + more;
  return sum + (c == Params(0.5) ? 0 : 1);
}

// Every sampler of the table keeps the promises of the interface.
class SamplerContract : public testing::TestWithParam<SamplerEntry> {
 protected:
  [[nodiscard]] static Study make_study(std::uint64_t seed, StudyOptions options = {}) {
    options.sampler = GetParam().make(seed);
    return create_study(options);
  }
};

TEST_P(SamplerContract, StaysInsideEveryDistribution) {
  Study study = make_study(1);
  study.optimize(everything, {.n_trials = 80});
  std::set<std::string> choices;
  for (const auto& trial : study.trials()) {
    EXPECT_EQ(trial.state, TrialState::kComplete);
    for (const auto& param : trial.params)
      EXPECT_TRUE(param.distribution.contains(param.internal)) << param.name << " " << param.internal;
    choices.insert(trial.params_map().at("c").to_text());
  }
  EXPECT_GE(choices.size(), 2U);
}

TEST_P(SamplerContract, TheSameSeedGivesTheSameStudy) {
  const auto run = [](std::uint64_t seed) {
    Study study = make_study(seed);
    study.optimize(everything, {.n_trials = 40});
    std::vector<double> values;
    for (const auto& trial : study.trials()) values.push_back(trial.value());
    return values;
  };
  EXPECT_EQ(run(3), run(3));
}

TEST_P(SamplerContract, ServesSeveralObjectivesOrSaysThatItDoesNot) {
  Study study =
      make_study(2, {.directions = {Direction::kMinimize, Direction::kMaximize, Direction::kMinimize}});
  const auto optimize = [&] {
    study.optimize(
        [](Trial& trial) {
          const double x = trial.suggest_float("x", 0, 1), y = trial.suggest_float("y", 0, 1);
          return std::vector<double>{x, y, x * y};
        },
        {.n_trials = 40});
  };
  if (!GetParam().several_objectives) {
    EXPECT_THAT(message_of(optimize), HasSubstr("one objective"));
    return;
  }
  optimize();
  EXPECT_FALSE(study.best_trials().empty());
}

TEST_P(SamplerContract, TakesFailuresPruningInfinitiesAndConstraints) {
  const Quiet quiet;
  Study study = make_study(4);
  study.optimize(
      [](Trial& trial) -> double {
        const double x = trial.suggest_float("x", -1, 1);
        trial.set_constraint("right", -x);
        trial.report(x, 0);
        if (trial.number() % 5 == 1) throw TrialPruned();
        if (trial.number() % 5 == 2) throw std::runtime_error("broken");
        return trial.number() % 7 == 0 ? HUGE_VAL : trial.number() % 11 == 0 ? -HUGE_VAL : x;
      },
      {.n_trials = 60, .catch_exceptions = [](const std::exception&) { return true; }});
  EXPECT_EQ(study.size(), 60);
}

TEST_P(SamplerContract, TakesRangesThatChange) {
  Study study = make_study(5);
  study.optimize(
      [](Trial& trial) {
        const auto n = static_cast<double>(trial.number());
        return trial.suggest_float("x", n / 10, n / 5 + 1) +
               trial.suggest_float("l", 1 + n, 100 + n, {.log = true});
      },
      {.n_trials = 40});
  for (const auto& trial : study.trials()) {
    for (const auto& param : trial.params) EXPECT_TRUE(param.distribution.contains(param.internal));
  }
}

TEST_P(SamplerContract, ServesManyThreads) {
  Study study = make_study(6);
  study.optimize(everything, {.n_trials = 60, .n_jobs = 6});
  EXPECT_EQ(study.size(), 60);
}

TEST_P(SamplerContract, ServesTrialsThatAreNeverTold) {
  Study study = make_study(7);
  std::vector<std::unique_ptr<Trial>> open;
  for (int i = 0; i < 40; ++i) {
    open.push_back(study.ask());
    const double x = open.back()->suggest_float("x", 0, 1);
    if (i % 2 == 0) study.tell(*open.back(), x);
  }
  EXPECT_EQ(study.trials(std::vector{TrialState::kRunning}).size(), 20U);
}

INSTANTIATE_TEST_SUITE_P(All, SamplerContract,
                         testing::ValuesIn(sampler_table().begin(), sampler_table().end()),
                         [](const auto& info) {
                           std::string name(info.param.name);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

double branin(Trial& trial) {
  constexpr double kPi = std::numbers::pi;
  const double x = trial.suggest_float("x0", -5, 10), y = trial.suggest_float("x1", 0, 15);
  const double bend = y - 5.1 / (4 * kPi * kPi) * x * x + 5 / kPi * x - 6;
  return bend * bend + 10 * (1 - 1 / (8 * kPi)) * std::cos(x) + 10;
}

double median_best(const std::function<std::unique_ptr<Sampler>(std::uint64_t)>& make,
                   double (*objective)(Trial&), std::int64_t trials, int jobs = 1) {
  std::vector<double> best;
  for (std::uint64_t seed = 0; seed < 11; ++seed) {
    Study study = create_study({.sampler = make(seed)});
    study.optimize(objective, {.n_trials = trials, .n_jobs = jobs});
    best.push_back(study.best_value());
  }
  std::ranges::nth_element(best, best.begin() + 5);
  return best[5];
}

TEST(TpeSampler, FindsMoreThanChance) {
  const auto random = [](std::uint64_t seed) { return make_random_sampler({.seed = seed}); };
  const auto tpe = [](std::uint64_t seed) { return make_tpe_sampler({.seed = seed}); };
  const auto univariate = [](std::uint64_t seed) {
    return make_tpe_sampler({.multivariate = false, .seed = seed});
  };
  EXPECT_LT(median_best(tpe, branin, 80), 0.75 * median_best(random, branin, 80));
  const double chance = median_best(random, everything, 100);
  EXPECT_LT(median_best(tpe, everything, 100), 0.8 * chance);
  EXPECT_LT(median_best(univariate, everything, 100), 0.8 * chance);
  EXPECT_LT(median_best(tpe, everything, 100, 4), 0.8 * chance);
}

double conditional(Trial& trial) {
  const Params kind = trial.suggest_categorical("kind", {"line", "plane"});
  const double x = trial.suggest_float(kind == Params("line") ? "a" : "b", -5, 5);
  if (kind == Params("line")) return 4 + (x - 2) * (x - 2);
  const double y = trial.suggest_float("c", -5, 5);
  return (x + 1) * (x + 1) + (y - 3) * (y - 3);
}

TEST(TpeSampler, SamplesGroupsTogether) {
  const auto random = [](std::uint64_t seed) { return make_random_sampler({.seed = seed}); };
  const auto group = [](std::uint64_t seed) { return make_tpe_sampler({.group = true, .seed = seed}); };
  EXPECT_LT(median_best(group, conditional, 100), 0.5 * median_best(random, conditional, 100));
}

TEST(TpeSampler, CoversTheFrontOfTwoObjectives) {
  const auto front_size = [](std::unique_ptr<Sampler> sampler) {
    Study study = create_study(
        {.directions = {Direction::kMinimize, Direction::kMinimize}, .sampler = std::move(sampler)});
    study.optimize(
        [](Trial& trial) {  // ZDT1 in 6 dimensions
          const double x = trial.suggest_float("x0", 0, 1);
          double g = 1;
          for (int i = 1; i < 6; ++i) g += 9.0 / 5 * trial.suggest_float("x" + std::to_string(i), 0, 1);
          return std::vector<double>{x, g * (1 - std::sqrt(x / g))};
        },
        {.n_trials = 200});
    double sum = 0;
    for (const auto& trial : study.best_trials()) sum += trial.values[0] + trial.values[1];
    return sum / static_cast<double>(study.best_trials().size());
  };
  EXPECT_LT(front_size(make_tpe_sampler({.seed = 1})), 0.8 * front_size(make_random_sampler({.seed = 1})));
}

TEST(TpeSampler, AvoidsWhatViolatesConstraints) {
  Study study = create_study({.sampler = make_tpe_sampler({.seed = 8})});
  study.optimize(
      [](Trial& trial) {
        const double x = trial.suggest_float("x", 0, 1);
        trial.set_constraint("x", 0.7 - x);  // feasible above 0.7
        return x;
      },
      {.n_trials = 100});
  EXPECT_NEAR(study.best_value(), 0.7, 0.02);
}

TEST(TpeSampler, RefusesOptionsThatMakeNoSense) {
  EXPECT_THAT(message_of([] { (void)make_tpe_sampler({.n_ei_candidates = 0}); }),
              HasSubstr("n_ei_candidates"));
  EXPECT_THAT(message_of([] { (void)make_tpe_sampler({.n_startup_trials = -1}); }),
              HasSubstr("n_startup_trials"));
  EXPECT_THAT(message_of([] { (void)make_tpe_sampler({.multivariate = false, .group = true}); }),
              HasSubstr("multivariate"));
}

}  // namespace
}  // namespace ivory::tuning
