#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <ivory/base/rng.h>

namespace ivory {
namespace {

using Block = std::array<std::uint32_t, 4>;

// kat_vectors of Random123: philox4x32, 10 rounds.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ((Block{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}), Rng::philox({0, 0, 0, 0}, {0, 0}));
  constexpr auto kOnes = 0xffffffffU;
  EXPECT_EQ((Block{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}),
            Rng::philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}));
  EXPECT_EQ((Block{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U}),
            Rng::philox({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}, {0xa4093822U, 0x299f31d0U}));
}

// These numbers are a promise: what was run with a seed can be run again with any later version.
TEST(Rng, GivesTheSameNumbersForever) {
  Rng rng({.seed = 42, .repeat = 1, .purpose = "shuffle", .epoch = 2, .sample = 3});
  EXPECT_EQ((std::vector<std::uint32_t>{766405027U, 1473924605U, 4229276632U, 1459109608U, 1018174376U}),
            (std::vector<std::uint32_t>{rng(), rng(), rng(), rng(), rng()}));
  EXPECT_EQ(1285981113282709666U, derive_seed({.seed = 42, .purpose = "init"}));
  EXPECT_EQ((std::vector<std::int64_t>{0, 6, 3, 2, 1, 4, 7, 5}),
            Rng({.seed = 42, .purpose = "folds"}).permutation(8));
}

TEST(Rng, DependsOnEveryPartOfTheKey) {
  const std::vector<RngKey> keys = {{},
                                    {.seed = 1},
                                    {.seed = 1ULL << 32U},
                                    {.seed = 1ULL << 63U},
                                    {.repeat = 1},
                                    {.epoch = 1},
                                    {.sample = 1},
                                    {.purpose = "a"},
                                    {.purpose = "b"},
                                    {.purpose = "ab"},
                                    {.seed = 1, .repeat = 1},
                                    {.repeat = 1, .epoch = 1},
                                    {.epoch = 1, .sample = 1}};
  std::set<std::uint64_t> first, seeds;
  for (const auto& key : keys) {
    first.insert(Rng(key).next64());
    seeds.insert(derive_seed(key));
  }
  EXPECT_EQ(keys.size(), first.size());
  EXPECT_EQ(keys.size(), seeds.size());
  std::set<std::uint64_t> both(first);
  both.insert(seeds.begin(), seeds.end());
  EXPECT_EQ(2 * keys.size(), both.size());
}

TEST(Rng, IsUnrelatedForNeighbouringKeys) {
  // Each of 64 bits of the first number flips for about half of 4096 neighbours: 2048, sd 32; 6 sd allowed.
  std::array<int, 64> flips{};
  constexpr int kNeighbours = 4096;
  for (std::uint64_t i = 0; i < kNeighbours; ++i) {
    const auto change = Rng({.seed = 7, .sample = i}).next64() ^ Rng({.seed = 7, .sample = i + 1}).next64();
    for (unsigned bit = 0; bit < 64; ++bit) flips[bit] += static_cast<int>((change >> bit) & 1U);
  }
  for (const int count : flips) EXPECT_NEAR(kNeighbours / 2, count, 6 * 32);
}

TEST(Rng, DrawsUniformly) {
  Rng rng({.seed = 1});
  constexpr int kDraws = 200'000;
  double sum = 0, smallest = 1, largest = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = rng.uniform();
    sum += value;
    smallest = std::min(smallest, value);
    largest = std::max(largest, value);
  }
  EXPECT_GE(smallest, 0);
  EXPECT_LT(largest, 1);
  EXPECT_NEAR(0.5, sum / kDraws, 6 * std::sqrt(1.0 / 12 / kDraws));
  for (int i = 0; i < 1000; ++i) {
    const double value = rng.uniform(1.0, std::nextafter(1.0, 2.0));
    ASSERT_EQ(1.0, value);
  }
}

TEST(Rng, DrawsNormally) {
  Rng rng({.seed = 2});
  constexpr int kDraws = 200'000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = rng.normal();
    sum += value;
    squares += value * value;
    fourth += value * value * value * value;
  }
  const double sd = 1 / std::sqrt(static_cast<double>(kDraws));
  EXPECT_NEAR(0, sum / kDraws, 6 * sd);
  EXPECT_NEAR(1, squares / kDraws, 6 * sd * std::sqrt(2.0));
  EXPECT_NEAR(3, fourth / kDraws, 6 * sd * std::sqrt(96.0));
}

TEST(Rng, DrawsBelowWithoutBias) {
  Rng rng({.seed = 3});
  constexpr int kDraws = 60'000;
  std::array<int, 6> counts{};
  for (int i = 0; i < kDraws; ++i) ++counts.at(rng.below(6));
  for (const int count : counts) EXPECT_NEAR(kDraws / 6, count, 6 * std::sqrt(kDraws * 5.0 / 36));
  // Two thirds of 2^64: without rejection, the lower half would come twice as often.
  constexpr std::uint64_t kTwoThirds = 12297829382473034411U;
  int lower = 0;
  for (int i = 0; i < kDraws; ++i) lower += rng.below(kTwoThirds) < kTwoThirds / 2 ? 1 : 0;
  EXPECT_NEAR(kDraws / 2, lower, 6 * std::sqrt(kDraws / 4.0));
  EXPECT_EQ(0U, rng.below(1));
}

TEST(Rng, PermutesEveryPositionAlike) {
  EXPECT_TRUE(Rng({}).permutation(0).empty());
  auto sorted = Rng({.seed = 4}).permutation(1000);
  EXPECT_FALSE(std::is_sorted(sorted.begin(), sorted.end()));
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t i = 0; i < 1000; ++i) EXPECT_EQ(i, sorted[static_cast<std::size_t>(i)]);
  std::array<std::array<int, 5>, 5> counts{};
  constexpr int kDraws = 20'000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const auto order = Rng({.seed = 5, .sample = i}).permutation(5);
    for (std::size_t j = 0; j < 5; ++j) ++counts[j].at(static_cast<std::size_t>(order[j]));
  }
  for (const auto& row : counts) {
    for (const int count : row) EXPECT_NEAR(kDraws / 5, count, 6 * std::sqrt(kDraws * 4.0 / 25));
  }
}

}  // namespace
}  // namespace ivory
