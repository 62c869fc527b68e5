// Experiments and models moved into MLflow's folders and out of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tracking_file/file_store.h>

#include "moved_models.h"

namespace ivory::tracking {
namespace {

class FileTransfer : public testing::Test {
 protected:
  [[nodiscard]] TransferEnd folders(const std::string& name) const {
    const std::string uri = "file:" + name;
    return {
        .store = open_store(uri, {.working_directory = folder_.path(), .further = {&file_store_scheme(), 1}}),
        .tracking_uri = uri};
  }
  static void expect_nothing_new(const TransferReport& report) {
    for (const TransferCounts& counts :
         {report.runs, report.logged_models, report.registered_models, report.model_versions})
      EXPECT_EQ(counts.made + counts.completed, 0u);
    EXPECT_EQ(report.deleted + report.files, 0u);
  }
  TemporaryFolder folder_;
};

TEST_F(FileTransfer, MovesAllIntoFoldersAndOutOfThem) {
  const TransferEnd from = open_exported(folder_.path() / "from", false);
  const ModelsToMove source(from);
  const TransferEnd folders_between = folders("between");
  const TransferEnd to = open_exported(folder_.path() / "to", false);
  const TransferReport in = transfer(from, folders_between);
  EXPECT_EQ(in.model_versions.made, 4u);
  EXPECT_EQ(in.files, 2u);
  EXPECT_EQ(names_in(*folders_between.store), names_in(*from.store));
  const TransferReport out = transfer(folders_between, to);
  EXPECT_EQ(out.files, 2u) << "those of a deleted experiment, too";
  EXPECT_EQ(names_in(*to.store), names_in(*from.store));
  const std::string times = times_in(*folders_between.store);
  expect_nothing_new(transfer(from, folders_between));
  EXPECT_EQ(times_in(*folders_between.store), times);
  expect_nothing_new(transfer(folders_between, to));
  expect_nothing_new(transfer(to, from));
  const auto runs = to.store->list_runs({.view = ViewType::kDeletedOnly, .name = "ancient"});
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(open_artifact_store(runs.front().artifact_uri)->read("a.txt"), "ancient");
}

TEST_F(FileTransfer, MovesFoldersIntoOthers) {
  const TransferEnd from = folders("from");
  const ModelsToMove source(from);
  const TransferEnd to = folders("to");
  transfer(from, to);
  EXPECT_EQ(names_in(*to.store), names_in(*from.store));
  expect_nothing_new(transfer(from, to));
}

TEST_F(FileTransfer, FindsTheArtifactsOfDeletedExperimentsInTheTrash) {
  const TransferEnd end = folders("mlruns");
  const std::string id = end.store->create_experiment("gone");
  const RunRecord run = end.store->create_run({.experiment_id = id});
  const LoggedModel model = end.store->logged_models().create_logged_model({.experiment_id = id});
  open_artifact_store(run.artifact_uri)->write("a", "1");
  open_artifact_store(model.artifact_uri)->write("b", "2");
  end.store->delete_experiment(id);
  EXPECT_EQ(open_artifact_store(end.store->get_run(run.run_id).artifact_uri)->read("a"), "1");
  EXPECT_EQ(open_artifact_store(end.store->logged_models().get_logged_model(model.model_id).artifact_uri)
                ->read("b"),
            "2");
  end.store->restore_experiment(id);
  EXPECT_EQ(end.store->get_run(run.run_id).artifact_uri, run.artifact_uri);
  EXPECT_EQ(open_artifact_store(run.artifact_uri)->read("a"), "1");
}

}  // namespace
}  // namespace ivory::tracking
