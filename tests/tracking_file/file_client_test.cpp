// A program that logs into MLflow's folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/client.h>
#include <ivory/tracking_file/file_store.h>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

TEST(FileClient, LogsIntoAFolderWhereItIsGivenThatKindOfStore) {
  const TemporaryFolder folder;
  const TrackingClient client{{.tracking_uri = "file:./mlruns",
                               .working_directory = folder.path(),
                               .further = {&file_store_scheme(), 1}}};
  std::string id;
  {
    auto run = client.start_run({.experiment = "e"});
    id = run.run_id();
    for (int step = 0; step < 10; ++step) run.log_metric("m", step, step);
    run.log_text("t", "notes/n.txt");
    run.start_nested({.run_name = "part"}).end();
  }
  const auto store =
      open_store("file:mlruns", {.working_directory = folder.path(), .further = {&file_store_scheme(), 1}});
  const RunRecord run = store->get_run(id);
  EXPECT_EQ(run.status, RunStatus::kFinished);
  EXPECT_THAT(store->metric_history(id, "m"), SizeIs(10));
  EXPECT_EQ(open_artifact_store(run.artifact_uri)->read("notes/n.txt"), "t");
  EXPECT_THAT(store->list_runs({.parent_run_id = id}), SizeIs(1));
}

TEST(FileClient, NamesTheKindsOfStoresItHasToWhoAsksForAnother) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of([&] {
                (void)TrackingClient{{.tracking_uri = "file:mlruns", .working_directory = folder.path()}};
              }),
              HasSubstr("sqlite"));
}

}  // namespace
}  // namespace ivory::tracking
