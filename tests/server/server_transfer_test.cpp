// Experiments and models moved to a server and away from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include <ivory/tracking/transfer.h>

#include "moved_models.h"
#include "own_server.h"

namespace ivory::server {
namespace {

using testing::ElementsAre;
using testing::StartsWith;
using tracking::TransferCounts;
using tracking::TransferEnd;
using tracking::TransferReport;

class ServerTransfer : public testing::Test {
 protected:
  OwnServer server_;
  TransferEnd far_{.store = tracking::open_store(server_.url()), .tracking_uri = server_.url()};
  TemporaryFolder folder_;
  TransferEnd from_ = tracking::open_exported(folder_.path() / "from", false);
  tracking::ModelsToMove source_{from_};
};

// Ours, or the one of IVORY_TEST_TRACKING_URI, which is empty: MLflow's, to be tried by hand.
TEST_F(ServerTransfer, MovesAllToAServerAndAwayFromIt) {
  if (const char* const given = std::getenv("IVORY_TEST_TRACKING_URI"))
    far_ = {.store = tracking::open_store(given), .tracking_uri = given};
  const TransferReport up = transfer(from_, far_);
  EXPECT_EQ(up.model_versions.made, 4u);
  EXPECT_EQ(up.files, 2u);
  EXPECT_EQ(names_in(*far_.store), names_in(*from_.store));
  const std::string times = times_in(*far_.store);
  const TransferReport again = transfer(from_, far_);
  for (const TransferCounts& counts :
       {again.runs, again.logged_models, again.registered_models, again.model_versions})
    EXPECT_EQ(counts.made + counts.completed, 0u);
  EXPECT_EQ(again.deleted + again.files, 0u);
  EXPECT_EQ(times_in(*far_.store), times);

  const TransferEnd to = tracking::open_exported(folder_.path() / "to", false);
  EXPECT_EQ(transfer(far_, to).files, 2u);
  EXPECT_EQ(names_in(*to.store), names_in(*from_.store));
  EXPECT_EQ(transfer(to, from_).model_versions.present, 4u) << "back where they come from";
}

TEST_F(ServerTransfer, ReportsVersionsThatTheServerRefusesAndMovesTheOthers) {
  tracking::ModelRegistry& registry = from_.store->model_registry();
  registry.create_registered_model("another", {}, "", "");
  registry.create_model_version({.name = "another", .source = "/a/place/of/this/machine"});
  const TransferReport report = transfer(from_, far_);
  EXPECT_EQ(report.model_versions.made, 4u);
  EXPECT_THAT(report.refused, ElementsAre(StartsWith("another 1: Invalid model version source")));
}

}  // namespace
}  // namespace ivory::server
