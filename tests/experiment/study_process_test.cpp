// Trials in worker processes.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include <ivory/experiment/study.h>
#include <ivory/experiment/tracker.h>

#include "crasher.h"
#include "support.h"

namespace ivory {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::Project;
using testing::run_and_kill_after;
using ::testing::SizeIs;
using tracking::RunRecord;
using tracking::RunStatus;
using tuning::TrialState;

constexpr const char* kTuner =
    "tuner: {deterministic: true, lag: 3, sampler: {class: tpe, seed: 7, n_startup_trials: 3}, pruner: "
    "{class: "
    "median, n_startup_trials: 2}}\n";

Ranges ranges() {
  return {
      {"lr", Range(1e-4, 1e-1, 1, 0, true)}, {"batch_size", {4, 8}}, {"fold", Range(0, 1)}, {"epochs", 3}};
}

StudyRunOptions by_processes(std::int64_t trials, std::int64_t jobs) {
  return {
      .n_trials = trials, .n_jobs = jobs, .engine = Engine::kProcess, .worker_command = {IVORY_LINE_WORKER}};
}

std::vector<std::string> digest(const tuning::Study& study) {
  std::vector<std::string> lines;
  for (const auto& trial : study.trials()) {
    std::string line = std::string(to_text(trial.state)) + " " + trial.params_map().to_text();
    for (const double value : trial.values) line += " " + real_to_text(value);
    for (const auto& report : trial.reports)
      line += " " + std::to_string(*report.fold) + ":" + real_to_text(report.values.front());
    lines.push_back(std::move(line));
  }
  return lines;
}

RunRecord run_of(const Client& client, const tuning::FrozenTrial& trial) {
  return client.resolve_run(trial.user_attrs.at("run_id").as_string());
}

TEST(StudyByProcesses, IsTheSameAsInOneProcess) {
  std::vector<std::string> expected;
  std::set<TrialState> states;
  for (const std::int64_t jobs : {0, 1, 2}) {
    const Project project;
    project.write("client.yml", kTuner);
    const Client client(project.path());
    const tuning::Study tuned = client.create_study("line").optimize(
        ranges(), jobs == 0 ? StudyRunOptions{.n_trials = 10} : by_processes(10, jobs));
    if (jobs == 0) expected = digest(tuned);
    EXPECT_EQ(digest(tuned), expected) << jobs << " processes";
    for (const auto& trial : tuned.trials()) {
      states.insert(trial.state);
      const RunRecord row = run_of(client, trial);
      EXPECT_EQ(row.status, RunStatus::kFinished);
      EXPECT_EQ(row.find_tag("pruned") != nullptr, trial.state == TrialState::kPruned);
    }
  }
  EXPECT_TRUE(states.contains(TrialState::kPruned)) << "what a pruner says comes to the worker";
}

TEST(StudyByProcesses, AWorkerThatDiesFailsItsTrialAndIsReplaced) {
  const Project project("crash: {class: crash.Crasher, seed: 5}\n");
  const Client client(project.path());
  StudyRunOptions options = by_processes(4, 1);
  options.catch_exceptions = [](const std::exception& error) {
    return dynamic_cast<const TrialFailed*>(&error) != nullptr;
  };
  const Suggest suggest = [](tuning::Trial& trial) {
    const std::int64_t seed = trial.number() == 1 ? 5 : 4;
    trial.suggest_int("seed", seed, seed);
  };
  const tuning::Study tuned = client.create_study("line").optimize("seed", suggest, {{"epochs", 2}}, options);
  for (const auto& trial : tuned.trials()) {
    const RunRecord run = run_of(client, trial);
    EXPECT_EQ(trial.state, trial.number == 1 ? TrialState::kFail : TrialState::kComplete);
    EXPECT_EQ(run.status, trial.number == 1 ? RunStatus::kFailed : RunStatus::kFinished);
  }
  EXPECT_THAT(*run_of(client, tuned.trial(1)).find_tag("ivory.error"), HasSubstr("signal 9"));
}

TEST(StudyByProcesses, AWorkerThatCannotWorkIsAnErrorBeforeThereIsATrial) {
  const Project project;
  const Client client(project.path());
  StudyRunOptions options = by_processes(2, 1);
  options.worker_command = {"/bin/true"};
  EXPECT_THAT(message_of([&] { static_cast<void>(client.create_study("line").optimize(ranges(), options)); }),
              HasSubstr("before it could take a trial"));
  const auto tuned = Tuner({.storage = "sqlite:///" + (project.path() / "optuna.db").string()})
                         .find_study("line.lr.batch_size.study#0");
  ASSERT_TRUE(tuned);
  EXPECT_EQ(tuned->size(), 0);
}

TEST(StudyByProcesses, GoesOnAfterItsCoordinatorIsKilled) {
  std::vector<std::string> expected;
  for (const int after_ms : {0, 150, 300, 500}) {
    const Project project;
    project.write("client.yml", kTuner);
    if (after_ms == 0) {
      const Client client(project.path());
      expected = digest(client.create_study("line").optimize(ranges(), by_processes(6, 2)));
      continue;
    }
    run_and_kill_after(std::chrono::milliseconds(after_ms), [&] {
      static_cast<void>(Client(project.path()).create_study("line").optimize(ranges(), by_processes(6, 2)));
    });
    const Client client(project.path());
    if (client.search_run_ids({}).empty()) continue;  // not begun
    Study study = client.resume_study("line/study#0");
    StudyRunOptions options = by_processes(6, 2);
    if (!study.recorded().is_null()) options.n_trials.reset();
    const tuning::Study tuned =
        study.recorded().is_null() ? study.optimize(ranges(), options) : study.resume(options);
    EXPECT_EQ(digest(tuned), expected) << "killed after " << after_ms << " ms";
    EXPECT_THAT(client.search_runs({.parent_run_id = study.id()}), SizeIs(6));
    for (const auto& trial : tuned.trials()) EXPECT_EQ(run_of(client, trial).status, RunStatus::kFinished);
  }
}

}  // namespace
}  // namespace ivory
