// What a client finds, loads and changes of runs that were tracked.
#include <gmock/gmock.h>

#include <set>

#include <ivory/experiment/tracker.h>
#include <ivory/tracking/artifact_store.h>

#include "support.h"

namespace ivory {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::Project;
using tracking::RunStatus;

// A task of four runs, and one run by itself. Nothing is started.
class StoredRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    Task task = client.create_task("line");
    task_id = task.id();
    for (const ivory::Run& run : task.product({{"fold", Range(0, 1)}, {"lr", {1e-3, 0.1}}}))
      nested.push_back(run.id());
    single = client.create_run("line", {{"lr", 0.5}}).id();
  }
  [[nodiscard]] std::vector<std::string> all() const {
    std::vector<std::string> ids{task_id};
    ids.insert(ids.end(), nested.begin(), nested.end());
    ids.push_back(single);
    return ids;
  }
  [[nodiscard]] tracking::RunRecord row(const std::string& id) const {
    return client.tracker()->store().get_run(id);
  }

  Project project;
  Client client{project.path()};
  std::string task_id, single;
  std::vector<std::string> nested;
};

TEST_F(StoredRuns, AreFoundOldestFirst) {
  EXPECT_EQ(client.search_run_ids(), all());
  EXPECT_EQ(client.search_run_ids({.name = "line"}), all());
  EXPECT_THAT(message_of([&] { static_cast<void>(client.search_run_ids({.name = "lien"})); }),
              HasSubstr("did you mean 'line'?"));
}

TEST_F(StoredRuns, AreFoundByTheirPlaceInATask) {
  EXPECT_THAT(client.search_parent_run_ids("line"), ElementsAre(task_id));
  EXPECT_EQ(client.search_nested_run_ids("line"), nested);
  EXPECT_EQ(client.search_run_ids({.parent_run_id = task_id}), nested);
  EXPECT_THAT(client.search_run_ids({.parent_run_id = single}), IsEmpty());
  EXPECT_EQ(client.search_run_ids({.exclude_parent = true}).size(), 5u);
  EXPECT_THAT(client.search_run_ids({.parent_only = true, .exclude_parent = true}), IsEmpty());
}

TEST_F(StoredRuns, AreFoundByTheirParams) {
  const auto found = [&](const Ranges& params) { return client.search_run_ids({.params = params}); };
  EXPECT_THAT(found({{"lr", 0.001}}), ElementsAre(nested[0], nested[2]));
  EXPECT_THAT(found({{"lr", {0.5, 0.1}}}), ElementsAre(nested[1], nested[3], single));
  EXPECT_THAT(found({{"lr", Range(0.1, 0.5, 0.1)}}), ElementsAre(nested[1], nested[3], single))
      << "a range is from start to stop, whatever its step";
  EXPECT_THAT(found({{"lr", Range(0.01, 0.2, 0.01)}, {"fold", 1}}), ElementsAre(nested[3]));
  EXPECT_THAT(found({{"fold", 1.0}}), ElementsAre(nested[2], nested[3])) << "numbers are compared as numbers";
  EXPECT_THAT(found({{"fold", "one"}}), IsEmpty());
  EXPECT_THAT(found({{"epochs", 5}}), IsEmpty()) << "it was not logged";
  EXPECT_THAT(client.search_nested_run_ids("line", {{"fold", 0}}), ElementsAre(nested[0], nested[1]));
}

TEST_F(StoredRuns, AreGivenWhole) {
  const auto runs = client.search_runs({.params = {{"fold", 1}, {"lr", 0.1}}});
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs.front().name, "run#3");
  EXPECT_NE(runs.front().find_tag(tracking::kIndexTag), nullptr);
}

TEST_F(StoredRuns, HaveShortNames) {
  EXPECT_EQ(client.resolve_run("line/task#0").run_id, task_id);
  EXPECT_EQ(client.resolve_run("line/run#4").run_id, single);
  EXPECT_EQ(client.resolve_run("run#4").run_id, single) << "no other experiment has one";
  EXPECT_EQ(client.resolve_run(single).run_id, single);
  EXPECT_EQ(client.resolve_run(single.substr(0, 20)).run_id, single);
  EXPECT_THAT(message_of([&] { static_cast<void>(client.resolve_run("line/run#5")); }),
              AllOf(HasSubstr("there is no run 'line/run#5'"), HasSubstr("did you mean 'run#")));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.resolve_run("lien/run#0")); }),
              HasSubstr("did you mean 'line'?"));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.resolve_run(std::string(32, 'f'))); }),
              HasSubstr("there is no run"));
}

TEST_F(StoredRuns, OfOneNameAreListed) {
  project.write("other.yml", "model: {class: line.Model}\n");
  static_cast<void>(client.create_run("other"));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.resolve_run("run#0")); }),
              AllOf(HasSubstr("other/run#0"), HasSubstr("line/run#0"), HasSubstr(nested[0].substr(0, 8))));
}

TEST_F(StoredRuns, WhoseIdsBeginAlikeAreListed) {
  // With 17 runs two begin with the same digit.
  const Experiment experiment = client.create_experiment("line");
  for (int i = 0; i < 17; ++i) static_cast<void>(experiment.reserve_run());
  std::string doubled;
  std::set<char> seen;
  for (const std::string& id : client.search_run_ids())
    if (!seen.insert(id.front()).second) doubled = id.front();
  EXPECT_THAT(message_of([&] { static_cast<void>(client.resolve_run(doubled)); }),
              AllOf(HasSubstr("may mean several runs"), HasSubstr("line/")));
}

TEST_F(StoredRuns, AreCounted) {
  EXPECT_EQ(client.get_run_id("line"), nested[0]);
  EXPECT_EQ(client.get_run_id("line", 4), single);
  EXPECT_EQ(client.get_run_id("line", -1), single);
  EXPECT_EQ(client.get_run_id("line", -5), nested[0]);
  EXPECT_EQ(client.get_run_id("line", 0, "task"), task_id);
  EXPECT_THAT(client.get_run_ids("line", "run", Range(0, 1)), ElementsAre(nested[0], nested[1]));
  EXPECT_THAT(client.get_run_ids("line", "run", {3, 4}), ElementsAre(nested[3], single));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.get_run_id("line", -6)); }),
              HasSubstr("which has 5 of them"));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.get_run_id("line", 9)); }), HasSubstr("line/run#9"));
}

TEST_F(StoredRuns, KnowTheirTask) {
  EXPECT_EQ(client.get_nested_run_ids("line/task#0"), nested);
  EXPECT_EQ(client.get_parent_run_id("line/run#1"), task_id);
  EXPECT_EQ(client.get_parent_run_id(single), "");
  EXPECT_EQ(client.get_run_name(single), "run#4");
  client.set_parent_run_id({single}, "line/task#0");
  EXPECT_EQ(client.get_parent_run_id(single), task_id);
  EXPECT_EQ(client.get_nested_run_ids(task_id).back(), single);
  EXPECT_THAT(message_of([&] { client.set_parent_run_id({task_id}, task_id); }), HasSubstr("under itself"));
}

TEST_F(StoredRuns, AreLoadedFromTheirParams) {
  const Params params = client.load_params("line/run#3");
  EXPECT_EQ(params.at("run").at("id"), Params(nested[3]));
  EXPECT_EQ(params.at("run").at("datasets").at("fold"), Params(1));
  EXPECT_EQ(params.at("experiment").at("name"), Params("line"));
}

TEST_F(StoredRuns, WithoutAStateSaySo) {
  EXPECT_THAT(message_of([&] { static_cast<void>(client.load_run(single)); }),
              HasSubstr("has no saved state"));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.load_run("line/task#0")); }), HasSubstr("is a task"));
}

TEST_F(StoredRuns, AreLoadedInTheirStates) {
  ivory::Run run = client.create_run("line", {{"fold", 2}});
  run.start("train");
  const double trained = run.get<testing::LineModel>("model")->slope;
  const ivory::Run current = client.load_run("line/run#5", "current");
  EXPECT_EQ(current.get<testing::LineModel>("model")->slope, trained);
  EXPECT_EQ(current.get<Trainer>("trainer")->epoch(), 4);
  EXPECT_EQ(current.id(), run.id());
  EXPECT_EQ(current.name(), "run#5");
  EXPECT_EQ(current.source_name(), run.source_name());
  EXPECT_FALSE(current.dict().contains("tracking")) << "it records nothing";
  EXPECT_THAT(message_of([&] { static_cast<void>(client.load_run("line/run#5", "test")); }),
              HasSubstr("no saved state 'test'"));
  EXPECT_THAT(message_of([&] { static_cast<void>(client.load_run("line/run#5", "bset")); }),
              HasSubstr("did you mean 'best'?"));
  EXPECT_EQ(client.load_run("line/run#5").state_dict(), client.load_run("line/run#5", "best").state_dict());
}

TEST_F(StoredRuns, AreLoadedAfterTheirFileIsGone) {
  client.create_run("line", {{"fold", 2}}).start("train");
  std::filesystem::rename(project.path() / "line.yml", project.path() / "renamed.yml");
  const ivory::Run run = client.load_run("line/run#5");
  EXPECT_EQ(run.get<Datasets>("datasets")->fold(), 2);
  EXPECT_EQ(run.source_name(), "");
}

TEST_F(StoredRuns, GiveOneMemberWithItsState) {
  ivory::Run run = client.create_run("line");
  run.start("train");
  const auto model = client.load_instance("line/run#5", "model", "current").share<testing::LineModel>();
  EXPECT_EQ(model->slope, run.get<testing::LineModel>("model")->slope);
  EXPECT_EQ(client.load_instance("line/run#5", "trainer").share<Trainer>()->epoch(),
            run.get<Monitor>("monitor")->best_epoch());
  EXPECT_EQ(client.load_instance("line/run#5", "datasets.data").share<Data>() == nullptr, false);
}

TEST_F(StoredRuns, GetParamsThatTheyLack) {
  EXPECT_EQ(client.update_params("line", {{"fold", 0}, {"momentum", 0.9}}), 5u) << "not the task";
  EXPECT_EQ(*row(single).find_param("fold"), "0");
  EXPECT_EQ(*row(nested[3]).find_param("fold"), "1");
  EXPECT_EQ(*row(nested[3]).find_param("momentum"), "0.9");
  EXPECT_EQ(row(task_id).find_param("fold"), nullptr);
  EXPECT_EQ(client.update_params("line", {{"fold", 0}, {"momentum", 0.9}}), 0u);
}

TEST_F(StoredRuns, AreTerminated) {
  const auto reserved = client.create_experiment("line").reserve_run();
  EXPECT_EQ(row(single).status, RunStatus::kKilled) << "it was never started";
  client.set_terminated(single);
  EXPECT_EQ(row(single).status, RunStatus::kKilled) << "it has ended already";
  EXPECT_EQ(client.set_terminated_all("line"), 0u) << "this process lives";
  client.set_terminated(reserved.run_id);
  EXPECT_EQ(row(reserved.run_id).status, RunStatus::kFinished);
  EXPECT_TRUE(row(reserved.run_id).end_time.has_value());
}

TEST_F(StoredRuns, OfAnotherToolAreTerminatedAllTogether) {
  tracking::TrackingStore& store = client.tracker()->store();
  const std::string experiment = store.find_or_create_experiment("line").id;
  const std::string one = store.create_run({.experiment_id = experiment}).run_id;
  const std::string other = store.create_run({.experiment_id = store.create_experiment("other")}).run_id;
  EXPECT_EQ(client.set_terminated_all("line"), 1u);
  EXPECT_EQ(row(one).status, RunStatus::kFinished);
  EXPECT_EQ(row(other).status, RunStatus::kRunning);
  EXPECT_EQ(client.set_terminated_all(), 1u);
}

TEST_F(StoredRuns, AreRemovedForGoodOnceDeleted) {
  const auto folder = *tracking::open_artifact_store(row(single).artifact_uri)->local_path();
  ASSERT_TRUE(std::filesystem::exists(folder / "params.yaml"));
  EXPECT_EQ(client.remove_deleted_runs(), 0u);
  client.tracker()->store().delete_run(single);
  EXPECT_EQ(client.remove_deleted_runs("line"), 1u);
  EXPECT_FALSE(std::filesystem::exists(folder.parent_path()));
  EXPECT_FALSE(client.tracker()->store().find_run(single).has_value());
  EXPECT_EQ(client.search_run_ids().size(), 5u);
  EXPECT_TRUE(
      std::filesystem::exists(*tracking::open_artifact_store(row(nested[0]).artifact_uri)->local_path()));
}

TEST(Client, WithoutRunsFindsNone) {
  const Project project;
  const Client client(project.path());
  EXPECT_THAT(client.search_run_ids(), IsEmpty());
  EXPECT_THAT(client.search_runs(), IsEmpty());
  EXPECT_THAT(message_of([&] { static_cast<void>(client.resolve_run("line/run#0")); }),
              HasSubstr("no runs yet"));
  EXPECT_FALSE(project.has("mlflow.db")) << "looking writes nothing";
  const Client untracked(project.path(), false);
  EXPECT_THAT(message_of([&] { static_cast<void>(untracked.search_run_ids()); }), HasSubstr("no tracker"));
}

}  // namespace
}  // namespace ivory
