// Logged models, the model registry and what is deleted, moved between stores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include <ivory/tracking/databases.h>
#include <ivory/tracking/transfer.h>

#include "moved_models.h"

namespace ivory::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string* find_value(const std::vector<KeyValue>& tags, std::string_view key) {
  const auto found = std::ranges::find(tags, key, &KeyValue::key);
  return found == tags.end() ? nullptr : &found->value;
}

class TransferModelsTest : public testing::Test {
 protected:
  // The one logged model of the target's experiment.
  [[nodiscard]] LoggedModel moved_model() const {
    const auto found = to_.store->logged_models().search_logged_models(
        {.experiment_ids = {to_.store->find_experiment("digits")->id}});
    if (found.items.size() != 1) throw std::runtime_error("not one model");
    return found.items.front();
  }
  [[nodiscard]] RunRecord moved_run(const std::string& name) const {
    const auto runs = to_.store->list_runs({.view = ViewType::kAll, .name = name, .with_inputs = true});
    if (runs.size() != 1) throw std::runtime_error("not one run " + name);
    return runs.front();
  }
  [[nodiscard]] ModelRegistry& from_registry() const { return from_.store->model_registry(); }
  [[nodiscard]] ModelRegistry& registry() const { return to_.store->model_registry(); }

  TemporaryFolder folder_;
  TransferEnd from_ = open_exported(folder_.path() / "from", false);
  TransferEnd to_ = open_exported(folder_.path() / "to", false);
  ModelsToMove source_{from_};
};

TEST_F(TransferModelsTest, CopiesLoggedModelsWithAllTheyHave) {
  const TransferReport report = transfer(from_, to_);
  EXPECT_EQ(report.logged_models.made, 1u);
  const RunRecord train = moved_run("train");
  const RunRecord test = moved_run("test");
  const LoggedModel model = moved_model();
  EXPECT_NE(model.model_id, source_.model);
  EXPECT_EQ(model.name, "net");
  EXPECT_EQ(model.model_type, "torch");
  EXPECT_EQ(model.status, LoggedModelStatus::kReady);
  EXPECT_EQ(model.source_run_id, train.run_id);
  EXPECT_THAT(model.params, ElementsAre(KeyValue{"depth", "3"}));
  EXPECT_THAT(model.tags,
              ElementsAre(KeyValue{std::string(kOriginTag), source_.model}, KeyValue{"team", "a"}));
  EXPECT_THAT(model.metrics,
              ElementsAre(ModelMetric{{"acc", 0.5, 10, 1}, model.model_id, "d", "x", train.run_id},
                          ModelMetric{{"acc", 0.75, 20, 2}, model.model_id, "", "", test.run_id}));
  EXPECT_EQ(open_artifact_store(model.artifact_uri)->read("MLmodel"), "flavors");
  EXPECT_THAT(train.model_outputs, ElementsAre(ModelOutput{model.model_id, 7}));
  EXPECT_THAT(test.model_inputs, ElementsAre(model.model_id));
  EXPECT_THAT(to_.store->metric_history(test.run_id, "acc"), ElementsAre(Metric{"acc", 0.75, 20, 2}));
}

TEST_F(TransferModelsTest, CopiesTheRegistryWithRunsAndPlacesOfTheTarget) {
  const TransferReport report = transfer(from_, to_);
  EXPECT_EQ(report.registered_models.made, 2u);
  EXPECT_EQ(report.model_versions.made, 4u);
  const RunRecord train = moved_run("train");
  const RegisteredModel model = registry().get_registered_model("digits");
  EXPECT_EQ(model.description, "tells digits");
  EXPECT_THAT(model.tags, ElementsAre(KeyValue{"owner", "bob"}));
  EXPECT_THAT(model.aliases, ElementsAre(ModelAlias{"champion", "3"}));
  const ModelVersion first = registry().get_model_version("digits", "1");
  EXPECT_EQ(first.source, train.artifact_uri + "/model");
  EXPECT_EQ(first.run_id, train.run_id);
  EXPECT_EQ(first.run_link, "http://here/run");
  EXPECT_EQ(first.description, "the first");
  EXPECT_EQ(first.current_stage, "Production");
  EXPECT_EQ(*std::ranges::find(first.tags, "checked", &KeyValue::key), (KeyValue{"checked", "yes"}));
  EXPECT_EQ(code_of([&] { (void)registry().get_model_version("digits", "2"); }), ErrorCode::kNotFound)
      << "it was deleted there, too";
  const ModelVersion third = registry().get_model_version("digits", "3");
  EXPECT_EQ(third.source, "models:/" + moved_model().model_id);
  EXPECT_EQ(registry().download_uri("digits", "3"), moved_model().artifact_uri);
  EXPECT_EQ(registry().get_model_version("digits", "4").source, "s3://elsewhere/model");
  EXPECT_EQ(registry().get_version_by_alias("digits", "champion").version, "3");
  const RegisteredModel prompt = registry().get_registered_model("greeting");
  EXPECT_EQ(*std::ranges::find(prompt.tags, "mlflow.prompt.is_prompt", &KeyValue::key),
            (KeyValue{"mlflow.prompt.is_prompt", "true"}));
  EXPECT_EQ(registry().get_model_version("greeting", "1").source, "prompt-template");
}

TEST_F(TransferModelsTest, ChangesNothingTheSecondTime) {
  transfer(from_, to_);
  const std::string names = names_in(*to_.store);
  const std::string times = times_in(*to_.store);
  const TransferReport again = transfer(from_, to_);
  EXPECT_EQ(again.runs.present, 4u);
  EXPECT_EQ(again.runs.made + again.runs.completed, 0u);
  EXPECT_EQ(again.logged_models.present, 1u);
  EXPECT_EQ(again.logged_models.made + again.logged_models.completed, 0u);
  EXPECT_EQ(again.registered_models.present, 2u);
  EXPECT_EQ(again.registered_models.made + again.registered_models.completed, 0u);
  EXPECT_EQ(again.model_versions.present, 4u);
  EXPECT_EQ(again.model_versions.made + again.model_versions.completed, 0u);
  EXPECT_EQ(again.deleted, 0u);
  EXPECT_EQ(again.files, 0u);
  EXPECT_EQ(names_in(*to_.store), names);
  EXPECT_EQ(times_in(*to_.store), times);
  // Back to where they came from, too.
  const std::string origin = names_in(*from_.store);
  const TransferReport back = transfer(to_, from_);
  EXPECT_EQ(back.model_versions.present, 4u);
  EXPECT_EQ(back.logged_models.present, 1u);
  EXPECT_EQ(names_in(*from_.store), origin);
}

TEST_F(TransferModelsTest, CompletesWhatAnInterruptedTransferBegan) {
  transfer(from_, to_);
  // Each is a state that a transfer may leave when it is killed.
  const LoggedModel model = moved_model();
  to_.store->logged_models().finalize_logged_model(model.model_id, LoggedModelStatus::kPending);
  open_artifact_store(model.artifact_uri)->remove("MLmodel");
  (void)registry().transition_stage("digits", "1", "None", false);
  registry().delete_alias("digits", "champion");
  registry().delete_model_version("digits", "4");
  to_.store->restore_run(moved_run("gone").run_id);
  const TransferReport rest = transfer(from_, to_);
  EXPECT_EQ(rest.logged_models.completed, 1u);
  EXPECT_EQ(rest.model_versions.completed, 1u);
  EXPECT_EQ(rest.model_versions.made, 1u);
  EXPECT_EQ(rest.registered_models.completed, 1u);
  EXPECT_EQ(rest.deleted, 1u);
  EXPECT_EQ(rest.files, 1u);
  EXPECT_EQ(moved_model().status, LoggedModelStatus::kReady);
  EXPECT_EQ(open_artifact_store(model.artifact_uri)->read("MLmodel"), "flavors");
  EXPECT_EQ(registry().get_model_version("digits", "1").current_stage, "Production");
  EXPECT_EQ(registry().get_version_by_alias("digits", "champion").version, "3");
  EXPECT_EQ(registry().get_model_version("digits", "5").source, "s3://elsewhere/model")
      << "its number is used up";
  EXPECT_EQ(moved_run("gone").lifecycle_stage, LifecycleStage::kDeleted);
}

// Wherever it breaks off, the next one makes the same of it.
TEST_F(TransferModelsTest, EndsWithTheSameWhereverItBrokeOff) {
  for (int steps = 1; steps < 6; ++steps) {
    const TransferEnd other = open_exported(folder_.path() / ("to" + std::to_string(steps)), false);
    int step = 0;
    const TransferOptions breaking{.on_progress = [&](const TransferProgress&) {
      if (++step == steps) throw std::runtime_error("pulled the plug");
    }};
    EXPECT_THROW(transfer(from_, other, breaking), std::runtime_error);
    transfer(from_, other);
    EXPECT_EQ(names_in(*other.store), names_in(*from_.store)) << steps;
  }
}

TEST_F(TransferModelsTest, EndsWithTheSameWheneverItWasKilled) {
  const auto whole = std::chrono::steady_clock::now();
  transfer(from_, to_);
  const auto took = std::chrono::steady_clock::now() - whole;
  const std::string expected = names_in(*from_.store);
  constexpr int kRounds = 16;
  for (int round = 0; round < kRounds; ++round) {
    const std::filesystem::path target = folder_.path() / ("killed" + std::to_string(round));
    const pid_t child = fork();
    if (child == 0) {
      transfer(open_exported(folder_.path() / "from", true), open_exported(target, false));
      _exit(0);
    }
    std::this_thread::sleep_for(took * (round + 1) / kRounds);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const TransferEnd end = open_exported(target, false);
    transfer(from_, end);
    EXPECT_EQ(names_in(*end.store), expected) << round;
    const TransferReport again = transfer(from_, end);
    EXPECT_EQ(again.runs.made + again.runs.completed + again.deleted + again.files, 0u) << round;
  }
}

// Killed before the version had its number: what was begun is gone on with, or given up for another.
TEST_F(TransferModelsTest, GoesOnWithVersionsThatWereLeftUnfinished) {
  for (const std::string number : {"2", "3"}) {
    const TransferEnd end = open_exported(folder_.path() / ("left" + number), false);
    transfer(from_, end);
    ModelRegistry& there = end.store->model_registry();
    const ModelVersion third = there.get_model_version("digits", "3");
    const std::string origin = *find_value(third.tags, kOriginTag);
    there.delete_registered_model("digits");
    there.create_registered_model("digits", {}, "", "");
    const int versions = number == "2" ? 1 : 2;
    for (int i = 0; i < versions; ++i) {
      const auto before = there.create_model_version({.name = "digits", .source = "/s"});
      there.delete_model_version("digits", before.version);
    }
    const auto left =
        there.create_model_version({.name = "digits",
                                    .source = third.source,
                                    .tags = {{std::string(kOriginTag), "unfinished " + origin}}});
    ASSERT_EQ(left.version, number);
    const TransferReport rest = transfer(from_, end);
    EXPECT_EQ(rest.model_versions.made, 3u);
    const auto found = there.search_model_versions({.filter = "name = 'digits'"}).items;
    ASSERT_THAT(found, SizeIs(3)) << "and none that is unfinished";
    for (const ModelVersion& version : found)
      EXPECT_FALSE(find_value(version.tags, kOriginTag)->starts_with("unfinished")) << version.version;
    EXPECT_EQ(transfer(from_, end).model_versions.present, 4u);
  }
}

TEST_F(TransferModelsTest, KeepsDeletedWhatIsDeleted) {
  const TransferReport report = transfer(from_, to_);
  EXPECT_EQ(report.deleted, 3u) << "a run, an experiment and its run";
  EXPECT_EQ(moved_run("gone").lifecycle_stage, LifecycleStage::kDeleted);
  EXPECT_EQ(moved_run("gone").find_metric("m")->value, 1);
  const auto old = to_.store->find_experiment("old");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->lifecycle_stage, LifecycleStage::kDeleted);
  EXPECT_EQ(open_artifact_store(moved_run("ancient").artifact_uri)->read("a.txt"), "ancient");
  // What is deleted later is deleted there later.
  from_.store->delete_run(source_.test);
  EXPECT_EQ(transfer(from_, to_).deleted, 1u);
  EXPECT_EQ(moved_run("test").lifecycle_stage, LifecycleStage::kDeleted);
}

TEST_F(TransferModelsTest, AddsToWhatIsDeletedOnBothSides) {
  transfer(from_, to_);
  const std::string old = from_.store->find_experiment("old")->id;
  from_.store->restore_experiment(old);
  const RunRecord late = from_.store->create_run({.experiment_id = old, .name = "late"});
  from_.store->update_run(late.run_id, {.status = RunStatus::kFinished, .end_time_ms = 5});
  from_.store->delete_experiment(old);
  EXPECT_EQ(transfer(from_, to_).runs.made, 1u);
  EXPECT_EQ(to_.store->find_experiment("old")->lifecycle_stage, LifecycleStage::kDeleted);
  EXPECT_EQ(moved_run("late").status, RunStatus::kFinished);
  EXPECT_EQ(transfer(from_, to_).runs.made, 0u);
}

TEST_F(TransferModelsTest, DeletesNothingThatIsOfOthers) {
  const std::string id = to_.store->create_experiment("old");
  const RunRecord own = to_.store->create_run({.experiment_id = id, .name = "own"});
  transfer(from_, to_);
  EXPECT_EQ(to_.store->find_experiment("old")->lifecycle_stage, LifecycleStage::kActive);
  EXPECT_EQ(to_.store->get_run(own.run_id).lifecycle_stage, LifecycleStage::kActive);
  EXPECT_EQ(moved_run("ancient").lifecycle_stage, LifecycleStage::kDeleted);
  // An experiment that is deleted in the target alone is not brought back.
  to_.store->delete_experiment(to_.store->find_experiment("digits")->id);
  EXPECT_THAT(message_of([&] { transfer(from_, to_); }), HasSubstr("deleted"));
}

TEST_F(TransferModelsTest, TakesOfTheRegistryWhatComesFromTheExperimentsThatAreNamed) {
  from_.store->create_experiment("empty");
  const TransferReport none = transfer(from_, to_, {.experiments = {"empty"}});
  EXPECT_EQ(none.registered_models.made, 0u);
  EXPECT_THAT(registry().search_registered_models({}).items, IsEmpty());
  const TransferReport report = transfer(from_, to_, {.experiments = {"digits"}});
  EXPECT_EQ(report.registered_models.made, 1u);
  EXPECT_EQ(report.model_versions.made, 2u) << "neither the prompt nor the version from elsewhere";
  EXPECT_THAT(registry().search_model_versions({}).items, SizeIs(2));
  EXPECT_EQ(registry().get_version_by_alias("digits", "champion").version, "3");
}

TEST_F(TransferModelsTest, LinksModelsThatAnEarlierTransferMoved) {
  const std::string later = from_.store->create_experiment("later");
  const RunRecord run = from_.store->create_run({.experiment_id = later, .name = "uses it"});
  from_.store->log_inputs(run.run_id, {}, {source_.model});
  transfer(from_, to_, {.experiments = {"digits"}});
  transfer(from_, to_, {.experiments = {"later"}});
  EXPECT_THAT(moved_run("uses it").model_inputs, ElementsAre(moved_model().model_id));
}

// As servers note it at a logged model when a version is made of it.
TEST_F(TransferModelsTest, ListsTheVersionsOfALoggedModelByTheirNewNumbers) {
  const std::string tag = "mlflow.modelVersions";
  const auto listed = [&] { return *find_value(moved_model().tags, tag); };
  from_.store->logged_models().set_logged_model_tags(
      source_.model, {{tag, R"([{"name": "digits", "version": 3}, {"name": "gone", "version": 1}])"}});
  registry().create_registered_model("digits", {}, "", "");
  for (int i = 0; i < 5; ++i) registry().create_model_version({.name = "digits", .source = "/mine"});
  transfer(from_, to_);
  const std::string number = registry().get_version_by_alias("digits", "champion").version;
  EXPECT_NE(number, "3");
  EXPECT_EQ(listed(), R"([{"name":"digits","version":)" + number + "}]");
  const TransferReport again = transfer(from_, to_);
  EXPECT_EQ(again.logged_models.completed + again.model_versions.completed, 0u);
  from_.store->logged_models().set_logged_model_tags(source_.model, {{tag, "no list"}});
  EXPECT_EQ(transfer(from_, to_).logged_models.completed, 0u);
}

TEST_F(TransferModelsTest, AddsToModelsOfTheSameName) {
  registry().create_registered_model("digits", {}, "mine", "");
  registry().create_model_version({.name = "digits", .source = "/mine"});
  transfer(from_, to_);
  EXPECT_EQ(registry().get_model_version("digits", "1").source, "/mine");
  EXPECT_THAT(registry().get_model_version("digits", "2").source, HasSubstr("/artifacts/model"));
  EXPECT_EQ(registry().get_version_by_alias("digits", "champion").source,
            "models:/" + moved_model().model_id);
}

// Older ones of MLflow took such names.
TEST_F(TransferModelsTest, ReportsModelsThatTheTargetRefusesAndMovesTheOthers) {
  {
    storage::Connection connection({.path = folder_.path() / "from/mlflow.db"});
    connection.execute(
        "INSERT INTO registered_models (name, creation_time, last_updated_time) VALUES ('a/b', 1, 1)");
    connection.execute(
        "INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, source) "
        "VALUES ('a/b', 1, 1, 1, 'None', '/s')");
  }
  const TransferReport report = transfer(from_, to_);
  EXPECT_THAT(report.refused, ElementsAre(testing::StartsWith("a/b: Invalid model name")));
  EXPECT_EQ(report.registered_models.made, 2u);
  EXPECT_EQ(report.model_versions.made, 4u);
}

// MLflow 2.17 knows no logged models.
TEST_F(TransferModelsTest, TakesDatabasesOfOlderMLflowsAndSaysWhatTheyCannotHold) {
  const auto old = [&](const std::string& name) {
    const std::filesystem::path folder = folder_.path() / name;
    std::filesystem::create_directories(folder);
    create_database("sqlite:///mlflow.db", SchemaHead::kMlflow217, {.working_directory = folder});
    return open_exported(folder, false);
  };
  const TransferEnd source = old("old");
  const RunRecord run = source.store->create_run({.experiment_id = "0", .name = "old run"});
  source.store->update_run(run.run_id, {.status = RunStatus::kFinished, .end_time_ms = 5});
  ModelRegistry& models = source.store->model_registry();
  models.create_registered_model("m", {}, "", "");
  models.create_model_version({.name = "m", .source = "s3://x", .run_id = run.run_id});
  const TransferReport report = transfer(source, to_);
  EXPECT_EQ(report.runs.made, 1u);
  EXPECT_EQ(report.model_versions.made, 1u);
  EXPECT_EQ(registry().get_model_version("m", "1").run_id, moved_run("old run").run_id);
  EXPECT_THAT(message_of([&] { transfer(from_, old("target")); }), HasSubstr("ivory db upgrade"));
}

TEST_F(TransferModelsTest, EndsThoughRunsAreNestedInACircle) {
  from_.store->log_batch(source_.train, {.tags = {{std::string(kParentRunIdTag), source_.test}}});
  from_.store->log_batch(source_.test, {.tags = {{std::string(kParentRunIdTag), source_.train}}});
  EXPECT_EQ(transfer(from_, to_).runs.made, 4u);
}

}  // namespace
}  // namespace ivory::tracking
