#include <ivory/tuning/multi_objective.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/base/rng.h>

#include "json.h"

namespace ivory::tuning {
namespace {
using Points = std::vector<std::vector<double>>;

Params reference() { return json::read(read_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/reference.json")); }

std::vector<double> reals(const Params& list) {
  std::vector<double> values;
  for (const auto& value : list.elements()) values.push_back(value.as_real());
  return values;
}

Points points_of(const Params& list) {
  Points points;
  for (const auto& point : list.elements()) points.push_back(reals(point));
  return points;
}

TEST(Hypervolume, MatchesTheReferenceInTwoToFourObjectives) {
  const Params expected = reference();
  for (const auto& item : expected.at("hypervolume").elements())
    EXPECT_NEAR(hypervolume(points_of(item.at("points")), reals(item.at("ref"))), item.at("hv").as_real(),
                1e-9);
}

TEST(Hypervolume, CountsOnlyWhatLiesBelowTheReference) {
  const std::vector<double> reference{1, 1};
  EXPECT_EQ(hypervolume(Points{}, reference), 0);
  EXPECT_EQ(hypervolume(Points{{0.5, 2}, {1, 0}}, reference), 0);
  EXPECT_EQ(hypervolume(Points{{0.5, 0.5}, {0.5, 0.5}, {0.75, 0.75}}, reference), 0.25);
  EXPECT_EQ(hypervolume(Points{{0.25}, {0.5}}, std::vector<double>{1}), 0.75);
}

TEST(NondominationRanks, MatchTheReference) {
  const Params item = reference().at("nondomination_rank");
  std::vector<int> expected;
  for (const auto& rank : item.at("ranks").elements()) expected.push_back(static_cast<int>(rank.as_int()));
  EXPECT_EQ(nondomination_ranks(points_of(item.at("points"))), expected);
}

// The definition itself: one more than the greatest rank of those that dominate it.
std::vector<int> ranks_by_definition(const Points& points) {
  std::vector<int> ranks(points.size(), 0);
  for (std::size_t round = 0; round < points.size(); ++round) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      for (std::size_t j = 0; j < points.size(); ++j) {
        if (dominates(points[j], points[i])) ranks[i] = std::max(ranks[i], ranks[j] + 1);
      }
    }
  }
  return ranks;
}

TEST(NondominationRanks, FollowTheDefinitionWithTiesToo) {
  Rng rng({.seed = 3});
  for (std::size_t objectives = 1; objectives <= 4; ++objectives) {
    Points points;
    for (int i = 0; i < 60; ++i) {
      auto& point = points.emplace_back();
      for (std::size_t k = 0; k < objectives; ++k) point.push_back(static_cast<double>(rng.below(7)));
    }
    EXPECT_EQ(nondomination_ranks(points), ranks_by_definition(points)) << objectives;
  }
}

TEST(SelectByHypervolume, MatchesTheReference) {
  const Params item = reference().at("hssp");
  std::vector<std::size_t> expected;
  for (const auto& index : item.at("selected").elements())
    expected.push_back(static_cast<std::size_t>(index.as_int()));
  const auto chosen =
      select_by_hypervolume(points_of(item.at("points")), reals(item.at("ref")), expected.size());
  EXPECT_THAT(chosen, testing::UnorderedElementsAreArray(expected));
}

TEST(SelectByHypervolume, TakesAllWhenAskedForMore) {
  EXPECT_EQ(select_by_hypervolume(Points{{0, 1}, {1, 0}}, std::vector<double>{2, 2}, 5).size(), 2U);
}

TEST(SelectBest, TakesWholeRanksAndOfTheLastWhatCoversMost) {
  const Points points{{3, 3}, {0, 2}, {2, 0}, {1, 3.5}, {2.1, 1}, {4, 0.5}};
  EXPECT_THAT(select_best(points, 2), testing::ElementsAre(1, 2));
  // Rank 1 is {1, 3.5}, {2.1, 1}, {4, 0.5}: the middle one covers most.
  EXPECT_THAT(select_best(points, 3), testing::ElementsAre(1, 2, 4));
  EXPECT_THAT(select_best(points, 9), testing::ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_TRUE(select_best(Points{}, 3).empty());
}

}  // namespace
}  // namespace ivory::tuning
