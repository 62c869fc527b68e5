// Databases at MLflow's heads, and older ones brought up to the newest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ivory/tracking/databases.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>

#include <algorithm>
#include <map>

#include "tracking_support.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kUri = "sqlite:///mlflow.db";

std::string revision_in(const fs::path& database) {
  return rows_of(database, "SELECT version_num FROM alembic_version", 1).at(0).at(0);
}

std::vector<std::string> tables_of(const fs::path& database) {
  std::vector<std::string> names;
  for (const Row& row :
       rows_of(database, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", 1))
    names.push_back(row[0]);
  return names;
}

// All that SQLite says of a table: columns in their order, keys, references, indexes with their columns.
std::map<std::string, std::vector<Row>> form_of(const fs::path& database, const std::string& table) {
  const std::string name = "('" + table + "')";
  std::map<std::string, std::vector<Row>> form;
  form["columns"] =
      rows_of(database,
              "SELECT cid, name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo" + name +
                  " ORDER BY cid",
              7);
  form["references"] =
      rows_of(database,
              "SELECT \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list" + name +
                  " ORDER BY \"table\", \"from\", \"to\"",
              5);
  form["indexes"] = rows_of(
      database,
      "SELECT CASE WHEN l.origin = 'c' THEN l.name END, l.\"unique\", l.origin, i.seqno, i.name "
      "FROM pragma_index_list" +
          name + " l, pragma_index_info(l.name) i WHERE l.name NOT LIKE 'ivory%' ORDER BY 1, 2, 3, 4, 5",
      5);
  form["checks and triggers"] = rows_of(database,
                                        "SELECT (length(sql) - length(replace(sql, 'CHECK', ''))) / 5, "
                                        "(SELECT count(*) FROM sqlite_master t WHERE "
                                        "t.type = 'trigger' AND t.tbl_name = m.name) FROM sqlite_master m "
                                        "WHERE m.type = 'table' AND m.name = '" +
                                            table + "'",
                                        2);
  return form;
}

void expect_same_schema(const fs::path& ours, const fs::path& theirs) {
  ASSERT_EQ(tables_of(ours), tables_of(theirs));
  for (const std::string& table : tables_of(theirs))
    EXPECT_EQ(form_of(ours, table), form_of(theirs, table)) << table;
}

class Databases : public testing::TestWithParam<SchemaHead> {
 protected:
  [[nodiscard]] StoreOptions options() const { return {.working_directory = folder_.path()}; }
  [[nodiscard]] fs::path path() const { return folder_.path() / "mlflow.db"; }
  [[nodiscard]] std::vector<fs::path> copies() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().string().find("backup") != std::string::npos) found.push_back(entry.path());
    }
    return found;
  }
  [[nodiscard]] fs::path fresh() {
    create_database("sqlite:///fresh.db", kNewestSchemaHead, options());
    return folder_.path() / "fresh.db";
  }
  void execute(const std::string& sql) const { storage::Connection({.path = path()}).execute(sql); }

  TemporaryFolder folder_;
};

// A run and a registered model with something in every table that has been there since 2.17.
std::string fill(TrackingStore& store) {
  const std::string experiment = store.create_experiment("filled");
  store.set_experiment_tag(experiment, {"owner", "alice"});
  const auto run = store.create_run({.experiment_id = experiment, .name = "first", .tags = {{"t", "v"}}});
  Batch batch;
  for (int step = 0; step < 5; ++step) batch.metrics.push_back({"loss", 1.0 / (step + 1), 1000 + step, step});
  batch.params = {{"lr", "0.1"}};
  store.log_batch(run.run_id, batch);
  DatasetInput input;
  input.dataset = {"data", "digest", "local", "src", "schema", "profile"};
  input.tags = {{"mlflow.data.context", "train"}};
  store.log_inputs(run.run_id, {input}, {});
  store.delete_run(store.create_run({.experiment_id = experiment, .name = "gone"}).run_id);
  ModelRegistry& registry = store.model_registry();
  registry.create_registered_model("model", {{"k", "v"}}, "described", "");
  registry.create_model_version({.name = "model", .source = "s", .run_id = run.run_id, .tags = {{"a", "b"}}});
  registry.set_alias("model", "champ", "1");
  return run.run_id;
}

INSTANTIATE_TEST_SUITE_P(EveryHead, Databases,
                         testing::Values(SchemaHead::kMlflow217, SchemaHead::kMlflow33,
                                         SchemaHead::kMlflow311),
                         [](const auto& info) {
                           std::string name = "Mlflow" + std::string(to_text(info.param));
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST_P(Databases, AreMadeAtTheHeadThatIsAskedForAndServe) {
  create_database(kUri, GetParam(), options());
  const std::map<SchemaHead, std::pair<std::string, std::size_t>> expected{
      {SchemaHead::kMlflow217, {"f5a4f2784254", 19}},
      {SchemaHead::kMlflow33, {"534353b11cbc", 30}},
      {SchemaHead::kMlflow311, {"7d34483879f0", 48}}};
  EXPECT_EQ(revision_in(path()), expected.at(GetParam()).first);
  EXPECT_THAT(tables_of(path()), SizeIs(expected.at(GetParam()).second));
  const auto store = open_store(kUri, options());
  EXPECT_EQ(store->get_experiment("0").name, "Default");
  EXPECT_EQ(store->get_experiment("0").artifact_location, (folder_.path() / "mlruns" / "0").string());
  const auto run = store->get_run(fill(*store));
  EXPECT_EQ(run.find_metric("loss")->step, 4);
  EXPECT_THAT(run.dataset_inputs, SizeIs(1));
  EXPECT_EQ(store->model_registry().get_version_by_alias("model", "champ").run_id, run.run_id);
  EXPECT_EQ(revision_in(path()), expected.at(GetParam()).first);
}

TEST_P(Databases, AreNotMadeTwice) {
  create_database(kUri, GetParam(), options());
  EXPECT_EQ(code_of([&] { create_database(kUri, GetParam(), options()); }), ErrorCode::kConflict);
}

TEST_P(Databases, ComeUpToTheNewestHeadWithAllTheirRows) {
  create_database(kUri, GetParam(), options());
  const std::string run_id = fill(*open_store(kUri, options()));
  std::map<std::string, std::string> rows;
  for (const std::string& table : tables_of(path()))
    rows[table] = rows_of(path(), "SELECT count(*) FROM \"" + table + "\"", 1)[0][0];
  const auto before = open_store(kUri, options())->get_run(run_id);
  const auto history = open_store(kUri, options())->metric_history(run_id, "loss");
  const auto model = open_store(kUri, options())->model_registry().get_registered_model("model");

  const auto upgrade = upgrade_database(kUri, options());
  EXPECT_EQ(upgrade.to, "7d34483879f0");
  EXPECT_EQ(revision_in(path()), "7d34483879f0");
  expect_same_schema(path(), fresh());
  for (const auto& [table, count] : rows)
    EXPECT_EQ(rows_of(path(), "SELECT count(*) FROM \"" + table + "\"", 1)[0][0], count) << table;
  EXPECT_THAT(rows_of(path(), "SELECT name FROM workspaces", 1), ElementsAre(ElementsAre("default")));
  EXPECT_THAT(rows_of(path(), "SELECT * FROM pragma_foreign_key_check", 1), IsEmpty());
  const auto store = open_store(kUri, options());
  EXPECT_EQ(store->get_run(run_id), before);
  EXPECT_EQ(store->metric_history(run_id, "loss"), history);
  EXPECT_EQ(store->model_registry().get_registered_model("model"), model);
  // What only the newest has works now.
  EXPECT_EQ(store->logged_models().create_logged_model({.experiment_id = "0", .name = "lm"}).name, "lm");
}

TEST_P(Databases, LeaveACopyOfWhatTheyWereBesideThem) {
  create_database(kUri, GetParam(), options());
  const std::string run_id = fill(*open_store(kUri, options()));
  const std::string revision = revision_in(path());
  const auto upgrade = upgrade_database(kUri, options());
  if (GetParam() == kNewestSchemaHead) {
    EXPECT_EQ(upgrade.copy, "");
    EXPECT_THAT(copies(), IsEmpty());
    return;
  }
  EXPECT_EQ(upgrade.copy, folder_.path() / ("mlflow.db." + revision + ".backup"));
  EXPECT_EQ(revision_in(upgrade.copy), revision);
  EXPECT_EQ(open_store("sqlite:///" + upgrade.copy.string(), options())->get_run(run_id),
            open_store(kUri, options())->get_run(run_id));
  EXPECT_EQ(upgrade_database(kUri, options()).copy, "");
  EXPECT_THAT(copies(), SizeIs(1));
}

class Upgrade : public Databases {};
INSTANTIATE_TEST_SUITE_P(From, Upgrade, testing::Values(SchemaHead::kMlflow217),
                         [](const auto&) { return "Mlflow2_17"; });

TEST_P(Upgrade, KeepsTablesAndIndexesThatMLflowDoesNotKnow) {
  create_database(kUri, GetParam(), options());
  execute(
      "CREATE TABLE mine (x); INSERT INTO mine VALUES (7); CREATE INDEX my_tags ON tags (value);"
      "CREATE INDEX my_models ON registered_models (creation_time)");
  upgrade_database(kUri, options());
  EXPECT_THAT(rows_of(path(), "SELECT x FROM mine", 1), ElementsAre(ElementsAre("7")));
  EXPECT_THAT(
      rows_of(path(), "SELECT name FROM sqlite_master WHERE name LIKE 'my\\_%' ESCAPE '\\' ORDER BY name", 1),
      ElementsAre(ElementsAre("my_models"), ElementsAre("my_tags")));
}

TEST_P(Upgrade, RefusesWhatWouldBeLostAndChangesNothing) {
  create_database(kUri, GetParam(), options());
  execute("ALTER TABLE experiments ADD COLUMN colour TEXT");
  EXPECT_EQ(code_of([&] { upgrade_database(kUri, options()); }), ErrorCode::kUnsupported);
  EXPECT_THAT(
      message_of([&] { upgrade_database(kUri, options()); }),
      testing::AllOf(HasSubstr("colour"), HasSubstr(path().string()), HasSubstr("nothing is changed")));
  EXPECT_EQ(revision_in(path()), "f5a4f2784254");
  EXPECT_THAT(tables_of(path()), SizeIs(19));
  EXPECT_THAT(copies(), IsEmpty());
}

TEST_P(Upgrade, RefusesRevisionsThatItDoesNotKnow) {
  create_database(kUri, GetParam(), options());
  for (const char* revision : {"bd07f7e963c5", "from_the_future"}) {
    execute("UPDATE alembic_version SET version_num = '" + std::string(revision) + "'");
    EXPECT_EQ(code_of([&] { upgrade_database(kUri, options()); }), ErrorCode::kUnsupported);
    EXPECT_THAT(message_of([&] { upgrade_database(kUri, options()); }), HasSubstr(revision));
    EXPECT_EQ(revision_in(path()), revision);
  }
  EXPECT_EQ(code_of([&] { upgrade_database("sqlite:///nowhere.db", options()); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { upgrade_database("postgresql://h/x", options()); }), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of([&] { create_database("postgresql://h/x", GetParam(), options()); }),
            ErrorCode::kUnsupported);
}

// Two MLflow versions between 3.3 and 3.11 call the column job_name by its older name.
TEST_P(Upgrade, RenamesTheColumnThatMLflowRenamed) {
  create_database(kUri, SchemaHead::kMlflow33, options());
  execute(
      "CREATE TABLE jobs (id VARCHAR(36) NOT NULL, creation_time BIGINT NOT NULL, function_fullname "
      "VARCHAR(500) NOT "
      "NULL, params TEXT NOT NULL, timeout FLOAT, status INTEGER NOT NULL, result TEXT, retry_count INTEGER "
      "NOT NULL, "
      "last_update_time BIGINT NOT NULL, CONSTRAINT jobs_pk PRIMARY KEY (id));"
      "CREATE INDEX index_jobs_function_status_creation_time ON jobs (function_fullname, status, "
      "creation_time);"
      "INSERT INTO jobs VALUES ('j', 1, 'a.b', '{}', NULL, 2, NULL, 0, 3);"
      "UPDATE alembic_version SET version_num = 'bf29a5ff90ea'");
  upgrade_database(kUri, options());
  EXPECT_THAT(rows_of(path(), "SELECT id, job_name, status, workspace FROM jobs", 4),
              ElementsAre(ElementsAre("j", "a.b", "2", "default")));
  expect_same_schema(path(), fresh());
}

TEST_P(Upgrade, IsDoneOnceByManyProcessesAtATime) {
  create_database(kUri, GetParam(), options());
  const std::string run_id = fill(*open_store(kUri, options()));
  const auto statuses = run_processes(4, [&](int) {
    upgrade_database(kUri, options());
    return open_store(kUri, options())->get_run(run_id).name == "first" ? 0 : 1;
  });
  EXPECT_THAT(statuses, ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(copies(), SizeIs(1));
  EXPECT_EQ(revision_in(path()), "7d34483879f0");
}

TEST(SchemaHeads, AreNamedByTheirMLflow) {
  EXPECT_THAT(schema_head_names(), ElementsAre("2.17", "3.3", "3.11"));
  EXPECT_EQ(parse_schema_head("3.3"), SchemaHead::kMlflow33);
  EXPECT_EQ(code_of([] { (void)parse_schema_head("1.0"); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(message_of([] { (void)parse_schema_head("1.0"); }), HasSubstr("2.17, 3.3, 3.11"));
}

}  // namespace
}  // namespace ivory::tracking
