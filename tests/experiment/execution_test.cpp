// Plans run by several threads of this process. Processes are tried with the command, in tests/cli.
#include <ivory/experiment/execution.h>

#include <gmock/gmock.h>

#include <ivory/experiment/task.h>
#include <ivory/experiment/tracker.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::Project;

// What was told, a line each.
class Diary final : public ExecutionEvents {
 public:
  void on_run_begin(std::size_t index, const std::string& name, const Params& /*arguments*/) override {
    begun.push_back(std::to_string(index) + " " + name);
  }
  void on_run_progress(std::size_t index, const RunProgress& progress) override {
    EXPECT_EQ(progress.metric, "val_loss");
    EXPECT_GT(progress.epochs_done, epochs[index]);
    epochs[index] = progress.epochs_done;
  }
  void on_run_end(std::size_t index, const RunOutcome& outcome) override { ended[index] = outcome.status; }
  std::vector<std::string> begun;
  std::map<std::size_t, int> epochs;
  std::map<std::size_t, std::string> ended;
};

RunPlan folds_and_rates() {
  return RunPlan::product({{"fold", {0, 1, 2, 3}}, {"lr", {0.05, 0.1}}}, 1, {{"epochs", 3}});
}

// What does not depend on the clock or the store's ids.
std::vector<RunOutcome> execute(const Client& client, const RunPlan& plan, std::size_t jobs, Diary& diary,
                                Task* task = nullptr) {
  const Experiment experiment = client.create_experiment("line");
  Executor executor(client, experiment, {.jobs = jobs}, diary);
  EXPECT_EQ(executor.engine(), Engine::kThread);
  executor.check(plan);
  std::vector<RunOutcome> outcomes = executor.run(plan, task);
  for (RunOutcome& outcome : outcomes) {
    outcome.id.clear();
    outcome.seconds = 0;
  }
  return outcomes;
}

TEST(Execution, GivesTheSameForAnyNumberOfThreads) {
  std::vector<RunOutcome> expected;
  for (const std::size_t jobs : {1, 2, 4, 7}) {
    const Project project;
    const Client client(project.path());
    Task task = client.create_task("line");
    Diary diary;
    const std::vector<RunOutcome> outcomes = execute(client, folds_and_rates(), jobs, diary, &task);
    ASSERT_EQ(outcomes.size(), 8U);
    EXPECT_EQ(outcomes.at(5).name, "run#5");
    if (jobs == 1) expected = outcomes;
    EXPECT_EQ(outcomes, expected) << jobs << " jobs";
    EXPECT_EQ(diary.begun.front(), "0 run#0");
    EXPECT_EQ(diary.begun.back(), "7 run#7");
    EXPECT_EQ(diary.ended.size(), 8U);
    EXPECT_EQ(diary.epochs.at(7), 3);
  }
}

TEST(Execution, NestsTheRunsUnderTheTaskByTheirIndex) {
  const Project project;
  const Client client(project.path());
  Task task = client.create_task("line");
  Diary diary;
  static_cast<void>(execute(client, folds_and_rates(), 3, diary, &task));
  const auto runs = client.search_runs({.parent_run_id = task.id()});
  ASSERT_EQ(runs.size(), 8U);
  for (const tracking::RunRecord& run : runs) {
    EXPECT_EQ(run.name, "run#" + std::to_string(task.find_index(run).value()));
    EXPECT_EQ(run.status, tracking::RunStatus::kFinished);
  }
  EXPECT_EQ(client.resolve_run(task.id()).status, tracking::RunStatus::kFinished);
}

TEST(Execution, RunsWithoutATracker) {
  const Project project;
  const Client client(project.path(), false);
  Diary diary;
  const std::vector<RunOutcome> outcomes = execute(client, folds_and_rates(), 4, diary);
  EXPECT_EQ(outcomes.size(), 8U);
  EXPECT_EQ(outcomes.front().name, "");
  EXPECT_FALSE(project.has("mlflow.db"));
}

TEST(Execution, AChainGoesOnWithTheBestOfTheStageBefore) {
  const Project project;
  const Client client(project.path(), false);
  const RunPlan plan =
      RunPlan::chain({{"lr", {0.0, 0.1, 0.05}}, {"batch_size", {4, 8}}}, true, {{"epochs", 2}});
  Diary diary;
  const auto outcomes = execute(client, plan, 4, diary);
  ASSERT_EQ(outcomes.size(), 5U);
  std::size_t best = 0;
  for (std::size_t i = 1; i < 3; ++i)
    if (*outcomes[i].best_score < *outcomes[best].best_score) best = i;
  for (std::size_t i = 3; i < 5; ++i) EXPECT_EQ(outcomes[i].update.at("lr"), outcomes[best].update.at("lr"));
}

TEST(Execution, FindsWhatIsWrongBeforeAnythingIsWritten) {
  const Project project;
  const Client client(project.path());
  const Experiment experiment = client.create_experiment("line");
  Diary diary;
  const Executor executor(client, experiment, {}, diary);
  EXPECT_THAT(message_of([&] { executor.check(RunPlan::product({{"fold", {0, 1, 9}}})); }),
              HasSubstr("fold"));
  EXPECT_FALSE(project.has("mlflow.db"));
}

TEST(Execution, RefusesEnginesThatCannotBe) {
  const Project project;
  const Client client(project.path(), false);
  const Experiment experiment = client.create_experiment("line");
  Diary diary;
  const auto start = [&](const ExecutionOptions& options) {
    return message_of([&] { const Executor executor(client, experiment, options, diary); });
  };
  EXPECT_THAT(start({.jobs = 0}), HasSubstr("1 job or more"));
  EXPECT_THAT(start({.engine = Engine::kProcess}), HasSubstr("cannot start worker processes"));
  EXPECT_THAT(start({.engine = Engine::kProcess, .worker_command = {"/no/such/program"}}),
              HasSubstr("/no/such/program"));
}

TEST(Execution, AWorkerThatCannotWorkIsAnErrorAndNotAFailedRun) {
  const Project project;
  const Client client(project.path());
  const Experiment experiment = client.create_experiment("line");
  Diary diary;
  Executor executor(client, experiment, {.engine = Engine::kProcess, .worker_command = {"/bin/false"}},
                    diary);
  EXPECT_THAT(message_of([&] { executor.run(RunPlan()); }),
              HasSubstr("a worker ended with exit status 1 before it could take a run"));
  const auto runs = client.search_runs();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs.front().status, tracking::RunStatus::kFailed);
}

}  // namespace
}  // namespace ivory
