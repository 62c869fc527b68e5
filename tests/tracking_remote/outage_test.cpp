// A tracking server that goes away while a run logs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <mutex>
#include <set>

#include <nlohmann/json.hpp>

#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/async_logger.h>
#include <ivory/tracking/client.h>
#include <ivory/tracking/spool.h>

#include "test_server.h"
#include "tracking_support.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using net::Received;
using net::Reply;
using net::TestServer;
using nlohmann::json;
using testing::SizeIs;

// Keeps the points, params and status of one run, and can be taken away and brought back at its port.
class Server {
 public:
  Server() { start(); }
  void start() {
    server_ =
        std::make_unique<TestServer>([this](const Received& request) { return answer(request); }, port_);
    port_ = server_->port();
  }
  void stop() { server_.reset(); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::vector<std::int64_t> steps() const {
    const std::scoped_lock lock(mutex_);
    return steps_;
  }
  [[nodiscard]] std::string status() const {
    const std::scoped_lock lock(mutex_);
    return status_;
  }
  // By path in the run's artifacts.
  [[nodiscard]] std::map<std::string, std::string> artifacts() const {
    const std::scoped_lock lock(mutex_);
    return artifacts_;
  }
  [[nodiscard]] std::size_t inputs() const {
    const std::scoped_lock lock(mutex_);
    return inputs_;
  }

 private:
  Reply answer(const Received& request) {
    const std::scoped_lock lock(mutex_);
    if (request.target.ends_with("runs/log-batch")) {
      const json body = json::parse(request.body);
      for (const json& metric : body["metrics"]) steps_.push_back(metric["step"]);
      return {};
    }
    if (request.target.ends_with("runs/update")) {
      status_ = json::parse(request.body).value("status", "");
      return {};
    }
    if (request.method == "PUT") {
      const std::string root = "/api/2.0/mlflow-artifacts/artifacts/1/abc/";
      if (!request.target.starts_with(root)) return {.status = 400};
      artifacts_[request.target.substr(root.size())] = request.body;
      return {};
    }
    if (request.target.ends_with("runs/log-inputs")) {
      inputs_ += json::parse(request.body)["datasets"].size();
      return {};
    }
    if (request.target.find("get-by-name") != std::string::npos)
      return {.body = R"({"experiment": {"experiment_id": "1", "name": "e"}})"};
    if (request.target.ends_with("runs/create") || request.target.find("runs/get") != std::string::npos)
      return {
          .body =
              R"({"run": {"info": {"run_id": "abc", "experiment_id": "1", "run_name": "x", "artifact_uri": "mlflow-artifacts:/1/abc"}}})"};
    return {};
  }

  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::int64_t> steps_;
  std::string status_ = "RUNNING";
  std::map<std::string, std::string> artifacts_;
  std::size_t inputs_ = 0;
  std::unique_ptr<TestServer> server_;
};

class OutageTest : public testing::Test {
 protected:
  [[nodiscard]] AsyncOptions options() const {
    return {.interval = 5ms, .spool_folder = spool(), .tracking_uri = server_.url(), .retry_interval = 20ms};
  }
  [[nodiscard]] fs::path spool() const { return folder_.path() / ".ivory/spool"; }
  [[nodiscard]] std::vector<std::int64_t> up_to(std::int64_t end) const {
    std::vector<std::int64_t> steps;
    for (std::int64_t i = 0; i < end; ++i) steps.push_back(i);
    return steps;
  }
  // As a set, in the order of their first arrival: what comes twice is one point to MLflow.
  [[nodiscard]] std::vector<std::int64_t> arrived() const {
    std::set<std::int64_t> seen;
    std::vector<std::int64_t> steps;
    for (const std::int64_t step : server_.steps())
      if (seen.insert(step).second) steps.push_back(step);
    return steps;
  }

  // In a process that is killed when it has done so.
  void log_and_die(const std::function<void(AsyncLogger&)>& log) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
      AsyncLogger logger(*store_, "abc", options());
      log(logger);
      (void)!::write(ready[1], "x", 1);
      for (;;) pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }

  Server server_;
  TemporaryFolder folder_;
  std::shared_ptr<TrackingStore> store_ = open_store(server_.url(), {.max_retries = 0});
};

TEST_F(OutageTest, SendsInOrderWhatWaitedWhenTheServerIsBack) {
  AsyncLogger logger(*store_, "abc", options());
  for (int i = 0; i < 10; ++i) logger.log_metric("m", i, i);
  logger.flush();
  server_.stop();
  for (int i = 10; i < 50; ++i) {
    logger.log_metric("m", i, i);
    if (i % 10 == 0) logger.flush();
  }
  logger.flush();
  EXPECT_TRUE(logger.is_spooling());
  EXPECT_THAT(server_.steps(), SizeIs(10));
  server_.start();
  for (int i = 0; i < 400 && logger.is_spooling(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(logger.is_spooling());
  logger.log_metric("m", 50, 50);
  logger.flush();
  EXPECT_EQ(arrived(), up_to(51));
  EXPECT_TRUE(fs::is_empty(spool()));
}

TEST_F(OutageTest, TriesOnceMoreAtTheEndOfARunThoughItIsNotTimeYet) {
  AsyncOptions patient = options();
  patient.retry_interval = 1h;
  AsyncLogger logger(*store_, "abc", patient);
  server_.stop();
  logger.log_metric("m", 0, 0);
  logger.flush();
  EXPECT_TRUE(logger.is_spooling());
  server_.start();
  logger.flush();
  EXPECT_TRUE(logger.is_spooling()) << "it is not time yet";
  std::this_thread::sleep_for(1100ms);
  logger.update({.status = RunStatus::kFinished, .end_time_ms = 5});
  EXPECT_FALSE(logger.is_spooling());
  EXPECT_EQ(server_.status(), "FINISHED");
}

TEST_F(OutageTest, LetsARunEndAndIsSyncedLater) {
  {
    const TrackingClient client{{.tracking_uri = server_.url(), .working_directory = folder_.path()}};
    auto run = client.start_run({.experiment = "e"});
    server_.stop();
    for (int i = 0; i < 20; ++i) run.log_metric("m", i, i);
  }
  EXPECT_EQ(server_.status(), "RUNNING");
  SyncReport report = sync_spools(spool());
  EXPECT_EQ(report.runs, 0u);
  EXPECT_THAT(report.failures, SizeIs(1)) << "still away: kept";
  server_.start();
  report = sync_spools(spool());
  EXPECT_EQ(report.runs, 1u);
  EXPECT_THAT(report.failures, SizeIs(0));
  EXPECT_EQ(arrived(), up_to(20));
  EXPECT_EQ(server_.status(), "FINISHED");
  EXPECT_TRUE(fs::is_empty(spool()));
  EXPECT_EQ(sync_spools(folder_.path() / "none").runs, 0u);
}

// What a run logs of each kind of artifact; the files are changed and removed right after.
void log_artifacts(ActiveRun& run, const fs::path& folder) {
  write_file(folder / "in/deep/a.txt", "a");
  write_file(folder / "in/b.txt", "b");
  run.log_artifact(folder / "in/b.txt", "one");
  write_file(folder / "in/b.txt", "b again");
  run.log_artifact(folder / "in/b.txt");
  run.log_artifacts(folder / "in", "all");
  fs::remove_all(folder / "in");
  run.log_text("text", "notes/n.txt");
  run.log_dict(Params::from_json(R"({"lr": 0.1})"), "params.json");
}

const std::map<std::string, std::string> kArtifacts{
    {"one/b.txt", "b"},      {"b.txt", "b again"},    {"all/b.txt", "b again"},
    {"all/deep/a.txt", "a"}, {"notes/n.txt", "text"}, {"params.json", "{\n  \"lr\": 0.1\n}"}};

TEST_F(OutageTest, KeepsCopiesOfArtifactsUntilTheServerIsBack) {
  {
    const TrackingClient client{{.tracking_uri = server_.url(), .working_directory = folder_.path()}};
    auto run = client.start_run({.experiment = "e"});
    server_.stop();
    log_artifacts(run, folder_.path());
    run.log_inputs({{{"d", "x", "local", "{}", "", ""}, {}}});
  }
  EXPECT_THAT(server_.artifacts(), testing::IsEmpty());
  EXPECT_THAT(sync_spools(spool()).failures, SizeIs(1)) << "still away: kept";
  server_.start();
  EXPECT_EQ(sync_spools(spool()).runs, 1u);
  EXPECT_EQ(server_.artifacts(), kArtifacts);
  EXPECT_EQ(server_.inputs(), 1u);
  EXPECT_EQ(server_.status(), "FINISHED");
  EXPECT_TRUE(fs::is_empty(spool())) << "the copies are gone, too";
}

TEST_F(OutageTest, SendsArtifactsThatWaitedWhileTheRunGoesOn) {
  const auto artifacts = open_artifact_store("mlflow-artifacts:/1/abc", {}, server_.url(), 0);
  AsyncLogger logger(*store_, "abc", options());
  server_.stop();
  logger.write_artifact(*artifacts, "a.txt", "first");
  logger.write_artifact(*artifacts, "a.txt", "second");
  EXPECT_TRUE(logger.is_spooling());
  server_.start();
  for (int i = 0; i < 400 && logger.is_spooling(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(server_.artifacts(), (std::map<std::string, std::string>{{"a.txt", "second"}}))
      << "in the order in which they were logged";
  logger.write_artifact(*artifacts, "b.txt", "at once");
  EXPECT_THAT(server_.artifacts(), SizeIs(2));
  logger.flush();
}

TEST_F(OutageTest, SendsArtifactsThatAKilledProcessLeftWhenItsRunGoesOn) {
  server_.stop();
  const auto artifacts = open_artifact_store("mlflow-artifacts:/1/abc", {}, server_.url(), 0);
  log_and_die([&](AsyncLogger& logger) { logger.write_artifact(*artifacts, "a.txt", "left"); });
  server_.start();
  const TrackingClient client{{.tracking_uri = server_.url(), .working_directory = folder_.path()}};
  auto run = client.resume_run("abc");
  run.end();
  EXPECT_EQ(server_.artifacts(), (std::map<std::string, std::string>{{"a.txt", "left"}}));
}

TEST_F(OutageTest, RefusesWrongArtifactsThoughTheServerIsAway) {
  const auto artifacts = open_artifact_store("mlflow-artifacts:/1/abc", {}, server_.url(), 0);
  AsyncLogger logger(*store_, "abc", options());
  server_.stop();
  logger.write_artifact(*artifacts, "a.txt", "x");
  for (const char* path : {"../a", "/a", "", "."})
    EXPECT_EQ(code_of([&] { logger.write_artifact(*artifacts, path, "x"); }), ErrorCode::kInvalidArgument)
        << path;
  EXPECT_EQ(code_of([&] { logger.log_artifact(*artifacts, folder_.path() / "none", ""); }),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { logger.log_artifacts(*artifacts, folder_.path() / "none", ""); }),
            ErrorCode::kNotFound);
  server_.start();
  logger.flush();
}

// One refused record takes nothing else with it.
TEST_F(OutageTest, SendsWhatComesAfterSomethingThatIsRefused) {
  {
    Spool left(spool(), server_.url(), "abc");
    left.append(Batch{.metrics = {{"bad//key", 0, 0, 0}, {"m", 0, 0, 0}}});
    left.append_bytes("a.txt", "x");
    left.append(Batch{.metrics = {{"m", 1, 1, 1}}});
  }
  EXPECT_THAT(sync_spools(spool()).failures, SizeIs(1));
  EXPECT_EQ(arrived(), up_to(2));
  EXPECT_THAT(server_.artifacts(), SizeIs(1));
  EXPECT_TRUE(fs::exists(spool() / "abc.spool.refused"));
  EXPECT_TRUE(fs::exists(spool() / "abc.files.refused"));
}

TEST_F(OutageTest, KeepsAsideWhatIsRefusedWhileTheRunGoesOn) {
  for (const std::string name : {"abc.spool.refused", "abc.spool.refused2"}) {
    {
      Spool left(spool(), server_.url(), "abc");
      left.append(Batch{.metrics = {{"bad//key", 0, 0, 0}}});
      left.append_bytes("a.txt", "x");
    }
    AsyncLogger logger(*store_, "abc", options());
    EXPECT_THAT(message_of([&] { logger.flush(); }), testing::HasSubstr("bad//key"));
    EXPECT_FALSE(logger.is_spooling());
    EXPECT_TRUE(fs::exists(spool() / name));
    logger.log_metric("m", 1, 1);
    logger.flush();
  }
  EXPECT_TRUE(fs::exists(spool() / "abc.files.refused2")) << "with the copies of what was sent";
  EXPECT_THAT(server_.artifacts(), SizeIs(1));
}

TEST_F(OutageTest, LosesNothingThatWasFlushedWhenTheProcessIsKilled) {
  server_.stop();
  log_and_die([](AsyncLogger& logger) {
    for (int i = 0; i < 500; ++i) logger.log_metric("m", i, i);
    logger.flush();
  });
  server_.start();
  EXPECT_EQ(sync_spools(spool()).runs, 1u);
  EXPECT_EQ(arrived(), up_to(500));
}

TEST_F(OutageTest, TakesUpWhatAKilledProcessLeftBeforeItsOwn) {
  {
    Spool left(spool(), server_.url(), "abc");
    left.append(Batch{.metrics = {{"m", 0, 0, 0}, {"m", 1, 1, 1}}});
  }
  AsyncLogger logger(*store_, "abc", options());
  logger.log_metric("m", 2, 2);
  logger.flush();
  EXPECT_EQ(arrived(), up_to(3));
}

TEST_F(OutageTest, KeepsWhatTheServerRefusesForGood) {
  fs::create_directories(spool());
  {
    Spool left(spool(), server_.url(), "abc");
    left.append(Batch{.metrics = {{"bad//key", 0, 0, 0}}});
  }
  const SyncReport report = sync_spools(spool());
  EXPECT_THAT(report.failures, SizeIs(1));
  EXPECT_TRUE(fs::exists(spool() / "abc.spool.refused"));
}

}  // namespace
}  // namespace ivory::tracking
