#include "trust_region.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "value_warping.h"

namespace ivory::tuning {
namespace {
std::vector<double> falling(std::size_t count) {
  std::vector<double> values{10};
  for (std::size_t i = 0; i < count; ++i) values.push_back(-static_cast<double>(i));
  return values;
}

TEST(TrustRegion, HalvesWhileNothingBetterIsFound) {
  EXPECT_EQ(trust_region_side(falling(5), 1, 2), 0.5);
  EXPECT_EQ(trust_region_side(falling(6), 1, 2), 0.25);
  EXPECT_EQ(trust_region_side(falling(12), 1, 2), 0.125);
  EXPECT_EQ(trust_region_side(falling(12), 1, 20), 0.5) << "more dimensions, more patience";
}

TEST(TrustRegion, GrowsWithImprovementsUpToTheWholeRange) {
  EXPECT_EQ(trust_region_side(std::vector<double>{0, 1, 2}, 1, 2), 1);
  EXPECT_EQ(trust_region_side(std::vector<double>{0, 1, 2, 3, 4}, 1, 2), 1);
  EXPECT_EQ(trust_region_side(std::vector<double>{0, 1}, 1, 2), 0.5);
}

TEST(TrustRegion, BeginsAnewWhereItHasShrunkAway) {
  EXPECT_EQ(trust_region_side(falling(std::size_t{6} * 7), 1, 2), 0x1p-8);
  EXPECT_EQ(trust_region_side(falling(std::size_t{6} * 8), 1, 2), 0.5);
}

TEST(TrustRegion, TheStartCountsOnlyForWhatIsBest) { EXPECT_EQ(trust_region_side(falling(30), 31, 2), 0.5); }

TEST(Warp, KeepsTheOrderAndTakesExtremesIn) {
  std::vector<double> values{-1e9, -3, 2, 1, -HUGE_VAL, 5, 4.5, -200, 0.5, 3};
  const std::vector<double> before = values;
  warp(values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_GE(values[i], -0.5 - 1e-12);
    EXPECT_LE(values[i], 0.5);
    for (std::size_t j = 0; j < values.size(); ++j) {
      EXPECT_TRUE(before[i] >= before[j] || values[i] <= values[j]) << i << " " << j;
    }
  }
  EXPECT_EQ(values[5], 0.5);
}

TEST(Warp, OfTheWorseHalfOnlyTheRanksCount) {
  std::vector<double> a{0, 1, 2, 3, 4, -1, -2, -3}, b{0, 1, 2, 3, 4, -10, -200, -3000};
  warp(a);
  warp(b);
  EXPECT_EQ(a, b);
}

TEST(Warp, LeavesAloneWhatItCannotTellApart) {
  std::vector<double> equal(5, 7.0);
  warp(equal);
  EXPECT_EQ(equal, std::vector<double>(5, 7.0));
  std::vector<double> none;
  warp(none);
  EXPECT_TRUE(none.empty());
}
}  // namespace
}  // namespace ivory::tuning
