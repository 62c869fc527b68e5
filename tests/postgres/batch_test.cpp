// Batches on PostgreSQL, whose rows go as arrays: whatever a text has in it comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/tracking/open_store.h>

#include "postgres_server.h"

namespace ivory::tracking {
namespace {

class PostgresBatch : public testing::Test {
 protected:
  void SetUp() override {
    IVORY_NEEDS_POSTGRES();
    store_ = open_store(shared_postgres().make_database(), {.working_directory = folder_.path()});
    run_ = store_->create_run({.experiment_id = "0", .name = "r"}).run_id;
  }
  TemporaryFolder folder_;
  std::shared_ptr<TrackingStore> store_;
  std::string run_;
};

TEST_F(PostgresBatch, KeepsTextsThatLookLikePartsOfAnArray) {
  const std::vector<std::string> texts{"",     "NULL",  "null", "{a,b}",     "a\"b",     "a\\b",
                                       "\\\"", "a, 'b", " x ",  "line\nend", "tab\tend", "ä€😀",
                                       "{",    "\\N",   "$1 ?", "{}",        "\"\"",     "\\\\\"\\\\,"};
  Batch batch;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    batch.params.push_back({"p" + std::to_string(i), texts[i]});
    batch.tags.push_back({"t" + std::to_string(i), texts[i]});
  }
  store_->log_batch(run_, batch);
  const RunRecord run = store_->get_run(run_);
  ASSERT_EQ(run.params.size(), texts.size());
  for (const KeyValue& param : batch.params)
    EXPECT_THAT(run.params, testing::Contains(param)) << param.key << " " << param.value;
  for (const KeyValue& tag : batch.tags) EXPECT_THAT(run.tags, testing::Contains(tag)) << tag.key;
}

TEST_F(PostgresBatch, OfATagThatComesTwiceTakesTheLast) {
  store_->log_batch(run_, {.tags = {{"t", "first"}, {"u", "x"}, {"t", "last"}}});
  EXPECT_THAT(store_->get_run(run_).tags, testing::Contains(KeyValue{"t", "last"}));
}

TEST_F(PostgresBatch, RefusesAsAWholeWhatChangesAParam) {
  store_->log_batch(run_, {.params = {{"a", "1"}, {"b", "2"}}});
  const Batch batch{.metrics = {{"m", 1, 1, 1}}, .params = {{"a", "1"}, {"b", "3"}, {"c", "4"}}};
  EXPECT_THROW(store_->log_batch(run_, batch), Error);
  const RunRecord run = store_->get_run(run_);
  EXPECT_EQ(run.params.size(), 2U);
  EXPECT_TRUE(run.metrics.empty());
  store_->log_batch(run_, {.params = {{"a", "1"}, {"b", "2"}, {"c", "4"}}});  // again, and one more
  EXPECT_EQ(store_->get_run(run_).params.size(), 3U);
}

TEST_F(PostgresBatch, KeepsThousandPointsAndTheLatestOfEachKey) {
  constexpr int kPoints = 1000, kKeys = 7;
  Batch batch;
  for (int i = 0; i < kPoints; ++i) batch.metrics.push_back({"m" + std::to_string(i % kKeys), 0.1 * i, 1, i});
  store_->log_batch(run_, batch);
  store_->log_batch(run_, batch);  // the same points are there once
  std::size_t points = 0;
  for (int k = 0; k < kKeys; ++k) points += store_->metric_history(run_, "m" + std::to_string(k)).size();
  EXPECT_EQ(points, static_cast<std::size_t>(kPoints));
  for (const Metric& latest : store_->get_run(run_).metrics) {
    EXPECT_GT(latest.step, kPoints - 1 - kKeys);
    EXPECT_EQ(latest.value, 0.1 * static_cast<double>(latest.step)) << "to the last bit";
  }
  store_->log_metric(run_, {"m0", 5, 1, 3});  // an earlier step does not replace
  EXPECT_GT(store_->get_run(run_).find_metric("m0")->step, 3);
}

}  // namespace
}  // namespace ivory::tracking
