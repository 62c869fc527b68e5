#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ivory/experiment/results.h>

#include <sstream>
#include <vector>

#include <ivory/base/error.h>

#include "fake_trainer.h"

namespace ivory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Array ints(const std::vector<std::int64_t>& values) { return Array::from(values); }
Array reals(const std::vector<double>& values) {
  return Array::from(values, {static_cast<std::int64_t>(values.size()), 1});
}
ResultRows rows(const std::vector<std::int64_t>& index, const std::vector<double>& output,
                const std::vector<std::int64_t>& target) {
  return {ints(index), reals(output), target.empty() ? Array() : ints(target)};
}

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(RowCollector, KeepsTheRowsOfAllBatchesInOrder) {
  RowCollector collector;
  for (std::int64_t i = 0; i < 100; ++i)
    collector.add(ints({2 * i, 2 * i + 1}), reals({0.5 * static_cast<double>(i), -1}), ints({i, i}));
  const ResultRows all = collector.get();
  ASSERT_EQ(all.rows(), 200);
  EXPECT_EQ(all.index, Array::arange(200));
  EXPECT_EQ(all.output.shape(), (Shape{200, 1}));
  EXPECT_EQ(all.output.view<double>()[198], 49.5);
  EXPECT_EQ(all.target.view<std::int64_t>()[199], 99);
}

TEST(RowCollector, WhatWasHandedOutStaysWhenItGoesOn) {
  RowCollector collector;
  collector.add(ints({1, 2}), reals({1, 2}), ints({0, 1}));
  const ResultRows before = collector.get();
  collector.add(ints({3}), reals({3}), ints({2}));
  collector.clear();
  collector.add(ints({7, 8, 9}), reals({7, 8, 9}), ints({7, 8, 9}));
  EXPECT_EQ(before, rows({1, 2}, {1, 2}, {0, 1}));
  EXPECT_EQ(collector.get(), rows({7, 8, 9}, {7, 8, 9}, {7, 8, 9}));
}

TEST(RowCollector, UsesItsMemoryAgainInTheNextEpoch) {
  RowCollector collector;
  for (int i = 0; i < 20; ++i) collector.add(ints({i}), reals({1}), ints({i}));
  const std::byte* memory = collector.get().output.data();
  collector.clear();
  for (int i = 0; i < 20; ++i) collector.add(ints({i}), reals({2}), ints({i}));
  EXPECT_EQ(collector.get().output.data(), memory);
}

TEST(RowCollector, TakesAnotherShapeAfterClearOnly) {
  RowCollector collector;
  collector.add(ints({1}), reals({1}), ints({0}));
  const Array wide = Array::zeros(Dtype::kFloat32, {1, 3});
  EXPECT_THAT(message_of([&] { collector.add(ints({2}), wide, ints({0})); }),
              HasSubstr("the output of this batch is float32 [1, 3], of those before float64 [1, 1]"));
  EXPECT_EQ(collector.get(), rows({1}, {1}, {0}));
  collector.clear();
  collector.add(ints({2}), wide, Array());
  EXPECT_EQ(collector.get().output, wide);
  EXPECT_TRUE(collector.get().target.empty());
}

TEST(RowCollector, RefusesArraysOfOtherLengthsAndTargetsNowAndThen) {
  RowCollector collector;
  EXPECT_THAT(message_of([&] { collector.add(ints({1, 2}), reals({1}), ints({0, 0})); }),
              HasSubstr("2 samples, but its output is float64 [1, 1]"));
  EXPECT_THAT(message_of([&] { collector.add(ints({1, 2}), reals({1, 2}), ints({0})); }),
              HasSubstr("its target is int64 [1]"));
  collector.add(ints({1}), reals({1}), ints({0}));
  EXPECT_THAT(message_of([&] { collector.add(ints({1}), reals({1}), Array()); }),
              HasSubstr("others have none"));
  EXPECT_EQ(collector.rows(), 1);
}

TEST(Results, HoldWhatARunMadeOfEachPart) {
  const auto results = std::make_shared<Results>();
  ivory::Run run({}, {data_member(),
                      {"results", Value::object(results)},
                      member<FakeTrainer>("trainer", std::vector<double>{1, 2})});
  run.start("both");
  EXPECT_EQ(results->train().index, ints({0, 2, 4, 6, 7}));  // of the last epoch alone
  EXPECT_EQ(results->train().output, reals({0, 2, 4, 6, 7}));
  EXPECT_EQ(results->train().target, reals({0, 1, 0, 1, 0}));
  EXPECT_EQ(results->val().index, ints({1, 3, 5}));
  EXPECT_EQ(results->test().index, ints({8, 9}));
  EXPECT_EQ(results->test().output, reals({8, 9}));
}

TEST(Results, LeaveOutTrainingWhenTold) {
  const auto results = std::make_shared<Results>(false);
  ivory::Run run({}, {data_member(),
                      {"results", Value::object(results)},
                      member<FakeTrainer>("trainer", std::vector<double>{1})});
  run.start();
  EXPECT_TRUE(results->train().empty());
  EXPECT_EQ(results->val().rows(), 3);
}

TEST(Results, ComeBackFromTheirState) {
  Results results;
  results.set_train(rows({4, 2}, {0.25, kNan}, {1, 0}));
  results.set_test(rows({9}, {1.0 / 3}, {}));
  std::stringstream stream;
  results.save(stream);
  Results other;
  other.set_val(rows({1}, {1}, {1}));
  other.load(stream);
  EXPECT_EQ(other.train(), results.train());
  EXPECT_TRUE(other.val().empty());
  EXPECT_EQ(other.test(), results.test());
}

TEST(Results, RefuseAStateThatIsNone) {
  Results results;
  results.set_val(rows({1}, {1}, {1}));
  std::stringstream stream("no archive");
  EXPECT_THAT(message_of([&] { results.load(stream); }), HasSubstr("results.npz"));
  EXPECT_EQ(results.val(), rows({1}, {1}, {1}));
}

TEST(Results, ConcatenateValidationAndTest) {
  std::vector<Results> folds(3);
  folds[0].set_train(rows({5}, {5}, {5}));
  folds[0].set_val(rows({1, 2}, {1, 2}, {0, 1}));
  folds[0].set_test(rows({9}, {0.5}, {}));
  folds[2].set_val(rows({3}, {3}, {1}));
  folds[2].set_test(rows({9}, {1.5}, {}));
  const Results joined = concatenate(folds);
  EXPECT_TRUE(joined.train().empty());
  EXPECT_EQ(joined.val(), rows({1, 2, 3}, {1, 2, 3}, {0, 1, 1}));
  EXPECT_EQ(joined.test(), rows({9, 9}, {0.5, 1.5}, {}));
  EXPECT_TRUE(concatenate({}).val().empty());
  folds[2].set_val(rows({3}, {3}, {}));
  EXPECT_THAT(message_of([&] { static_cast<void>(concatenate(folds)); }), HasSubstr("others have none"));
}

TEST(Results, MeanAveragesRowsOfEqualIndex) {
  Results results;
  results.set_val(rows({7, 3, 7, 5}, {1, 2, 3, 4}, {1, 0, 1, 2}));
  results.set_test(rows({9, 9}, {0.5, 1.5}, {}));
  const Results reduced = mean(results);
  EXPECT_EQ(reduced.val(), rows({3, 5, 7}, {2, 4, 2}, {0, 2, 1}));
  EXPECT_EQ(reduced.test(), rows({9}, {1}, {}));
}

}  // namespace
}  // namespace ivory
