#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/tuning/multi_objective.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "acquisition.h"
#include "acquisition_optimizer.h"
#include "box_minimizer.h"
#include "gaussian_process.h"
#include "gp_kernel.h"
#include "json.h"
#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

Params reference() {
  return json::read(read_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/reference.json")).at("gp");
}

std::vector<double> reals(const Params& list) {
  std::vector<double> values;
  for (const auto& value : list.elements()) values.push_back(value.as_real());
  return values;
}

GpPoints points_of(const Params& rows, const std::vector<std::uint8_t>& choice) {
  GpPoints points(choice);
  for (const auto& row : rows.elements()) points.add(reals(row));
  return points;
}

GpParams params_of(const Params& given) {
  return {reals(given.at("inverse_squared_lengthscales")), given.at("kernel_scale").as_real(),
          given.at("noise_var").as_real()};
}

const std::vector<std::uint8_t> kChoices{0, 0, 1};

struct Prediction {
  std::vector<double> mean, variance;
};

Prediction predict(const GpPoints& points, const std::vector<double>& values, const GpParams& params,
                   const Params& at) {
  GpModel model(points, params, points.size());
  model.add_head(model.solve(values));
  GpModel::Tile tile;
  model.prepare(tile);
  Prediction prediction;
  for (const auto& row : at.elements()) {
    const std::vector<double> x = reals(row);
    for (std::size_t d = 0; d < x.size(); ++d) tile.columns[d * kTileWidth] = x[d];
    model.evaluate(tile, false);
    prediction.mean.push_back(tile.heads[0]);
    prediction.variance.push_back(tile.variance[0]);
  }
  return prediction;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], tolerance) << i;
}

TEST(GaussianProcess, PredictsAsTheReferenceDoes) {
  const Params gp = reference();
  const GpPoints points = points_of(gp.at("X"), kChoices);
  const std::vector<double> values = reals(gp.at("Y"));
  const Prediction prediction = predict(points, values, params_of(gp.at("given")), gp.at("x"));
  expect_near(prediction.mean, reals(gp.at("mean")), 1e-9);
  expect_near(prediction.variance, reals(gp.at("var")), 1e-9);
  EXPECT_NEAR(gp_log_posterior(points, values, params_of(gp.at("given"))).likelihood,
              gp.at("log_marginal_without_constant").as_real(), 1e-9);
  const Prediction fitted = predict(points, values, params_of(gp.at("fitted")), gp.at("x"));
  expect_near(fitted.mean, reals(gp.at("fitted").at("mean")), 1e-9);
  expect_near(fitted.variance, reals(gp.at("fitted").at("var")), 1e-9);
}

TEST(GaussianProcess, FitsAtLeastAsWellAsTheReference) {
  const Params gp = reference();
  const GpPoints points = points_of(gp.at("X"), kChoices);
  const std::vector<double> values = reals(gp.at("Y"));
  const auto posterior = [&](const GpParams& params) {
    const GpLogPosterior found = gp_log_posterior(points, values, params);
    return found.likelihood + found.prior;
  };
  const double expected = gp.at("fitted").at("log_posterior").as_real();
  EXPECT_NEAR(posterior(params_of(gp.at("fitted"))), expected, 1e-9);
  EXPECT_GT(posterior(fit_gp(points, values, GpParams::ones(3))), expected - 1e-3);
  EXPECT_EQ(fit_gp(points, values, GpParams::ones(3), true).noise, kLeastNoise);
}

GpPoints random_points(std::size_t count, const std::vector<std::uint8_t>& choice, std::uint64_t seed) {
  Rng rng({.seed = seed});
  GpPoints points(choice);
  std::vector<double> x(choice.size());
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t d = 0; d < x.size(); ++d)
      x[d] = choice[d] != 0 ? static_cast<double>(rng.below(3)) : rng.uniform();
    points.add(x);
  }
  return points;
}

std::vector<double> random_values(std::size_t count, std::uint64_t seed) {
  Rng rng({.seed = seed, .purpose = "values"});
  std::vector<double> values(count);
  for (double& value : values) value = rng.normal();
  return values;
}

// Sizes on both sides of a tile's edge.
TEST(GaussianProcess, ItsGradientIsTheSlopeOfItsPosterior) {
  for (const std::size_t n : {1U, 15U, 16U, 17U, 40U}) {
    const GpPoints points = random_points(n, kChoices, n);
    const std::vector<double> values = random_values(n, n);
    const GpParams params{{2, 0.5, 1.5}, 1.3, 0.05};
    std::vector<double> gradient(5);
    EXPECT_LT(gp_log_posterior(points, values, params, gradient).likelihood, 0);
    const auto posterior = [&](std::size_t which, double shift) {
      GpParams moved = params;
      if (which < 3) moved.weights[which] *= std::exp(shift);
      if (which == 3) moved.scale *= std::exp(shift);
      if (which == 4) moved.noise += shift;
      const GpLogPosterior found = gp_log_posterior(points, values, moved);
      return found.likelihood + found.prior;
    };
    for (std::size_t i = 0; i < 5; ++i) {
      const double h = 1e-5;
      EXPECT_NEAR(gradient[i], (posterior(i, h) - posterior(i, -h)) / (2 * h),
                  1e-5 * (1 + std::abs(gradient[i])))
          << n << " " << i;
    }
  }
}

TEST(GaussianProcess, TakesPointsThatAreTheSame) {
  GpPoints points({0, 0});
  for (int i = 0; i < 20; ++i) points.add(std::vector{0.5, 0.25});
  const GpModel model(points, {{1, 1}, 1, kLeastNoise}, 10);
  EXPECT_EQ(model.mean_of_exact(std::vector<double>(10, 2.0)).size(), 10U);
}

TEST(GaussianProcess, EveryLevelOfVectorCodeGivesTheSameBits) {
  const GpPoints points = random_points(37, {0, 0, 0, 1}, 5);
  const std::vector<double> weights{1, 3, 0.2, 2};
  std::vector<double> columns(4 * kTileWidth), first;
  Rng rng({.seed = 8});
  for (double& x : columns) x = rng.uniform();
  for (const GpKernels& level : gp_kernel_levels()) {
    std::vector<double> value(37 * kTileWidth), slope(37 * kTileWidth), product(37 * kTileWidth),
        gradient(4 * kTileWidth), sums(4);
    const MaternTile kernel{.rows = points.rows(),
                            .columns = columns.data(),
                            .weights = weights.data(),
                            .choice = points.choice(),
                            .row_stride = points.stride(),
                            .dimensions = 4,
                            .begin = 0,
                            .end = 37,
                            .scale = 1.7,
                            .value = value.data(),
                            .slope = slope.data(),
                            .stride = kTileWidth};
    level.matern(kernel);
    level.multiply({.matrix = value.data(),
                    .matrix_stride = kTileWidth,
                    .row_begin = 0,
                    .row_end = 37,
                    .inner_begin = 0,
                    .inner_end = kTileWidth,
                    .triangle = Triangle::kNone,
                    .in = slope.data(),
                    .in_stride = kTileWidth,
                    .start = nullptr,
                    .start_stride = 0,
                    .out = product.data(),
                    .out_stride = kTileWidth});
    level.pull_back(
        {.kernel = kernel, .slope = slope.data(), .factor = product.data(), .gradient = gradient.data()});
    level.scale_gradient(
        {.kernel = kernel, .slope = slope.data(), .factor = product.data(), .sums = sums.data()});
    std::vector<double> all;
    for (const auto& part : {value, slope, product, gradient, sums})
      all.insert(all.end(), part.begin(), part.end());
    if (first.empty()) first = all;
    EXPECT_EQ(all, first);
  }
}

TEST(Acquisition, LogExpectedImprovementIsTheReferences) {
  const Params gp = reference();
  for (const auto& pair : gp.at("standard_logei").elements()) {
    const double z = pair.at("z").as_real();
    EXPECT_NEAR(log_expected_improvement(z), pair.at("v").as_real(), 1e-9 * (1 + std::abs(z * z))) << z;
  }
}

// What an acquisition needs, with defaults.
struct Problem {
  GpPoints points = random_points(25, kChoices, 1), running{kChoices};
  std::vector<std::vector<double>> objectives{random_values(25, 1)}, constraints;
  std::vector<GpParams> params{{{2, 0.5, 1.5}, 1.3, 0.01}, {{1, 1.5, 0.5}, 0.8, 0.02}, {{1, 1, 1}, 1, 0.02}},
      constraint_params{{{1, 2, 1}, 1, 0.01}};
  std::vector<double> thresholds;
  std::vector<bool> feasible = std::vector<bool>(25, true);

  [[nodiscard]] Acquisition make() const {
    return Acquisition({.points = points,
                        .running = running,
                        .objectives = objectives,
                        .params = params,
                        .constraints = constraints,
                        .constraint_params = constraint_params,
                        .thresholds = thresholds,
                        .feasible = feasible,
                        .seed = 7});
  }
};

TEST(Acquisition, LogEiAtThePosteriorIsTheReferences) {
  const Params gp = reference();
  Problem problem;
  problem.points = points_of(gp.at("X"), kChoices);
  problem.objectives = {reals(gp.at("Y"))};
  problem.params = {params_of(gp.at("given"))};
  problem.feasible.assign(problem.points.size(), true);
  Acquisition acquisition = problem.make();
  const std::vector<double> expected = reals(gp.at("logei_at_best_Y"));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    double value = 0;
    acquisition.evaluate(reals(gp.at("x").at(i)), std::span(&value, 1));
    EXPECT_NEAR(value, expected[i], 1e-7 * std::abs(expected[i])) << i;
  }
}

void expect_slope(Acquisition& acquisition, const std::vector<double>& x, const std::string& what) {
  double value = 0;
  std::vector<double> gradient(3);
  acquisition.evaluate(x, std::span(&value, 1), gradient);
  const auto at = [&](std::size_t d, double shift) {
    std::vector<double> moved = x;
    moved[d] += shift;
    double found = 0;
    acquisition.evaluate(moved, std::span(&found, 1));
    return found;
  };
  for (std::size_t d = 0; d < 2; ++d) {
    const double h = 1e-6, slope = (at(d, h) - at(d, -h)) / (2 * h);
    EXPECT_NEAR(gradient[d], slope, 2e-3 * (1 + std::abs(slope))) << what << " " << d;
  }
}

TEST(Acquisition, ItsGradientIsItsSlope) {
  const std::vector<std::vector<double>> at{{0.3, 0.6, 1}, {0.05, 0.95, 0}, {0.71, 0.2, 2}};
  for (const auto& x : at) {
    Problem problem;
    Acquisition improvement = problem.make();
    expect_slope(improvement, x, "improvement");
    problem.running = random_points(3, kChoices, 3);
    Acquisition fantasies = problem.make();
    expect_slope(fantasies, x, "fantasies");
    problem.constraints = {random_values(25, 9)};
    problem.thresholds = {0.2};
    Acquisition constrained = problem.make();
    expect_slope(constrained, x, "constrained");
    problem.objectives = {random_values(25, 1), random_values(25, 2), random_values(25, 3)};
    Acquisition hypervolume = problem.make();
    expect_slope(hypervolume, x, "hypervolume");
    problem.feasible.assign(25, false);
    Acquisition feasibility = problem.make();
    expect_slope(feasibility, x, "feasibility");
  }
}

// One more point beside a running one adds little to what that one promises, one far off more.
TEST(Acquisition, FantasiesOfRunningTrialsTakeAwayFromTheirNeighbourhood) {
  Problem problem;
  problem.points = random_points(3, kChoices, 4);
  problem.objectives = {{0.3, -1, 0.5}};
  problem.params = {{{10, 10, 2}, 1, 0.01}};
  problem.feasible.assign(3, true);
  problem.running.add(std::vector{0.5, 0.5, 1.0});
  Acquisition acquisition = problem.make();
  const auto value_at = [&](const std::vector<double>& x) {
    double value = 0;
    acquisition.evaluate(x, std::span(&value, 1));
    return value;
  };
  const double known = value_at({0.5, 0.5, 1});
  EXPECT_LT(value_at({0.51, 0.5, 1}), known + 0.1);
  EXPECT_GT(value_at({0.02, 0.98, 1}), known + 0.3);
}

TEST(HypervolumeBoxes, CoverWhatIsNotDominatedOnce) {
  for (const std::size_t objectives : {2U, 3U, 4U}) {
    Rng rng({.seed = objectives});
    std::vector<std::vector<double>> front(8, std::vector<double>(objectives));
    for (auto& point : front) {
      for (double& x : point) x = rng.uniform();
    }
    const std::vector<double> reference(objectives, 1.0);
    const HypervolumeBoxes boxes = non_dominated_boxes(front, reference);
    // What a new point adds to the hypervolume is its share of the boxes.
    for (int trial = 0; trial < 30; ++trial) {
      std::vector<double> point(objectives);
      for (double& x : point) x = rng.uniform(-0.2, 1.1);
      double share = 0;
      for (std::size_t b = 0; b * objectives < boxes.upper.size(); ++b) {
        double volume = 1;
        for (std::size_t m = 0; m < objectives; ++m)
          volume *=
              std::clamp(boxes.upper[b * objectives + m] - point[m], 0.0, boxes.size[b * objectives + m]);
        share += volume;
      }
      std::vector<std::vector<double>> more = front;
      more.push_back(point);
      EXPECT_NEAR(share, hypervolume(more, reference) - hypervolume(front, reference), 1e-12);
    }
  }
}

TEST(BoxMinimizer, FindsMinimaInsideAndOnTheFaces) {
  const auto rosenbrock = [](std::span<const double> x, std::span<double> gradient) {
    const double a = x[1] - x[0] * x[0], b = 1 - x[0];
    gradient[0] = -400 * x[0] * a - 2 * b;
    gradient[1] = 200 * a;
    return 100 * a * a + b * b;
  };
  const auto minimize = [&](std::vector<double> lower, std::vector<double> upper) {
    BoxMinimizer minimizer({-1.2, 1}, std::move(lower), std::move(upper),
                           {.gradient_tolerance = 1e-7, .max_iterations = 500});
    std::vector<double> gradient(2);
    int evaluations = 0;
    while (!minimizer.is_done()) {
      minimizer.feed(rosenbrock(minimizer.point(), gradient), gradient);
      ++evaluations;
    }
    EXPECT_LT(evaluations, 120);
    return minimizer.best();
  };
  expect_near(minimize({}, {}), {1, 1}, 1e-5);
  expect_near(minimize({-2, -2}, {0.5, 2}), {0.5, 0.25}, 1e-5);
  expect_near(minimize({0, 1.5}, {2, 2}), {1.2244, 1.5}, 1e-2);
}

double branin(Trial& trial) {
  constexpr double kPi = std::numbers::pi;
  const double x = trial.suggest_float("x0", -5, 10), y = trial.suggest_float("x1", 0, 15);
  const double bend = y - 5.1 / (4 * kPi * kPi) * x * x + 5 / kPi * x - 6;
  return bend * bend + 10 * (1 - 1 / (8 * kPi)) * std::cos(x) + 10;
}

TEST(GpSampler, FindsTheMinimumInFewTrials) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    Study study = create_study({.sampler = make_gp_sampler({.seed = seed})});
    study.optimize(branin, {.n_trials = 50});
    EXPECT_LT(study.best_value(), 0.41) << seed;
  }
}

TEST(GpSampler, TakesEveryKindOfParameter) {
  Study study = create_study({.direction = Direction::kMaximize, .sampler = make_gp_sampler({.seed = 2})});
  study.optimize(
      [](Trial& trial) {
        const double x = trial.suggest_float("x", 1e-4, 1, {.log = true});
        const auto n = static_cast<double>(trial.suggest_int("n", 0, 1000));
        const double s = trial.suggest_float("s", 0, 1, {.step = 0.25});
        const bool b = trial.suggest_categorical("c", {"a", "b", "c"}) == Params("b");
        return -std::abs(std::log10(x) + 2) - std::abs(n - 613) / 100 - std::abs(s - 0.75) + (b ? 1 : 0);
      },
      {.n_trials = 60});
  EXPECT_GT(study.best_value(), 0.6);
}

TEST(GpSampler, AvoidsWhatViolatesConstraints) {
  Study study = create_study({.sampler = make_gp_sampler({.seed = 8})});
  study.optimize(
      [](Trial& trial) {
        const double x = trial.suggest_float("x", 0, 1), y = trial.suggest_float("y", 0, 1);
        trial.set_constraint("x", 0.7 - x);
        return x + y;
      },
      {.n_trials = 40});
  EXPECT_NEAR(study.best_value(), 0.7, 0.02);
}

TEST(GpSampler, CoversTheFrontOfTwoObjectives) {
  const auto volume = [](std::unique_ptr<Sampler> sampler) {
    Study study = create_study(
        {.directions = {Direction::kMinimize, Direction::kMinimize}, .sampler = std::move(sampler)});
    study.optimize(
        [](Trial& trial) {  // ZDT1 in 4 dimensions
          const double x = trial.suggest_float("x0", 0, 1);
          double g = 1;
          for (int i = 1; i < 4; ++i) g += 3.0 * trial.suggest_float("x" + std::to_string(i), 0, 1);
          return std::vector<double>{x, g * (1 - std::sqrt(x / g))};
        },
        {.n_trials = 30});
    std::vector<std::vector<double>> points;
    for (const auto& trial : study.best_trials()) points.push_back(trial.values);
    return hypervolume(points, std::vector{1.1, 10.0});
  };
  EXPECT_GT(volume(make_gp_sampler({.seed = 1})), volume(make_random_sampler({.seed = 1})) + 0.5);
}

// Its state is what the trials say: another process goes on as if it had been there from the start.
TEST(GpSampler, GoesOnWhereItWasEnded) {
  const std::string path = std::filesystem::path(testing::TempDir()) / "gp_resume.log";
  std::filesystem::remove(path);
  Study whole = create_study({.sampler = make_gp_sampler({.seed = 5})});
  whole.optimize(branin, {.n_trials = 24});
  for (const std::int64_t part : {13, 4, 7}) {
    Study study = create_study({.storage = "journal:///" + path,
                                .study_name = "s",
                                .load_if_exists = true,
                                .sampler = make_gp_sampler({.seed = 5})});
    study.optimize(branin, {.n_trials = part});
  }
  const Study parts = load_study({.storage = "journal:///" + path, .study_name = "s"});
  const auto values_of = [](const Study& study) {
    std::vector<double> values;
    for (const auto& trial : study.trials()) values.push_back(trial.value());
    return values;
  };
  EXPECT_EQ(values_of(parts), values_of(whole));
}

TEST(GpSampler, GivesWorkersDifferentPoints) {
  Study study = create_study({.sampler = make_gp_sampler({.seed = 3})});
  study.optimize(branin, {.n_trials = 20});
  std::vector<std::unique_ptr<Trial>> open;
  std::vector<std::pair<double, double>> points;
  for (int i = 0; i < 4; ++i) {
    open.push_back(study.ask());
    points.emplace_back(open.back()->suggest_float("x0", -5, 10), open.back()->suggest_float("x1", 0, 15));
  }
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_GT(std::hypot(points[i].first - points[j].first, points[i].second - points[j].second), 0.1);
    }
  }
}

TEST(GpSampler, RefusesOptionsThatMakeNoSense) {
  EXPECT_THAT(message_of([] { (void)make_gp_sampler({.n_startup_trials = 0}); }),
              HasSubstr("n_startup_trials"));
}

}  // namespace
}  // namespace ivory::tuning
