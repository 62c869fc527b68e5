#include <algorithm>
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "halton.h"
#include "sobol.h"
#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

template <class Sequence>
std::vector<double> point_of(const Sequence& sequence, std::uint64_t index) {
  std::vector<double> point(sequence.dimensions());
  sequence.write_point(index, point);
  return point;
}

TEST(Halton, BeginsAsTheSequenceDoes) {
  const std::vector<std::vector<double>> expected{{0, 0, 0},
                                                  {1 / 2., 1 / 3., 1 / 5.},
                                                  {1 / 4., 2 / 3., 2 / 5.},
                                                  {3 / 4., 1 / 9., 3 / 5.},
                                                  {1 / 8., 4 / 9., 4 / 5.}};
  const HaltonSequence sequence(3, false, 0);
  for (std::uint64_t i = 0; i < expected.size(); ++i) {
    const std::vector<double> point = point_of(sequence, i);
    for (std::size_t d = 0; d < 3; ++d) EXPECT_NEAR(point[d], expected[i][d], 1e-15);
  }
}

TEST(Halton, ScrambledFillsEachCellOfItsBaseAlike) {
  const HaltonSequence sequence(3, true, 9);
  for (std::size_t d = 0; d < 3; ++d) {
    const std::size_t cells = std::vector<std::size_t>{16, 27, 25}[d];
    std::vector<int> hits(cells);
    for (std::uint64_t i = 0; i < 4 * cells; ++i)
      ++hits[static_cast<std::size_t>(point_of(sequence, i)[d] * static_cast<double>(cells))];
    EXPECT_EQ(hits, std::vector<int>(cells, 4));
  }
  EXPECT_NE(point_of(HaltonSequence(2, true, 1), 3), point_of(HaltonSequence(2, true, 2), 3));
}

// SciPy's sequence, of the same direction numbers.
TEST(Sobol, IsTheSequenceOfJoeAndKuo) {
  const std::vector<std::vector<double>> expected{{0, 0, 0, 0, 0, 0},
                                                  {0.5, 0.5, 0.5, 0.5, 0.5, 0.5},
                                                  {0.75, 0.25, 0.25, 0.25, 0.75, 0.75},
                                                  {0.25, 0.75, 0.75, 0.75, 0.25, 0.25},
                                                  {0.375, 0.375, 0.625, 0.875, 0.375, 0.125},
                                                  {0.875, 0.875, 0.125, 0.375, 0.875, 0.625},
                                                  {0.625, 0.125, 0.875, 0.625, 0.625, 0.875},
                                                  {0.125, 0.625, 0.375, 0.125, 0.125, 0.375},
                                                  {0.1875, 0.3125, 0.9375, 0.4375, 0.5625, 0.3125}};
  const SobolSequence sequence(6, false, 0);
  for (std::uint64_t i = 0; i < expected.size(); ++i) EXPECT_EQ(point_of(sequence, i), expected[i]) << i;
  const std::vector<double> point = point_of(SobolSequence(40, false, 0), 1000);
  const std::vector<std::pair<std::size_t, double>> some{
      {0, 0.2197265625},  {1, 0.0966796875},  {2, 0.5185546875}, {10, 0.0849609375},
      {20, 0.5224609375}, {30, 0.1474609375}, {39, 0.4794921875}};
  for (const auto& [d, value] : some) EXPECT_EQ(point[d], value) << d;
}

TEST(Sobol, ScrambledStaysAsEven) {
  const SobolSequence sequence(20, true, 5);
  std::vector<std::set<int>> slices(20);
  std::set<std::pair<int, int>> squares;  // of the first two coordinates, a (0, 2)-sequence
  for (std::uint64_t i = 0; i < 256; ++i) {
    const std::vector<double> point = point_of(sequence, i);
    for (std::size_t d = 0; d < 20; ++d) slices[d].insert(static_cast<int>(point[d] * 256));
    squares.emplace(static_cast<int>(point[0] * 16), static_cast<int>(point[1] * 16));
  }
  for (const auto& slice : slices) EXPECT_EQ(slice.size(), 256U);
  EXPECT_EQ(squares.size(), 256U);
  EXPECT_NE(point_of(sequence, 0), point_of(SobolSequence(20, true, 6), 0));
  EXPECT_THAT(point_of(sequence, 0), testing::Each(testing::Gt(0)));
}

TEST(Sobol, SaysHowManyDimensionsItHas) {
  EXPECT_EQ(point_of(SobolSequence(3667, false, 0), 1), std::vector<double>(3667, 0.5));
  EXPECT_THAT(message_of([] { const SobolSequence sequence(3668, false, 0); }), HasSubstr("3667"));
}

Study run_on_square(std::unique_ptr<Sampler> sampler, std::int64_t trials, int jobs = 1) {
  Study study = create_study({.sampler = std::move(sampler)});
  study.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1); },
                 {.n_trials = trials, .n_jobs = jobs});
  return study;
}

std::ptrdiff_t empty_cells(const Study& study) {
  std::vector<int> cells(64);
  for (const auto& trial : study.trials()) {
    const double x = trial.find_param("x")->internal, y = trial.find_param("y")->internal;
    ++cells[static_cast<std::size_t>(x * 8) * 8 + static_cast<std::size_t>(y * 8)];
  }
  return std::ranges::count(cells, 0);
}

TEST(QmcSampler, IsMoreEvenThanChance) {
  const auto chance = empty_cells(run_on_square(make_random_sampler({.seed = 1}), 65));
  EXPECT_GT(chance, 15);
  EXPECT_LT(empty_cells(run_on_square(make_qmc_sampler({.scramble = true, .seed = 1}), 65)), 5);
  EXPECT_LT(empty_cells(run_on_square(make_qmc_sampler({.seed = 1}), 65)), 5);
  EXPECT_LT(empty_cells(
                run_on_square(make_qmc_sampler({.type = QmcType::kHalton, .scramble = true, .seed = 1}), 65)),
            chance - 5);
}

TEST(QmcSampler, GivesEachTrialItsPointAtAnyNumberOfWorkers) {
  const Study study = run_on_square(make_qmc_sampler({.scramble = true, .seed = 4}), 60, 4);
  const SobolSequence sequence(2, true, 4);
  int matches = 0;
  for (const auto& trial : study.trials()) {
    const std::vector<double> point = point_of(sequence, static_cast<std::uint64_t>(trial.number));
    matches += trial.find_param("x")->internal == point[0] && trial.find_param("y")->internal == point[1];
  }
  EXPECT_GE(matches, 56);  // all but those that started before any had finished
}

TEST(QmcSampler, GivesEachChoiceItsShare) {
  Study study = create_study({.sampler = make_qmc_sampler({.scramble = true, .seed = 2})});
  std::vector<int> counts(4);
  study.optimize(
      [&](Trial& trial) {
        const auto choice = trial.suggest_categorical("c", {0, 1, 2, 3}).as_int();
        const auto number = trial.suggest_int("n", 0, 7);
        if (trial.number() >= 64) ++counts[static_cast<std::size_t>(choice)];
        return static_cast<double>(number);
      },
      {.n_trials = 128});
  EXPECT_EQ(counts, std::vector<int>(4, 16));
}

}  // namespace
}  // namespace ivory::tuning
