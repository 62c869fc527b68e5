#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ivory/experiment/metrics.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/experiment/metric_functions.h>

#include "fake_trainer.h"

namespace ivory {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

double mean_output(const Array& output, const Array& /*target*/) {
  double sum = 0;
  for (const double value : output.view<double>()) sum += value;
  return sum / static_cast<double>(output.rows());
}

std::shared_ptr<Metrics> mean_metrics() {
  return std::make_shared<Metrics>(NamedMetrics{{"mean", &mean_output}});
}

Error error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "no error"};
}

TEST(Metrics, RecordsLossesWeightedBySamplesFunctionsAndTheLearningRate) {
  const auto metrics = mean_metrics();
  ivory::Run run({}, {data_member(),
                      {"metrics", Value::object(metrics)},
                      member<FakeTrainer>("trainer", std::vector<double>{3})});
  run.start();
  // Batches (0, 2), (4, 6), (7): losses 0, 4, 7.
  EXPECT_THAT(metrics->record(), ElementsAre(Pair("loss", DoubleEq(15.0 / 5)),
                                             Pair("mean", DoubleEq(19.0 / 5)), Pair("lr", DoubleEq(0.5)),
                                             Pair("val_loss", DoubleEq(3)), Pair("val_mean", DoubleEq(3))));
  EXPECT_EQ(metrics->find("val_mean"), 3);
  EXPECT_EQ(metrics->find("test_loss"), std::nullopt);
}

TEST(Metrics, KeepsTheHistoryOfEveryEpoch) {
  const auto metrics = mean_metrics();
  ivory::Run run({}, {data_member(),
                      {"metrics", Value::object(metrics)},
                      member<FakeTrainer>("trainer", std::vector<double>{3, 1, 2})});
  run.start();
  EXPECT_THAT(metrics->history("val_loss"),
              ElementsAre(EpochValue{0, 3}, EpochValue{1, 1}, EpochValue{2, 2}));
  EXPECT_THAT(metrics->history("lr"),
              ElementsAre(EpochValue{0, 0.5}, EpochValue{1, 0.25}, EpochValue{2, 0.125}));
  const Error error = error_of([&] { static_cast<void>(metrics->history("val_los")); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.what(), HasSubstr("'val_loss'"));
}

TEST(Metrics, TestsHaveARecordOfTheirOwnWhenTargetsAreKnown) {
  const auto metrics = mean_metrics();
  ivory::Run run({}, {data_member(),
                      {"metrics", Value::object(metrics)},
                      member<FakeTrainer>("trainer", std::vector<double>{3})});
  run.start("both");
  EXPECT_THAT(metrics->test_record(),
              ElementsAre(Pair("test_loss", DoubleEq(4)), Pair("test_mean", DoubleEq(8.5))));
  EXPECT_EQ(metrics->find("test_mean"), 8.5);
  EXPECT_EQ(metrics->find("val_loss"), 3);

  const auto blind = mean_metrics();
  ivory::Run other({}, {data_member(false),
                        {"metrics", Value::object(blind)},
                        member<FakeTrainer>("trainer", std::vector<double>{3})});
  other.start("both");
  EXPECT_TRUE(blind->test_record().empty());
}

TEST(Metrics, HasNoValuesForAPartWithoutSamples) {
  const auto metrics = std::make_shared<Metrics>();
  EXPECT_TRUE(metrics->record().empty());
  ivory::Run run({}, {data_member(), {"metrics", Value::object(metrics)}});
  const BatchResult batch{Array::arange(3), Array::zeros(Dtype::kFloat64, {3}),
                          Array::zeros(Dtype::kFloat64, {3}), 6};
  run.set_batch(batch);
  metrics->on_epoch_begin(run);
  metrics->on_train_begin(run);
  metrics->on_train_batch_end(run);
  metrics->on_train_end(run);
  metrics->on_val_begin(run);
  metrics->on_val_end(run);
  metrics->on_epoch_end(run);
  EXPECT_THAT(metrics->record(), ElementsAre(Pair("loss", DoubleEq(6))));
  EXPECT_THAT(metrics->history("loss"), ElementsAre(EpochValue{0, 6}));  // counts epochs without a trainer
}

// The same numbers wherever the outputs are kept: in Results before it, after it, or without training.
TEST(Metrics, AreTheSameWhoeverKeepsTheOutputs) {
  for (const int place : {0, 1, 2, 3}) {
    const auto metrics = mean_metrics();
    NamedValues members{data_member(),
                        {"metrics", Value::object(metrics)},
                        member<FakeTrainer>("trainer", std::vector<double>{3, 2})};
    const auto at = members.begin() + (place == 3 ? 2 : 1);
    if (place != 0) members.insert(at, member<Results>("results", place != 2));
    ivory::Run run({}, std::move(members));
    run.start("both");
    EXPECT_EQ(metrics->find("mean"), 3.8) << place;
    EXPECT_EQ(metrics->find("val_mean"), 3) << place;
    EXPECT_EQ(metrics->find("test_mean"), 8.5) << place;
  }
}

TEST(Metrics, SaysWhichFunctionFailedOnWhat) {
  NamedMetrics functions{
      {"bad", [](const Array&, const Array&) -> double { throw std::runtime_error("no luck"); }}};
  ivory::Run run({}, {data_member(), member<Metrics>("metrics", functions),
                      member<FakeTrainer>("trainer", std::vector<double>{3})});
  const Error error = error_of([&] { run.start(); });
  EXPECT_EQ(error.code(), ErrorCode::kInternal);
  EXPECT_STREQ(error.what(), "metric 'bad' of the training samples: no luck");

  NamedMetrics shapes{{"top", [](const Array& o, const Array& t) { return metrics::top_k(o, t, 1); }}};
  ivory::Run other({}, {data_member(), member<Metrics>("metrics", shapes),
                        member<FakeTrainer>("trainer", std::vector<double>{3})});
  const Error wrong = error_of([&] { other.start(); });
  EXPECT_EQ(wrong.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(wrong.what(), HasSubstr("metric 'top' of the training samples: output is float64 [5, 1]"));
}

TEST(Metrics, RefusesNamesThatAreTakenOrCannotBeLogged) {
  const auto message = [](NamedMetrics functions) {
    const Error error = error_of([&] { const Metrics metrics(functions); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.argument(), functions.back().first);
    return std::string(error.what());
  };
  EXPECT_THAT(message({{"loss", &mean_output}}), HasSubstr("'loss' is taken"));
  EXPECT_THAT(message({{"lr", &mean_output}}), HasSubstr("'lr' is taken"));
  EXPECT_THAT(message({{"a", &mean_output}, {"a", &mean_output}}), HasSubstr("'a' is taken"));
  EXPECT_THAT(message({{"a", &mean_output}, {"val_a", &mean_output}}), HasSubstr("'val_a'"));
  EXPECT_THAT(message({{"a(b)", &mean_output}}), HasSubstr("cannot be logged"));
  EXPECT_THAT(message({{"../a", &mean_output}}), HasSubstr("cannot be logged"));
  EXPECT_THAT(message({{"a", nullptr}}), HasSubstr("no function"));
  EXPECT_NO_THROW(Metrics({{"top 5/k-th.v1:x", &mean_output}}));
}

TEST(Metrics, ComeBackExactlyFromTheirStateThroughJson) {
  const auto metrics = mean_metrics();
  ivory::Run run({},
                 {data_member(),
                  {"metrics", Value::object(metrics)},
                  member<FakeTrainer>("trainer", std::vector<double>{0.1 + 0.2, kNan, INFINITY, -INFINITY})});
  run.start("both");
  Metrics other;
  other.load_state_dict(Params::from_json(metrics->state_dict().to_json()));
  EXPECT_EQ(other.state_dict(), metrics->state_dict());
  EXPECT_EQ(other.history("val_loss")[0].value, 0.1 + 0.2);
  EXPECT_TRUE(std::isnan(other.history("val_loss")[1].value));
  EXPECT_EQ(other.history("val_loss")[2].value, INFINITY);
  EXPECT_EQ(other.find("val_loss"), -INFINITY);
  EXPECT_EQ(other.find("test_mean"), 8.5);
}

TEST(Metrics, AnEpochReachedAgainReplacesWhatWasLogged) {
  const auto metrics = std::make_shared<Metrics>();
  ivory::Run run({}, {data_member(),
                      {"metrics", Value::object(metrics)},
                      member<FakeTrainer>("trainer", std::vector<double>{3, 1})});
  run.start();
  run.set("trainer", member<FakeTrainer>("trainer", std::vector<double>{9}).second);
  run.start();
  EXPECT_THAT(metrics->history("val_loss"), ElementsAre(EpochValue{0, 9}));
}

}  // namespace
}  // namespace ivory
