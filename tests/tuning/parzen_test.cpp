#include "parzen.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>

#include "json.h"
#include "tpe_split.h"
#include "truncated_normal.h"

namespace ivory::tuning {
namespace {
Params reference() { return json::read(read_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/reference.json")); }

std::vector<double> reals(const Params& list) {
  std::vector<double> values;
  for (const auto& value : list.elements()) values.push_back(value.as_real());
  return values;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                 const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], 1e-9) << what << " " << i;
}

std::vector<ParzenKey> keys_up_to(std::size_t n) {
  std::vector<ParzenKey> keys;
  for (std::size_t i = 0; i < n; ++i) keys.push_back({static_cast<std::int64_t>(i), false});
  return keys;
}

// Observations by parameter, one column each.
using Columns = std::vector<std::vector<double>>;

ParzenEstimator::Lookup lookup_in(const Columns& columns) {
  return [&columns](const ParzenKey& key, std::span<double> row) {
    for (std::size_t d = 0; d < columns.size(); ++d)
      row[d] = columns[d][static_cast<std::size_t>(key.number)];
    return true;
  };
}

std::vector<double> rows_of(const Columns& columns) {
  std::vector<double> rows;
  for (std::size_t i = 0; i < columns.front().size(); ++i) {
    for (const auto& column : columns) rows.push_back(column[i]);
  }
  return rows;
}

std::vector<std::pair<double, double>> pairs(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<std::pair<double, double>> result;
  for (std::size_t i = 0; i < a.size(); ++i) result.emplace_back(a[i], b[i]);
  std::ranges::sort(result, {},
                    [](const auto& pair) { return std::pair(std::round(pair.first * 1e6), pair.second); });
  return result;
}

// Of observations with the same value the first by number has the lower neighbour, the last the upper one.
// The reference sorts more than 16 by an unstable sort, so there the kernels of such values are the same only
// as a set.
class ParzenReference : public testing::TestWithParam<std::size_t> {};

TEST_P(ParzenReference, IsMatched) {
  const Params expected = reference();
  const Params& item = expected.at("tpe_parzen").at(GetParam());
  const auto n = static_cast<std::size_t>(item.at("n").as_int());
  const bool stable = n <= 16;
  std::vector<Distribution> space;
  Columns observations, points;
  for (const auto& [name, distribution] : item.at("space").items()) {
    space.push_back(Distribution::from_json(distribution.to_json()));
    observations.push_back(reals(item.at("observations").at(name)));
    points.push_back(reals(item.at("x").at(name)));
  }
  ParzenEstimator joint(space);
  joint.update(keys_up_to(n), lookup_in(observations));
  expect_near(joint.weights(), reals(item.at("kernel_weights")), "weights");
  if (stable) expect_near(joint.log_density(rows_of(points)), reals(item.at("joint_log_pdf")), "joint");
  for (std::size_t d = 0; d < space.size(); ++d) {
    const auto& [name, single] = item.at("per_param").items()[d];
    ParzenEstimator alone({space[d]});
    const Columns column{observations[d]};
    alone.update(keys_up_to(n), lookup_in(column));
    const bool ties = space[d].step() > 0;
    if (stable || !ties) expect_near(alone.log_density(points[d]), reals(single.at("log_pdf")), name);
    if (space[d].is_categorical()) continue;
    expect_near(joint.centres(d), reals(single.at("mu")), name + " mu");
    if (stable) expect_near(joint.bandwidths(d), reals(single.at("sigma")), name + " sigma");
    const auto kernels = pairs(joint.centres(d), joint.bandwidths(d));
    const auto expected_kernels = pairs(reals(single.at("mu")), reals(single.at("sigma")));
    for (std::size_t i = 0; i < kernels.size(); ++i)
      EXPECT_NEAR(kernels[i].second, expected_kernels[i].second, 1e-9) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Tpe, ParzenReference, testing::Range<std::size_t>(0, 5));

TEST(ParzenEstimator, GrowsToTheSameAsWhenBuiltAtOnce) {
  const std::vector<Distribution> space{Distribution::floats(-1, 1),
                                        Distribution::floats(1e-3, 1, {.log = true}),
                                        Distribution::ints(0, 6), Distribution::categorical({"a", "b", "c"})};
  Columns columns(space.size());
  Rng rng({.seed = 11});
  for (int i = 0; i < 300; ++i) {
    columns[0].push_back(i % 7 == 0 ? 0.5 : rng.uniform(-1, 1));
    columns[1].push_back(std::exp(rng.uniform(std::log(1e-3), 0)));
    columns[2].push_back(static_cast<double>(rng.below(7)));
    columns[3].push_back(static_cast<double>(rng.below(3)));
  }
  // Trials come, go, run and end in any order; a third of them lack a parameter.
  const ParzenEstimator::Lookup lookup = [&](const ParzenKey& key, std::span<double> row) {
    lookup_in(columns)(key, row);
    return key.number % 3 != 1;
  };
  ParzenEstimator grown(space);
  std::vector<std::int64_t> present;
  for (int step = 0; step < 200; ++step) {
    const auto number = static_cast<std::int64_t>(rng.below(300));
    const auto place = std::ranges::lower_bound(present, number);
    if (place != present.end() && *place == number) {
      present.erase(place);
    } else {
      present.insert(place, number);
    }
    std::vector<ParzenKey> keys;
    for (const auto at : present) keys.push_back({at, rng.below(20) == 0});
    grown.update(keys, lookup);
    ParzenEstimator built(space);
    built.update(keys, lookup);
    const std::vector<double> points = rows_of({{-0.9, 0.1, 0.5}, {0.002, 0.1, 1}, {0, 3, 6}, {0, 1, 2}});
    ASSERT_EQ(grown.size(), built.size());
    ASSERT_EQ(grown.log_density(points), built.log_density(points)) << step;  // to the last bit
  }
}

TEST(ParzenEstimator, DrawsWithItsOwnDensity) {
  const std::vector<Distribution> space{Distribution::ints(0, 4), Distribution::categorical({"a", "b", "c"})};
  ParzenEstimator estimator(space);
  const Columns columns{{1, 1, 4}, {0, 0, 2}};
  estimator.update(keys_up_to(3), lookup_in(columns));
  Rng rng({.seed = 2});
  constexpr std::size_t kDraws = 40000;
  const std::vector<double> draws = estimator.sample(kDraws, rng);
  double total = 0;
  for (const double i : {0, 1, 2, 3, 4}) {
    for (const double c : {0, 1, 2}) {
      std::size_t hits = 0;
      for (std::size_t k = 0; k < kDraws; ++k) hits += draws[2 * k] == i && draws[2 * k + 1] == c ? 1 : 0;
      const double p = std::exp(estimator.log_density(std::vector{i, c}).front());
      total += p;
      EXPECT_NEAR(static_cast<double>(hits) / kDraws, p, 5 * std::sqrt(p / kDraws)) << i << " " << c;
    }
  }
  EXPECT_NEAR(total, 1, 1e-12);
}

TEST(ParzenEstimator, ItsDensityIntegratesToOne) {
  ParzenEstimator estimator({Distribution::floats(0, 1)});
  const Columns columns{{0.01, 0.3, 0.31, 0.99}};
  estimator.update(keys_up_to(4), lookup_in(columns));
  constexpr int kCells = 20000;
  std::vector<double> points;
  for (int i = 0; i < kCells; ++i) points.push_back((i + 0.5) / kCells);
  double sum = 0;
  for (const double density : estimator.log_density(points)) sum += std::exp(density) / kCells;
  EXPECT_NEAR(sum, 1, 1e-6);
  Rng rng({.seed = 4});
  for (const double x : estimator.sample(1000, rng)) {
    EXPECT_GE(x, 0);
    EXPECT_LE(x, 1);
  }
}

TEST(MixtureKernel, EachVectorLevelGivesTheSameBits) {
  Rng rng({.seed = 12});
  constexpr std::size_t kDimensions = 3;
  std::vector<std::vector<double>> columns(2 * kDimensions + 3, std::vector<double>(kKernelBlock));
  for (auto& column : columns) {
    for (double& value : column) value = rng.uniform(0, 4);
  }
  for (double& value : columns[2]) value *= 10;  // some kernels far away
  const std::vector<const double*> centre{columns[0].data(), columns[1].data(), columns[2].data()};
  const std::vector<const double*> scale{columns[3].data(), columns[4].data(), columns[5].data()};
  const std::vector<const double*> terms{columns[6].data()};
  const std::vector<double> point{1, 2, 3};
  const MixtureBlock block{centre, scale, columns[7].data(), columns[8].data(), point.data(), terms};
  std::vector<double> results;
  for (const AddBlock level : add_block_levels()) {
    MixtureSum sum;
    level(block, sum);
    level(block, sum);
    results.push_back(log_of(sum));
  }
  double expected = 0;
  for (std::size_t k = 0; k < kKernelBlock; ++k) {
    double q = columns[7][k] + columns[6][k];
    for (std::size_t d = 0; d < kDimensions; ++d) q -= std::pow((point[d] - centre[d][k]) * scale[d][k], 2);
    expected += 2 * columns[8][k] * std::exp(q);
  }
  for (const double result : results) {
    EXPECT_EQ(result, results.front());
    EXPECT_NEAR(result, std::log(expected), 1e-11);
  }
}

TEST(WeightsByAge, MatchTheReference) {
  const Params expected = reference();
  for (const auto& [n, weights] : expected.at("tpe_weights").items())
    expect_near(weights_by_age(static_cast<std::size_t>(std::stoi(n))), reals(weights), n);
}

TEST(GoodCount, MatchesTheReference) {
  const Params expected = reference();
  for (const auto& [n, count] : expected.at("tpe_gamma").at("single").items())
    EXPECT_EQ(good_count(std::stoi(n), true), count.as_int());
  for (const auto& [n, count] : expected.at("tpe_gamma").at("multi").items())
    EXPECT_EQ(good_count(std::stoi(n), false), count.as_int());
}

TEST(TruncatedNormal, MatchesTheReference) {
  const Params expected = reference();
  for (const auto& item : expected.at("truncnorm").elements()) {
    const double a = item.at("a").as_real(), b = item.at("b").as_real(), q = item.at("q").as_real();
    EXPECT_NEAR(log_normal_mass(a, b), item.at("log_mass").as_real(), 1e-9) << a;
    EXPECT_NEAR(truncated_normal_quantile(q, a, b), item.at("ppf").as_real(), 1e-9) << a;
  }
}

TEST(TruncatedNormal, QuantilesReachFromEndToEnd) {
  for (const auto& [a, b] : {std::pair{-3.0, 5.0}, {2.0, 9.0}, {-40.0, -30.0}, {25.0, 60.0}}) {
    EXPECT_EQ(truncated_normal_quantile(0, a, b), a);
    EXPECT_NEAR(truncated_normal_quantile(1, a, b), b, 1e-6);
    double before = a;
    for (int i = 1; i < 20; ++i) {
      const double x = truncated_normal_quantile(i / 20.0, a, b);
      EXPECT_GT(x, before);
      EXPECT_NEAR(std::exp(log_normal_mass(a, x) - log_normal_mass(a, b)), i / 20.0, 1e-8);
      before = x;
    }
  }
}

TEST(TpeSplit, MatchesTheReference) {
  const Params expected = reference();
  const Params& item = expected.at("tpe_split_minimize");
  History history("split", {Direction::kMinimize});
  for (const auto& trial : item.at("trials").elements()) {
    FrozenTrial frozen{.state = parse_trial_state(trial.at("state").as_string())};
    if (!trial.at("value").is_null()) frozen.values = {trial.at("value").as_real()};
    for (const auto& [step, value] : trial.at("intermediate").items())
      frozen.intermediate_values[std::stoi(step)] = value.as_real();
    for (const auto& [key, value] : trial.at("constraints").items())
      frozen.system_attrs["constraints:" + key] = value;
    history.add(frozen);
  }
  TpeSplit split;
  split.update(history);
  for (const auto& below : item.at("splits").elements()) {
    std::vector<std::int64_t> numbers;
    for (const auto& number : below.at("below").elements()) numbers.push_back(number.as_int());
    EXPECT_EQ(split.best(history, below.at("n_below").as_int()), numbers);
  }
}

}  // namespace
}  // namespace ivory::tuning
