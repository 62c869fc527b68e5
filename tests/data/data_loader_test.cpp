#include <gmock/gmock.h>
#include <ivory/base/error.h>
#include <ivory/data/data_loaders.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace ivory {
namespace {

using testing::ElementsAre;

// n training samples (fold 1), two to validate (fold 0), one to test.
class Counted : public Data {
 public:
  explicit Counted(std::int64_t n) : n_(n) {}

 protected:
  void init() override {
    std::vector<std::int64_t> folds(static_cast<std::size_t>(n_), 1);
    folds.insert(folds.end(), {0, 0, -1});
    const std::int64_t rows = n_ + 3;
    input = Array::arange(rows).astype(Dtype::kFloat32).reshape({rows, 1});
    target = Array::arange(rows);
    fold = Array::from(folds);
  }

 private:
  std::int64_t n_;
};

std::shared_ptr<Dataset> training(std::int64_t n, Transform transform = nullptr) {
  return std::make_shared<Dataset>(std::make_shared<Counted>(n), "train", 0, std::move(transform));
}

// The indexes of each batch of the epoch to come.
std::vector<std::vector<std::int64_t>> epoch_of(DataLoader& loader) {
  std::vector<std::vector<std::int64_t>> batches;
  while (const Batch* batch = loader.next()) {
    EXPECT_EQ(batch->index, batch->target);  // what belongs together stays together
    EXPECT_EQ(batch->index, batch->input.astype(Dtype::kInt64).reshape({-1}));
    batches.push_back(batch->index.to_vector<std::int64_t>());
  }
  return batches;
}
std::vector<std::int64_t> flat(const std::vector<std::vector<std::int64_t>>& batches) {
  std::vector<std::int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

TEST(DataLoader, GoesThroughTheSamplesInOrderWithTheRestAtTheEnd) {
  DataLoader loader(training(5), {.batch_size = 2});
  EXPECT_EQ(3, loader.batches());
  for (int epoch = 0; epoch < 2; ++epoch)
    EXPECT_THAT(epoch_of(loader), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4)));
}

TEST(DataLoader, CanLeaveOutTheRest) {
  DataLoader loader(training(5), {.batch_size = 2, .drop_last = true});
  EXPECT_EQ(2, loader.batches());
  EXPECT_THAT(epoch_of(loader), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3)));
  DataLoader small(training(1), {.batch_size = 2, .drop_last = true});
  EXPECT_EQ(0, small.batches());
  EXPECT_EQ(nullptr, small.next());
}

TEST(DataLoader, ShufflesEachEpochAnewByItsKeyAlone) {
  std::vector<std::int64_t> everything(100);
  std::iota(everything.begin(), everything.end(), 0);
  const auto run = [&](std::uint64_t seed, std::uint64_t repeat, int prefetch) {
    DataLoader loader(
        training(100),
        {.batch_size = 7, .shuffle = true, .prefetch = prefetch, .seed = seed, .repeat = repeat});
    std::vector<std::vector<std::int64_t>> epochs;
    for (int epoch = 0; epoch < 3; ++epoch) {
      epochs.push_back(flat(epoch_of(loader)));
      auto sorted = epochs.back();
      std::sort(sorted.begin(), sorted.end());
      EXPECT_EQ(everything, sorted);
    }
    EXPECT_NE(epochs[0], epochs[1]);
    EXPECT_NE(epochs[1], epochs[2]);
    return epochs;
  };
  const auto once = run(1, 0, 0);
  EXPECT_EQ(once, run(1, 0, 0));
  EXPECT_EQ(once, run(1, 0, 3));
  EXPECT_NE(once, run(2, 0, 0));
  EXPECT_NE(once, run(1, 1, 0));
}

TEST(DataLoader, GoesOnFromACursorWithTheSameBatches) {
  for (const int prefetch : {0, 2}) {
    const LoaderOptions options{.batch_size = 3, .shuffle = true, .prefetch = prefetch, .seed = 9};
    DataLoader whole(training(20), options);
    std::vector<std::pair<LoaderCursor, std::vector<std::int64_t>>> seen;  // the cursor before each batch
    for (int epoch = 0; epoch < 3; ++epoch)
      for (;;) {
        const LoaderCursor before = whole.cursor();
        const Batch* batch = whole.next();
        seen.emplace_back(
            before, batch == nullptr ? std::vector<std::int64_t>{} : batch->index.to_vector<std::int64_t>());
        if (batch == nullptr) break;
      }
    EXPECT_EQ((LoaderCursor{3, 0}), whole.cursor());
    for (std::size_t start = 0; start < seen.size(); ++start) {
      DataLoader resumed(training(20), options);
      resumed.seek(seen[start].first);
      for (std::size_t i = start; i < seen.size(); ++i) {
        const Batch* batch = resumed.next();
        ASSERT_EQ(seen[i].second,
                  batch == nullptr ? std::vector<std::int64_t>{} : batch->index.to_vector<std::int64_t>());
      }
    }
  }
}

TEST(DataLoader, RefusesACursorThatCannotBe) {
  DataLoader loader(training(4), {.batch_size = 2});
  EXPECT_NO_THROW(loader.seek({5, 2}));
  for (const LoaderCursor bad : {LoaderCursor{0, 3}, LoaderCursor{0, -1}, LoaderCursor{-1, 0}})
    EXPECT_THROW(loader.seek(bad), Error);
}

TEST(DataLoader, RefusesOptionsThatCannotBe) {
  const auto argument_of = [](LoaderOptions options) {
    try {
      DataLoader loader(training(4), options);
    } catch (const Error& error) {
      return error.argument();
    }
    return std::string();
  };
  EXPECT_EQ("batch_size", argument_of({.batch_size = 0}));
  EXPECT_EQ("prefetch", argument_of({.prefetch = -1}));
}

TEST(DataLoader, UsesItsMemoryAgainUnlessABatchIsKept) {
  DataLoader loader(training(6), {.batch_size = 2});
  const auto* memory = loader.next()->input.data();
  const Batch* second = loader.next();
  EXPECT_EQ(memory, second->input.data());
  const Array kept = second->input;
  EXPECT_NE(memory, loader.next()->input.data());
  EXPECT_THAT(kept.view<float>(), ElementsAre(2, 3));
}

TEST(DataLoader, ThrowsInPlaceOfTheBatchThatFailed) {
  for (const int prefetch : {0, 2}) {
    DataLoader loader(training(6,
                               [](const std::string&, const Array& input, const Array& target) {
                                 if (input.view<float>()[0] == 4) throw std::runtime_error("no such image");
                                 return std::pair(input, target);
                               }),
                      {.batch_size = 2, .prefetch = prefetch});
    EXPECT_NE(nullptr, loader.next());
    EXPECT_NE(nullptr, loader.next());
    EXPECT_THROW(static_cast<void>(loader.next()), std::runtime_error);
    EXPECT_THROW(static_cast<void>(loader.next()), std::runtime_error);
    EXPECT_EQ((LoaderCursor{0, 2}), loader.cursor());
  }
}

TEST(DataLoader, MayBeLeftInTheMiddleOfAnEpoch) {
  for (int i = 0; i < 50; ++i) {
    DataLoader loader(training(100), {.batch_size = 1, .shuffle = true, .prefetch = 4});
    for (int batch = 0; batch < i; ++batch) ASSERT_NE(nullptr, loader.next());
    DataLoader moved = std::move(loader);
    ASSERT_NE(nullptr, moved.next());
    if (i % 2 == 0) moved.seek({1, 0});
  }
}

TEST(DataLoader, ANewSeedBeginsTheEpochAgain) {
  DataLoader loader(training(50), {.batch_size = 50, .shuffle = true, .prefetch = 1});
  const auto before = loader.next()->index;
  loader.set_seed(4, 0);
  EXPECT_EQ((LoaderCursor{0, 0}), loader.cursor());
  DataLoader other(training(50), {.batch_size = 50, .shuffle = true, .seed = 4});
  const auto after = loader.next()->index;
  EXPECT_EQ(other.next()->index, after);
  EXPECT_FALSE(before == after);
}

TEST(DataLoaders, ShuffleTheTrainingPartOnly) {
  DataLoaders loaders(std::make_shared<Counted>(50), nullptr, 0,
                      {.batch_size = 40, .shuffle = true, .drop_last = true});
  EXPECT_EQ(1, loaders.train().batches());
  const auto order = flat(epoch_of(loaders.train()));
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  EXPECT_THAT(epoch_of(loaders.val()), ElementsAre(ElementsAre(50, 51)));
  EXPECT_THAT(epoch_of(loaders.test()), ElementsAre(ElementsAre(52)));
}

TEST(DataLoaders, TheirStateIsTheTrainingCursor) {
  const LoaderOptions options{.batch_size = 8, .shuffle = true};
  DataLoaders a(std::make_shared<Counted>(50), nullptr, 0, options);
  static_cast<void>(epoch_of(a.train()));
  static_cast<void>(a.train().next());
  EXPECT_EQ(Params({{"epoch", 1}, {"batch", 1}}), a.state_dict());
  DataLoaders b(std::make_shared<Counted>(50), nullptr, 0, options);
  b.load_state_dict(a.state_dict());
  EXPECT_EQ(epoch_of(a.train()), epoch_of(b.train()));
}

}  // namespace
}  // namespace ivory
