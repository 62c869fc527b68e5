// The tracking store on PostgreSQL: the contract of all stores, and what a server has of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <set>
#include <thread>

#include <ivory/tracking/search.h>

#include "models_contract.h"
#include "moved_models.h"
#include "own_server.h"
#include "postgres_server.h"

namespace ivory::tracking {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// None where there is no PostgreSQL.
std::vector<StorePlace> places() {
  if (PostgresServer::missing()) return {};
  return {{"postgresql", [] { return OpenPlace{shared_postgres().make_database(), {}}; }},
          {"own_server_over_postgresql", [] {
             const auto server = std::make_shared<server::OwnServer>(
                 server::OwnServerOptions{.store_uri = shared_postgres().make_database()});
             return OpenPlace{.uri = server->url(), .keeper = server, .is_remote = true};
           }}};
}

INSTANTIATE_TEST_SUITE_P(Postgres, TrackingStoreContract, testing::ValuesIn(places()), name_of_place);
INSTANTIATE_TEST_SUITE_P(Postgres, ModelRegistryContract, testing::ValuesIn(places()), name_of_place);
INSTANTIATE_TEST_SUITE_P(Postgres, LoggedModelsContract, testing::ValuesIn(places()), name_of_place);

class PostgresTracking : public testing::Test {
 protected:
  void SetUp() override {
    IVORY_NEEDS_POSTGRES();
    uri_ = shared_postgres().make_database();
  }
  [[nodiscard]] std::shared_ptr<TrackingStore> open(Access access = Access::kReadWrite) const {
    return open_store(uri_, {.working_directory = folder_.path(), .access = access});
  }
  TemporaryFolder folder_;
  std::string uri_;
};

TEST_F(PostgresTracking, MayBeNamedWithTheDriverOfSqlAlchemysUrls) {
  const std::string rest = uri_.substr(uri_.find("://"));
  (void)open();
  for (const char* name : {"postgresql+psycopg2", "postgresql+psycopg"}) {
    EXPECT_TRUE(store_exists(name + rest)) << name;
    EXPECT_TRUE(open_store(name + rest)->find_experiment("Default")) << name;
  }
}

TEST_F(PostgresTracking, TakesAllThatATransferMovesAndGivesItBack) {
  const TransferEnd from = open_exported(folder_.path() / "from", false);
  const ModelsToMove source(from);
  const TransferEnd there{.store = open(), .tracking_uri = uri_};
  transfer(from, there);
  EXPECT_EQ(names_in(*there.store), names_in(*from.store));
  const std::string times = times_in(*there.store);
  const TransferReport again = transfer(from, there);
  EXPECT_EQ(again.runs.present, 4u);
  EXPECT_EQ(again.model_versions.present, 4u);
  EXPECT_EQ(times_in(*there.store), times);
  const TransferEnd to = open_exported(folder_.path() / "to", false);
  transfer(there, to);
  EXPECT_EQ(names_in(*to.store), names_in(*from.store));
}

TEST_F(PostgresTracking, IsMadeOnceByThoseWhoOpenItAtOnce) {
  EXPECT_FALSE(store_exists(uri_));
  EXPECT_EQ(code_of([&] { (void)open(Access::kReadOnly); }), ErrorCode::kNotFound);
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) threads.emplace_back([&] { EXPECT_TRUE(open()->find_experiment("Default")); });
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(store_exists(uri_));
  EXPECT_THAT(open(Access::kReadOnly)->list_experiments(), SizeIs(1));
}

TEST_F(PostgresTracking, NumbersRunsOfManyStoresWithoutAGap) {
  const std::string experiment = open()->create_experiment("e");
  constexpr int kStores = 4;
  constexpr int kEach = 10;
  std::vector<std::thread> threads;
  for (int i = 0; i < kStores; ++i) {
    threads.emplace_back([&] {
      const auto store = open();
      for (int j = 0; j < kEach; ++j) store->create_run({.experiment_id = experiment, .name_prefix = "run"});
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::string> names;
  for (const auto& run : open()->list_runs({.experiment_ids = {experiment}})) names.insert(run.name);
  EXPECT_THAT(names, SizeIs(kStores * kEach));
  EXPECT_TRUE(names.contains("run#39"));
}

// The answers of populated.json are compared over SQLite; here those whose SQL differs.
TEST_F(PostgresTracking, FindsByPatternsListsAndTimes) {
  const auto store = open();
  const std::string experiment = store->create_experiment("e");
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    const auto run = store->create_run({.experiment_id = experiment,
                                        .name = "r" + std::to_string(i),
                                        .start_time_ms = 100 + i,
                                        .params = {{"p", std::string(i % 2 == 0 ? "Abc" : "abd") + "\\_%"}}});
    if (i > 0) store->log_metric(run.run_id, {"m", i == 3 ? std::nan("") : i * 1.5, 1, 1});
    store->log_inputs(run.run_id,
                      {{{"d" + std::to_string(i), "x", "s", "{}", "", ""}, {{"mlflow.data.context", "c"}}}},
                      {});
    ids.push_back(run.run_id);
  }
  const auto found = [&](const std::string& filter, std::vector<std::string> order = {}) {
    std::string names;
    for (const auto& run :
         store->search_runs({.experiment_ids = {experiment}, .filter = filter, .order_by = std::move(order)})
             .items)
      names += run.name.substr(1);
    return names;
  };
  EXPECT_EQ(found("params.p LIKE 'Ab%'"), "20");
  EXPECT_EQ(found("params.p ILIKE 'AB_\\%'"), "3210");
  EXPECT_EQ(found("params.p = 'abd\\_%'"), "31");
  EXPECT_EQ(found("start_time > 101.5 AND end_time < 5"), "");
  EXPECT_EQ(found("start_time > 101.5"), "32");
  EXPECT_EQ(found("run_id IN ('" + ids[1] + "', 'x')"), "1");
  EXPECT_EQ(found("run_id NOT IN ('" + ids[1] + "')"), "320");
  EXPECT_EQ(found("dataset.name IN ('d1', 'd3') AND dataset.context = 'c'"), "31");
  EXPECT_EQ(found("tags.t IS NULL"), "3210");
  EXPECT_EQ(found("", {"metrics.m DESC"}), "2130");
  EXPECT_EQ(found("", {"params.p", "start_time ASC"}), "0213");
  EXPECT_EQ(store->search_experiments({.filter = "name ILIKE 'E'"}).items.size(), 1U);
  EXPECT_EQ(code_of([&] { (void)store->get_experiment("99999999999"); }), ErrorCode::kNotFound);
}

TEST_F(PostgresTracking, GoesOnAfterTheServerWasStartedAgain) {
  const auto store = open_store(uri_, {.durability = Durability::kFull, .working_directory = folder_.path()});
  const std::string experiment = store->create_experiment("e");
  const auto run = store->create_run({.experiment_id = experiment, .name = "r"});
  std::vector<std::thread> readers;  // so that several connections are at rest
  for (int i = 0; i < 4; ++i) readers.emplace_back([&] { (void)store->get_run(run.run_id); });
  for (auto& reader : readers) reader.join();

  shared_postgres().crash();
  EXPECT_EQ(store->get_run(run.run_id).name, "r");  // a read is asked again
  // The write that meets the broken connection may fail, and no other.
  const auto failed = code_of([&] { store->log_metric(run.run_id, {"m", 1, 1, 1}); });
  EXPECT_EQ(failed.value_or(ErrorCode::kIo), ErrorCode::kIo);
  store->log_metric(run.run_id, {"m", 2, 2, 2});
  EXPECT_EQ(store->get_run(run.run_id).find_metric("m")->value, 2);
}

// Writers that log to a server of ours whose database goes away twice: what was answered with success is
// there once it is back, once each, and the server goes on.
void expect_nothing_lost(const std::string& database, Durability durability,
                         const std::function<void()>& interrupt) {
  const server::OwnServer server({.store_uri = database, .durability = durability});
  const auto store = open_store(server.url(), {.max_retries = 0});
  const auto run = store->create_run({.experiment_id = "0", .name = "r"});
  constexpr int kWriters = 6;
  std::atomic<bool> stopping = false;
  std::atomic<int> answered = 0;
  std::vector<std::int64_t> reached(kWriters);
  std::vector<std::set<std::int64_t>> acknowledged(kWriters);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (std::int64_t& step = reached[w]; !stopping; ++step) {
        const auto code =
            code_of([&] { store->log_metric(run.run_id, {"m" + std::to_string(w), 1.0, 1, step}); });
        EXPECT_EQ(code.value_or(ErrorCode::kIo), ErrorCode::kIo);
        if (code) continue;
        acknowledged[w].insert(step);
        ++answered;
      }
    });
  }
  const auto wait_for_answers = [&](int more) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const int enough = answered + more;
    while (answered < enough && std::chrono::steady_clock::now() < limit)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_GE(answered, enough) << "the server goes on";
  };
  for (int i = 0; i < 2; ++i) {
    wait_for_answers(50);
    interrupt();
  }
  wait_for_answers(50);
  stopping = true;
  for (auto& writer : writers) writer.join();
  for (int w = 0; w < kWriters; ++w) {
    std::set<std::int64_t> found;
    for (const Metric& point : store->metric_history(run.run_id, "m" + std::to_string(w)))
      EXPECT_TRUE(found.insert(point.step).second) << "twice: " << point.step;
    EXPECT_TRUE(std::ranges::includes(found, acknowledged[w])) << "writer " << w;
    EXPECT_LE(found.size(), static_cast<std::size_t>(reached[w]));
  }
}

TEST_F(PostgresTracking, AServerLosesNothingAcknowledgedWhenItsDatabaseIsStartedAgain) {
  expect_nothing_lost(uri_, Durability::kProcess, [] { shared_postgres().restart(); });
}

// By default the last commits go with PostgreSQL (docs/databases.md).
TEST_F(PostgresTracking, AServerLosesNothingAcknowledgedInFullWhenItsDatabaseCrashes) {
  expect_nothing_lost(uri_, Durability::kFull, [] { shared_postgres().crash(); });
}

TEST_F(PostgresTracking, NamesTheServerThatDoesNotAnswer) {
  const auto message = message_of([] { (void)open_store("postgresql://me:secret@localhost:1/none"); });
  EXPECT_THAT(message, HasSubstr("localhost:1/none"));
  EXPECT_THAT(message, testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace ivory::tracking
