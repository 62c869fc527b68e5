// Trials that are given up: by epochs, by steps of a learner of its own, by folds.
#include <ivory/experiment/pruning.h>

#include <map>

#include <gmock/gmock.h>

#include <ivory/experiment/study.h>
#include <ivory/experiment/tracker.h>
#include <ivory/registry/module.h>
#include <ivory/tuning/pruners.h>
#include <ivory/tuning/samplers.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::Project;
using ::testing::SizeIs;
using tracking::RunRecord;
using tracking::RunStatus;
using tuning::TrialState;

// Comes down to its floor step by step; no epochs, no batches, no metrics.
class Descent {
 public:
  Descent(double floor, int steps) : floor_(floor), steps_(steps) {}
  void start(ivory::Run& run) const {
    for (int step = 0; step < steps_; ++step) run.report(floor_ + 1.0 / (1 + step), step);
  }

 private:
  double floor_;
  int steps_;
};

IVORY_MODULE(pruned, m) {
  m.type<Descent>("pruned.Descent").init<double, int>(arg("floor") = 0.0, arg("steps") = 10);
}

// Gives up what is above a bound after its second step.
std::shared_ptr<Tuner> strict_tuner(double upper, const std::string& name, std::vector<Params> values) {
  return std::make_shared<Tuner>(
      TunerOptions{.sampler = tuning::make_grid_sampler({.values = {{name, std::move(values)}}}),
                   .pruner = tuning::make_threshold_pruner({.upper = upper, .n_warmup_steps = 1})});
}

std::string tag_of(const RunRecord& run, std::string_view key) {
  const std::string* tag = run.find_tag(key);
  return tag == nullptr ? "" : *tag;
}

RunRecord run_of(const Client& client, const tuning::FrozenTrial& trial) {
  return client.resolve_run(trial.user_attrs.at("run_id").as_string());
}

TEST(Pruning, StopsARunOfEpochsAfterTheEpoch) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  study.set_tuner(strict_tuner(1, "lr", {1e-6, 0.2}));
  const tuning::Study tuned = study.optimize({{"lr", {1e-6, 0.2}}, {"epochs", 5}}, {.n_trials = 2});
  for (const auto& trial : tuned.trials()) {
    const bool slow = trial.params_map().at("lr").as_real() < 0.1;
    const RunRecord run = run_of(client, trial);
    EXPECT_EQ(run.status, RunStatus::kFinished);
    EXPECT_EQ(trial.state, slow ? TrialState::kPruned : TrialState::kComplete);
    EXPECT_THAT(trial.intermediate_values, SizeIs(slow ? 2 : 5));
    EXPECT_EQ(tag_of(run, "pruned"), slow ? "true" : "");
    EXPECT_EQ(tag_of(run, "pruned_step"), slow ? "1" : "");
    // The epoch that it is given up after is recorded whole.
    EXPECT_THAT(client.tracker()->store().metric_history(run.run_id, "val_loss"), SizeIs(slow ? 2 : 5));
    EXPECT_TRUE(client.load_run(run.run_id, "current").find<testing::LineModel>() != nullptr);
  }
}

TEST(Pruning, APrunedRunIsNotTested) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  study.set_tuner(strict_tuner(1, "lr", {1e-6, 0.2}));
  const tuning::Study tuned =
      study.optimize({{"lr", {1e-6, 0.2}}, {"epochs", 5}}, {.n_trials = 2, .mode = "both"});
  for (const auto& trial : tuned.trials())
    EXPECT_EQ(run_of(client, trial).find_metric("test_loss") == nullptr, trial.state == TrialState::kPruned);
}

TEST(Pruning, StopsALearnerThatReportsItsSteps) {
  const Project project;
  project.write("descent.yml", "learner: {class: pruned.Descent, floor: 0.0}\nmonitor: {metric: height}\n");
  const Client client(project.path());
  Study study = client.create_study("descent");
  study.set_tuner(strict_tuner(5, "floor", {0.0, 9.0}));
  const tuning::Study tuned = study.optimize({{"floor", {0.0, 9.0}}}, {.n_trials = 2});
  for (const auto& trial : tuned.trials()) {
    const bool high = trial.params_map().at("floor").as_real() > 1;
    EXPECT_EQ(trial.state, high ? TrialState::kPruned : TrialState::kComplete);
    EXPECT_THAT(trial.intermediate_values, SizeIs(high ? 2 : 10));
    if (!high) {
      EXPECT_DOUBLE_EQ(trial.value(), 0.1);
    }
    const RunRecord run = run_of(client, trial);
    EXPECT_EQ(run.status, RunStatus::kFinished);
    EXPECT_EQ(tag_of(run, "pruned_step"), high ? "1" : "");
    EXPECT_THAT(client.tracker()->store().metric_history(run.run_id, "height"), SizeIs(high ? 2 : 10));
  }
}

TEST(Pruning, ALearnerThatReportsRunsWithoutAStudyToo) {
  const Project project;
  project.write("descent.yml", "learner: {class: pruned.Descent}\nmonitor: {metric: height}\n");
  project.write("bare.yml", "learner: {class: pruned.Descent}\n");
  const Client client(project.path());
  ivory::Run run = client.create_run("descent");
  run.start();
  EXPECT_EQ(client.resolve_run(run.id()).find_metric("best_score")->value, 0.1);
  EXPECT_THAT(message_of([&] { client.create_run("bare").start(); }), HasSubstr("needs a monitor"));
}

TEST(Pruning, AMemberOfAFileIsUsed) {
  const Project project("pruning:\n");
  const Client client(project.path());
  ivory::Run run = client.create_run("line", {{"epochs", 2}});
  EXPECT_FALSE(run.get<Pruning>("pruning")->in_trial());
  run.start();
  EXPECT_FALSE(run.pruned_step());
  Study study = client.create_study("line");
  study.set_tuner(strict_tuner(1, "lr", {1e-6}));
  EXPECT_EQ(study.optimize({{"lr", {1e-6, 1e-5}}, {"epochs", 5}}, {.n_trials = 1}).trial(0).state,
            TrialState::kPruned);
}

TEST(Pruning, AGivenUpTrialSkipsTheFoldsThatAreLeft) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  study.set_tuner(strict_tuner(1, "lr", {1e-6, 0.2}));
  const tuning::Study tuned =
      study.optimize({{"lr", {1e-6, 0.2}}, {"fold", Range(0, 2)}, {"epochs", 4}}, {.n_trials = 2});
  for (const auto& trial : tuned.trials()) {
    const bool slow = trial.params_map().at("lr").as_real() < 0.1;
    const RunRecord row = run_of(client, trial);
    EXPECT_EQ(trial.state, slow ? TrialState::kPruned : TrialState::kComplete);
    EXPECT_EQ(row.status, RunStatus::kFinished);
    EXPECT_EQ(tag_of(row, "pruned"), slow ? "true" : "");
    EXPECT_THAT(client.get_nested_run_ids(row.run_id), SizeIs(slow ? 1 : 3));
    EXPECT_THAT(trial.reports, SizeIs(slow ? 2 : 12));
    EXPECT_EQ(row.find_metric("best_score") != nullptr, !slow);
  }
}

TEST(Pruning, TheSignedRankTestLooksAtFolds) {
  const Project project;
  const Client client(project.path());
  Study study = client.create_study("line");
  study.set_tuner(
      std::make_shared<Tuner>(TunerOptions{.sampler = tuning::make_partial_fixed_sampler(
                                               {{"batch_size", 8}}, tuning::make_random_sampler({.seed = 1})),
                                           .pruner = tuning::make_wilcoxon_pruner({.p_threshold = 0.3})}));
  // The first trial is good, the others are not.
  const Suggest suggest = [](tuning::Trial& trial) {
    trial.suggest_categorical("batch_size", {8, 16});
    const double lr = trial.number() == 0 ? 0.2 : 1e-6;
    trial.suggest_float("lr", lr, lr);
  };
  const tuning::Study tuned =
      study.optimize("rates", suggest, {{"fold", Range(0, 3)}, {"epochs", 3}}, {.n_trials = 2});
  EXPECT_EQ(tuned.trial(0).state, TrialState::kComplete);
  EXPECT_EQ(tuned.trial(1).state, TrialState::kPruned);
  const auto folds = client.get_nested_run_ids(run_of(client, tuned.trial(1)).run_id);
  EXPECT_GE(folds.size(), 2U);
  EXPECT_LT(folds.size(), 4U);
}

TEST(Pruning, ThrownByAnyoneItEndsTheRunFinished) {
  struct Thrower {
    void on_epoch_end(ivory::Run& /*run*/) const { throw tuning::TrialPruned{}; }
  };
  const Project project;
  const Client client(project.path());
  ivory::Run run = client.create_run("line");
  run.set("thrower", Value::object(std::make_shared<Thrower>()));
  run.start();
  EXPECT_TRUE(run.finished());
  EXPECT_EQ(client.resolve_run(run.id()).status, RunStatus::kFinished);
  EXPECT_EQ(tag_of(client.resolve_run(run.id()), "pruned"), "true");
}

}  // namespace
}  // namespace ivory
