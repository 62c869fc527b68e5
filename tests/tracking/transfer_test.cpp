// Experiments moved between stores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/transfer.h>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class TransferTest : public testing::Test {
 protected:
  TransferTest() {
    const std::string id = from_.store->create_experiment("digits", {}, {{"owner", "bob"}});
    parent_ = from_.store
                  ->create_run({.experiment_id = id,
                                .name = "parent",
                                .user_id = "carol",
                                .start_time_ms = 1000,
                                .tags = {{"t", "v"}},
                                .params = {{"lr", "0.1"}}})
                  .run_id;
    const std::string child =
        from_.store
            ->create_run(
                {.experiment_id = id, .name = "child", .start_time_ms = 900, .parent_run_id = parent_})
            .run_id;
    from_.store->log_batch(
        child, {.metrics = {{"loss", 1, 5, 0}, {"loss", 0.5, 6, 1}, {"nan", std::nan(""), 1, 1}}});
    Dataset dataset;
    dataset.name = "d";
    dataset.digest = "x";
    dataset.source_type = "local";
    dataset.source = "{}";
    from_.store->log_inputs(child, {{dataset, {}}}, {});
    for (const auto& run : {parent_, child}) {
      from_.store->update_run(run, {.status = RunStatus::kFailed, .end_time_ms = 2000});
      open_artifact_store(from_.store->get_run(run).artifact_uri)->write("sub/model.bin", "bytes of " + run);
    }
    from_.store->create_experiment("other");
  }
  [[nodiscard]] std::vector<RunRecord> moved() const {
    const auto experiment = to_.store->find_experiment("digits");
    return to_.store->list_runs(
        {.experiment_ids = {experiment ? experiment->id : "none"}, .with_inputs = true});
  }

  TemporaryFolder folder_;
  TransferEnd from_ = open_exported(folder_.path() / "from", false);
  TransferEnd to_ = open_exported(folder_.path() / "to", false);
  std::string parent_;
};

TEST_F(TransferTest, CopiesExperimentsWhole) {
  const TransferReport report = transfer(from_, to_);
  EXPECT_EQ(report.experiments, 1u) << "those without runs and tags are not worth it";
  EXPECT_EQ(report.runs.made, 2u);
  EXPECT_EQ(report.files, 2u);
  EXPECT_EQ(to_.store->find_experiment("digits")->tags,
            (std::vector<KeyValue>{{std::string(kOriginTag), from_.store->find_experiment("digits")->id},
                                   {"owner", "bob"}}));
  const auto runs = moved();
  ASSERT_THAT(runs, SizeIs(2));
  const RunRecord& parent = runs[0];
  const RunRecord& child = runs[1];
  EXPECT_EQ(parent.name, "parent");
  EXPECT_EQ(parent.user_id, "carol");
  EXPECT_EQ(parent.start_time, 1000);
  EXPECT_EQ(parent.end_time, 2000);
  EXPECT_EQ(parent.status, RunStatus::kFailed);
  EXPECT_EQ(*parent.find_param("lr"), "0.1");
  EXPECT_EQ(*parent.find_tag(kOriginTag), parent_);
  EXPECT_EQ(*child.find_tag(kParentRunIdTag), parent.run_id) << "under its parent's new id";
  EXPECT_THAT(to_.store->metric_history(child.run_id, "loss"),
              testing::ElementsAre(Metric{"loss", 1, 5, 0}, Metric{"loss", 0.5, 6, 1}));
  EXPECT_TRUE(std::isnan(child.find_metric("nan")->value));
  ASSERT_THAT(child.dataset_inputs, SizeIs(1));
  EXPECT_EQ(open_artifact_store(parent.artifact_uri)->read("sub/model.bin"), "bytes of " + parent_);
}

TEST_F(TransferTest, MakesNothingTwice) {
  transfer(from_, to_);
  const auto before = moved();
  const TransferReport again = transfer(from_, to_);
  EXPECT_EQ(again.runs.made, 0u);
  EXPECT_EQ(again.runs.present, 2u);
  EXPECT_EQ(again.files, 0u);
  const auto after = moved();
  ASSERT_THAT(after, SizeIs(2));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after[i].run_id, before[i].run_id);
    EXPECT_EQ(after[i].tags, before[i].tags);
    EXPECT_EQ(after[i].params, before[i].params);
  }
  // Back to where they came from: they are there.
  EXPECT_EQ(transfer(to_, from_).runs.present, 2u);
}

TEST_F(TransferTest, GoesOnWhereItBrokeOff) {
  int runs = 0;
  const TransferOptions breaking{.on_progress = [&](const TransferProgress& progress) {
    EXPECT_EQ(progress.total, 2u);
    if (++runs == 2) throw std::runtime_error("pulled the plug");
  }};
  EXPECT_THROW(transfer(from_, to_, breaking), std::runtime_error);
  const TransferReport rest = transfer(from_, to_);
  EXPECT_EQ(rest.runs.completed, 1u) << "the parent was begun for its child";
  EXPECT_EQ(rest.runs.present, 1u);
  // One whose end was not reached yet.
  to_.store->update_run(moved()[0].run_id, {.status = RunStatus::kRunning});
  EXPECT_EQ(transfer(from_, to_).runs.completed, 1u);
  EXPECT_EQ(moved()[0].status, RunStatus::kFailed);
}

TEST_F(TransferTest, TakesTheFilesOfARunThatWentOnSinceThoughTheyHaveTheSameSizes) {
  from_.store->update_run(parent_, {.status = RunStatus::kRunning});
  const auto artifacts = open_artifact_store(from_.store->get_run(parent_).artifact_uri);
  artifacts->write("current/weights.bin", "epoch 1");
  transfer(from_, to_);
  EXPECT_EQ(transfer(from_, to_).files, 0u) << "nothing has changed";
  artifacts->write("current/weights.bin", "epoch 2");
  from_.store->update_run(parent_, {.status = RunStatus::kFinished, .end_time_ms = 3000});
  EXPECT_EQ(transfer(from_, to_).files, 1u);
  EXPECT_EQ(open_artifact_store(moved()[0].artifact_uri)->read("current/weights.bin"), "epoch 2");
}

TEST_F(TransferTest, ReadsAFolderThatWasCarriedElsewhere) {
  from_.store.reset();
  std::filesystem::rename(folder_.path() / "from", folder_.path() / "carried");
  transfer(open_exported(folder_.path() / "carried", true), to_);
  EXPECT_EQ(open_artifact_store(moved()[0].artifact_uri)->read("sub/model.bin"), "bytes of " + parent_);
}

TEST_F(TransferTest, TakesTheExperimentsThatAreNamed) {
  EXPECT_THAT(message_of([&] { transfer(from_, to_, {.experiments = {"digit"}}); }),
              HasSubstr("did you mean 'digits'"));
  EXPECT_EQ(transfer(from_, to_, {.experiments = {"other"}}).experiments, 1u);
  EXPECT_TRUE(to_.store->find_experiment("other"));
  EXPECT_FALSE(to_.store->find_experiment("digits"));
  EXPECT_EQ(code_of([&] { (void)open_exported(folder_.path() / "none", true); }), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace ivory::tracking
