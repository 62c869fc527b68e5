#include "store_contract.h"

#include <ivory/storage/connection.h>
#include <ivory/tuning/pruners.h>
#include <ivory/tuning/samplers.h>

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

// What each trial tried and came to.
std::vector<std::string> outcomes(const Study& study) {
  std::vector<std::string> lines;
  for (const FrozenTrial& trial : study.trials()) {
    std::string line = std::to_string(trial.number) + ' ' + std::string(to_text(trial.state));
    for (const double value : trial.values) line += ' ' + real_to_text(value);
    for (const auto& param : trial.params) line += ' ' + param.name + '=' + real_to_text(param.internal);
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> deterministic_outcomes(const std::string& storage, int n_jobs) {
  Study study = create_study({.storage = storage,
                              .study_name = "ordered",
                              .sampler = make_tpe_sampler({.n_startup_trials = 5, .seed = 3}),
                              .pruner = make_median_pruner({.n_startup_trials = 3})});
  const auto pruned_objective = [](Trial& trial) {
    const double x = trial.suggest_float("x", -3, 5), y = trial.suggest_float("y", 1e-3, 1, {.log = true});
    for (int step = 0; step < 3; ++step) {
      trial.report(x * x + y / (step + 1.0), step);
      if (trial.should_prune()) throw TrialPruned();
    }
    return x * x + y;
  };
  study.optimize(pruned_objective, {.n_trials = 24, .n_jobs = n_jobs, .deterministic = true, .lag = 4});
  return outcomes(study);
}

TEST_F(PostgresStore, KeepsADeterministicStudyTheSameAtAnyNumberOfWorkers) {
  const auto alone = deterministic_outcomes("", 1);
  EXPECT_THAT(alone, testing::Contains(testing::HasSubstr("PRUNED")));
  EXPECT_EQ(deterministic_outcomes(shared_postgres().make_database(), 1), alone);
  EXPECT_EQ(deterministic_outcomes(shared_postgres().make_database(), 3), alone);
}

}  // namespace
}  // namespace ivory::tuning
