#include "store_contract.h"

#include <ivory/storage/connection.h>

#include "postgres_server.h"

namespace ivory::tuning {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Postgres, StoreContract,
    testing::Values(StoreKind{
        "postgresql", [](const auto&) { return shared_postgres().make_database(); }, PostgresServer::missing,
        [](const std::string& url) {
          storage::Connection({.server = url})
              .execute("UPDATE trial_heartbeats SET heartbeat = heartbeat - INTERVAL '1 hour'");
        }}),
    [](const auto& info) { return info.param.name; });

class PostgresStore : public testing::Test {
 protected:
  void SetUp() override { IVORY_NEEDS_POSTGRES(); }
};

TEST_F(PostgresStore, SharesADatabaseWithOtherTables) {
  const std::string url = shared_postgres().make_database();
  storage::Connection({.server = url}).execute("CREATE TABLE visitors (x INTEGER)");
  Study study = create_study({.storage = url, .study_name = "s"});
  study.optimize(objective, {.n_trials = 2});
  EXPECT_EQ(load_study({.storage = url}).size(), 2);
}

TEST_F(PostgresStore, TakesOptionsAndADriverInItsUrl) {
  const std::string url = shared_postgres().make_database();
  const std::string as_sqlalchemy = "postgresql+psycopg2" + url.substr(url.find("://")) + "&durability=full";
  Study study = create_study({.storage = as_sqlalchemy, .study_name = "s"});
  study.optimize(objective, {.n_trials = 2});
  EXPECT_EQ(load_study({.storage = url}).size(), 2);
}

TEST_F(PostgresStore, RefusesADatabaseOfAnotherSchema) {
  const std::string url = shared_postgres().make_database();
  storage::Connection({.server = url}).execute("CREATE TABLE alembic_version (version_num VARCHAR(32))");
  EXPECT_THAT(message_of([&] { (void)get_all_study_names(url); }),
              testing::HasSubstr("none of Optuna's tables"));
}

}  // namespace
}  // namespace ivory::tuning
