#include <gmock/gmock.h>
#include <ivory/base/error.h>
#include <ivory/base/rng.h>
#include <ivory/data/array.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <thread>

namespace ivory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Dtype kAllDtypes[] = {Dtype::kFloat32, Dtype::kFloat64, Dtype::kInt8,  Dtype::kInt16,
                                Dtype::kInt32,   Dtype::kInt64,   Dtype::kUint8, Dtype::kBool};

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
    return error.what();
  }
  return "no error";
}

TEST(Array, HoldsZerosWhenMade) {
  for (const Dtype dtype : kAllDtypes) {
    const Array array = Array::zeros(dtype, {3, 2});
    EXPECT_EQ(6, array.size());
    EXPECT_EQ(6 * item_bytes(dtype), array.bytes());
    for (std::size_t i = 0; i < array.bytes(); ++i) EXPECT_EQ(std::byte{0}, array.data()[i]);
  }
}

TEST(Array, NoSamplesIsTheDefault) {
  const Array array;
  EXPECT_EQ(0, array.rows());
  EXPECT_TRUE(array.empty());
  EXPECT_EQ("float32 [0]", array.describe());
}

TEST(Array, RefusesShapesThatCannotBe) {
  EXPECT_THAT(message_of([] { Array(Dtype::kInt8, {2, -3}); }), HasSubstr("[2, -3]"));
  constexpr auto kLarge = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(message_of([] { Array(Dtype::kInt8, {kLarge, kLarge}); }), HasSubstr("too large"));
  EXPECT_THAT(message_of([] { Array(Dtype::kInt8, {0, kLarge, kLarge}); }), HasSubstr("too large"));
  EXPECT_THAT(message_of([] { return Array::from(std::vector{1, 2, 3}, {2, 2}); }), HasSubstr("[2, 2]"));
}

TEST(Array, IsViewedAsItsOwnTypeOnly) {
  const Array array = Array::from(std::vector<std::int32_t>{1, 2});
  EXPECT_THAT(array.view<std::int32_t>(), ElementsAre(1, 2));
  EXPECT_THAT(message_of([&] { return array.view<float>(); }),
              HasSubstr("int32 [2] cannot be viewed as float32"));
}

TEST(Array, CopiesShareUntilOneIsWritten) {
  Array a = Array::from(std::vector{1.0F, 2.0F});
  const Array b = a;
  EXPECT_EQ(a.data(), b.data());
  a.mutable_view<float>()[0] = 9;
  EXPECT_THAT(a.view<float>(), ElementsAre(9, 2));
  EXPECT_THAT(b.view<float>(), ElementsAre(1, 2));
  const auto* before = a.data();
  a.mutable_view<float>()[1] = 8;  // alone now: in place
  EXPECT_EQ(before, a.data());
}

TEST(Array, AWrittenSliceLeavesItsSourceAlone) {
  const Array whole = Array::from(std::vector{1, 2, 3, 4, 5, 6}, {3, 2});
  Array part = whole.slice(1, 3);
  EXPECT_EQ(whole.data() + 8, part.data());
  EXPECT_THAT(part.view<std::int32_t>(), ElementsAre(3, 4, 5, 6));
  part.mutable_view<std::int32_t>()[0] = 0;
  EXPECT_EQ(3, whole.view<std::int32_t>()[2]);
  EXPECT_EQ(0, whole.slice(3, 3).rows());
  EXPECT_THAT(message_of([&] { return whole.slice(2, 4); }), HasSubstr("3 rows"));
}

TEST(Array, BorrowedMemoryIsNeverWritten) {
  const auto owner = std::make_shared<std::vector<double>>(3, 1.5);
  Array array = Array::borrow(Dtype::kFloat64, {3}, owner, owner->data());
  EXPECT_EQ(2, owner.use_count());
  EXPECT_EQ(static_cast<const void*>(owner->data()), array.data());
  array.mutable_view<double>()[0] = 7;
  EXPECT_EQ(1.5, owner->front());
  EXPECT_EQ(1, owner.use_count());
}

TEST(Array, ManyThreadsMayWriteCopiesOfOne) {
  const Array shared = Array::arange(1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([copy = shared, t]() mutable {
      for (auto& value : copy.mutable_view<std::int64_t>()) value += t;
      EXPECT_EQ(999 * 1000 / 2 + 1000 * t, std::accumulate(copy.view<std::int64_t>().begin(),
                                                           copy.view<std::int64_t>().end(), std::int64_t{0}));
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Array::arange(1000), shared);
}

TEST(Array, TakesRowsOfEverySizeAsAPlainLoopDoes) {
  Rng rng({.seed = 1, .purpose = "test"});
  for (const Dtype dtype : kAllDtypes)
    for (const std::int64_t width : {0, 1, 2, 3, 4, 8, 16, 17, 64, 1000}) {
      constexpr std::int64_t kRows = 40;
      Array source = Array::uninitialized(dtype, {kRows, width});
      for (auto& byte : source.mutable_bytes()) byte = std::byte{static_cast<unsigned char>(rng.below(2))};
      std::vector<std::int64_t> indices;
      for (int i = 0; i < 100; ++i) {  // runs of neighbours among single rows
        const auto start = static_cast<std::int64_t>(rng.below(kRows - 3));
        for (std::int64_t k = 0; k <= static_cast<std::int64_t>(rng.below(3)); ++k)
          indices.push_back(start + k);
      }
      const Array taken = source.take(indices);
      ASSERT_EQ((Shape{static_cast<std::int64_t>(indices.size()), width}), taken.shape());
      for (std::size_t i = 0; i < indices.size() && width > 0; ++i)
        ASSERT_EQ(0, std::memcmp(taken.data() + i * source.row_bytes(),
                                 source.data() + static_cast<std::size_t>(indices[i]) * source.row_bytes(),
                                 source.row_bytes()));
    }
}

TEST(Array, TakingIntoAnArrayUsesItsMemoryAgain) {
  const Array source = Array::from(std::vector{1, 2, 3, 4, 5, 6}, {3, 2});
  Array out;
  source.take(std::vector<std::int64_t>{2, 0, 1}, out);
  const auto* memory = out.data();
  source.take(std::vector<std::int64_t>{1}, out);
  EXPECT_EQ(memory, out.data());
  EXPECT_EQ(Array::from(std::vector{3, 4}, {1, 2}), out);
  source.take(std::vector<std::int64_t>{0, 1, 2}, out);
  EXPECT_EQ(memory, out.data());  // the smaller batch between did not shrink it
  const Array kept = out;
  source.take(std::vector<std::int64_t>{2}, out);
  EXPECT_NE(memory, out.data());
  EXPECT_EQ(source, kept);
  Array self = source;
  self.take(std::vector<std::int64_t>{2, 2}, self);
  EXPECT_EQ(Array::from(std::vector{5, 6, 5, 6}, {2, 2}), self);
}

TEST(Array, TakingARowThatIsNotThereChangesNothing) {
  const Array source = Array::arange(3);
  Array out = Array::arange(2);
  for (const std::int64_t bad :
       {std::int64_t{-1}, std::int64_t{3}, std::numeric_limits<std::int64_t>::min()}) {
    const std::vector<std::int64_t> indices{0, bad};
    EXPECT_THAT(message_of([&] { source.take(indices, out); }), HasSubstr("row " + std::to_string(bad)));
    EXPECT_EQ(Array::arange(2), out);
  }
  std::vector<std::byte> small(8);
  EXPECT_THAT(message_of([&] { source.take(std::vector<std::int64_t>{0, 1}, std::span(small)); }),
              HasSubstr("16 bytes, not 8"));
}

TEST(Array, ReshapesWithoutACopy) {
  const Array array = Array::arange(6);
  EXPECT_EQ((Shape{2, 3}), array.reshape({2, -1}).shape());
  EXPECT_EQ(array.data(), array.reshape({3, 2}).data());
  EXPECT_EQ((Shape{}), Array::arange(1).reshape({}).shape());
  for (const Shape& bad : {Shape{4}, Shape{-1, -1}, Shape{4, -1}, Shape{-1, 0}, Shape{-2, -3}})
    EXPECT_THAT(message_of([&] { return array.reshape(bad); }),
                testing::AllOf(HasSubstr("[6]"), HasSubstr(shape_text(bad))));
}

TEST(Array, ConvertsWithinTheLimitsOfTheType) {
  const double nan = std::nan("");
  const double inf = std::numeric_limits<double>::infinity();
  const Array reals = Array::from(std::vector{-1.9, 0.0, 300.7, 1e30, -inf, nan});
  EXPECT_THAT(reals.to_vector<std::uint8_t>(), ElementsAre(0, 0, 255, 255, 0, 0));
  EXPECT_THAT(reals.to_vector<std::int8_t>(), ElementsAre(-1, 0, 127, 127, -128, 0));
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(reals.to_vector<std::int64_t>(), ElementsAre(-1, 0, 300, kMost, -kMost - 1, 0));
  EXPECT_THAT(reals.astype(Dtype::kBool).view<bool>(), ElementsAre(true, false, true, true, true, true));
  EXPECT_THAT(Array::from(std::vector<bool>{true, false}).to_vector<float>(), ElementsAre(1, 0));
  EXPECT_EQ(reals.data(), reals.astype(Dtype::kFloat64).data());
}

TEST(Array, EqualMeansTypeShapeAndNumbersNanIncluded) {
  const Array a = Array::from(std::vector{1.0F, std::nanf("")});
  EXPECT_EQ(a, Array::from(std::vector{1.0F, std::nanf("")}));
  EXPECT_FALSE(a == Array::from(std::vector{1.0F, 2.0F}));
  EXPECT_FALSE(a == a.astype(Dtype::kFloat64));
  EXPECT_FALSE(a == a.reshape({2, 1}));
}

TEST(Concat, PutsRowsOneAfterTheOther) {
  const std::vector<Array> arrays{Array::from(std::vector{1, 2}, {1, 2}), Array(Dtype::kInt32, {0, 2}),
                                  Array::from(std::vector{3, 4, 5, 6}, {2, 2})};
  EXPECT_EQ(Array::from(std::vector{1, 2, 3, 4, 5, 6}, {3, 2}), concat(arrays));
  EXPECT_EQ(Array(), concat({}));
}

TEST(Concat, NamesBothArraysThatDoNotFit) {
  const std::vector<Array> shapes{Array(Dtype::kInt8, {1, 2}), Array(Dtype::kInt8, {1, 3})};
  EXPECT_THAT(message_of([&] { return concat(shapes); }),
              testing::AllOf(HasSubstr("[1, 2]"), HasSubstr("[1, 3]")));
  const std::vector<Array> dtypes{Array(Dtype::kInt8, {1}), Array(Dtype::kBool, {1})};
  EXPECT_THAT(message_of([&] { return concat(dtypes); }),
              testing::AllOf(HasSubstr("int8"), HasSubstr("bool")));
  EXPECT_THAT(message_of([] { return concat(std::vector{Array::arange(1).reshape({})}); }),
              HasSubstr("no rows"));
}

TEST(GroupMean, AveragesRowsOfEqualIndexInAscendingOrder) {
  const Array index = Array::from(std::vector<std::int64_t>{7, -1, 7, 3});
  const Array rows = Array::from(std::vector{1.0F, 10.0F, 2.0F, 20.0F, 3.0F, 30.0F, 4.0F, 40.0F}, {4, 2});
  const GroupMean mean = group_mean(index, rows);
  EXPECT_THAT(mean.index.view<std::int64_t>(), ElementsAre(-1, 3, 7));
  EXPECT_EQ(Array::from(std::vector{2.0F, 20.0F, 4.0F, 40.0F, 2.0F, 20.0F}, {3, 2}), mean.mean);
}

TEST(GroupMean, AgreesWithAMapOnRandomRows) {
  Rng rng({.seed = 5, .purpose = "test"});
  std::vector<std::int64_t> index;
  std::vector<std::int32_t> values;
  std::map<std::int64_t, std::pair<double, int>> sums;
  for (int i = 0; i < 500; ++i) {
    index.push_back(static_cast<std::int64_t>(rng.below(60)));
    values.push_back(static_cast<std::int32_t>(rng.below(1000)));
    auto& [sum, count] = sums[index.back()];
    sum += values.back();
    ++count;
  }
  const GroupMean mean = group_mean(Array::from(index), Array::from(values));
  ASSERT_EQ(static_cast<std::int64_t>(sums.size()), mean.mean.rows());
  std::size_t i = 0;
  for (const auto& [key, sum] : sums) {
    EXPECT_EQ(key, mean.index.view<std::int64_t>()[i]);
    EXPECT_DOUBLE_EQ(sum.first / sum.second, mean.mean.view<double>()[i++]);
  }
}

TEST(GroupMean, RefusesAnIndexThatDoesNotFit) {
  EXPECT_THAT(message_of([] { return group_mean(Array::arange(2), Array::arange(3)); }),
              HasSubstr("int64 [2]"));
  EXPECT_THAT(message_of([] { return group_mean(Array::from(std::vector{1.0F}), Array::arange(1)); }),
              HasSubstr("float32"));
  EXPECT_EQ(0, group_mean(Array::arange(0), Array()).mean.rows());
}

}  // namespace
}  // namespace ivory
