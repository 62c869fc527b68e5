// The callbacks as YAML makes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ivory/experiment/early_stopping.h>
#include <ivory/experiment/metrics.h>
#include <ivory/experiment/monitor.h>
#include <ivory/registry/blueprint.h>
#include <ivory/yaml/yaml.h>

#include <vector>

#include <ivory/base/error.h>

#include "fake_trainer.h"

namespace ivory {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

NamedValues make_members(const Registry& registry, std::string_view yaml) {
  const Blueprint blueprint(registry, parse_yaml(yaml, "test.yml"), "");
  NamedValues made;
  const auto lookup = [&](std::string_view name) {
    for (const auto& [known, value] : made)
      if (known == name) return value;
    return Value();
  };
  for (const std::string& name : blueprint.names()) made.emplace_back(name, blueprint.make(name, lookup));
  return made;
}

class Callbacks : public testing::Test {
 protected:
  // The values of one epoch over three samples, scored 0.9, 0.2, 0.6 with targets 1, 0, 0.
  MetricRecord record_of(std::string_view yaml) {
    const NamedValues members = make_members(registry_, yaml);
    const auto metrics = members.back().second.share<Metrics>();
    ivory::Run run({}, members);
    const BatchResult batch{Array::arange(3), Array::from(std::vector<double>{0.9, 0.2, 0.6}),
                            Array::from(std::vector<std::int64_t>{1, 0, 0}), 0.5};
    run.set_batch(batch);
    metrics->on_epoch_begin(run);
    metrics->on_train_begin(run);
    metrics->on_train_batch_end(run);
    metrics->on_train_end(run);
    return metrics->record();
  }
  std::string message_of(std::string_view yaml) {
    try {
      static_cast<void>(make_members(registry_, yaml));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.what();
    }
    return "no error";
  }
  Registry registry_;
};

TEST_F(Callbacks, AreMadeByTheirNamesAlone) {
  const NamedValues members =
      make_members(registry_, "results:\nmetrics:\nmonitor:\nearly_stopping: {patience: 4}\n");
  ASSERT_EQ(members.size(), 4);
  EXPECT_TRUE(members[0].second.share<Results>()->keeps_train());
  EXPECT_NE(members[1].second.find<Metrics>(), nullptr);
  EXPECT_EQ(members[2].second.share<Monitor>()->metric(), "val_loss");
  EXPECT_EQ(members[3].second.share<EarlyStopping>()->patience(), 4);
}

TEST_F(Callbacks, AnswerToTheOriginalsClassPaths) {
  for (const auto& [path, name] : {std::pair{"ivory.callbacks.results.Results", "ivory.Results"},
                                   {"ivory.callbacks.metrics.Metrics", "ivory.Metrics"},
                                   {"ivory.callbacks.monitor.Monitor", "ivory.Monitor"},
                                   {"ivory.callbacks.early_stopping.EarlyStopping", "ivory.EarlyStopping"}})
    EXPECT_EQ(registry_.get(path).name, name);
}

TEST_F(Callbacks, MetricsTakeNamesWithNothingArgumentsOrAFunction) {
  EXPECT_THAT(
      record_of("metrics: {accuracy: , precision: {average: binary}, error: metrics.mae, "
                "strict: {def: metrics.accuracy, logits: true}}"),
      ElementsAre(Pair("loss", 0.5), Pair("accuracy", DoubleNear(2.0 / 3, 1e-15)), Pair("precision", 0.5),
                  Pair("error", DoubleNear(0.9 / 3, 1e-15)), Pair("strict", DoubleNear(1.0 / 3, 1e-15))));
}

TEST_F(Callbacks, EveryBuiltInMetricCanBeMade) {
  const auto record = record_of(
      "metrics: {mse: , rmse: , mae: , r2: , accuracy: , f1: , precision: , recall: , auc: , log_loss: }");
  EXPECT_EQ(record.size(), 11);
  for (const auto& [name, value] : record) EXPECT_FALSE(std::isnan(value)) << name;
  EXPECT_EQ(registry_.get("metrics.top_k").find_arg("k")->default_value, Params(5));
}

TEST_F(Callbacks, WrongInputIsNamedWithItsLineAndTheNearestName) {
  EXPECT_THAT(message_of("metrics:\n  acuracy:\n"), HasSubstr("test.yml:2: unknown name 'acuracy'"));
  EXPECT_THAT(message_of("metrics:\n  acuracy:\n"), HasSubstr("'accuracy'"));
  EXPECT_THAT(message_of("metrics:\n  f1: {average: macor}\n"), HasSubstr("test.yml:2"));
  EXPECT_THAT(message_of("metrics:\n  f1: {average: macor}\n"), HasSubstr("'macro'"));
  EXPECT_THAT(message_of("metrics:\n  accuracy:\n  loss: metrics.mse\n"), HasSubstr("test.yml:3"));
  EXPECT_THAT(message_of("metrics:\n  accuracy:\n  loss: metrics.mse\n"), HasSubstr("'loss' is taken"));
  EXPECT_THAT(message_of("monitor: {mode: mx}\n"), HasSubstr("'max'"));
  EXPECT_THAT(message_of("early_stopping:\n"), HasSubstr("patience"));
  EXPECT_THAT(message_of("early_stopping:\n  patience: -1\n"), HasSubstr("test.yml:2"));
  EXPECT_THAT(message_of("results: {trian: false}\n"), HasSubstr("'train'"));
}

}  // namespace
}  // namespace ivory
