// What fails in the middle: status 1 or 130, what was logged stays readable, the run's status is true.
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <ivory/base/asides.h>

#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;

std::vector<std::string> slow_run() { return {"run", "toy", "epochs=200", "trainer.sleep_ms=50"}; }

std::string status_of_run(const Params& runs, std::size_t index = 0) {
  return runs.at(index).at("status").as_string();
}

TEST_F(Cli, AFailedRunSaysWhyAndTheOthersGoOn) {
  const CommandResult result = ivory({"run", "toy", "trainer.fail_at=-1,1,-1"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("run#1 failed: the toy broke"));
  EXPECT_THAT(result.out, testing::AllOf(HasSubstr("run#0"), HasSubstr("FAILED")));
  const Params runs = ivory_json({"search", "--nested"});
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(status_of_run(runs, 0), "FINISHED");
  EXPECT_EQ(status_of_run(runs, 1), "FAILED");
  EXPECT_EQ(status_of_run(runs, 2), "FINISHED");
  EXPECT_EQ(status_of_run(ivory_json({"search", "--parents"})), "FAILED");
}

TEST_F(Cli, CtrlCEndsTheRunAsKilled) {
  RunningCommand running(path(), slow_run());
  wait_for_metrics();
  running.send(SIGINT);
  const CommandResult result = running.wait();
  EXPECT_EQ(result.status, 130) << result.err;
  EXPECT_THAT(result.out, HasSubstr("KILLED"));
  EXPECT_EQ(status_of_run(ivory_json({"search"})), "KILLED");
}

TEST_F(Cli, ARunWhoseProcessDiedIsStaleAndCanBeClosed) {
  RunningCommand running(path(), slow_run());
  wait_for_metrics();
  EXPECT_EQ(status_of_run(ivory_json({"search"})), "RUNNING");
  running.send(SIGKILL);
  EXPECT_EQ(running.wait().status, 128 + SIGKILL);
  const Params stale = ivory_json({"search"});
  EXPECT_EQ(status_of_run(stale), "STALE");
  EXPECT_TRUE(stale.at(std::size_t{0}).at("metrics").contains("val_loss"));
  EXPECT_THAT(ivory({"search"}).out, HasSubstr("ivory gc --stale"));
  const fs::path artifacts =
      path() / "mlruns" / "1" / stale.at(std::size_t{0}).at("id").as_string() / "artifacts";
  write_file(aside_path(artifacts / "plots" / "a.png"), "half");
  EXPECT_EQ(ivory_json({"gc", "--stale"}).at("closed").size(), 1U);
  EXPECT_TRUE(fs::is_empty(artifacts / "plots")) << "what it had half written is gone";
  EXPECT_TRUE(fs::exists(artifacts / "current"));
  EXPECT_EQ(status_of_run(ivory_json({"search"})), "FAILED");
  EXPECT_EQ(ivory_json({"gc", "--stale"}).at("closed").size(), 0U);
}

TEST_F(Cli, GcLeavesALivingRunAlone) {
  RunningCommand running(path(), slow_run());
  wait_for_metrics();
  EXPECT_EQ(ivory_json({"gc", "--stale"}).at("closed").size(), 0U);
  EXPECT_EQ(status_of_run(ivory_json({"search"})), "RUNNING");
}

// The checkpoint of the epoch does not fit any more; one run before it did.
TEST_F(Cli, AFileThatCannotGrowFailsTheRun) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  const auto limit = [] {
    const rlimit bytes{4'000'000, 4'000'000};
    setrlimit(RLIMIT_FSIZE, &bytes);
    signal(SIGXFSZ, SIG_IGN);  // the write fails instead
  };
  const CommandResult result =
      RunningCommand(path(), {"run", "toy", "trainer.state_bytes=8000000"}, limit).wait();
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("run#1 failed"));
  const Params runs = ivory_json({"search"});
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_THAT(status_of_run(runs, 0), AnyOf("FAILED", "STALE"));
  EXPECT_TRUE(runs.at(std::size_t{0}).at("metrics").contains("val_loss"));
  EXPECT_EQ(status_of_run(runs, 1), "FINISHED");
}

// A file system of a few megabytes, where the test may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path place) : place_(std::move(place)) {
    fs::create_directories(place_);
    mounted_ = mount("tmpfs", place_.c_str(), "tmpfs", 0, "size=6m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount(place_.c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool mounted() const noexcept { return mounted_; }

 private:
  fs::path place_;
  bool mounted_ = false;
};

TEST_F(Cli, AFullDiskFailsTheRun) {
  const SmallDisk disk(path() / "disk");
  // A full disk is a small file system of its own, which only root may mount; CI is root.
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount";
  set_path(path() / "disk");
  write_project();
  const CommandResult result = ivory({"run", "toy", "trainer.state_bytes=0,3000000"});
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("No space left"));
  const Params runs = ivory_json({"search", "--nested"});
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_THAT(status_of_run(runs, 0), AnyOf("FAILED", "STALE"));
  EXPECT_EQ(status_of_run(runs, 1), "FINISHED");
  set_path(path().parent_path());
}

TEST_F(Cli, ADatabaseThatVanishesFailsTheRun) {
  RunningCommand running(path(), slow_run());
  wait_for_metrics();
  for (const char* file : {"mlflow.db", "mlflow.db-wal", "mlflow.db-shm"}) {
    std::error_code none;
    fs::copy_file(path() / file, path() / (std::string("kept-") + file), none);
    fs::remove(path() / file);
  }
  const CommandResult result = running.wait();
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("mlflow.db"));
  // What was logged before is in the files that were there.
  for (const char* file : {"mlflow.db", "mlflow.db-wal"})
    if (fs::exists(path() / (std::string("kept-") + file)))
      fs::rename(path() / (std::string("kept-") + file), path() / file);
  const Params runs = ivory_json({"search"});
  EXPECT_EQ(status_of_run(runs), "STALE");
  EXPECT_TRUE(runs.at(std::size_t{0}).at("metrics").contains("val_loss"));
}

}  // namespace
}  // namespace ivory
