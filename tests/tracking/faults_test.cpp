// Disks that fill, files that vanish.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

class FaultsTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  StoreOptions options_{.working_directory = folder_.path() / "work"};
  fs::path path_ = folder_.path() / "work" / "mlflow.db";
  FaultsTest() { fs::create_directory(folder_.path() / "work"); }
};

TEST_F(FaultsTest, ReportsAFullDiskAndKeepsWhatWasLogged) {
  std::string run_id;
  {
    const auto store = open_store(kDefaultTrackingUri, options_);
    run_id = store->create_run({.experiment_id = "0", .name = "r"}).run_id;
  }
  const auto statuses = run_processes(1, [&](int) {
    std::signal(SIGXFSZ, SIG_IGN);
    const auto store = open_store(kDefaultTrackingUri, options_);
    const rlimit small{.rlim_cur = 1'000'000, .rlim_max = 1'000'000};
    setrlimit(RLIMIT_FSIZE, &small);
    int logged = 0;
    try {
      for (; logged < 10'000; ++logged) {
        store->log_batch(run_id, {.params = {{"p" + std::to_string(logged), std::string(5'000, 'x')}}});
      }
    } catch (const Error& error) {
      write_file(folder_.path() / "logged", std::to_string(logged));
      const std::string message = error.what();
      // SQLite's words for a write that the system refused.
      const bool good =
          error.code() == ErrorCode::kIo && message.find(path_.string()) != std::string::npos &&
          (message.find("full") != std::string::npos || message.find("I/O") != std::string::npos);
      return good ? 0 : 1;
    }
    return 2;
  });
  ASSERT_THAT(statuses, Each(0));
  const auto store = open_store(kDefaultTrackingUri, options_);
  const auto run = store->get_run(run_id);
  EXPECT_EQ(run.params.size(), std::stoul(read_file(folder_.path() / "logged")));
  EXPECT_GT(run.params.size(), 10u);
  store->update_run(run_id, {.status = RunStatus::kFailed, .end_time_ms = now_ms()});
  EXPECT_EQ(store->get_run(run_id).status, RunStatus::kFailed);
}

TEST_F(FaultsTest, ReportsAVanishedFolder) {
  const auto store = open_store(kDefaultTrackingUri, options_);
  const auto run = store->create_run({.experiment_id = "0", .name = "r"});
  fs::remove_all(path_.parent_path());
  for (const auto& message : {message_of([&] { store->log_metric(run.run_id, {.key = "m"}); }),
                              message_of([&] { (void)store->get_run(run.run_id); })}) {
    EXPECT_THAT(message, HasSubstr(path_.string()));
    EXPECT_THAT(message, HasSubstr("removed"));
  }
  EXPECT_EQ(code_of([&] { store->log_metric(run.run_id, {.key = "m"}); }), ErrorCode::kIo);
}

TEST_F(FaultsTest, ReportsAMissingFolderAndMakesNone) {
  const StoreOptions options{.working_directory = folder_.path() / "nowhere"};
  EXPECT_EQ(code_of([&] { (void)open_store(kDefaultTrackingUri, options); }), ErrorCode::kIo);
  EXPECT_THAT(message_of([&] { (void)open_store(kDefaultTrackingUri, options); }), HasSubstr("No such file"));
  EXPECT_FALSE(fs::exists(folder_.path() / "nowhere"));
}

TEST_F(FaultsTest, ReportsAReadOnlyFileAndStillListsIt) {
  {
    const auto store = open_store(kDefaultTrackingUri, options_);
    store->create_run({.experiment_id = "0", .name = "r"});
  }
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(chmod(path_.parent_path().c_str(), 0555), 0);
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  const auto statuses = run_processes(1, [&](int) {
    constexpr uid_t kNobody = 65534;  // permissions do not bind root
    if (getuid() == 0 && setuid(kNobody) != 0) return 3;
    if (code_of([&] { (void)open_store(kDefaultTrackingUri, options_); }) != ErrorCode::kIo) return 1;
    auto options = options_;
    options.access = Access::kReadOnly;
    return open_store(kDefaultTrackingUri, options)->list_runs({}).size() == 1 ? 0 : 2;
  });
  EXPECT_THAT(statuses, Each(0));
  chmod(path_.parent_path().c_str(), 0755);
}

TEST_F(FaultsTest, RefusesAFileThatIsNoDatabase) {
  write_file(
      path_,
      "This is a text, and long enough to be taken for the head of a database file by its size alone.");
  EXPECT_EQ(code_of([&] { (void)open_store(kDefaultTrackingUri, options_); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(message_of([&] { (void)open_store(kDefaultTrackingUri, options_); }),
              HasSubstr("not a database"));
}

}  // namespace
}  // namespace ivory::tracking
