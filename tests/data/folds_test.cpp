#include <gmock/gmock.h>
#include <ivory/base/error.h>
#include <ivory/base/rng.h>
#include <ivory/data/folds.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace ivory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Values = std::vector<std::int64_t>;

Values values_of(const Array& folds) { return folds.to_vector<std::int64_t>(); }

std::map<std::int64_t, std::int64_t> counts(const Values& folds) {
  std::map<std::int64_t, std::int64_t> result;
  for (const auto fold : folds) ++result[fold];
  return result;
}

// Largest and smallest count over all n_splits folds, those without a sample included, of the rows chosen.
template <class F>
std::int64_t spread(const Values& folds, int n_splits, F chosen) {
  Values count(static_cast<std::size_t>(n_splits), 0);
  for (std::size_t row = 0; row < folds.size(); ++row)
    if (folds[row] >= 0 && chosen(row)) ++count.at(static_cast<std::size_t>(folds[row]));
  const auto [low, high] = std::minmax_element(count.begin(), count.end());
  return *high - *low;
}
std::int64_t spread(const Values& folds, int n_splits) {
  return spread(folds, n_splits, [](std::size_t) { return true; });
}

template <class F>
Error error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return {ErrorCode::kInternal, ""};
}

Values random_labels(std::uint64_t seed, std::size_t n, std::uint64_t kinds) {
  Rng rng({.seed = seed, .purpose = "test"});
  Values labels;
  // Squared: some labels are rare.
  for (std::size_t i = 0; i < n; ++i) {
    const double u = rng.uniform();
    labels.push_back(static_cast<std::int64_t>(u * u * static_cast<double>(kinds)));
  }
  return labels;
}

TEST(KFold, GivesConsecutiveBlocksWithoutShuffling) {
  EXPECT_THAT(values_of(k_fold(7, 3, {.shuffle = false})), ElementsAre(0, 0, 0, 1, 1, 2, 2));
}

TEST(KFold, SizesDifferByAtMostOne) {
  for (std::int64_t n = 2; n < 40; ++n)
    for (int k = 2; k <= n; ++k) {
      const Values folds = values_of(k_fold(n, k, {.seed = static_cast<std::uint64_t>(n)}));
      ASSERT_EQ(static_cast<std::size_t>(n), folds.size());
      ASSERT_LE(spread(folds, k), 1);
      ASSERT_EQ((n + k - 1) / k, counts(folds)[0]);  // the first are the larger
    }
}

TEST(KFold, TheSeedDecides) {
  EXPECT_EQ(k_fold(100, 5, {.seed = 1}), k_fold(100, 5, {.seed = 1}));
  EXPECT_FALSE(k_fold(100, 5, {.seed = 1}) == k_fold(100, 5, {.seed = 2}));
  EXPECT_FALSE(k_fold(100, 5, {.seed = 1}) == k_fold(100, 5, {.shuffle = false}));
}

TEST(Folds, RefuseACountThatCannotBe) {
  EXPECT_EQ("n_splits", error_of([] { return k_fold(10, 1); }).argument());
  EXPECT_THAT(error_of([] { return k_fold(3, 4); }).what(), HasSubstr("only 3 samples"));
  EXPECT_THAT(error_of([] { return group_k_fold(Array::from(Values{1, 1, 2}), 3); }).what(),
              HasSubstr("only 2 groups"));
  EXPECT_THAT(error_of([] { return time_series_fold(3, 3); }).what(),
              HasSubstr("only 2 samples after the first"));
  EXPECT_THAT(
      error_of([] { return stratified_k_fold(Array::from(std::vector{1.0, std::nan("")}), 2); }).what(),
      HasSubstr("row 1 of the labels is missing"));
}

TEST(StratifiedKFold, EveryLabelAndTheWholeAreWithinOne) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const std::size_t n = 10 + seed * 7;
    const int k = 2 + static_cast<int>(seed % 7);
    const Values labels = random_labels(seed, n, 1 + seed % 9);
    for (const bool shuffle : {false, true}) {
      const Values folds = values_of(stratified_k_fold(Array::from(labels), k, {shuffle, seed}));
      ASSERT_LE(spread(folds, k), 1);
      for (std::int64_t label = 0; label < 9; ++label)
        ASSERT_LE(spread(folds, k, [&](std::size_t row) { return labels[row] == label; }), 1);
    }
  }
}

TEST(StratifiedKFold, TakesLabelsOfAnyType) {
  const Values labels = random_labels(1, 50, 4);
  const Array wanted = stratified_k_fold(Array::from(labels), 5);
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kUint8, Dtype::kInt32})
    EXPECT_EQ(wanted, stratified_k_fold(Array::from(labels).astype(dtype).reshape({50, 1}), 5));
  EXPECT_FALSE(wanted == stratified_k_fold(Array::from(labels), 5, {.seed = 9}));
}

TEST(StratifiedKFold, KeepsNeighboursTogetherWithoutShuffling) {
  EXPECT_THAT(
      values_of(stratified_k_fold(Array::from(Values{5, 5, 5, 5, 2, 2, 2, 2}), 2, {.shuffle = false})),
      ElementsAre(0, 0, 1, 1, 0, 0, 1, 1));
}

Array one_hot(const Values& labels, std::size_t kinds) {
  std::vector<float> flags(labels.size() * kinds, 0);
  for (std::size_t row = 0; row < labels.size(); ++row)
    flags[row * kinds + static_cast<std::size_t>(labels[row])] = 1;
  return Array::from(flags, {static_cast<std::int64_t>(labels.size()), static_cast<std::int64_t>(kinds)});
}

TEST(MultilabelStratifiedKFold, WithOneLabelASampleItIsWithinOne) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const int k = 2 + static_cast<int>(seed % 5);
    const Values labels = random_labels(seed, 20 + seed * 9, 6);
    const Values folds = values_of(multilabel_stratified_k_fold(one_hot(labels, 6), k, {.seed = seed}));
    for (std::int64_t label = 0; label < 6; ++label)
      ASSERT_LE(spread(folds, k, [&](std::size_t row) { return labels[row] == label; }), 1);
  }
}

// The paper's measure LD: the mean over labels of how far the odds of a label in a fold are from those in
// all.
double label_distance(const Values& folds, const Array& labels, int k) {
  const auto flags = labels.view<float>();
  const auto width = static_cast<std::size_t>(labels.shape()[1]);
  double sum = 0;
  for (std::size_t label = 0; label < width; ++label) {
    std::vector<double> with(static_cast<std::size_t>(k), 0), all(static_cast<std::size_t>(k), 0);
    for (std::size_t row = 0; row < folds.size(); ++row) {
      with[static_cast<std::size_t>(folds[row])] += flags[row * width + label];
      all[static_cast<std::size_t>(folds[row])] += 1;
    }
    const double share = std::accumulate(with.begin(), with.end(), 0.0) / static_cast<double>(folds.size());
    for (std::size_t fold = 0; fold < with.size(); ++fold) sum += std::abs(with[fold] / all[fold] - share);
  }
  return sum;
}

// A heuristic: now and then a seed deals less evenly, so the bound is on the mean; each is still twice as
// near.
TEST(MultilabelStratifiedKFold, IsNearerToTheWholeThanRandomFolds) {
  double all = 0;
  double all_random = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng({.seed = seed, .purpose = "test"});
    constexpr std::size_t kRows = 300, kLabels = 8;
    std::vector<float> flags(kRows * kLabels);
    for (std::size_t i = 0; i < flags.size(); ++i)
      flags[i] = rng.uniform() < 0.02 * static_cast<double>(1 + i % kLabels * 3) ? 1.0F : 0.0F;
    const Array labels = Array::from(flags, {kRows, kLabels});
    const Values folds = values_of(multilabel_stratified_k_fold(labels, 5, {.seed = seed}));
    ASSERT_EQ(kRows, folds.size());
    EXPECT_LE(spread(folds, 5), 12);  // of 60 a fold
    const double distance = label_distance(folds, labels, 5);
    const double random = label_distance(values_of(k_fold(kRows, 5, {.seed = seed})), labels, 5);
    EXPECT_LT(distance, 0.5 * random);
    all += distance;
    all_random += random;
    EXPECT_EQ(folds, values_of(multilabel_stratified_k_fold(labels, 5, {.seed = seed})));
  }
  EXPECT_LT(all, 0.25 * all_random);
}

TEST(MultilabelStratifiedKFold, DealsSamplesWithoutLabelsEvenly) {
  EXPECT_LE(spread(values_of(multilabel_stratified_k_fold(Array(Dtype::kBool, {23, 3}), 4)), 4), 1);
}

TEST(GroupKFold, NeverPartsAGroupAndStaysWithinTheLargest) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const int k = 2 + static_cast<int>(seed % 4);
    const Values groups = random_labels(seed, 200, 25);
    const Values folds = values_of(group_k_fold(Array::from(groups), k, {.seed = seed}));
    std::map<std::int64_t, std::set<std::int64_t>> folds_of;
    for (std::size_t row = 0; row < groups.size(); ++row) folds_of[groups[row]].insert(folds[row]);
    for (const auto& [group, some] : folds_of) ASSERT_EQ(1U, some.size());
    std::int64_t largest = 0;
    for (const auto& [group, size] : counts(groups)) largest = std::max(largest, size);
    ASSERT_LE(spread(folds, k), largest);
    ASSERT_EQ(static_cast<std::size_t>(k), counts(folds).size());
  }
}

TEST(TimeSeriesFold, GivesBlocksInOrderTheFirstTakingTheRemainder) {
  EXPECT_THAT(values_of(time_series_fold(8, 2)), ElementsAre(0, 0, 0, 0, 1, 1, 2, 2));
  for (std::int64_t n = 3; n < 50; ++n)
    for (int k = 2; k < n; ++k) {
      const Values folds = values_of(time_series_fold(n, k));
      ASSERT_TRUE(std::is_sorted(folds.begin(), folds.end()));
      const auto sizes = counts(folds);
      ASSERT_EQ(static_cast<std::size_t>(k + 1), sizes.size());
      for (int block = 1; block <= k; ++block) ASSERT_EQ(n / (k + 1), sizes.at(block));
    }
}

TEST(MakeFolds, SetsTheTestPartApartInTheMannerOfTheSplit) {
  const Values labels = random_labels(2, 400, 5);
  const Values groups = random_labels(3, 400, 60);
  for (const Split split : {Split::kKFold, Split::kStratified, Split::kGroup, Split::kTimeSeries})
    for (const bool shuffle : {false, true})
      for (const double fraction : {0.0, 0.1, 0.25}) {
        const FoldOptions options{split, 4, shuffle, 7, fraction};
        const Values folds = values_of(make_folds(400, options, Array::from(labels), Array::from(groups)));
        const auto sizes = counts(folds);
        const auto tests = sizes.count(-1) == 0 ? 0 : sizes.at(-1);
        if (split != Split::kGroup) {
          ASSERT_EQ(std::llround(400 * fraction), tests);
        }
        if (split == Split::kGroup) {
          ASSERT_NEAR(400 * fraction, static_cast<double>(tests), 20);
        }
        if (split == Split::kKFold || split == Split::kStratified) {
          ASSERT_LE(spread(folds, 4), 1);
        }
        if (split == Split::kTimeSeries) {
          ASSERT_TRUE(std::all_of(folds.end() - tests, folds.end(), [](auto f) { return f == -1; }));
        }
        for (std::size_t a = 0; a < 400 && split == Split::kGroup; ++a)
          for (std::size_t b = 0; b < a; ++b) ASSERT_TRUE(groups[a] != groups[b] || folds[a] == folds[b]);
        for (std::int64_t label = 0; label < 5 && split == Split::kStratified; ++label) {
          ASSERT_LE(spread(folds, 4, [&](std::size_t row) { return labels[row] == label; }), 1);
          double all = 0, test = 0;
          for (std::size_t row = 0; row < 400; ++row)
            if (labels[row] == label) all += 1, test += folds[row] == -1 ? 1 : 0;
          ASSERT_LE(std::abs(test - all * fraction), 1);
        }
      }
}

TEST(MakeFolds, StratifiesSeveralLabels) {
  const Array labels = one_hot(random_labels(4, 200, 3), 3);
  const Values folds =
      values_of(make_folds(200, {.split = Split::kStratified, .n_splits = 4, .test_fraction = 0.2}, labels));
  EXPECT_NEAR(40, static_cast<double>(counts(folds)[-1]), 2);
  EXPECT_LE(spread(folds, 4), 2);
}

TEST(MakeFolds, NamesTheArgumentAtFault) {
  EXPECT_EQ("test_fraction", error_of([] { return make_folds(10, {.test_fraction = 1.0}); }).argument());
  EXPECT_EQ("test_fraction",
            error_of([] { return make_folds(10, {.test_fraction = std::nan("")}); }).argument());
  EXPECT_EQ("n_splits",
            error_of([] { return make_folds(4, {.n_splits = 4, .test_fraction = 0.25}); }).argument());
  EXPECT_EQ("labels", error_of([] {
                        return make_folds(4, {.split = Split::kStratified}, Array::arange(3));
                      }).argument());
  EXPECT_EQ("groups", error_of([] { return make_folds(4, {.split = Split::kGroup}); }).argument());
  EXPECT_THAT(error_of([] { return parse_split("stratifed"); }).what(),
              HasSubstr("did you mean 'stratified'"));
  EXPECT_EQ(Split::kTimeSeries, parse_split("time_series"));
}

}  // namespace
}  // namespace ivory
