// The tracking library as a program uses it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/client.h>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class ClientTest : public testing::Test {
 protected:
  [[nodiscard]] RunRecord read(const ActiveRun& run) const { return client_.store().get_run(run.run_id()); }
  TemporaryFolder folder_;
  TrackingClient client_{{.tracking_uri = "sqlite:///t.db", .working_directory = folder_.path()}};
};

TEST_F(ClientTest, LogsARunFromItsStartToItsEnd) {
  std::string id;
  {
    auto run = client_.start_run(
        {.experiment = "digits", .run_name = "first", .description = "why", .tags = {{"team", "a"}}});
    id = run.run_id();
    run.log_param("lr", 0.1);
    run.log_param("epochs", 3);
    run.log_param("model", "net");
    run.log_param("deep", true);
    for (int step = 0; step < 100; ++step) run.log_metric("loss", 1.0 / (step + 1), step);
    run.log_metrics({{"acc", 0.5}, {"f1", 0.25}}, 7);
    run.set_tag("k", "v");
    run.flush();
    EXPECT_EQ(read(run).status, RunStatus::kRunning);
    EXPECT_THAT(client_.store().metric_history(id, "loss"), SizeIs(100));
  }
  const RunRecord run = client_.store().get_run(id);
  EXPECT_EQ(run.status, RunStatus::kFinished);
  EXPECT_TRUE(run.end_time);
  EXPECT_EQ(run.name, "first");
  EXPECT_EQ(client_.store().get_experiment(run.experiment_id).name, "digits");
  EXPECT_THAT(run.params, ElementsAre(KeyValue{"deep", "True"}, KeyValue{"epochs", "3"},
                                      KeyValue{"lr", "0.1"}, KeyValue{"model", "net"}));
  EXPECT_EQ(run.find_metric("loss")->value, 0.01);
  EXPECT_EQ(run.find_metric("f1")->step, 7);
  EXPECT_EQ(*run.find_tag(kNoteTag), "why");
  EXPECT_EQ(*run.find_tag("k"), "v");
  for (const auto tag : {kUserTag, kSourceNameTag, kSourceTypeTag})
    EXPECT_NE(run.find_tag(tag), nullptr) << tag;
  EXPECT_EQ(run.user_id, *run.find_tag(kUserTag));
}

TEST_F(ClientTest, FailsTheRunWhoseScopeAnExceptionLeaves) {
  std::string id;
  EXPECT_THROW(
      {
        const auto run = client_.start_run();
        id = run.run_id();
        throw std::runtime_error("no luck");
      },
      std::runtime_error);
  EXPECT_EQ(client_.store().get_run(id).status, RunStatus::kFailed);
}

TEST_F(ClientTest, EndsOnceAndThenLogsNoMore) {
  auto run = client_.start_run();
  run.end(RunStatus::kKilled);
  EXPECT_EQ(read(run).status, RunStatus::kKilled);
  EXPECT_EQ(code_of([&] { run.log_metric("m", 1); }), ErrorCode::kConflict);
  EXPECT_EQ(code_of([&] { run.end(); }), ErrorCode::kConflict);
  const auto moved = std::move(run);
  EXPECT_EQ(read(moved).status, RunStatus::kKilled);
}

TEST_F(ClientTest, NestsRuns) {
  auto parent = client_.start_run({.experiment = "nested"});
  const auto child = parent.start_nested({.run_name = "child"});
  EXPECT_EQ(*read(child).find_tag(kParentRunIdTag), parent.run_id());
  EXPECT_EQ(child.experiment_id(), parent.experiment_id());
}

TEST_F(ClientTest, GoesOnWithARun) {
  std::string id;
  {
    auto run = client_.start_run();
    id = run.run_id();
  }
  auto again = client_.resume_run(id);
  EXPECT_EQ(read(again).status, RunStatus::kRunning);
  again.log_metric("m", 1, 1);
  again.end();
  EXPECT_EQ(read(again).find_metric("m")->value, 1);
}

TEST_F(ClientTest, KeepsFilesTextsAndValues) {
  auto run = client_.start_run();
  write_file(folder_.path() / "in/a.txt", "a");
  run.log_artifact(folder_.path() / "in/a.txt", "one");
  run.log_artifacts(folder_.path() / "in", "all");
  run.log_text("text", "notes/n.txt");
  run.log_dict(Params::from_json(R"({"lr": 0.1, "sizes": [1, 2]})"), "params.json");
  const auto artifacts = open_artifact_store(run.artifact_uri());
  EXPECT_EQ(artifacts->read("one/a.txt"), "a");
  EXPECT_EQ(artifacts->read("all/a.txt"), "a");
  EXPECT_EQ(artifacts->read("notes/n.txt"), "text");
  EXPECT_EQ(Params::from_json(artifacts->read("params.json")),
            Params::from_json(R"({"lr": 0.1, "sizes": [1, 2]})"));
}

TEST_F(ClientTest, TellsOfARefusedPointAtTheNextDurablePointAndKeepsTheOthers) {
  auto run = client_.start_run();
  run.log_metric("good", 1, 0);
  run.log_metric("bad//key", 1, 0);
  run.log_metric("good", 2, 1);
  run.log_param("p", "1");
  EXPECT_THAT(message_of([&] { run.flush(); }), HasSubstr("bad//key"));
  run.flush();
  EXPECT_THAT(client_.store().metric_history(run.run_id(), "good"), SizeIs(2));
  EXPECT_EQ(*read(run).find_param("p"), "1");
  run.log_param("p", "2");
  EXPECT_EQ(code_of([&] { run.end(); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(read(run).status, RunStatus::kFinished) << "it has ended all the same";
}

TEST_F(ClientTest, LogsFromManyThreadsInOrder) {
  auto run = client_.start_run();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&run, t] {
      for (int i = 0; i < 5000; ++i) run.log_metric("m" + std::to_string(t), i, i);
    });
  for (auto& thread : threads) thread.join();
  run.flush();
  for (int t = 0; t < 4; ++t) {
    const auto points = client_.store().metric_history(run.run_id(), "m" + std::to_string(t));
    ASSERT_THAT(points, SizeIs(5000));
    EXPECT_EQ(points.back().value, 4999);
  }
}

TEST_F(ClientTest, LogsWhatTheMachineDoes) {
  ::setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.02", 1);
  auto run = client_.start_run({.system_metrics = true});
  ::unsetenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL");
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  run.end();
  const RunRecord record = read(run);
  for (const char* name :
       {"cpu_utilization_percentage", "system_memory_usage_percentage", "disk_usage_percentage"}) {
    const Metric* const metric = record.find_metric(std::string("system/") + name);
    ASSERT_NE(metric, nullptr) << name;
    EXPECT_GE(metric->value, 0) << name;
    EXPECT_LE(metric->value, 100) << name;
  }
  for (const char* name :
       {"system_memory_usage_megabytes", "disk_usage_megabytes", "disk_available_megabytes",
        "network_receive_megabytes", "network_transmit_megabytes"})
    EXPECT_NE(record.find_metric(std::string("system/") + name), nullptr) << name;
  EXPECT_EQ(client_.store().metric_history(run.run_id(), "system/cpu_utilization_percentage").front().step,
            0);
}

TEST_F(ClientTest, TakesItsStoreAndTagsFromTheEnvironment) {
  ::setenv("MLFLOW_TRACKING_URI", "sqlite:///env.db", 1);
  ::setenv("MLFLOW_EXPERIMENT_NAME", "from-env", 1);
  ::setenv("MLFLOW_RUN_CONTEXT", R"({"job": "17", "n": 3})", 1);
  const TrackingClient client{{.working_directory = folder_.path()}};
  const auto run = client.start_run();
  ::setenv("MLFLOW_RUN_CONTEXT", "no json", 1);
  EXPECT_THAT(message_of([&] { (void)client.start_run(); }),
              HasSubstr("MLFLOW_RUN_CONTEXT: found 'no json'"));
  for (const char* name : {"MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_CONTEXT"})
    ::unsetenv(name);
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "env.db"));
  const RunRecord record = client.store().get_run(run.run_id());
  EXPECT_EQ(*record.find_tag("job"), "17");
  EXPECT_EQ(*record.find_tag("n"), "3");
  EXPECT_EQ(client.store().get_experiment(run.experiment_id()).name, "from-env");
}

TEST_F(ClientTest, TakesTheExperimentOfTheEnvironmentByItsId) {
  const std::string id = client_.store().create_experiment("of a job");
  ::setenv("MLFLOW_EXPERIMENT_ID", id.c_str(), 1);
  EXPECT_EQ(client_.start_run().experiment_id(), id);
  EXPECT_NE(client_.start_run({.experiment = "another"}).experiment_id(), id);
  ::setenv("MLFLOW_EXPERIMENT_NAME", "of a jb", 1);
  EXPECT_THAT(message_of([&] { (void)client_.start_run(); }),
              HasSubstr("is named 'of a job', found 'of a jb'"));
  ::unsetenv("MLFLOW_EXPERIMENT_NAME");
  ::setenv("MLFLOW_EXPERIMENT_ID", "4711", 1);
  EXPECT_EQ(code_of([&] { (void)client_.start_run(); }), ErrorCode::kNotFound);
  ::unsetenv("MLFLOW_EXPERIMENT_ID");
}

TEST_F(ClientTest, ReadsTheSwitchOfSystemMetricsAsMlflowDoes) {
  ::setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.02", 1);
  for (const auto& [value, is_on] : {std::pair("1", true), std::pair("True", true), std::pair("0", false)}) {
    ::setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", value, 1);
    auto run = client_.start_run();
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    run.end();
    EXPECT_EQ(read(run).find_metric("system/disk_usage_percentage") != nullptr, is_on) << value;
  }
  ::setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "yes", 1);
  EXPECT_THAT(message_of([&] { (void)client_.start_run(); }),
              HasSubstr("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING: found 'yes', expected true or false"));
  ::unsetenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING");
  ::unsetenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL");
}

}  // namespace
}  // namespace ivory::tracking
