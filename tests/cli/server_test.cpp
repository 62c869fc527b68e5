// ivory server: what it refuses, how it ends while it starts, and ivory sync with nothing to do.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include <ivory/storage/connection.h>

#include "cli_support.h"

namespace ivory {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

class ServerCli : public Cli {
 protected:
  // Waits until the command, and not the copy of this process that becomes it, has opened the file.
  static void wait_until_open(pid_t process, const fs::path& file) {
    const fs::path known = "/proc/" + std::to_string(process);
    for (int tries = 0; tries < 200; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (fs::read_symlink(known / "exe").filename() == "ivory" && has_open(known / "fd", file)) return;
    }
    FAIL() << file << " was not opened within ten seconds";
  }

 private:
  static bool has_open(const fs::path& descriptors, const fs::path& file) {
    return std::ranges::any_of(fs::directory_iterator(descriptors), [&](const fs::directory_entry& each) {
      std::error_code closed;  // meanwhile
      return fs::read_symlink(each.path(), closed) == file;
    });
  }
};

TEST_F(ServerCli, RefusesAWrongPortBeforeItMakesADatabase) {
  const CommandResult refused = ivory({"server", "--port", "99999"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("--port: expected 0 to 65535, found 99999"));
  EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db"));
}

TEST_F(ServerCli, EndsWhileItWaitsForALockedDatabase) {
  const fs::path file = fs::canonical(path()) / "mlflow.db";
  storage::Connection other({.path = file});
  other.execute("BEGIN EXCLUSIVE");
  for (const int signal : {SIGINT, SIGTERM}) {
    RunningCommand server(path(), {"server", "--port", "0"});
    wait_until_open(server.pid(), file);
    const auto sent = Clock::now();
    server.send(signal);
    EXPECT_EQ(server.wait().status, 128 + signal);
    EXPECT_LT(Clock::now() - sent, std::chrono::seconds(30)) << "it waited for the lock, for a minute";
  }
}

TEST_F(ServerCli, SaysThatNothingWaitsToBeSent) {
  const CommandResult sync = ivory({"sync"});
  EXPECT_EQ(sync.status, 0) << sync.err;
  EXPECT_EQ(sync.out, "Nothing waits to be sent.\n");
  EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db"));
}

}  // namespace
}  // namespace ivory
