// ivory server: what it refuses, how it ends while it starts, and ivory sync with nothing to do.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
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

TEST_F(ServerCli, RefusesWhatWouldNeverWorkBeforeItMakesADatabase) {
  write("users.yml", "users:\n  ada: {password: secret}\n");
  struct Case {
    std::vector<std::string> options;
    const char* why;
  };
  for (const Case& wrong : std::vector<Case>{
           {{"--auth", "users.yml"}, "users.yml:2: this is no hash of a password"},
           {{"--auth", "nowhere.yml"}, "nowhere.yml"},
           {{"--cors", "lab.example"}, "--cors: expected an origin such as https://lab.example"},
           {{"--cors", "https://lab.example/"}, "--cors: expected an origin"},
           {{"--allowed-hosts", "https://lab.example"},
            "--allowed-hosts: expected a name such as lab.example"},
           {{"--certificate", "lab.pem"}, "--certificate and --private-key go together"},
           {{"--certificate", "lab.pem", "--private-key", "lab.key"}, "--certificate: cannot read"},
           {{"--tracking-uri", "sqlite:///other.db"}, "the store of a server is --backend-store-uri"},
           {{"--offline"}, "--backend-store-uri"}}) {
    std::vector<std::string> words{"server", "--port", "0"};
    words.insert(words.end(), wrong.options.begin(), wrong.options.end());
    const CommandResult refused = ivory(words);
    EXPECT_EQ(refused.status, 2) << wrong.why;
    EXPECT_THAT(refused.err, HasSubstr(wrong.why));
    EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db")) << wrong.why;
  }
}

TEST_F(ServerCli, TellsWhereItIsAndOpensItsAccessLogAgain) {
  const RunningCommand server(path(), {"server", "--port", "0", "--access-log", "log.json", "--json"});
  const auto wait_for = [](const std::function<bool()>& condition) {
    for (int tries = 0; tries < 400 && !condition(); ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    return condition();
  };
  ASSERT_TRUE(wait_for([&] { return server.out().find("}\n") != std::string::npos; }));
  const Params place = Params::from_json(server.out());
  EXPECT_EQ(place.at("store").as_string(), "sqlite:///mlflow.db");
  const std::string url = place.at("url").as_string();
  ASSERT_THAT(url, testing::StartsWith("http://127.0.0.1:"));
  const auto ask = [&] { return ivory({"experiments", "--tracking-uri", url}).status; };
  EXPECT_EQ(ask(), 0);
  ASSERT_TRUE(wait_for([&] { return std::filesystem::file_size(path() / "log.json") > 0; }));
  std::filesystem::rename(path() / "log.json", path() / "log.json.1");
  server.send(SIGHUP);
  ASSERT_TRUE(wait_for([&] { return std::filesystem::exists(path() / "log.json"); }));
  EXPECT_EQ(ask(), 0);
  EXPECT_TRUE(wait_for([&] { return read("log.json").find("experiments/search") != std::string::npos; }));
}

TEST_F(ServerCli, HidesThePasswordInAStoresAddress) {
  const std::string uri = "postgresql://ada:secret@127.0.0.1:9/none";
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"search", "--tracking-uri", uri},
           {"search", "--tracking-uri", "http://ada:secret@127.0.0.1:9"},
           {"search", "--tracking-uri", "postgrs://ada:secret@127.0.0.1:9/none"},
           {"server", "--backend-store-uri", uri},
           {"db", "create", uri}})
    EXPECT_THAT(ivory(words).err,
                testing::AllOf(HasSubstr("127.0.0.1:9"), testing::Not(HasSubstr("secret"))));
}

TEST_F(ServerCli, MakesHashesAndTokensForPrograms) {
  const Params token = ivory_json({"server", "--new-token"});
  EXPECT_EQ(token.at("token").as_string().size(), 43U);
  EXPECT_EQ(token.at("sha256").as_string().size(), 64U);
}

TEST_F(ServerCli, TakesTheTrackingUriBeforeTheCommandToo) {
  const CommandResult found = ivory({"--tracking-uri", "sqlite:///far.db", "search"});
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_EQ(found.out, "There are no runs yet in sqlite:///far.db.\n");
}

TEST_F(ServerCli, SaysThatNothingWaitsToBeSent) {
  const CommandResult sync = ivory({"sync"});
  EXPECT_EQ(sync.status, 0) << sync.err;
  EXPECT_EQ(sync.out, "Nothing waits to be sent.\n");
  EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db"));
}

}  // namespace
}  // namespace ivory
