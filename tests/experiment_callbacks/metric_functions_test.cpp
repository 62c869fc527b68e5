// The expected numbers are scikit-learn 1.2's for the same arrays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ivory/experiment/metric_functions.h>

#include <cmath>
#include <limits>
#include <vector>

#include <ivory/base/error.h>

namespace ivory::metrics {
namespace {

using testing::HasSubstr;

const std::vector<double> kLogits{1.5, -0.5, 0.25, 0.1, 2.0,  -1.0, -0.3, 0.4, 0.2, 2.2, 1.9, -3.0,
                                  0.0, -1.0, 1.0,  0.5, 0.75, 0.6,  -2.0, 0.3, 1.1, 1.0, 0.9, 0.8};

Array logits(Dtype dtype = Dtype::kFloat64) { return Array::from(kLogits, {8, 3}).astype(dtype); }
Array classes() { return Array::from(std::vector<std::int64_t>{0, 1, 2, 1, 2, 1, 0, 2}); }

Array softmax(const Array& array) {
  Array result = array;
  const auto values = result.mutable_view<double>();
  for (std::size_t at = 0; at < values.size(); at += 3) {
    double sum = 0;
    for (double& v : values.subspan(at, 3)) sum += v = std::exp(v);
    for (double& v : values.subspan(at, 3)) v /= sum;
  }
  return result;
}

Array binary_target() { return Array::from(std::vector<double>{0, 0, 1, 1, 0, 1, 1, 0}, {8, 1}); }
Array binary_probabilities() {
  return Array::from(std::vector<double>{0.1, 0.4, 0.35, 0.8, 0.65, 0.4, 0.9, 0.2});
}
Array binary_logits() {
  return Array::from(std::vector<double>{-2.0, 0.5, -0.1, 1.5, 0.0, 0.5, 3.0, -1.0}, {8, 1});
}

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "no error";
}

TEST(ClassMetrics, AgreeWithScikitLearnOnLogitsAndProbabilitiesOfThreeClasses) {
  for (const Array& output : {logits(), softmax(logits()), logits(Dtype::kFloat32)}) {
    EXPECT_DOUBLE_EQ(accuracy(output, classes()), 0.5);
    EXPECT_DOUBLE_EQ(precision(output, classes()), 0.5);
    EXPECT_DOUBLE_EQ(recall(output, classes()), 0.5);
    EXPECT_DOUBLE_EQ(f1(output, classes()), 0.48888888888888893);
    EXPECT_DOUBLE_EQ(precision(output, classes(), Average::kWeighted), 0.5208333333333333);
    EXPECT_DOUBLE_EQ(recall(output, classes(), Average::kWeighted), 0.5);
    EXPECT_DOUBLE_EQ(f1(output, classes(), Average::kWeighted), 0.5);
    EXPECT_DOUBLE_EQ(f1(output, classes(), Average::kMicro), 0.5);
    EXPECT_DOUBLE_EQ(auc(output, classes()), 0.7000000000000001);
    EXPECT_NEAR(log_loss(output, classes()), 1.0640816938861763,
                output.dtype() == Dtype::kFloat32 ? 1e-7 : 1e-14);
    EXPECT_DOUBLE_EQ(top_k(output, classes(), 1), 0.5);
    EXPECT_DOUBLE_EQ(top_k(output, classes(), 2), 0.75);
    EXPECT_DOUBLE_EQ(top_k(output, classes(), 3), 1.0);
  }
}

TEST(ClassMetrics, AgreeWithScikitLearnOnOneProbabilityASample) {
  const Array output = binary_probabilities();
  const Array target = binary_target();
  EXPECT_DOUBLE_EQ(accuracy(output, target), 0.625);
  EXPECT_DOUBLE_EQ(precision(output, target, Average::kBinary), 2.0 / 3);
  EXPECT_DOUBLE_EQ(recall(output, target, Average::kBinary), 0.5);
  EXPECT_DOUBLE_EQ(f1(output, target, Average::kBinary), 0.5714285714285715);
  EXPECT_DOUBLE_EQ(auc(output, target), 0.78125);
  EXPECT_DOUBLE_EQ(log_loss(output, target), 0.5229710923226967);
}

TEST(ClassMetrics, AgreeWithScikitLearnOnOneLogitASample) {
  const Array output = binary_logits();
  const Array target = binary_target();
  EXPECT_DOUBLE_EQ(accuracy(output, target), 0.625);
  EXPECT_DOUBLE_EQ(f1(output, target, Average::kBinary), 0.6666666666666665);
  EXPECT_DOUBLE_EQ(auc(output, target), 0.84375);
  EXPECT_NEAR(log_loss(output, target), 0.4469860171389274, 1e-15);
}

TEST(ClassMetrics, TwoColumnsSayTheSameAsOneScore) {
  const Array one = binary_logits();
  Array two = Array::zeros(Dtype::kFloat64, {8, 2});
  for (std::size_t i = 0; i < 8; ++i) two.mutable_view<double>()[2 * i + 1] = one.view<double>()[i];
  // Alike to the last score but one: of equal columns the first is the class, of a logit 0 it is class 1.
  EXPECT_DOUBLE_EQ(auc(two, binary_target()), auc(one, binary_target()));
  EXPECT_NEAR(log_loss(two, binary_target()), log_loss(one, binary_target()), 1e-15);
  EXPECT_DOUBLE_EQ(accuracy(two, binary_target()), 0.75);
}

TEST(ClassMetrics, TakesIntegersForClassesAndPassesOverThoseThatDoNotOccur) {
  const Array output = Array::from(std::vector<std::int64_t>{0, 2, 1, 0, 0});
  const Array target = Array::from(std::vector<std::int64_t>{0, 3, 1, 1, 0});
  EXPECT_DOUBLE_EQ(precision(output, target), 0.41666666666666663);
  EXPECT_DOUBLE_EQ(recall(output, target), 0.375);
  EXPECT_DOUBLE_EQ(f1(output, target), 0.3666666666666667);
  EXPECT_DOUBLE_EQ(precision(output, target, Average::kMicro), 0.6);
  EXPECT_DOUBLE_EQ(precision(output, target, Average::kWeighted), 0.6666666666666666);
  EXPECT_DOUBLE_EQ(f1(output, target, Average::kWeighted), 0.5866666666666667);
  EXPECT_THAT(message_of([&] { static_cast<void>(auc(output, target)); }), HasSubstr("expected scores"));
}

TEST(ClassMetrics, TheArgumentOverrulesWhatScoresLookLike) {
  const Array scores = Array::from(std::vector<double>{0.1, 0.4, 0.6});  // looks like probabilities
  const Array target = Array::from(std::vector<std::int64_t>{1, 1, 1});
  EXPECT_DOUBLE_EQ(accuracy(scores, target), 1.0 / 3);
  EXPECT_DOUBLE_EQ(accuracy(scores, target, true), 1.0);
  EXPECT_DOUBLE_EQ(accuracy(Array::from(std::vector<double>{-1, 0.4, 2}), target, false), 1.0 / 3);
}

TEST(ClassMetrics, KeepsGivenProbabilitiesAwayFromZeroAndOne) {
  const Array output = Array::from(std::vector<double>{1, 0, 0.25, 0.75, 1, 0}, {3, 2});
  const Array target = Array::from(std::vector<std::int64_t>{0, 1, 1});
  EXPECT_DOUBLE_EQ(log_loss(output, target), 12.110445153856311);
}

TEST(ClassMetrics, CrossEntropyOfLargeLogitsIsFinite) {
  const Array output = Array::from(std::vector<float>{1000, -1000, 0}, {1, 3});
  EXPECT_DOUBLE_EQ(log_loss(output, Array::from(std::vector<std::int64_t>{1})), 2000);
  EXPECT_DOUBLE_EQ(log_loss(Array::from(std::vector<float>{-800}), Array::from(std::vector<std::int64_t>{1})),
                   800);
}

TEST(ClassMetrics, OfEqualOutputsTheFirstIsTheClass) {
  const Array output = Array::from(std::vector<double>{5, 7, 7, 7, 7, 5}, {2, 3});
  const Array target = Array::from(std::vector<std::int64_t>{2, 0});
  EXPECT_DOUBLE_EQ(accuracy(output, target), 0.5);
  EXPECT_DOUBLE_EQ(top_k(output, target, 1), 0.5);
  EXPECT_DOUBLE_EQ(top_k(output, target, 2), 1.0);
}

TEST(ClassMetrics, AreNaNForNoSamplesNaNOutputsAndOneClassAlone) {
  const Array none = Array::zeros(Dtype::kFloat32, {0, 3});
  const Array no_targets = Array::zeros(Dtype::kInt64, {0});
  EXPECT_TRUE(std::isnan(accuracy(none, no_targets)));
  EXPECT_TRUE(std::isnan(f1(none, no_targets)));
  EXPECT_TRUE(std::isnan(log_loss(none, no_targets)));
  Array broken = logits();
  broken.mutable_view<double>()[4] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(accuracy(broken, classes())));
  EXPECT_TRUE(std::isnan(recall(broken, classes())));
  EXPECT_TRUE(std::isnan(top_k(broken, classes())));
  EXPECT_TRUE(std::isnan(auc(broken, classes())));
  EXPECT_TRUE(std::isnan(auc(binary_logits(), Array::zeros(Dtype::kInt64, {8}))));
}

TEST(ClassMetrics, NameTheSampleOrTheShapesAtFault) {
  const auto accuracy_of = [](const Array& output, const Array& target) {
    return message_of([&] { static_cast<void>(accuracy(output, target)); });
  };
  EXPECT_THAT(accuracy_of(logits(), Array::from(std::vector<std::int64_t>{0, 1, 3, 1, 2, 1, 0, 2})),
              HasSubstr("target of sample 2 is 3.0; expected a class from 0 to 2"));
  EXPECT_THAT(accuracy_of(binary_logits(), Array::from(std::vector<double>{0, 0, 1, 0.5, 0, 1, 1, 0})),
              HasSubstr("target of sample 3 is 0.5; expected a class from 0 to 1"));
  EXPECT_THAT(accuracy_of(binary_logits(), Array::from(std::vector<double>{0, -1, 1, 0, 0, 1, 1, 0})),
              HasSubstr("target of sample 1 is -1.0"));
  EXPECT_THAT(accuracy_of(logits(), Array::arange(7)), HasSubstr("float64 [8, 3] and target int64 [7]"));
  EXPECT_THAT(accuracy_of(logits(), logits()), HasSubstr("expected one class a sample"));
  EXPECT_THAT(accuracy_of(Array::zeros(Dtype::kFloat32, {2, 3, 4}), Array::arange(2)),
              HasSubstr("[n, classes]"));
  EXPECT_THAT(message_of([] { static_cast<void>(top_k(logits(), classes(), 0)); }), HasSubstr("k is 0"));
  EXPECT_THAT(message_of([] { static_cast<void>(top_k(binary_logits(), binary_target())); }),
              HasSubstr("a score for each class"));
  EXPECT_THAT(message_of([] { static_cast<void>(f1(logits(), classes(), Average::kBinary)); }),
              HasSubstr("average is binary"));
  EXPECT_THAT(message_of([] { static_cast<void>(parse_average("macor")); }),
              HasSubstr("did you mean 'macro'"));
}

Array regression_output() { return Array::from(std::vector<double>{2.5, 0, 0.5, 2, -1, 8, 7, -2.5}, {4, 2}); }
Array regression_target() { return Array::from(std::vector<double>{3, -0.5, 0.5, 2, 2, 7, 8, -2}, {4, 2}); }

TEST(RegressionMetrics, AgreeWithScikitLearnOnTwoColumns) {
  EXPECT_DOUBLE_EQ(mse(regression_output(), regression_target()), 1.46875);
  EXPECT_DOUBLE_EQ(rmse(regression_output(), regression_target()), 1.1065767475270034);
  EXPECT_DOUBLE_EQ(mae(regression_output(), regression_target()), 0.8125);
  EXPECT_DOUBLE_EQ(r2(regression_output(), regression_target()), 0.822200042774649);
}

TEST(RegressionMetrics, TakesOneNumberASampleInEitherShape) {
  const Array output = Array::from(std::vector<float>{2.5F, 0.5F, -1, 7}, {4, 1});
  const Array target = Array::from(std::vector<double>{3, 0.5, 2, 8});
  EXPECT_DOUBLE_EQ(mse(output, target), 2.5625);
  EXPECT_DOUBLE_EQ(r2(output, target), 0.6765285996055227);
}

TEST(RegressionMetrics, R2OfAConstantTargetIsOneWhenMetAndElseZero) {
  const Array target = Array::from(std::vector<double>{1, 1, 1});
  EXPECT_EQ(r2(Array::from(std::vector<double>{1, 1, 2}), target), 0);
  EXPECT_EQ(r2(target, target), 1);
  EXPECT_TRUE(std::isnan(r2(Array::from(std::vector<double>{1}), Array::from(std::vector<double>{1}))));
}

TEST(RegressionMetrics, AreNaNForNoSamplesAndRefuseOtherShapes) {
  EXPECT_TRUE(std::isnan(mse(Array::zeros(Dtype::kFloat32, {0, 1}), Array::zeros(Dtype::kFloat32, {0, 1}))));
  EXPECT_THAT(message_of([] { static_cast<void>(mse(regression_output(), Array::arange(4))); }),
              HasSubstr("differ in numbers a sample"));
  EXPECT_THAT(message_of([] { static_cast<void>(mae(regression_output(), Array::arange(8))); }),
              HasSubstr("differ in samples"));
}

}  // namespace
}  // namespace ivory::metrics
