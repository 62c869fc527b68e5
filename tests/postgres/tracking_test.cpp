// The tracking store on PostgreSQL: the contract of all stores, and what a server has of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <thread>

#include <ivory/tracking/search.h>

#include "models_contract.h"
#include "postgres_server.h"

namespace ivory::tracking {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// None where there is no PostgreSQL.
std::vector<StorePlace> places() {
  if (PostgresServer::missing()) return {};
  return {{"postgresql", [] { return OpenPlace{shared_postgres().make_database(), {}}; }}};
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

TEST_F(PostgresTracking, NamesTheServerThatDoesNotAnswer) {
  const auto message = message_of([] { (void)open_store("postgresql://me:secret@localhost:1/none"); });
  EXPECT_THAT(message, HasSubstr("localhost:1/none"));
  EXPECT_THAT(message, testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace ivory::tracking
