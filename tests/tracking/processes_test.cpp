// Many processes on one database, and processes that die.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <set>
#include <thread>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::SizeIs;

constexpr int kProcesses = 64;

TEST(ManyProcesses, AllSucceedAtOnceInANewDatabaseAndLoseNothing) {
  constexpr int kRunsEach = 3;
  TemporaryFolder folder;
  const StoreOptions options{.working_directory = folder.path()};
  const auto statuses = run_processes(kProcesses, [&](int process) {
    const auto store = open_store(kDefaultTrackingUri, options);
    const auto experiment = store->find_or_create_experiment("shared");
    for (int i = 0; i < kRunsEach; ++i) {
      const auto run = store->create_run({.experiment_id = experiment.id, .name_prefix = "run"});
      store->log_batch(run.run_id, {.metrics = {{"m", double(i), 1, i}},
                                    .params = {{"process", std::to_string(process)}}});
      store->update_run(run.run_id, {.status = RunStatus::kFinished, .end_time_ms = now_ms()});
    }
    return 0;
  });
  EXPECT_THAT(statuses, Each(0));

  const auto store = open_store(kDefaultTrackingUri, options);
  EXPECT_THAT(store->list_experiments(ViewType::kAll), SizeIs(2));
  const auto runs = store->list_runs({});
  std::set<std::string> names;
  std::multiset<std::string> processes;
  for (const auto& run : runs) {
    EXPECT_EQ(run.status, RunStatus::kFinished);
    EXPECT_THAT(run.metrics, SizeIs(1));
    names.insert(run.name);
    processes.insert(*run.find_param("process"));
  }
  EXPECT_THAT(runs, SizeIs(kProcesses * kRunsEach));
  EXPECT_THAT(names, SizeIs(kProcesses * kRunsEach));
  EXPECT_TRUE(names.contains("run#" + std::to_string(kProcesses * kRunsEach - 1)));
  for (int i = 0; i < kProcesses; ++i) EXPECT_EQ(processes.count(std::to_string(i)), kRunsEach);
}

TEST(ManyProcesses, GiveEachRunThatStartsAtOnceItsOwnNumber) {
  constexpr int kStarting = 8;
  constexpr int kThreads = 4;
  constexpr int kRunsEach = 5;
  TemporaryFolder folder;
  const StoreOptions options{.working_directory = folder.path()};
  const auto start = [](TrackingStore& store) {
    for (int i = 0; i < kRunsEach; ++i) store.create_run({.experiment_id = "0", .name_prefix = "run"});
  };
  // Threads on one store and on stores of their own, in several processes.
  const auto statuses = run_processes(kStarting, [&](int) {
    const auto shared = open_store(kDefaultTrackingUri, options);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread)
      threads.emplace_back(
          [&, own = thread % 2 == 0] { start(own ? *open_store(kDefaultTrackingUri, options) : *shared); });
    for (std::thread& thread : threads) thread.join();
    return 0;
  });
  EXPECT_THAT(statuses, Each(0));
  constexpr int kRuns = kStarting * kThreads * kRunsEach;
  std::set<std::string> expected;
  for (int i = 0; i < kRuns; ++i) expected.insert("run#" + std::to_string(i));
  const auto runs = open_store(kDefaultTrackingUri, options)->list_runs({});
  ASSERT_THAT(runs, SizeIs(kRuns));
  std::set<std::string> names;
  for (const RunRecord& run : runs) names.insert(run.name);
  EXPECT_EQ(names, expected);
}

TEST(ManyProcesses, AllSucceedInADatabaseThatStaysWithoutWal) {
  TemporaryFolder folder;
  const auto path = folder.path() / "mlflow.db";
  std::filesystem::copy_file(std::filesystem::path(IVORY_FIXTURES) / "empty.db", path);
  const StoreOptions options{.working_directory = folder.path()};
  const auto statuses = run_processes(9, [&](int process) {
    if (process == 8) {
      // A reader that stays keeps the journal mode from being switched.
      storage::Connection reader({.path = path, .mode = storage::OpenMode::kReadOnly});
      auto held = reader.query("SELECT name FROM sqlite_master");
      if (!held.next()) return 1;
      std::this_thread::sleep_for(1s);
      return 0;
    }
    std::this_thread::sleep_for(100ms);
    const auto store = open_store(kDefaultTrackingUri, options);
    store->create_run({.experiment_id = "0", .name = std::to_string(process)});
    return 0;
  });
  EXPECT_THAT(statuses, Each(0));
  EXPECT_THAT(open_store(kDefaultTrackingUri, options)->list_runs({}), SizeIs(8));
}

// The child writes the number of each acknowledged row to a pipe; it is killed at a moment that differs from
// round to round.
TEST(KilledProcess, KeepsWhatWasAcknowledged) {
  TemporaryFolder folder;
  const StoreOptions options{.working_directory = folder.path()};
  std::string run_id;
  {
    const auto store = open_store(kDefaultTrackingUri, options);
    run_id = store->create_run({.experiment_id = "0", .name = "r"}).run_id;
  }
  int acknowledged = 0;
  for (int round = 0; round < 8; ++round) {
    int channel[2];
    ASSERT_EQ(pipe(channel), 0);
    const pid_t child = fork();
    if (child == 0) {
      ::close(channel[0]);
      try {
        const auto store = open_store(kDefaultTrackingUri, options);
        for (std::int32_t i = acknowledged;; ++i) {
          store->log_batch(run_id,
                           {.metrics = {{"m", double(i), 1, i}}, .params = {{"p" + std::to_string(i), "v"}}});
          if (::write(channel[1], &i, sizeof i) != sizeof i) _exit(2);
        }
      } catch (const std::exception&) {
        _exit(1);
      }
    }
    ::close(channel[1]);
    // The clock starts with the first row, so that every round dies in the middle of writing.
    const auto read_one = [&] {
      std::int32_t number = 0;
      if (::read(channel[0], &number, sizeof number) != sizeof number) return false;
      acknowledged = number + 1;
      return true;
    };
    ASSERT_TRUE(read_one());
    std::this_thread::sleep_for(std::chrono::milliseconds(3 + 7 * round));
    kill(child, SIGKILL);
    while (read_one()) {
    }
    ::close(channel[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));

    const auto store = open_store(kDefaultTrackingUri, options);
    const auto history = store->metric_history(run_id, "m");
    const auto run = store->get_run(run_id);
    ASSERT_GE(history.size(), static_cast<std::size_t>(acknowledged));
    ASSERT_LE(history.size(), static_cast<std::size_t>(acknowledged) + 1);  // one may lack only its answer
    ASSERT_EQ(run.params.size(), history.size());
    ASSERT_EQ(run.find_metric("m")->step, static_cast<std::int64_t>(history.size()) - 1);
    acknowledged = static_cast<int>(history.size());
  }
  EXPECT_GT(acknowledged, 8);
}

TEST(KilledProcess, LeavesNoHalfMadeDatabase) {
  for (int round = 0; round < 12; ++round) {
    TemporaryFolder folder;
    const StoreOptions options{.working_directory = folder.path()};
    const pid_t child = fork();
    if (child == 0) {
      (void)open_store(kDefaultTrackingUri, options);
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(round * 3));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    const auto store = open_store(kDefaultTrackingUri, options);
    store->create_run({.experiment_id = "0", .name = "r"});
    EXPECT_THAT(store->list_runs({}), SizeIs(1));
  }
}

}  // namespace
}  // namespace ivory::tracking
