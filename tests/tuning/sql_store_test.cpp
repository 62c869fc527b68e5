// The SQLite file that a study shares with others.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/storage/connection.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

class SqliteFile : public testing::Test {
 protected:
  [[nodiscard]] std::string journal_mode() const {
    storage::Connection connection({.path = path_});
    storage::Query query = connection.query("PRAGMA journal_mode");
    query.next();
    return std::string(query.text(0));
  }
  [[nodiscard]] Study create() const {
    return create_study({.storage = url_, .study_name = "s", .load_if_exists = true});
  }
  static double objective(Trial& trial) {
    trial.report(1, 0);
    return trial.suggest_float("x", 0, 1);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path() / "s.db", url_ = "sqlite:///" + path_;
};

TEST_F(SqliteFile, GoesOnInItsJournalModeWhereSomebodyHoldsTheFile) {
  std::filesystem::copy_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/studies.db", path_);
  std::filesystem::permissions(path_, std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  ASSERT_EQ(journal_mode(), "delete");
  {
    storage::Connection holder({.path = path_});
    holder.execute("BEGIN; SELECT * FROM studies");  // a program that reads, as Optuna may
    const std::jthread reader([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // longer than the switch is tried
      holder.execute("COMMIT");
    });
    Study study = create();  // its first commit waits for the reader
    study.optimize(objective, {.n_trials = 3});
    EXPECT_EQ(study.size(), 3);
    EXPECT_EQ(journal_mode(), "delete");
  }
  Study study = create();
  EXPECT_EQ(journal_mode(), "wal");
  study.optimize(objective, {.n_trials = 1});
  EXPECT_EQ(study.size(), 4);
}

// Runs `job` in a process without the rights of root; its message.
template <class Job>
std::string without_rights(const Job& job) {
  const TemporaryFolder folder;
  const std::string answer = folder.path() / "answer";
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(1);
    try {
      write_file(answer, message_of(job));
    } catch (...) {
      ::_exit(2);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return read_file(answer);
}

TEST_F(SqliteFile, IsReadWhereItCannotBeWritten) {
  Study study = create();
  study.optimize(objective, {.n_trials = 3});
  ASSERT_EQ(::chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  const std::string message = without_rights([&] {
    Study reader = load_study({.storage = url_});
    if (reader.size() != 3) throw Error(ErrorCode::kInternal, "it has not three trials");
    reader.optimize(objective, {.n_trials = 1});
  });
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  EXPECT_THAT(message, HasSubstr("is read-only"));
}

TEST_F(SqliteFile, IsMadeByManyProcessesAtOnce) {
  constexpr int kProcesses = 64;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ready[1]);
      char none = 0;
      static_cast<void>(!::read(ready[0], &none, 1));  // until the last process is there
      try {
        Study study = create();
        study.optimize(objective, {.n_trials = 1});
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  ::close(ready[0]);
  ::close(ready[1]);
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const Study study = load_study({.storage = url_});
  EXPECT_EQ(study.size(), kProcesses);
  for (const auto& trial : study.trials()) EXPECT_EQ(trial.state, TrialState::kComplete);
}

TEST_F(SqliteFile, GetsSignsOfLifeWhileATrialRuns) {
  Study study =
      create_study({.storage = url_, .study_name = "s", .heartbeat = {.interval = std::chrono::seconds(1)}});
  const auto beat = [&] {
    storage::Connection connection({.path = path_, .mode = storage::OpenMode::kReadOnly});
    storage::Query query = connection.query("SELECT heartbeat FROM trial_heartbeats");
    return query.next() ? std::string(query.text(0)) : "none";
  };
  study.optimize(
      [&](Trial&) {
        const std::string first = beat();
        EXPECT_NE(first, "none");
        const auto begun = std::chrono::steady_clock::now();
        while (beat() == first && std::chrono::steady_clock::now() - begun < std::chrono::seconds(20))
          std::this_thread::sleep_for(std::chrono::milliseconds(50));
        EXPECT_NE(beat(), first);
        return 0.0;
      },
      {.n_trials = 1});
}

}  // namespace
}  // namespace ivory::tuning
