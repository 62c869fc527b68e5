// The file: store: the contracts of all stores, and MLflow's folders read and written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ivory/tracking_file/file_store.h>

#include <cmath>
#include <limits>
#include <set>

#include "models_contract.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

OpenPlace file_place() { return {"file:./mlruns", {}, {&file_store_scheme(), 1}, true}; }

const auto kPlaces = testing::Values(StorePlace{"file", file_place});
INSTANTIATE_TEST_SUITE_P(File, TrackingStoreContract, kPlaces, name_of_place);
INSTANTIATE_TEST_SUITE_P(File, ModelRegistryContract, kPlaces, name_of_place);
INSTANTIATE_TEST_SUITE_P(File, LoggedModelsContract, kPlaces, name_of_place);

class FileStore : public testing::Test {
 protected:
  [[nodiscard]] StoreOptions options(Access access = Access::kReadWrite) const {
    return {.working_directory = folder_.path(), .access = access, .further = {&file_store_scheme(), 1}};
  }
  [[nodiscard]] std::shared_ptr<TrackingStore> open(const std::string& uri = "file:mlruns",
                                                    Access access = Access::kReadWrite) const {
    return open_store(uri, options(access));
  }
  [[nodiscard]] fs::path root() const { return folder_.path() / "mlruns"; }

  TemporaryFolder folder_;
};

TEST_F(FileStore, OpensRelativeAndAbsoluteFolders) {
  const std::string absolute = (folder_.path() / "there").string();
  for (const std::string& uri : {std::string("file:here"), std::string("file:./here2/"), "file:" + absolute,
                                 "file://" + absolute, "file://localhost" + absolute}) {
    EXPECT_EQ(open(uri)->get_experiment("0").name, "Default") << uri;
  }
  EXPECT_TRUE(fs::exists(folder_.path() / "here" / "0" / "meta.yaml"));
  EXPECT_TRUE(fs::exists(folder_.path() / "here2" / "0" / "meta.yaml"));
  EXPECT_TRUE(fs::exists(fs::path(absolute) / "0" / "meta.yaml"));
  for (const char* uri : {"file:", "file://", "file://elsewhere/mlruns"})
    EXPECT_EQ(code_of([&] { (void)open(uri); }), ErrorCode::kInvalidArgument) << uri;
}

TEST_F(FileStore, IsAnUnknownSchemeToWhoDoesNotAskForIt) {
  EXPECT_EQ(code_of([&] { (void)open_store("file:mlruns", {.working_directory = folder_.path()}); }),
            ErrorCode::kInvalidArgument);
}

TEST_F(FileStore, MakesNothingWhenItMayOnlyRead) {
  EXPECT_FALSE(store_exists("file:mlruns", options()));
  EXPECT_EQ(code_of([&] { (void)open("file:mlruns", Access::kReadOnly); }), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(root()));
  (void)open();
  EXPECT_TRUE(store_exists("file:mlruns", options()));
  const auto store = open("file:mlruns", Access::kReadOnly);
  EXPECT_EQ(code_of([&] { store->create_experiment("new"); }), ErrorCode::kUnsupported);
}

TEST_F(FileStore, KeepsInfinitiesAndTheSignOfZero) {
  const auto store = open();
  const auto run = store->create_run({.experiment_id = "0", .name = "x"});
  const double infinity = std::numeric_limits<double>::infinity();
  store->log_batch(run.run_id, {.metrics = {{"up", infinity}, {"down", -infinity}, {"zero", -0.0}}});
  const auto read = store->get_run(run.run_id);
  EXPECT_EQ(read.find_metric("up")->value, infinity);
  EXPECT_EQ(read.find_metric("down")->value, -infinity);
  EXPECT_TRUE(std::signbit(read.find_metric("zero")->value));
}

TEST_F(FileStore, WritesMetricsAsMLflowDoes) {
  const auto store = open();
  const auto run = store->create_run({.experiment_id = "0", .name = "x"});
  store->log_batch(run.run_id, {.metrics = {{"a/b", 1.0 / 3, 17, 2},
                                            {"a/b", std::numeric_limits<double>::quiet_NaN(), 18, 3},
                                            {"a/b", 1e16, 19, -4}}});
  EXPECT_EQ(read_file(root() / "0" / run.run_id / "metrics" / "a" / "b"),
            "17 0.3333333333333333 2\n18 nan 3\n19 1e+16 -4\n");
}

TEST_F(FileStore, RefusesAsAWholeABatchWithANameThatWouldBeFileAndFolder) {
  const auto store = open();
  const auto run = store->create_run({.experiment_id = "0", .name = "x"});
  store->log_batch(run.run_id, {.metrics = {{"m", 1}, {"deep/m", 1}}, .params = {{"p", "1"}}});
  const std::vector<Batch> batches{{.metrics = {{"m/below", 1}}, .params = {{"new", "1"}}},
                                   {.metrics = {{"deep", 1}}, .params = {{"new", "1"}}},
                                   {.metrics = {{"n", 1}, {"n/o", 1}}, .params = {{"new", "1"}}},
                                   {.params = {{"new", "1"}, {"p/q", "1"}}},
                                   {.params = {{"new", "1"}}, .tags = {{"t", "1"}, {"t/u", "1"}}}};
  for (const Batch& batch : batches)
    EXPECT_EQ(code_of([&] { store->log_batch(run.run_id, batch); }), ErrorCode::kConflict);
  const auto read = store->get_run(run.run_id);
  EXPECT_EQ(read.params, (std::vector<KeyValue>{{"p", "1"}}));
  EXPECT_THAT(read.metrics, SizeIs(2));
  EXPECT_EQ(read.tags, run.tags);
}

TEST_F(FileStore, ABatchThatIsSentAgainIsThereOnce) {
  const auto store = open();
  const auto run = store->create_run({.experiment_id = "0", .name = "x"});
  const Batch batch{
      .metrics = {{"m", 1, 1, 1}, {"m", 2, 2, 2}}, .params = {{"p", "1"}}, .tags = {{"t", "1"}}};
  store->log_batch(run.run_id, batch);
  const auto once = store->get_run(run.run_id);
  store->log_batch(run.run_id, batch);
  EXPECT_EQ(store->get_run(run.run_id), once);
  EXPECT_THAT(store->metric_history(run.run_id, "m"), SizeIs(2));
}

TEST_F(FileStore, PassesOverALineThatAKilledWriterLeft) {
  const auto store = open();
  const auto run = store->create_run({.experiment_id = "0", .name = "x"});
  store->log_metric(run.run_id, {"m", 1, 1, 0});
  const fs::path file = root() / "0" / run.run_id / "metrics" / "m";
  write_file(file, read_file(file) + "170000");
  EXPECT_THAT(store->metric_history(run.run_id, "m"), SizeIs(1));
  store->log_metric(run.run_id, {"m", 2, 2, 1});
  EXPECT_EQ(read_file(file), "1 1.0 0\n2 2.0 1\n");
}

TEST_F(FileStore, NamesTheLineThatIsNoPoint) {
  const auto store = open();
  const auto run = store->create_run({.experiment_id = "0", .name = "x"});
  const fs::path file = root() / "0" / run.run_id / "metrics" / "m";
  for (const char* line : {"1 2 3 4\n", "x 1.0 0\n", "1 one 0\n", "1 1.0 0.5\n", "1\n"}) {
    write_file(file, "1 1.0 0\n" + std::string(line));
    EXPECT_THAT(message_of([&] { (void)store->metric_history(run.run_id, "m"); }),
                HasSubstr(file.string() + ":2: "))
        << line;
  }
}

TEST_F(FileStore, ShowsTheOtherRunsBesideOneThatIsDamaged) {
  const auto store = open();
  const auto good = store->create_run({.experiment_id = "0", .name = "good"});
  const auto bad = store->create_run({.experiment_id = "0", .name = "bad"});
  write_file(root() / "0" / bad.run_id / "meta.yaml", "run_id: [");
  ASSERT_THAT(store->list_runs({}), SizeIs(1));
  EXPECT_EQ(store->list_runs({})[0].run_id, good.run_id);
  EXPECT_EQ(code_of([&] { (void)store->get_run(bad.run_id); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(message_of([&] { (void)store->get_run(bad.run_id); }), HasSubstr("meta.yaml:1"));
}

TEST_F(FileStore, KeepsFieldsThatItDoesNotKnow) {
  const auto store = open();
  const auto run = store->create_run({.experiment_id = "0", .name = "x"});
  const fs::path meta = root() / "0" / run.run_id / "meta.yaml";
  write_file(meta, read_file(meta) + "from_the_future: 7\n");
  store->update_run(run.run_id, {.status = RunStatus::kFinished});
  EXPECT_THAT(read_file(meta), testing::AllOf(HasSubstr("from_the_future: 7"), HasSubstr("status: 3")));
}

TEST_F(FileStore, DoesNotLeaveItsFolder) {
  const auto store = open();
  write_file(folder_.path() / "outside" / "meta.yaml", "name: x\nrun_name: x\nstatus: 1\n");
  for (const char* id : {"../outside", "..", ".", "", "/", "0/../../outside", ".trash"}) {
    EXPECT_EQ(store->find_run(id), std::nullopt) << id;
    EXPECT_EQ(code_of([&] { (void)store->get_experiment(id); }), ErrorCode::kNotFound) << id;
    EXPECT_EQ(store->logged_models().find_logged_model(id), std::nullopt) << id;
    EXPECT_THAT(store->metric_history(id, "m"), IsEmpty()) << id;
  }
  const auto run = store->create_run({.experiment_id = "0", .name = "x"});
  EXPECT_THAT(store->metric_history(run.run_id, "../meta.yaml"), IsEmpty());
}

TEST_F(FileStore, MovesADeletedExperimentToTheTrash) {
  const auto store = open();
  const std::string id = store->create_experiment("gone");
  const auto run = store->create_run({.experiment_id = id, .name = "x"});
  store->delete_experiment(id);
  EXPECT_TRUE(fs::exists(root() / ".trash" / id / run.run_id / "meta.yaml"));
  EXPECT_FALSE(fs::exists(root() / id));
  EXPECT_EQ(store->get_run(run.run_id).lifecycle_stage, LifecycleStage::kDeleted);
  store->restore_experiment(id);
  EXPECT_EQ(store->get_run(run.run_id).lifecycle_stage, LifecycleStage::kActive);
}

TEST_F(FileStore, NumbersRunsOnceAmongManyProcesses) {
  (void)open();
  const auto statuses = run_processes(4, [&](int) {
    const auto store = open();
    for (int i = 0; i < 5; ++i) {
      const auto run = store->create_run({.experiment_id = "0", .name_prefix = "run"});
      store->log_metric(run.run_id, {"m", 1.0 * i, i, i});
    }
    return 0;
  });
  EXPECT_THAT(statuses, testing::Each(0));
  std::set<std::string> names;
  for (const RunRecord& run : open()->list_runs({})) names.insert(run.name);
  EXPECT_THAT(names, SizeIs(20));
  EXPECT_TRUE(names.contains("run#19"));
}

}  // namespace
}  // namespace ivory::tracking
