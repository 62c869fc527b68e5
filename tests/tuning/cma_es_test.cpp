#include "cma_es.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

template <class F>
void run_generations(CmaEs& cma, int generations, F value) {
  for (int g = 0; g < generations; ++g) {
    std::vector<std::pair<double, std::vector<double>>> solutions;
    for (std::size_t k = 0; k < cma.population(); ++k) {
      Rng rng({.seed = 3, .epoch = static_cast<std::uint64_t>(g), .sample = k});
      CmaEs::Draw draw = cma.draw(rng);
      solutions.emplace_back(value(draw.position), std::move(draw.told));
    }
    std::ranges::sort(solutions);
    std::vector<std::vector<double>> points;
    for (auto& [v, point] : solutions) points.push_back(std::move(point));
    cma.tell(points);
  }
}

// A long narrow ellipsoid, turned against the axes.
double ellipsoid(const std::vector<double>& x) {
  double sum = 0, running = 0;
  for (std::size_t d = 0; d < x.size(); ++d) {
    running += x[d] - 0.4;
    sum += std::pow(100, static_cast<double>(d) / static_cast<double>(x.size() - 1)) * running * running;
  }
  return sum;
}

TEST(CmaEs, TakesThePopulationOfItsDimensions) {
  EXPECT_EQ(CmaEs({.mean = {0.5}}).population(), 4U);
  EXPECT_EQ(CmaEs({.mean = std::vector<double>(5, 0.5)}).population(), 8U);
  EXPECT_EQ(CmaEs({.mean = std::vector<double>(40, 0.5)}).population(), 15U);
}

TEST(CmaEs, LearnsTheShapeOfTheFunction) {
  CmaEs cma({.mean = std::vector<double>(6, 0.5)});
  run_generations(cma, 150, ellipsoid);
  EXPECT_LT(ellipsoid(cma.mean()), 1e-10);
  EXPECT_LT(cma.sigma(), 1e-3);
}

TEST(CmaEs, SeparableLearnsTheScalesOfTheAxes) {
  const auto scaled = [](const std::vector<double>& x) {
    double sum = 0;
    for (std::size_t d = 0; d < x.size(); ++d)
      sum += std::pow(1000, static_cast<double>(d) / 19) * (x[d] - 0.3) * (x[d] - 0.3);
    return sum;
  };
  CmaEs full({.mean = std::vector<double>(20, 0.5)});
  CmaEs separable({.mean = std::vector<double>(20, 0.5), .separable = true});
  run_generations(full, 120, scaled);
  run_generations(separable, 120, scaled);
  EXPECT_LT(scaled(separable.mean()), 0.1);
  EXPECT_LT(scaled(separable.mean()), scaled(full.mean()) / 2);
}

TEST(CmaEs, DrawsInsideTheBoxEvenAtItsCorner) {
  const CmaEs cma({.mean = std::vector<double>(4, 0.0), .sigma = 3});
  Rng rng({.seed = 1});
  for (int i = 0; i < 50; ++i)
    EXPECT_THAT(cma.draw(rng).position, testing::Each(testing::AllOf(testing::Ge(0), testing::Le(1))));
}

TEST(CmaEs, AMarginKeepsDiscreteValuesAlive) {
  const std::vector<double> steps{0.25, 0.25, 0.25, 0, 0};
  CmaEs cma({.mean = std::vector<double>(5, 0.5), .steps = steps});
  const auto value = [](const std::vector<double>& x) {
    double sum = 0;
    for (const double coordinate : x) sum += (coordinate - 0.75) * (coordinate - 0.75);
    return sum;
  };
  run_generations(cma, 200, value);
  Rng rng({.seed = 2});
  std::map<double, int> seen;
  for (int i = 0; i < 2000; ++i) {
    const CmaEs::Draw draw = cma.draw(rng);
    for (std::size_t d = 0; d < 3; ++d) EXPECT_EQ(std::fmod(draw.position[d], 0.25), 0);
    ++seen[draw.position[0]];
  }
  EXPECT_GT(seen[0.75], 1800);  // a margin of 1 / 40 for the others
  EXPECT_GT(seen[0.5] + seen[1.0], 20);
  EXPECT_NEAR(cma.mean()[3], 0.75, 1e-3);
}

TEST(CmaEs, StartsFromTheBestTenth) {
  std::vector<std::vector<double>> points;
  for (int i = 0; i < 40; ++i) points.push_back({0.2 + 0.01 * i, 0.9 - 0.02 * i});
  CmaSetup setup;
  start_from(points, setup);
  EXPECT_NEAR(setup.mean[0], 0.215, 1e-12);
  EXPECT_NEAR(setup.mean[1], 0.87, 1e-12);
  // The covariance of four points, with 0.01 on its diagonal, cut into a square and a determinant of 1.
  const double a = setup.covariance[0], b = setup.covariance[1], c = setup.covariance[3];
  EXPECT_NEAR(a * c - b * b, 1, 1e-9);
  EXPECT_NEAR(setup.sigma * setup.sigma * a, 0.01 + 0.000125, 1e-12);
  EXPECT_NEAR(setup.sigma * setup.sigma * b, -0.00025, 1e-12);
}

double shifted_sphere(Trial& trial) {
  double sum = 0;
  for (int d = 0; d < 5; ++d) {
    const double x = trial.suggest_float("x" + std::to_string(d), -5, 5) - 0.7 * d + 1;
    sum += x * x;
  }
  return sum;
}

std::vector<double> values_of(const Study& study) {
  std::vector<double> values;
  for (const auto& trial : study.trials()) values.push_back(trial.value());
  return values;
}

TEST(CmaEsSampler, Converges) {
  for (const bool separable : {false, true}) {
    Study study = create_study({.sampler = make_cma_es_sampler({.use_separable_cma = separable, .seed = 1})});
    study.optimize(shifted_sphere, {.n_trials = 600});
    EXPECT_LT(study.best_value(), 1e-5) << separable;
  }
}

TEST(CmaEsSampler, MaximizesAsItMinimizes) {
  Study study =
      create_study({.direction = Direction::kMaximize, .sampler = make_cma_es_sampler({.seed = 1})});
  study.optimize([](Trial& trial) { return -shifted_sphere(trial); }, {.n_trials = 400});
  EXPECT_GT(study.best_value(), -1e-2);
}

// State is what the trials say: another process goes on as if it had been there from the start.
TEST(CmaEsSampler, GoesOnWhereItWasEnded) {
  const std::string path = std::filesystem::path(testing::TempDir()) / "cma_es_resume.log";
  std::filesystem::remove(path);
  Study whole = create_study({.sampler = make_cma_es_sampler({.seed = 5})});
  whole.optimize(shifted_sphere, {.n_trials = 120});
  for (const std::int64_t part : {50, 13, 57}) {
    Study study = create_study({.storage = "journal:///" + path,
                                .study_name = "s",
                                .load_if_exists = true,
                                .sampler = make_cma_es_sampler({.seed = 5})});
    study.optimize(shifted_sphere, {.n_trials = part});
  }
  const Study parts = load_study({.storage = "journal:///" + path, .study_name = "s"});
  EXPECT_EQ(values_of(parts), values_of(whole));
}

TEST(CmaEsSampler, ConvergesWithSeveralWorkers) {
  Study study = create_study({.sampler = make_cma_es_sampler({.seed = 2})});
  study.optimize(shifted_sphere, {.n_trials = 1200, .n_jobs = 4});
  EXPECT_LT(study.best_value(), 1e-2);
}

TEST(CmaEsSampler, LearnsOnlyFromTrialsThatItDrew) {
  const auto run = [](bool enqueue) {
    Study study = create_study({.sampler = make_cma_es_sampler({.seed = 3})});
    study.optimize(shifted_sphere, {.n_trials = 1});
    if (enqueue) {
      study.add_trial(create_trial({.values = {1e9},
                                    .params = study.trial(0).params_map(),
                                    .distributions = {{"x0", Distribution::floats(-5, 5)},
                                                      {"x1", Distribution::floats(-5, 5)},
                                                      {"x2", Distribution::floats(-5, 5)},
                                                      {"x3", Distribution::floats(-5, 5)},
                                                      {"x4", Distribution::floats(-5, 5)}}}));
      study.enqueue_trial({{"x0", 5.0}, {"x1", 5.0}});
    }
    study.optimize(shifted_sphere, {.n_trials = 300});
    return study.best_value();
  };
  EXPECT_LT(run(true), 0.1);
  EXPECT_LT(run(false), 0.1);
}

TEST(CmaEsSampler, StartsFromTrialsOfARelatedStudy) {
  Study source = create_study({.sampler = make_cma_es_sampler({.seed = 4})});
  source.optimize(shifted_sphere, {.n_trials = 200});
  const auto best_of = [](const std::vector<FrozenTrial>& trials) {
    double sum = 0;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      Study study = create_study({.sampler = make_cma_es_sampler({.source_trials = trials, .seed = seed})});
      study.optimize(shifted_sphere, {.n_trials = 12});
      sum += study.best_value();
    }
    return sum;
  };
  EXPECT_LT(best_of(source.trials()), 0.5 * best_of({}));
  Study other = create_study({.sampler = make_random_sampler({.seed = 1})});
  other.optimize([](Trial& trial) { return trial.suggest_float("z", 0, 1); }, {.n_trials = 3});
  EXPECT_THAT(message_of([&] { best_of(other.trials()); }), HasSubstr("source_trials"));
}

TEST(CmaEsSampler, MindsStepsWithMargin) {
  Study study = create_study({.sampler = make_cma_es_sampler({.with_margin = true, .seed = 1})});
  study.optimize(
      [](Trial& trial) {
        const auto n = static_cast<double>(trial.suggest_int("n", 0, 10));
        const double s = trial.suggest_float("s", 0, 1, {.step = 0.25}), x = trial.suggest_float("x", -1, 1);
        return (n - 7) * (n - 7) + (s - 0.25) * (s - 0.25) + (x - 0.5) * (x - 0.5);
      },
      {.n_trials = 200});
  EXPECT_LT(study.best_value(), 1e-3);
}

TEST(CmaEsSampler, AvoidsWhatViolatesConstraints) {
  Study study = create_study({.sampler = make_cma_es_sampler({.seed = 8})});
  study.optimize(
      [](Trial& trial) {
        const double x = trial.suggest_float("x", 0, 1), y = trial.suggest_float("y", 0, 1);
        trial.set_constraint("x", 0.7 - x);
        return x + y;
      },
      {.n_trials = 200});
  EXPECT_NEAR(study.best_value(), 0.7, 0.01);
}

TEST(CmaEsSampler, RefusesOptionsThatMakeNoSense) {
  EXPECT_THAT(message_of([] { (void)make_cma_es_sampler({.popsize = 1}); }), HasSubstr("popsize"));
  EXPECT_THAT(message_of([] { (void)make_cma_es_sampler({.n_startup_trials = -1}); }),
              HasSubstr("n_startup_trials"));
  EXPECT_THAT(message_of([] { (void)make_cma_es_sampler({.use_separable_cma = true, .with_margin = true}); }),
              HasSubstr("with_margin"));
}

}  // namespace
}  // namespace ivory::tuning
