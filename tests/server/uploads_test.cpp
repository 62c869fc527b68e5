// What is left of uploads when a server is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "server_support.h"

namespace ivory::server {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kProxy = "/api/2.0/mlflow-artifacts/artifacts/";

net::Request put(const std::string& path) { return request_of("PUT", kProxy + path, {}, {}); }

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

// Servers of one folder of artifacts.
class Uploads : public testing::Test {
 protected:
  Uploads() { fs::create_directories(artifacts_ / "1"); }

  [[nodiscard]] std::unique_ptr<Api> server(std::chrono::milliseconds sweep_after = 1h,
                                            bool read_only = false) const {
    ApiOptions options{
        .artifacts_destination = artifacts_, .read_only = read_only, .sweep_after = sweep_after};
    return std::make_unique<Api>(
        tracking::open_store("sqlite:///store.db", {.working_directory = folder_.path()}),
        std::move(options));
  }
  // A process that is killed with half an upload.
  void be_killed() const {
    const pid_t child = ::fork();
    if (child == 0) {
      const auto killed = server();
      const auto sink = killed->begin(put("1/big.bin"));
      sink->write("half of it");
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  // As if everything that lies there had been written long ago.
  void age() const {
    for (const auto& entry : fs::directory_iterator(artifacts_ / "1"))
      fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - 1h);
  }
  // Whether the folder comes to hold so many files, within some seconds.
  [[nodiscard]] bool comes_to(std::size_t count) const {
    for (int tries = 0; tries < 500; ++tries) {
      if (names_in(artifacts_ / "1").size() == count) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  TemporaryFolder folder_;
  fs::path artifacts_ = folder_.path() / "mlartifacts";
};

TEST_F(Uploads, ThatAKilledServerHasLeftAreRemovedByTheNextOneAndNothingElse) {
  ASSERT_NO_FATAL_FAILURE(be_killed());
  ASSERT_THAT(names_in(artifacts_ / "1"), ElementsAre(StartsWith(".ivory-upload.")));
  write_file(artifacts_ / "1" / "kept.bin", "x");
  fs::create_directory(artifacts_ / "1" / ".ivory-upload.folder");
  write_file(folder_.path() / "elsewhere", "x");
  fs::create_symlink(folder_.path() / "elsewhere", artifacts_ / "1" / ".ivory-upload.link");
  age();
  const auto next = server(0ms);
  EXPECT_TRUE(comes_to(3));
  EXPECT_THAT(names_in(artifacts_ / "1"),
              ElementsAre(".ivory-upload.folder", ".ivory-upload.link", "kept.bin"));
  EXPECT_TRUE(fs::exists(folder_.path() / "elsewhere"));
}

TEST_F(Uploads, InWorkInAnotherServerStayHoweverLongTheyTake) {
  ASSERT_NO_FATAL_FAILURE(be_killed());
  const auto busy = server();
  const auto sink = busy->begin(put("1/slow.bin"));
  sink->write("slo");
  ASSERT_EQ(names_in(artifacts_ / "1").size(), 2U);
  age();
  const auto next = server(0ms);
  EXPECT_TRUE(comes_to(1)) << "what the killed one left is gone";
  sink->write("wly");
  EXPECT_EQ(sink->finish().status, 200);
  EXPECT_EQ(read_file(artifacts_ / "1" / "slow.bin"), "slowly");
}

TEST_F(Uploads, ThatMayStillBeInWorkWhereThereAreNoLocksStay) {
  write_file(artifacts_ / "1" / ".ivory-upload.new", "just now");
  write_file(artifacts_ / "1" / ".ivory-upload.old", "long ago");
  fs::last_write_time(artifacts_ / "1" / ".ivory-upload.old", fs::file_time_type::clock::now() - 1h);
  const auto next = server(0ms);
  EXPECT_TRUE(comes_to(1));
  EXPECT_THAT(names_in(artifacts_ / "1"), ElementsAre(".ivory-upload.new"));
}

TEST_F(Uploads, StayWhereAServerMayOnlyRead) {
  ASSERT_NO_FATAL_FAILURE(be_killed());
  age();
  {
    const auto reader = server(0ms, true);
  }
  write_file(artifacts_ / "1" / ".ivory-upload.2", "another");
  age();
  const auto reader = server(0ms, true);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(names_in(artifacts_ / "1").size(), 2U);
}

TEST_F(Uploads, AreNotHinderedByWhatAProcessOfTheSameNumberHasLeft) {
  for (int count = 0; count < 100; ++count)
    write_file(
        artifacts_ / "1" / (".ivory-upload." + std::to_string(::getpid()) + "." + std::to_string(count)),
        "of a container that is gone");
  const auto next = server();
  EXPECT_EQ(ask(*next, request_of("PUT", kProxy + "1/new.bin", "new", {})).status, 200);
  EXPECT_EQ(read_file(artifacts_ / "1" / "new.bin"), "new");
}

TEST_F(Uploads, LeaveNothingWhenTheyBreakOff) {
  const auto own = server();
  own->begin(put("1/half.bin"))->write("half");
  EXPECT_THAT(names_in(artifacts_ / "1"), IsEmpty());
}

TEST_F(Uploads, DoNotKeepAServerFromEnding) {
  const auto begun = std::chrono::steady_clock::now();
  {
    const auto waits = server();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
}

}  // namespace
}  // namespace ivory::server
