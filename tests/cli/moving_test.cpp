// Experiments moved, stores far away, and runs made offline, by command.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <set>
#include <thread>

#include "cli_support.h"

namespace ivory {
namespace {

using testing::HasSubstr;

class Moving : public Cli {
 protected:
  // A port where nobody listens.
  const std::string nobody_ = "http://127.0.0.1:9";
};

TEST_F(Moving, ExportsWhatIsNewAndImportsItElsewhere) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  const Params first = ivory_json({"export", "backup"});
  EXPECT_EQ(first.at("runs_made").as_int(), 1);
  EXPECT_GT(first.at("files").as_int(), 0);
  EXPECT_EQ(ivory_json({"export", "backup", "toy"}).at("runs_present").as_int(), 1);
  const Params moved = ivory_json({"import", "backup", "--to", "sqlite:///other.db"});
  EXPECT_EQ(moved.at("runs_made").as_int(), 1);
  const CommandResult found = ivory({"search", "toy", "--tracking-uri", "sqlite:///other.db"});
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr("run#0"));
  EXPECT_THAT(ivory({"export", "backup", "tot"}).err, HasSubstr("did you mean 'toy'"));
  EXPECT_THAT(ivory({"import", "nowhere"}).err, HasSubstr("holds no exported experiments"));
}

TEST_F(Moving, MakesNothingForWhatIsWrong) {
  const auto refused = [this](const std::vector<std::string>& words, std::string_view why) {
    const CommandResult result = ivory(words);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(std::string(why)));
  };
  refused({"export", "backup"}, "there is nothing to export: no runs yet in sqlite:///mlflow.db");
  expect_nothing_written();
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  refused({"export", "backup", "tot"}, "did you mean 'toy'");
  refused({"import", "--from", "sqlite:///mlflow.db", "--to", "sqlite:///other.db", "tot"},
          "did you mean 'toy'");
  refused({"import", "mlflow.db"}, "is a file; expected a folder, or a tracking URI: sqlite:///mlflow.db");
  refused({"export", "toy.yml"}, "is a file; expected a folder");
  EXPECT_FALSE(std::filesystem::exists(path() / "backup"));
  EXPECT_FALSE(std::filesystem::exists(path() / "other.db"));
}

TEST_F(Moving, TwoAtOnceMakeNothingTwice) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  const std::vector<std::string> words{
      "import", "--from", "sqlite:///mlflow.db", "--to", "sqlite:///other.db", "--json"};
  std::vector<std::unique_ptr<RunningCommand>> transfers;
  for (int i = 0; i < 3; ++i) transfers.push_back(std::make_unique<RunningCommand>(path(), words));
  for (const auto& transfer : transfers) {
    const CommandResult result = transfer->wait();
    EXPECT_EQ(result.status, 0) << result.err;
  }
  EXPECT_EQ(ivory_json({"search", "toy", "--tracking-uri", "sqlite:///other.db"}).size(), 5U);
}

TEST_F(Moving, TakesFoldersAndStoresOfAnyKindForBothEnds) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  EXPECT_EQ(ivory_json({"export", "file:./copy"}).at("runs_made").as_int(), 1);
  EXPECT_TRUE(std::filesystem::exists(path() / "copy/0/meta.yaml"));
  EXPECT_EQ(ivory_json({"export", "file:copy", "toy"}).at("runs_present").as_int(), 1);
  const Params moved = ivory_json({"import", "--from", "file:./copy", "--to", "sqlite:///other.db", "toy"});
  EXPECT_EQ(moved.at("runs_made").as_int(), 1);
  EXPECT_EQ(ivory_json({"import", "file:copy", "--to", "backup"}).at("runs_made").as_int(), 1);
  EXPECT_EQ(ivory_json({"import", "--from", "backup", "--to", "file:copy"}).at("runs_present").as_int(), 1);
  EXPECT_THAT(ivory({"search", "toy", "--tracking-uri", "file:copy"}).out, HasSubstr("run#0"));
  EXPECT_THAT(ivory({"import", "file:nowhere"}).err, HasSubstr("nowhere' does not exist"));
  EXPECT_THAT(ivory({"export", "ftp://host/x"}).err, HasSubstr("file"));
}

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::uint16_t free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = local(0);
  socklen_t length = sizeof address;
  const bool bound = ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(listener);
  return bound ? ntohs(address.sin_port) : 0;
}

// ivory server in a folder, taking connections.
std::unique_ptr<RunningCommand> started_server(const std::filesystem::path& folder, std::uint16_t port) {
  auto server = std::make_unique<RunningCommand>(
      folder, std::vector<std::string>{"server", "--port", std::to_string(port)});
  const sockaddr_in address = local(port);
  for (int tries = 0; tries < 200; ++tries) {
    const int caller = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int refused = ::connect(caller, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::close(caller);
    if (refused == 0) return server;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  ADD_FAILURE() << "the server takes no connections";
  return server;
}

TEST_F(Moving, KeepsWhatARunLogsAndItsFilesWhileTheServerIsAway) {
  const std::uint16_t port = free_port();
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  auto server = started_server(path(), port);
  RunningCommand run(path(), {"run", "toy", "epochs=200", "trainer.sleep_ms=50", "--tracking-uri", url});
  wait_for_metrics();
  server->send(SIGKILL);
  (void)server->wait();
  run.send(SIGINT);
  const CommandResult ended = run.wait();
  EXPECT_EQ(ended.status, 130) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("what it logs waits in"));
  const auto status = [this] { return ivory_json({"search"}).at(std::size_t{0}).at("status").as_string(); };
  EXPECT_NE(status(), "KILLED") << "nobody could tell the server";
  EXPECT_NE(ivory({"sync", "--tracking-uri", url}).status, 0);

  server = started_server(path(), port);
  EXPECT_EQ(ivory_json({"sync", "--tracking-uri", url}).at("runs_sent").as_int(), 1);
  EXPECT_EQ(status(), "KILLED");
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path() / "mlartifacts"))
    if (entry.is_regular_file())
      files.insert(entry.path().parent_path().filename() / entry.path().filename());
  EXPECT_TRUE(files.contains("current/trainer.json")) << "the state that was saved last";
  EXPECT_TRUE(std::filesystem::is_empty(path() / ".ivory/spool"));
}

TEST_F(Moving, SaysAtOnceThatAServerIsDownAndWhatToDo) {
  const CommandResult down = ivory({"run", "toy", "--tracking-uri", nobody_});
  EXPECT_EQ(down.status, 1);
  EXPECT_THAT(down.err, HasSubstr("no answer from " + nobody_));
  EXPECT_THAT(down.err, HasSubstr("--offline"));
  expect_nothing_written();
}

TEST_F(Moving, MakesRunsOfflineAndKeepsThemUntilTheServerIsThere) {
  ASSERT_EQ(ivory({"run", "toy", "-q", "--tracking-uri", nobody_, "--offline"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path() / ".ivory/offline.db"));
  EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db"));
  const CommandResult away = ivory({"sync", "--tracking-uri", nobody_});
  EXPECT_EQ(away.status, 1);
  EXPECT_THAT(away.err, testing::Not(HasSubstr("ivory sync"))) << "that is what was called";
  const CommandResult nowhere = ivory({"sync"});
  EXPECT_EQ(nowhere.status, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("no server is named"));
  EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db"));
  // Any store will do that is named.
  const Params sent = ivory_json({"sync", "--tracking-uri", "sqlite:///far.db"});
  EXPECT_EQ(sent.at("runs_made").as_int(), 1);
  EXPECT_EQ(ivory_json({"sync", "--tracking-uri", "sqlite:///far.db"}).at("runs_present").as_int(), 1);
  EXPECT_THAT(ivory({"search", "toy", "--tracking-uri", "sqlite:///far.db"}).out, HasSubstr("run#0"));
  EXPECT_EQ(ivory_json({"sync", "--tracking-uri", "file:./far"}).at("runs_made").as_int(), 1);
  EXPECT_EQ(ivory_json({"sync", "--tracking-uri", "file:./far"}).at("runs_present").as_int(), 1);
  EXPECT_THAT(ivory({"search", "toy", "--tracking-uri", "file:far"}).out, HasSubstr("run#0"));
}

TEST_F(Moving, TakesTheTrackingUriInItsOrder) {
  ::setenv("MLFLOW_TRACKING_URI", "sqlite:///usual.db", 1);
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path() / "usual.db"));
  write("client.yml", read("client.yml") + "\ntracker: {tracking_uri: 'sqlite:///given.db'}\n");
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path() / "given.db"));
  ASSERT_EQ(ivory({"run", "toy", "-q", "--tracking-uri", "sqlite:///asked.db"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path() / "asked.db"));
  ::unsetenv("MLFLOW_TRACKING_URI");
}

}  // namespace
}  // namespace ivory
