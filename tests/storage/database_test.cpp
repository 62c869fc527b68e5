#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/storage/database.h>

namespace ivory::storage {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

DatabaseOptions options_for(const fs::path& path, OpenMode mode = OpenMode::kCreate) {
  DatabaseOptions options;
  options.path = path;
  options.mode = mode;
  return options;
}

template <class F>
std::string message_of(ErrorCode expected, F&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), expected) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() {
    database_.switch_to_wal();
    database_.write([](Connection& c) { c.execute("CREATE TABLE t (x INTEGER UNIQUE, note TEXT)"); });
  }
  void insert(int x) {
    database_.write([&](Connection& c) { c.query("INSERT INTO t (x) VALUES (?)").bind(x).run(); });
  }
  [[nodiscard]] std::int64_t count() const {
    return database_.read([](Connection& c) {
      auto query = c.query("SELECT count(*) FROM t");
      query.next();
      return query.integer(0);
    });
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_.path() / "test.db";
  Database database_{options_for(path_)};
};

TEST_F(DatabaseTest, GivesBackWhatTheJobReturns) {
  EXPECT_EQ(database_.write([](Connection&) { return std::string("done"); }), "done");
  EXPECT_EQ(database_.read([](Connection&) { return 42; }), 42);
}

TEST_F(DatabaseTest, UndoesAJobThatThrowsAndPassesItsErrorOn) {
  const auto message = message_of(ErrorCode::kInvalidArgument, [&] {
    database_.write([](Connection& c) {
      c.query("INSERT INTO t (x) VALUES (1)").run();
      throw Error(ErrorCode::kInvalidArgument, "changed my mind");
    });
  });
  EXPECT_EQ(message, "changed my mind");
  EXPECT_EQ(count(), 0);
  insert(1);
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, PassesOnWhatIsNoStandardException) {
  struct Odd {};
  EXPECT_THROW(database_.write([](Connection&) { throw Odd{}; }), Odd);
  insert(1);
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, KeepsEveryWriteOfManyThreadsAndUndoesOnlyThoseThatFail) {
  constexpr int kThreads = 8;
  constexpr int kEach = 100;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        try {
          insert(t * kEach + i);
          // The same number again violates the schema after a first good statement.
          database_.write([&](Connection& c) {
            c.query("INSERT INTO t (x) VALUES (?)").bind(100'000 + t * kEach + i).run();
            c.query("INSERT INTO t (x) VALUES (?)").bind(t * kEach + i).run();
          });
        } catch (const ConstraintViolated&) {
          ++failed;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, kThreads * kEach);
  EXPECT_EQ(count(), kThreads * kEach);
}

// While the first commit is held up by another process's lock, the others queue and share the next one.
TEST_F(DatabaseTest, PutsTheWritesOfWaitingThreadsIntoOneCommit) {
  Connection other({.path = path_});
  other.execute("BEGIN IMMEDIATE");
  constexpr int kThreads = 16;
  std::latch begun(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      begun.count_down();
      insert(t);
    });
  }
  begun.wait();
  std::this_thread::sleep_for(100ms);
  const auto version_of = [](Connection& c) {
    auto query = c.query("PRAGMA data_version");
    query.next();
    return query.integer(0);
  };
  other.execute("ROLLBACK");
  std::int64_t commits = 0;
  for (auto seen = version_of(other); count() < kThreads;) {
    const auto now = version_of(other);
    commits += now != seen ? 1 : 0;
    seen = now;
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(commits, 2);  // the leader's own, when it was alone in the queue, and all the others'
}

TEST_F(DatabaseTest, ReadsOneSnapshotWhileOthersWrite) {
  insert(1);
  database_.read([&](Connection& c) {
    auto query = c.query("SELECT count(*) FROM t");
    query.next();
    EXPECT_EQ(query.integer(0), 1);
    std::thread([&] { insert(2); }).join();
    auto again = c.query("SELECT count(*) FROM t");
    again.next();
    EXPECT_EQ(again.integer(0), 1);
  });
  EXPECT_EQ(count(), 2);
}

TEST_F(DatabaseTest, ServesMoreReadingThreadsThanItHasReaders) {
  insert(1);
  std::vector<std::thread> threads;
  for (int t = 0; t < 24; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(count(), 1);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(DatabaseTest, WaitsForAnotherWriterAndGivesUpAfterItsTimeout) {
  DatabaseOptions impatient = options_for(path_);
  impatient.busy_timeout = 50ms;
  Database second(impatient);
  Connection other({.path = path_});
  other.execute("BEGIN IMMEDIATE");
  const auto write_second = [&] {
    second.write([](Connection& c) { c.query("INSERT INTO t (x) VALUES (5)").run(); });
  };
  EXPECT_THAT(message_of(ErrorCode::kIo, write_second), HasSubstr("locked"));
  other.execute("COMMIT");
  write_second();
  EXPECT_EQ(count(), 1);
}

TEST_F(DatabaseTest, SaysThatItsFileWasRemoved) {
  insert(1);
  fs::remove(path_);
  EXPECT_THAT(message_of(ErrorCode::kIo, [&] { insert(2); }), HasSubstr("removed"));
  EXPECT_THAT(message_of(ErrorCode::kIo, [&] { (void)count(); }), HasSubstr(path_.string()));
}

TEST_F(DatabaseTest, SaysThatItsFileWasReplaced) {
  insert(1);
  Connection({.path = folder_.path() / "new.db"}).execute("CREATE TABLE t (x)");
  fs::rename(folder_.path() / "new.db", path_);
  EXPECT_THAT(message_of(ErrorCode::kIo, [&] { insert(2); }), HasSubstr("replaced"));
}

TEST_F(DatabaseTest, LeavesTheJournalModeToAFileThatIsInUse) {
  const fs::path path = folder_.path() / "used.db";
  Connection other({.path = path});
  other.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  auto reading = other.query("SELECT x FROM t");
  ASSERT_TRUE(reading.next());
  Database database(options_for(path));
  EXPECT_FALSE(database.switch_to_wal());
  EXPECT_EQ(database.read([](Connection& c) {
    auto mode = c.query("PRAGMA journal_mode");
    mode.next();
    return std::string(mode.text(0));
  }),
            "delete");
}

TEST_F(DatabaseTest, WorksWithoutWalToo) {
  Database plain(options_for(folder_.path() / "plain.db"));
  plain.write([](Connection& c) { c.execute("CREATE TABLE t (x)"); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        plain.write([](Connection& c) { c.query("INSERT INTO t VALUES (1)").run(); });
        plain.read([](Connection& c) { c.query("SELECT * FROM t").run(); });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  plain.read([](Connection& c) {
    auto query = c.query("SELECT count(*) FROM t");
    query.next();
    EXPECT_EQ(query.integer(0), 40);
  });
}

TEST_F(DatabaseTest, LeavesNoSideFilesBehindAReader) {
  const fs::path path = folder_.path() / "read.db";
  {
    Database database(options_for(path));
    EXPECT_TRUE(database.switch_to_wal());
    database.write([](Connection& c) { c.execute("CREATE TABLE t (x)"); });
  }
  {
    Database reader(options_for(path, OpenMode::kReadOnly));
    reader.read([](Connection& c) { c.query("SELECT * FROM t").run(); });
  }
  EXPECT_FALSE(fs::exists(path.string() + "-wal"));
  EXPECT_FALSE(fs::exists(path.string() + "-shm"));
}

// Runs `work` in another process as a user whom file permissions bind; true if it went well.
template <class F>
bool as_nobody(F&& work) {
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (getuid() == 0 && setuid(kNobody) != 0) _exit(3);
    work();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(DatabaseTest, SaysThatAFileIsReadOnlyAndStillReadsIt) {
  fs::path path;
  TemporaryFolder folder;
  path = folder.path() / "fixed.db";
  {
    Database database(options_for(path));
    database.switch_to_wal();
    database.write([](Connection& c) { c.execute("CREATE TABLE t (x); INSERT INTO t VALUES (3)"); });
  }
  ASSERT_EQ(chmod(path.c_str(), 0444), 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0555), 0);
  EXPECT_TRUE(as_nobody([&] {
    EXPECT_THAT(message_of(ErrorCode::kIo, [&] { Database database(options_for(path)); }),
                HasSubstr("read-only"));
    Database reader(options_for(path, OpenMode::kReadOnly));
    EXPECT_EQ(reader.read([](Connection& c) {
      auto query = c.query("SELECT x FROM t");
      query.next();
      return query.integer(0);
    }),
              3);
  }));
  chmod(folder.path().c_str(), 0755);
}

TEST_F(DatabaseTest, ReportsAFullDiskAndKeepsWhatWasWritten) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{.rlim_cur = 400'000, .rlim_max = 400'000};
    setrlimit(RLIMIT_FSIZE, &small);
    Database database(options_for(path_, OpenMode::kReadWrite));
    const std::string filling(2'000, 'f');
    int written = 0;
    try {
      for (; written < 10'000; ++written) {
        database.write([&](Connection& c) {
          c.query("INSERT INTO t (x, note) VALUES (?, ?)").bind(written, filling).run();
        });
      }
    } catch (const Error& error) {
      const bool good =
          error.code() == ErrorCode::kIo && std::string(error.what()).find("test.db") != std::string::npos;
      write_file(folder_.path() / "written", std::to_string(written));
      _exit(good ? 0 : 1);
    }
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(count(), std::stoi(read_file(folder_.path() / "written")));
  EXPECT_GT(count(), 10);
}

}  // namespace
}  // namespace ivory::storage
