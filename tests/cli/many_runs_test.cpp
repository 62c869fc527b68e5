// ivory run, chain, resume and plan with many runs: engines, workers that die, interruptions.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Words = std::vector<std::string>;

Words operator+(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// What the runs of a report have computed, and under which names.
std::vector<std::string> computed(const Params& report) {
  std::vector<std::string> runs;
  for (const Params& run : report.at("runs").elements()) {
    std::string text = run.at("name").as_string();
    for (const char* key : {"params", "epochs", "metrics", "best", "test"})
      text += " " + run.at(key).to_json();
    runs.push_back(std::move(text));
  }
  return runs;
}

// Processes whose parent is `pid`.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream stat(entry.path() / "stat");
    pid_t child = 0;
    std::string name, state;
    pid_t parent = 0;
    if (stat >> child >> name >> state >> parent && parent == pid) children.push_back(child);
  }
  return children;
}

bool lives(pid_t pid) { return kill(pid, 0) == 0; }

template <class Condition>
bool becomes_true(const Condition& condition) {
  for (int tries = 0; tries < 200; ++tries) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

class ManyRuns : public Cli {
 protected:
  // The status of each nested run of the store, oldest first.
  [[nodiscard]] Words nested_status() const {
    Words all;
    const Params runs = ivory_json({"search", "--nested"});
    for (const Params& run : runs.elements()) all.push_back(run.at("status").as_string());
    std::ranges::reverse(all);
    return all;
  }
  [[nodiscard]] std::string task_status() const {
    return ivory_json({"search", "--parents"}).at(std::size_t{0}).at("status").as_string();
  }
  // In a folder of its own with the same experiment.
  [[nodiscard]] Params in_new_folder(const Words& words) {
    const fs::path here = path();
    set_path(here / ("folder" + std::to_string(folders_++)));
    fs::create_directory(path());
    write_project();
    Params report = ivory_json(words);
    set_path(here);
    return report;
  }

 private:
  int folders_ = 0;
};

TEST_F(ManyRuns, SeveralRunsAreNestedUnderATaskThatHoldsTheirMeans) {
  const Params report = ivory_json({"run", "toy", "fold=0-2"});
  EXPECT_EQ(report.at("task").at("name").as_string(), "task#0");
  const Params tasks = ivory_json({"search", "--parents"});
  ASSERT_EQ(tasks.size(), 1U);
  const Params& task = tasks.at(std::size_t{0});
  EXPECT_EQ(task.at("status").as_string(), "FINISHED");
  const Params& summary = report.at("summary").at("metrics").at("val_loss");
  EXPECT_NEAR(task.at("metrics").at("val_loss_mean").as_real(), summary.at("mean").as_real(), 1e-12);
  EXPECT_NEAR(task.at("metrics").at("val_loss_std").as_real(), summary.at("sd").as_real(), 1e-12);
  EXPECT_EQ(nested_status(), Words(3, "FINISHED"));
}

TEST_F(ManyRuns, OneRunHasNoTask) {
  EXPECT_FALSE(ivory_json({"run", "toy", "fold=1"}).contains("task"));
  EXPECT_EQ(ivory_json({"search", "--parents"}).size(), 0U);
}

TEST_F(ManyRuns, JobsAndEnginesGiveTheSameNumbersUnderTheSameNames) {
  const Words words{"run", "toy", "fold=0-2", "lr=0.1,0.5", "--repeat", "2", "-q"};
  const std::vector<std::string> expected = computed(in_new_folder(words));
  ASSERT_EQ(expected.size(), 12U);
  for (const Words& more : {Words{"--jobs", "3"}, Words{"--jobs", "1", "--engine", "process"},
                            Words{"--jobs", "3", "--engine", "process"}})
    EXPECT_EQ(computed(in_new_folder(words + more)), expected) << more.back();
}

TEST_F(ManyRuns, RepeatDrawsOtherNumbersForTheSameFolds) {
  const Params report = ivory_json({"run", "toy", "--repeat", "2", "--no-track"});
  const Params& runs = report.at("runs");
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs.at(1).at("params").to_text(), "{repeat: 1}");
  EXPECT_NE(runs.at(std::size_t{0}).at("metrics").to_text(), runs.at(1).at("metrics").to_text());
  expect_nothing_written();
}

TEST_F(ManyRuns, WorkersRecordNothingWithoutTracking) {
  const Params report =
      ivory_json({"run", "toy", "fold=0-2", "--no-track", "--jobs", "2", "--engine", "process"});
  EXPECT_EQ(report.at("runs").size(), 3U);
  EXPECT_FALSE(report.contains("task"));
  expect_nothing_written();
}

TEST_F(ManyRuns, AWorkerThatDiesFailsItsRunOnly) {
  const CommandResult result =
      ivory({"run", "toy", "trainer.crash_at=-1,1,-1,0,-1", "--engine", "process", "--jobs", "2"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("run#1 failed: its worker process ended with signal 9 (Killed)"),
                                HasSubstr("run#3 failed"), HasSubstr("ivory resume toy/task#0")));
  EXPECT_EQ(nested_status(), (Words{"FINISHED", "FAILED", "FINISHED", "FAILED", "FINISHED"}));
  EXPECT_EQ(task_status(), "FAILED");
  // What it had logged is told.
  EXPECT_THAT(result.out, HasSubstr("FAILED"));
}

TEST_F(ManyRuns, ARunThatFailsInAWorkerSaysWhy) {
  const CommandResult result = ivory({"run", "toy", "trainer.fail_at=1,-1", "--engine", "process"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("run#0 failed: the toy broke"));
  EXPECT_EQ(nested_status(), (Words{"FAILED", "FINISHED"}));
}

TEST_F(ManyRuns, CtrlCEndsTheRunsUnderWayAndResumeDoesTheRest) {
  const Words words{"run", "toy", "fold=0-2", "epochs=40"};
  const std::vector<std::string> expected = computed(in_new_folder(words));
  for (const char* engine : {"thread", "process"}) {
    const fs::path here = path();
    set_path(here / engine);
    fs::create_directory(path());
    write_project();
    // The pause is part of the file, so that the parameters of the runs are the same.
    edit("toy.yml", "batch_size: 4", "batch_size: 4, sleep_ms: 30");
    RunningCommand running(path(), words + Words{"--jobs", "2", "--engine", engine});
    wait_for_metrics();
    running.send(SIGINT);
    const CommandResult result = running.wait();
    EXPECT_EQ(result.status, 130) << result.err;
    EXPECT_THAT(result.err, HasSubstr("ivory resume toy/task#0"));
    EXPECT_EQ(nested_status(), Words(2, "KILLED"));
    EXPECT_EQ(task_status(), "KILLED");
    EXPECT_EQ(computed(ivory_json({"resume", "toy/task#0", "--jobs", "2", "--engine", engine})), expected);
    EXPECT_EQ(nested_status(), Words(3, "FINISHED"));
    EXPECT_EQ(task_status(), "FINISHED");
    const CommandResult again = ivory({"resume", "toy/task#0"});
    EXPECT_EQ(again.status, 1);
    EXPECT_THAT(again.err, HasSubstr("task#0 is FINISHED"));
    set_path(here);
  }
}

TEST_F(ManyRuns, WorkersDieWithTheirCoordinatorAndResumeGoesOn) {
  const Words words{"run", "toy", "fold=0-2", "epochs=40"};
  const std::vector<std::string> expected = computed(in_new_folder(words));
  edit("toy.yml", "batch_size: 4", "batch_size: 4, sleep_ms: 30");
  RunningCommand running(path(), words + Words{"--jobs", "2", "--engine", "process"});
  wait_for_metrics();
  const std::vector<pid_t> workers = children_of(running.pid());
  ASSERT_EQ(workers.size(), 2U);
  running.send(SIGKILL);
  EXPECT_EQ(running.wait().status, 128 + SIGKILL);
  for (const pid_t worker : workers) EXPECT_TRUE(becomes_true([&] { return !lives(worker); }));
  EXPECT_EQ(nested_status(), Words(2, "STALE"));
  edit("toy.yml", "lr: 0.5", "lr: 0.9");  // a task goes on with the parameters that it began with
  EXPECT_EQ(computed(ivory_json({"resume", "toy/task#0", "--jobs", "3"})), expected);
  EXPECT_EQ(nested_status(), Words(3, "FINISHED"));
}

TEST_F(ManyRuns, TwoInterruptionsEndTheCommandAtOnce) {
  RunningCommand running(path(), {"run", "toy", "fold=0-2", "trainer.sleep_ms=100", "epochs=20", "--jobs",
                                  "2", "--engine", "process"});
  wait_for_metrics();
  const std::vector<pid_t> workers = children_of(running.pid());
  running.send(SIGINT);
  running.send(SIGINT);
  EXPECT_EQ(running.wait().status, 128 + SIGINT);
  for (const pid_t worker : workers) EXPECT_TRUE(becomes_true([&] { return !lives(worker); }));
  EXPECT_EQ(ivory_json({"resume", "toy/task#0", "--jobs", "2"}).at("runs").size(), 3U);
}

TEST_F(ManyRuns, FinishedRunsOfATaskAreNotRunAgain) {
  EXPECT_EQ(ivory({"run", "toy", "trainer.fail_at=-1,1"}).status, 1);
  const std::string started =
      ivory_json({"search", "--nested"}).at(1).at("start_time").to_text();  // the older: finished
  EXPECT_EQ(ivory({"resume", "toy/task#0"}).status, 1);                     // fails at the same place
  const Params runs = ivory_json({"search", "--nested"});
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs.at(1).at("start_time").to_text(), started);
  EXPECT_EQ(runs.at(std::size_t{0}).at("status").as_string(), "FAILED");
}

TEST_F(ManyRuns, ResumesASingleRunByShortNameOrId) {
  const Words words{"run", "toy", "epochs=60"};
  const std::vector<std::string> expected = computed(in_new_folder(words));
  edit("toy.yml", "batch_size: 4", "batch_size: 4, sleep_ms: 20");
  RunningCommand running(path(), words);
  wait_for_metrics();
  running.send(SIGKILL);
  static_cast<void>(running.wait());
  const std::string id = ivory_json({"search"}).at(std::size_t{0}).at("id").as_string();
  EXPECT_EQ(computed(ivory_json({"resume", id.substr(0, 8)})), expected);
  EXPECT_THAT(ivory({"resume", "toy/run#0"}).err, HasSubstr("run#0 is FINISHED"));
  EXPECT_EQ(ivory({"resume", "toy/run#7"}).status, 2);
  EXPECT_EQ(ivory({"resume"}).status, 2);
}

TEST_F(ManyRuns, ARunThatIsAliveIsNotResumed) {
  RunningCommand running(path(), {"run", "toy", "fold=0-2", "epochs=200", "trainer.sleep_ms=30"});
  wait_for_metrics();
  EXPECT_THAT(ivory({"resume", "toy/task#0"}).err, HasSubstr("alive"));
  EXPECT_THAT(ivory({"resume", "toy/run#0"}).err, HasSubstr("alive"));
}

TEST_F(ManyRuns, AChainGoesOnWithTheBestValue) {
  const Params report =
      ivory_json({"chain", "toy", "lr=0.01,0.5", "batch_size=2,4", "epochs=3", "--jobs", "2"});
  const Params& runs = report.at("runs");
  ASSERT_EQ(runs.size(), 4U);
  const auto score = [&](std::size_t i) { return runs.at(i).at("best").at("score").as_real(); };
  const double best = score(1) < score(0) ? 0.5 : 0.01;
  for (const std::size_t later : {2U, 3U}) EXPECT_EQ(runs.at(later).at("params").at("lr").as_real(), best);
  EXPECT_EQ(report.at("task").at("name").as_string(), "task#0");
  const Params plain = ivory_json({"chain", "toy", "lr=0.01,0.5", "batch_size=2,4", "--no-use-best-param"});
  for (const std::size_t later : {2U, 3U})
    EXPECT_FALSE(plain.at("runs").at(later).at("params").contains("lr"));
}

TEST_F(ManyRuns, PlansAChain) {
  const CommandResult plan = ivory({"plan", "toy", "lr=0.1,0.5", "batch_size=2,4,8", "--chain"});
  EXPECT_EQ(plan.status, 0) << plan.err;
  EXPECT_THAT(plan.out, AllOf(HasSubstr("5 runs of toy"), HasSubstr("best")));
  EXPECT_EQ(ivory_json({"plan", "toy", "lr=0.1,0.5", "--repeat", "3"}).at("count").as_int(), 6);
  expect_nothing_written();
}

TEST_F(ManyRuns, EstimatesTheLengthByOneEpoch) {
  const Words words{"plan", "toy", "fold=0-2", "epochs=10", "trainer.sleep_ms=20", "--time"};
  const double alone = ivory_json(words).at("time").at("seconds").as_real();
  EXPECT_GT(alone, 3 * 10 * 0.02);
  EXPECT_LT(alone, 20);
  const Params two = ivory_json(words + Words{"--jobs", "2"});
  const double epoch = two.at("time").at("epoch_seconds").as_real();
  EXPECT_NEAR(two.at("time").at("seconds").as_real(), 2 * 10 * epoch, 1e-9);  // three runs, two at once
  EXPECT_THAT(ivory(words).out, HasSubstr("at most"));
  expect_nothing_written();
}

TEST_F(ManyRuns, RefusesWhatMakesNoSense) {
  EXPECT_THAT(ivory({"run", "toy", "--jobs", "0"}).err, HasSubstr("--jobs takes 1 or more"));
  EXPECT_THAT(ivory({"run", "toy", "--engine", "threat"}).err, HasSubstr("did you mean 'thread'"));
  EXPECT_EQ(ivory({"run", "toy", "--repeat", "0"}).status, 2);
  EXPECT_EQ(ivory({"chain", "toy"}).status, 2);
  expect_nothing_written();
}

TEST_F(ManyRuns, ShowsPlainLinesInAFileAndNothingWhenQuiet) {
  const CommandResult result = ivory({"run", "toy", "fold=0-1", "--jobs", "2"});
  EXPECT_THAT(result.err, AllOf(HasSubstr("run#0 fold=0 3/3  best val_loss"), HasSubstr("run#1 fold=1 3/3"),
                                Not(HasSubstr("\x1B"))));
  EXPECT_EQ(ivory({"run", "toy", "fold=0-1", "-q"}).err, "");
}

TEST_F(ManyRuns, TheWorkerCommandStandsInNoList) { EXPECT_THAT(ivory({}).out, Not(HasSubstr("worker "))); }

}  // namespace
}  // namespace ivory
