#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ivory/experiment/early_stopping.h>
#include <ivory/experiment/monitor.h>

#include <cmath>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/experiment/metrics.h>

#include "fake_trainer.h"

namespace ivory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What the monitor said at the end of each epoch.
struct Watcher {
  std::vector<int> best_epochs;
  std::vector<bool> is_best;
  void on_epoch_end(Run& run) {
    best_epochs.push_back(run.find<Monitor>()->best_epoch());
    is_best.push_back(run.find<Monitor>()->is_best());
  }
};

ivory::Run make_run(const std::shared_ptr<Monitor>& monitor, const std::vector<double>& val_losses) {
  return ivory::Run({}, {data_member(),
                         member<Metrics>("metrics"),
                         {"monitor", Value::object(monitor)},
                         member<Watcher>("watcher"),
                         member<FakeTrainer>("trainer", val_losses)});
}

Error error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "no error"};
}

TEST(Monitor, KnowsTheBestEpoch) {
  const auto monitor = std::make_shared<Monitor>();
  ivory::Run run = make_run(monitor, {3, 2, 2, 4, 1});
  run.start();
  EXPECT_THAT(run.get<Watcher>("watcher")->is_best, ElementsAre(true, true, false, false, true));
  EXPECT_EQ(monitor->best_epoch(), 4);
  EXPECT_EQ(monitor->best_score(), 1);
  EXPECT_EQ(monitor->score(), 1);
}

TEST(Monitor, MaximizesWhenTold) {
  const auto monitor = std::make_shared<Monitor>("val_loss", "max");
  ivory::Run run = make_run(monitor, {3, 2, 5, 4});
  run.start();
  EXPECT_EQ(monitor->best_epoch(), 2);
  EXPECT_EQ(monitor->best_score(), 5);
}

TEST(Monitor, NaNIsNeverBestAndAnyScoreIsBetterThanNone) {
  const auto monitor = std::make_shared<Monitor>();
  ivory::Run run = make_run(monitor, {kNan, INFINITY, kNan, 2, kNan});
  run.start();
  EXPECT_THAT(run.get<Watcher>("watcher")->best_epochs, ElementsAre(-1, 1, 1, 3, 3));
  EXPECT_THAT(run.get<Watcher>("watcher")->is_best, ElementsAre(false, true, false, true, false));
  EXPECT_TRUE(std::isnan(monitor->score()));
}

TEST(Monitor, TellsFromTheNameWhetherMoreIsBetter) {
  for (const char* name :
       {"accuracy", "val_accuracy", "val_auc", "test_f1", "val_top_k", "r2", "val_recall", "acc"})
    EXPECT_EQ(Monitor(name).mode(), "max") << name;
  for (const char* name : {"val_loss", "loss", "rmse", "val_log_loss", "metr2", "stop", "accurate"})
    EXPECT_EQ(Monitor(name).mode(), "min") << name;
  EXPECT_EQ(Monitor("val_accuracy", "min").mode(), "min");
  const Error error = error_of([] { const Monitor monitor("loss", "mix"); });
  EXPECT_EQ(error.argument(), "mode");
  EXPECT_THAT(error.what(), HasSubstr("'mix'"));
}

TEST(Monitor, SaysBeforeTheFirstEpochThatTheMetricIsNotLogged) {
  ivory::Run run = make_run(std::make_shared<Monitor>("val_los"), {3});
  const Error error = error_of([&] { run.start(); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_STREQ(
      error.what(),
      "the monitor's metric 'val_los' is not logged; there are loss, lr, val_loss; did you mean 'val_loss'?");
  EXPECT_EQ(run.get<Trainer>("trainer")->epoch(), -1);
}

TEST(Monitor, SaysThatThereWereNoValidationSamples) {
  const auto metrics = std::make_shared<Metrics>();
  Monitor monitor;
  ivory::Run run({}, {{"metrics", Value::object(metrics)}});
  monitor.on_init_end(run);
  const BatchResult batch{Array::arange(3), Array::arange(3), Array::arange(3), 6};
  run.set_batch(batch);
  metrics->on_epoch_begin(run);
  metrics->on_train_begin(run);
  metrics->on_train_batch_end(run);
  metrics->on_train_end(run);
  EXPECT_STREQ(
      error_of([&] { monitor.on_epoch_end(run); }).what(),
      "the monitor's metric 'val_loss' is not logged; there are loss (the run has no validation samples)");
}

TEST(Monitor, NeedsMetrics) {
  ivory::Run run({}, {data_member(), member<Monitor>("monitor"),
                      member<FakeTrainer>("trainer", std::vector<double>{3})});
  EXPECT_THAT(error_of([&] { run.start(); }).what(), HasSubstr("no metrics"));
}

TEST(Monitor, MayStandBeforeMetrics) {
  const auto monitor = std::make_shared<Monitor>();
  ivory::Run run({}, {data_member(),
                      {"monitor", Value::object(monitor)},
                      member<Metrics>("metrics"),
                      member<FakeTrainer>("trainer", std::vector<double>{3, 1, 2})});
  run.start();
  EXPECT_EQ(monitor->best_epoch(), 1);
  EXPECT_EQ(monitor->score(), 2);
}

TEST(Monitor, ComesBackFromItsStateThroughJson) {
  const auto monitor = std::make_shared<Monitor>();
  ivory::Run run = make_run(monitor, {0.1 + 0.2, kNan});
  run.start();
  Monitor other;
  other.load_state_dict(Params::from_json(monitor->state_dict().to_json()));
  EXPECT_EQ(other.state_dict(), monitor->state_dict());
  EXPECT_EQ(other.best_score(), 0.1 + 0.2);
  Monitor fresh;
  fresh.load_state_dict(Params::from_json(Monitor().state_dict().to_json()));
  EXPECT_EQ(fresh.state_dict(), Monitor().state_dict());
}

// Epochs that a fit with these validation losses takes.
int epochs_of(const std::shared_ptr<EarlyStopping>& early_stopping, const std::vector<double>& val_losses,
              const std::string& reason = {}) {
  ivory::Run run({}, {data_member(),
                      member<Metrics>("metrics"),
                      member<Monitor>("monitor"),
                      {"early_stopping", Value::object(early_stopping)},
                      member<FakeTrainer>("trainer", val_losses)});
  run.start();
  if (!reason.empty()) {
    EXPECT_EQ(run.stop_reason(), reason);
  }
  return run.get<Trainer>("trainer")->epoch() + 1;
}

TEST(EarlyStopping, StopsWhenThereWasNoImprovementForMoreThanItsPatience) {
  EXPECT_EQ(epochs_of(std::make_shared<EarlyStopping>(1), {3, 2, 2, 2, 1, 1},
                      "val_loss has not improved for 2 epochs; the best was 2.0 at epoch 1"),
            4);
  EXPECT_EQ(epochs_of(std::make_shared<EarlyStopping>(2), {3, 2, 2, 2, 1, 1}), 6);
  EXPECT_EQ(epochs_of(std::make_shared<EarlyStopping>(0), {3, 3, 3}), 2);
}

TEST(EarlyStopping, NaNIsNoImprovement) {
  EXPECT_EQ(epochs_of(std::make_shared<EarlyStopping>(1), {kNan, kNan, kNan, 1},
                      "val_loss has not improved for 2 epochs"),
            2);
}

TEST(EarlyStopping, SmallStepsCountOnlyWhenTheyExceedTheDelta) {
  const std::vector<double> slow{3, 2.9, 2.8, 2.7, 2.6, 2.4};
  EXPECT_EQ(epochs_of(std::make_shared<EarlyStopping>(2), slow), 6);
  EXPECT_EQ(epochs_of(std::make_shared<EarlyStopping>(2, 0.5), slow), 4);
  EXPECT_EQ(epochs_of(std::make_shared<EarlyStopping>(4, 0.5), slow), 6);  // 2.4 exceeds it
}

TEST(EarlyStopping, GoesOnCountingFromItsState) {
  EarlyStopping before(3);
  before.load_state_dict({{"wait", 2}, {"best", 0.1 + 0.2}});
  const auto after = std::make_shared<EarlyStopping>(3);
  after->load_state_dict(Params::from_json(before.state_dict().to_json()));
  EXPECT_EQ(after->wait(), 2);
  EXPECT_EQ(epochs_of(after, {5, 5, 5, 5}), 2);
}

TEST(EarlyStopping, NeedsAMonitorBeforeIt) {
  ivory::Run run({}, {data_member(), member<Metrics>("metrics"), member<EarlyStopping>("early_stopping", 1),
                      member<Monitor>("monitor"), member<FakeTrainer>("trainer", std::vector<double>{3})});
  EXPECT_THAT(error_of([&] { run.start(); }).what(), HasSubstr("expected a member `monitor` before it"));
}

TEST(EarlyStopping, RefusesNegativeNumbers) {
  EXPECT_EQ(error_of([] { const EarlyStopping stopping(-1); }).argument(), "patience");
  EXPECT_EQ(error_of([] { const EarlyStopping stopping(1, -0.5); }).argument(), "min_delta");
  EXPECT_EQ(error_of([] { const EarlyStopping stopping(1, kNan); }).argument(), "min_delta");
}

}  // namespace
}  // namespace ivory
