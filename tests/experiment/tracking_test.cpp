#include <gmock/gmock.h>

#include <ivory/experiment/tracking.h>
#include <ivory/tracking/liveness.h>
#include <ivory/yaml/yaml.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::Project;

tracking::RunRecord record_of(const Client& client, const std::string& id) {
  return client.tracker()->store().get_run(id);
}

TEST(TrackedRun, HasAnIdANumberAndItsParameters) {
  const Project project;
  const Client client = create_client(project.path());
  const ivory::Run first = client.create_run("line", {{"fold", 1}, {"lr", 0.05}});
  const ivory::Run second = client.create_run("line");
  EXPECT_EQ(first.name(), "run#0");
  EXPECT_EQ(second.name(), "run#1");
  const tracking::RunRecord record = record_of(client, first.id());
  EXPECT_EQ(record.name, "run#0");
  EXPECT_THAT(record.params, ElementsAre(tracking::KeyValue{"fold", "1"}, tracking::KeyValue{"lr", "0.05"}));
  EXPECT_EQ(*record.find_tag("mlflow.source.type"), "LOCAL");
  EXPECT_NE(record.find_tag("mlflow.user"), nullptr);
  EXPECT_EQ(record.status, tracking::RunStatus::kRunning);
  EXPECT_FALSE(tracking::is_stale(record));
}

TEST(TrackedRun, KeepsItsWholeParametersAsAFileThatMakesTheSameRun) {
  const Project project;
  const Client client = create_client(project.path());
  const ivory::Run run = client.create_run("line", {{"fold", 2}});
  const Params params = read_yaml(run.find<Tracking>()->artifact_folder() / "params.yaml");
  EXPECT_EQ(params, run.params());
  EXPECT_EQ(params.at("run").at("id").as_string(), run.id());
  EXPECT_EQ(params.at("run").at("name").as_string(), "run#0");
  EXPECT_EQ(params.at("experiment").at("name").as_string(), "line");
  EXPECT_EQ(params.at("experiment").at("id").as_string(), "1");
  EXPECT_EQ(params.at("run").at("datasets").at("fold").as_int(), 2);
}

TEST(TrackedRun, LogsMetricsOfEachEpochAndItsStates) {
  const Project project;
  const Client client = create_client(project.path());
  ivory::Run run = client.create_run("line", {{"epochs", 3}});
  run.start("both");
  const auto history = client.tracker()->store().metric_history(run.id(), "val_loss");
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(history[2].step, 2);
  const tracking::RunRecord record = record_of(client, run.id());
  EXPECT_EQ(record.status, tracking::RunStatus::kFinished);
  EXPECT_TRUE(record.end_time.has_value());
  for (const char* key :
       {"loss", "val_loss", "lr", "mae", "val_mae", "best_score", "best_epoch", "test_loss", "test_mae"})
    EXPECT_NE(record.find_metric(key), nullptr) << key;
  const auto folder = run.find<Tracking>()->artifact_folder();
  for (const char* state : {"current", "best", "test"})
    EXPECT_TRUE(exists(folder / state / "model.json")) << state;
}

TEST(TrackedRun, EndsFailedWithTheMessageWhenAMemberThrows) {
  struct Bomb {
    void on_epoch_end(ivory::Run& /*run*/) { throw Error(ErrorCode::kInternal, "the learner broke"); }
  };
  const Project project;
  const Client client = create_client(project.path());
  ivory::Run run = client.create_run("line");
  run.set("bomb", Value::object(std::make_shared<Bomb>()));
  EXPECT_EQ(message_of([&] { run.start(); }), "the learner broke");
  const tracking::RunRecord record = record_of(client, run.id());
  EXPECT_EQ(record.status, tracking::RunStatus::kFailed);
  EXPECT_EQ(*record.find_tag("ivory.error"), "the learner broke");
}

TEST(TrackedRun, EndsKilledWhenItIsDroppedUnstarted) {
  const Project project;
  const Client client = create_client(project.path());
  const std::string id = client.create_run("line").id();
  EXPECT_EQ(record_of(client, id).status, tracking::RunStatus::kKilled);
}

TEST(TrackedRun, RunsAgainWhenStartedAgain) {
  const Project project;
  const Client client = create_client(project.path());
  ivory::Run run = client.create_run("line");
  run.start("train");
  run.start("test");
  const tracking::RunRecord record = record_of(client, run.id());
  EXPECT_EQ(record.status, tracking::RunStatus::kFinished);
  EXPECT_NE(record.find_metric("test_loss"), nullptr);
}

TEST(TrackedRun, IsMadeFromAnyRunBySettingATracker) {
  const Project project;
  ivory::Run run = create_client(project.path(), false).create_run("line", {{"fold", 1}});
  const auto tracker = std::make_shared<Tracker>("sqlite:///" + (project.path() / "other.db").string());
  tracker->set_directory(project.path());
  run.set_tracker(tracker, "trial");
  EXPECT_EQ(run.name(), "trial#0");
  run.start();
  EXPECT_EQ(tracker->store().get_run(run.id()).status, tracking::RunStatus::kFinished);
}

TEST(CreateRun, WritesNothingWhenAMemberIsWrong) {
  const Project project;
  const Client client = create_client(project.path());
  EXPECT_THAT(message_of([&] { static_cast<void>(client.create_run("line", {{"fold", 9}})); }),
              HasSubstr("fold"));
  EXPECT_FALSE(project.has("mlflow.db"));
  EXPECT_FALSE(project.has("mlruns"));
}

}  // namespace
}  // namespace ivory
