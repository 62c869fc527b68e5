// Databases of MLflow 3.11 beside ours: what it wrote we read, what we write looks like its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;

const fs::path kFixtures = IVORY_FIXTURES;

// A copy of a fixture that a test may change.
class Copy {
 public:
  explicit Copy(std::string_view name) : path_(folder_.path() / name) {
    fs::copy_file(kFixtures / name, path_);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] std::shared_ptr<TrackingStore> open(Access access = Access::kReadWrite) const {
    return open_store("sqlite:///" + path_.string(), {.working_directory = folder_.path(), .access = access});
  }

 private:
  TemporaryFolder folder_;
  fs::path path_;
};

double to_number(const json& value) {
  if (value == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (value == "Infinity") return std::numeric_limits<double>::infinity();
  if (value == "-Infinity") return -std::numeric_limits<double>::infinity();
  return value.get<double>();
}

bool same_number(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

std::vector<KeyValue> to_pairs(const json& object) {
  std::vector<KeyValue> pairs;  // nlohmann::json keeps keys in byte order
  for (const auto& [key, value] : object.items()) pairs.push_back({key, value.get<std::string>()});
  return pairs;
}

std::optional<TimeMs> to_time(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<TimeMs>());
}

class PopulatedDatabase : public testing::TestWithParam<Access> {
 protected:
  Copy copy_{"populated.db"};
  std::shared_ptr<TrackingStore> store_ = copy_.open(GetParam());
  json expected_ = json::parse(read_file(kFixtures / "populated.json"));
};

INSTANTIATE_TEST_SUITE_P(EitherAccess, PopulatedDatabase,
                         testing::Values(Access::kReadWrite, Access::kReadOnly), [](const auto& info) {
                           return info.param == Access::kReadOnly ? "ReadOnly" : "ReadWrite";
                         });

TEST_P(PopulatedDatabase, HasTheExperimentsThatMLflowSees) {
  const auto listed = store_->list_experiments(ViewType::kAll);
  ASSERT_EQ(listed.size(), expected_["experiments_all"].size());
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const auto& want = expected_["experiments_all"][i];
    EXPECT_EQ(listed[i].id, want["experiment_id"].get<std::string>());
    EXPECT_EQ(listed[i].name, want["name"].get<std::string>());
    EXPECT_EQ(listed[i].artifact_location, want["artifact_location"].get<std::string>());
    EXPECT_EQ(to_text(listed[i].lifecycle_stage), want["lifecycle_stage"].get<std::string>());
    EXPECT_EQ(listed[i].creation_time, to_time(want["creation_time"]));
    EXPECT_EQ(listed[i].last_update_time, to_time(want["last_update_time"]));
    EXPECT_EQ(listed[i].tags, to_pairs(want["tags"]));
  }
}

TEST_P(PopulatedDatabase, HasTheRunsThatMLflowSees) {
  ASSERT_THAT(expected_["runs"], SizeIs(12));
  for (const auto& [name, want] : expected_["runs"].items()) {
    const auto& info = want["info"];
    const auto run = store_->get_run(info["run_id"].get<std::string>());
    EXPECT_EQ(run.run_id, info["run_id"].get<std::string>());
    EXPECT_EQ(run.experiment_id, info["experiment_id"].get<std::string>());
    EXPECT_EQ(run.name, info["run_name"].get<std::string>());
    EXPECT_EQ(to_text(run.status), info["status"].get<std::string>());
    EXPECT_EQ(run.start_time, to_time(info["start_time"]));
    EXPECT_EQ(run.end_time, to_time(info["end_time"]));
    EXPECT_EQ(run.artifact_uri, info["artifact_uri"].get<std::string>());
    EXPECT_EQ(run.user_id, info["user_id"].get<std::string>());
    EXPECT_EQ(to_text(run.lifecycle_stage), info["lifecycle_stage"].get<std::string>());
    EXPECT_EQ(run.params, to_pairs(want["data"]["params"])) << name;
    EXPECT_EQ(run.tags, to_pairs(want["data"]["tags"])) << name;
    const auto& metrics = want["data"]["metrics"];
    ASSERT_EQ(run.metrics.size(), metrics.size()) << name;
    for (const auto& metric : run.metrics) {
      EXPECT_TRUE(same_number(metric.value, to_number(metrics[metric.key]))) << name << " " << metric.key;
    }
  }
}

TEST_P(PopulatedDatabase, HasTheHistoriesThatMLflowSees) {
  std::size_t points = 0;
  for (const auto& [name, histories] : expected_["metric_history"].items()) {
    const std::string run_id = expected_["names_to_run_ids"][name];
    for (const auto& [key, want] : histories.items()) {
      const auto history = store_->metric_history(run_id, key);
      ASSERT_EQ(history.size(), want.size()) << name << " " << key;
      for (std::size_t i = 0; i < history.size(); ++i, ++points) {
        EXPECT_TRUE(same_number(history[i].value, to_number(want[i]["value"]))) << name << " " << key;
        EXPECT_EQ(history[i].timestamp_ms, want[i]["timestamp"].get<std::int64_t>()) << name << " " << key;
        EXPECT_EQ(history[i].step, want[i]["step"].get<std::int64_t>()) << name << " " << key;
      }
    }
  }
  EXPECT_GT(points, 30u);
}

TEST_P(PopulatedDatabase, ListsRunsInTheOrderOfMLflow) {
  int compared = 0;
  for (const auto& search : expected_["search_runs"]) {
    const bool plain = search["filter"].is_null() && search.value("order_by", json()).is_null() &&
                       search.contains("run_names") && !search["experiment_ids"].empty();
    if (!plain) continue;
    RunQuery query{.experiment_ids = search["experiment_ids"]};
    query.view = search["view_type"] == "ALL"            ? ViewType::kAll
                 : search["view_type"] == "DELETED_ONLY" ? ViewType::kDeletedOnly
                                                         : ViewType::kActiveOnly;
    std::vector<std::string> ids;
    for (const auto& name : search["run_names"]) ids.push_back(expected_["names_to_run_ids"][name]);
    std::vector<std::string> listed;
    for (const auto& run : store_->list_runs(query)) listed.push_back(run.run_id);
    EXPECT_EQ(listed, ids) << search.dump();
    ++compared;
  }
  EXPECT_GE(compared, 4);
}

TEST(PopulatedDatabaseOnce, IsNotChangedByReading) {
  const Copy copy("populated.db");
  {
    const auto store = copy.open(Access::kReadOnly);
    (void)store->list_runs({.view = ViewType::kAll});
  }
  EXPECT_EQ(read_file(copy.path()), read_file(kFixtures / "populated.db"));
  EXPECT_EQ(std::distance(fs::directory_iterator(copy.path().parent_path()), {}), 1);
}

TEST(PopulatedDatabaseOnce, TakesOurRunsBesideMLflows) {
  const Copy copy("populated.db");
  const auto store = copy.open();
  const auto experiment = store->find_or_create_experiment("exp-plain");
  EXPECT_EQ(experiment.id, "3");
  const auto run = store->create_run({.experiment_id = experiment.id, .name_prefix = "run"});
  EXPECT_EQ(run.name, "run#0");
  EXPECT_EQ(run.artifact_uri, "/fixtures/mlflow/sqlite/mlruns/3/" + run.run_id + "/artifacts");
  EXPECT_THAT(store->list_runs({.experiment_ids = {"3"}}), SizeIs(4));
  EXPECT_EQ(code_of([&] { store->find_or_create_experiment("exp-deleted"); }), ErrorCode::kConflict);
  EXPECT_EQ(code_of([&] { store->create_run({.experiment_id = "2", .name = "x"}); }), ErrorCode::kConflict);
}

// The text of a schema entry, with white space and quotes that mean nothing taken out.
std::string normalised(const std::string& sql) {
  return std::regex_replace(std::regex_replace(sql, std::regex("\\s+"), " "), std::regex(" ?([(),]) ?"),
                            "$1");
}

std::map<std::string, std::string> schema_of(const fs::path& database) {
  std::map<std::string, std::string> entries;
  for (const auto& row : rows_of(database, "SELECT type, name, tbl_name, sql FROM sqlite_master", 4)) {
    entries[row[0] + " " + row[1] + " on " + row[2]] = normalised(row[3]);
  }
  return entries;
}

class NewDatabase : public testing::Test {
 protected:
  NewDatabase() { (void)open_store(kDefaultTrackingUri, {.working_directory = folder_.path()}); }
  TemporaryFolder folder_;
  fs::path ours_ = folder_.path() / "mlflow.db";
  fs::path theirs_ = kFixtures / "empty.db";
};

TEST_F(NewDatabase, HasEveryTableIndexAndTriggerOfMLflowAndFiveIndexesOfOurOwn) {
  auto ours = schema_of(ours_);
  EXPECT_THAT(ours["index ivory_runs_numbered_name on runs"], HasSubstr("runs(experiment_id,name)"));
  EXPECT_EQ(std::erase_if(ours, [](const auto& entry) { return entry.first.rfind("index ivory_", 0) == 0; }),
            5u);
  const auto theirs = schema_of(theirs_);
  ASSERT_GT(theirs.size(), 150u);
  EXPECT_EQ(ours, theirs);
}

TEST_F(NewDatabase, HasTheColumnsOfMLflowInTheirOrder) {
  int tables = 0;
  for (const auto& table : rows_of(theirs_, "SELECT name FROM sqlite_master WHERE type = 'table'", 1)) {
    const std::string columns =
        "SELECT cid, name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo('" + table[0] +
        "') ORDER BY cid";
    EXPECT_EQ(rows_of(ours_, columns, 6), rows_of(theirs_, columns, 6)) << table[0];
    ++tables;
  }
  EXPECT_EQ(tables, 48);
}

TEST_F(NewDatabase, HasTheRowsThatMLflowLeaves) {
  for (const auto& table : rows_of(theirs_, "SELECT name FROM sqlite_master WHERE type = 'table'", 1)) {
    if (table[0] == "experiments") continue;
    const std::string count = "SELECT count(*) FROM \"" + table[0] + "\"";
    EXPECT_EQ(rows_of(ours_, count, 1), rows_of(theirs_, count, 1)) << table[0];
  }
  for (const auto& [rows, columns] :
       {std::pair("SELECT * FROM alembic_version", 1), std::pair("SELECT * FROM workspaces", 3),
        std::pair("SELECT experiment_id, name, lifecycle_stage, workspace, creation_time = last_update_time "
                  "FROM experiments",
                  5)}) {
    EXPECT_EQ(rows_of(ours_, rows, columns), rows_of(theirs_, rows, columns)) << rows;
  }
  EXPECT_EQ(rows_of(ours_, "SELECT artifact_location FROM experiments", 1)[0][0],
            (folder_.path() / "mlruns" / "0").string());
}

TEST_F(NewDatabase, FindsNamesOfRunsByAnIndex) {
  const auto plan = [&](const std::string& condition) {
    return rows_of(ours_, "EXPLAIN QUERY PLAN SELECT 1 FROM " + condition, 4).at(0).at(3);
  };
  EXPECT_THAT(plan("runs WHERE experiment_id = 1 AND name >= 'run#' AND name < 'run$' AND "
                   "name <> replace(name, '#', '')"),
              HasSubstr("ivory_runs_numbered_name"));
  EXPECT_THAT(plan("tags WHERE key = 'mlflow.runName' AND value = 'calm-owl-7' AND length(value) <= 250"),
              HasSubstr("ivory_tags_key_value"));
}

// Rows side by side in each index: a transaction of several runs changes few pages.
TEST_F(NewDatabase, GivesRunsMadeOneAfterTheOtherIdsThatFollowEachOther) {
  const auto store = open_store(kDefaultTrackingUri, {.working_directory = folder_.path()});
  const auto first_digits = [](const std::string& id) {
    return static_cast<std::uint32_t>(std::stoul(id.substr(0, 8), nullptr, 16));
  };
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(store->create_run({.experiment_id = "0"}).run_id);
  EXPECT_THAT(ids, Each(MatchesRegex("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")));
  EXPECT_EQ(first_digits(ids[1]), first_digits(ids[0]) + 1);  // modulo 2^32
  EXPECT_EQ(first_digits(ids[2]), first_digits(ids[0]) + 2);
  EXPECT_NE(ids[1].substr(8), ids[0].substr(8));

  const auto another = open_store(kDefaultTrackingUri, {.working_directory = folder_.path()});
  EXPECT_NE(first_digits(another->create_run({.experiment_id = "0"}).run_id), first_digits(ids[2]) + 1);
}

// What identifies one run or one moment is put out of sight; all else must be as MLflow fills it.
std::vector<Row> rows_of_run(const fs::path& database, const std::string& sql, int columns,
                             const std::string& run_id) {
  auto rows = rows_of(database, sql, columns);
  for (auto& row : rows) {
    for (auto& field : row) {
      if (const auto at = field.find(run_id); at != std::string::npos)
        field = "…" + field.substr(at + run_id.size());
    }
  }
  return rows;
}

TEST(LoggedRun, FillsItsRowsAsMLflowFillsThem) {
  const Copy theirs("populated.db");
  const json expected = json::parse(read_file(kFixtures / "populated.json"));
  TemporaryFolder folder;
  const auto store = open_store(kDefaultTrackingUri, {.working_directory = folder.path()});
  const auto experiment = store->find_or_create_experiment("exp-tagged");
  ASSERT_EQ(experiment.id, "1");
  int runs = 0;
  for (const char* name : {"parent", "weird-metrics", "long-params", "child-1"}) {
    const auto& want = expected["runs"][name];
    const std::string their_id = want["info"]["run_id"];
    CreateRun create{.experiment_id = "1", .name = name};
    create.start_time_ms = want["info"]["start_time"].get<TimeMs>();
    create.tags = to_pairs(want["data"]["tags"]);
    const auto run = store->create_run(create);
    Batch batch;
    batch.params = to_pairs(want["data"]["params"]);
    for (const auto& [key, points] : expected["metric_history"][name].items()) {
      for (const auto& point : points) {
        batch.metrics.push_back({key, to_number(point["value"]), point["timestamp"], point["step"]});
      }
    }
    store->log_batch(run.run_id, batch);
    if (want["info"]["end_time"].is_number()) {
      store->update_run(run.run_id, {.status = find_run_status(want["info"]["status"].get<std::string>()),
                                     .end_time_ms = to_time(want["info"]["end_time"])});
    }
    const std::map<std::string, int> tables{
        {"runs", 14}, {"metrics", 6}, {"latest_metrics", 6}, {"params", 3}, {"tags", 3}};
    for (const auto& [table, columns] : tables) {
      const auto select = [&](const std::string& id) {
        const std::string types = table == "metrics" || table == "latest_metrics"
                                      ? ", typeof(value), typeof(timestamp), typeof(step), typeof(is_nan)"
                                      : "";
        return "SELECT *" + types + " FROM " + table + " WHERE run_uuid = '" + id + "' ORDER BY " +
               (table == "runs" ? "1"
                : columns == 3  ? "key"
                                : "key, 2, 3, 4");
      };
      const int all = columns + (table == "metrics" || table == "latest_metrics" ? 4 : 0);
      const auto mine = rows_of_run(folder.path() / "mlflow.db", select(run.run_id), all, run.run_id);
      const auto mlflows = rows_of_run(theirs.path(), select(their_id), all, their_id);
      EXPECT_EQ(mine, mlflows) << name << " in " << table;
      EXPECT_FALSE(mine.empty() && table == "runs");
    }
    ++runs;
  }
  EXPECT_EQ(runs, 4);
}

TEST(Schema, NamesTheTablesAndColumnsThatAreMissingAndWritesNothing) {
  for (const auto& [damage, missing] : std::map<std::string, std::string>{
           {"DROP TABLE params", "table params"},
           {"ALTER TABLE runs DROP COLUMN deleted_time", "column runs.deleted_time"},
           {"ALTER TABLE tags RENAME COLUMN value TO text", "column tags.value"},
       }) {
    const Copy copy("empty.db");
    storage::Connection({.path = copy.path()}).execute("PRAGMA foreign_keys = OFF; " + damage);
    const std::string before = read_file(copy.path());
    EXPECT_EQ(code_of([&] { (void)copy.open(); }), ErrorCode::kInvalidArgument);
    EXPECT_THAT(message_of([&] { (void)copy.open(); }), HasSubstr(missing));
    EXPECT_EQ(read_file(copy.path()), before);
  }
}

TEST(Schema, RefusesADatabaseOfSomethingElse) {
  TemporaryFolder folder;
  const auto path = folder.path() / "mlflow.db";
  storage::Connection({.path = path}).execute("CREATE TABLE studies (x)");
  const StoreOptions options{.working_directory = folder.path()};
  const auto message = message_of([&] { (void)open_store(kDefaultTrackingUri, options); });
  EXPECT_THAT(message, HasSubstr("table experiments, table experiment_tags, table runs"));
  EXPECT_THAT(message, HasSubstr(path.string()));
}

TEST(Schema, OpensAnyRevisionThatHasWhatIsUsed) {
  const Copy copy("populated.db");
  storage::Connection({.path = copy.path()})
      .execute(
          "PRAGMA foreign_keys = OFF; UPDATE alembic_version SET version_num = 'from_the_future';"
          "ALTER TABLE runs ADD COLUMN colour TEXT; DROP TABLE workspaces; DROP TABLE spans");
  EXPECT_THAT(copy.open()->list_runs({.view = ViewType::kAll}), SizeIs(12));
}

TEST(Schema, IsCompletedWhereAnEarlierProcessWasKilledBeforeIt) {
  TemporaryFolder folder;
  write_file(folder.path() / "mlflow.db", "");
  const StoreOptions options{.working_directory = folder.path()};
  EXPECT_FALSE(store_exists(kDefaultTrackingUri, options));
  EXPECT_TRUE(open_store(kDefaultTrackingUri, options)->find_experiment("Default"));
}

}  // namespace
}  // namespace ivory::tracking
