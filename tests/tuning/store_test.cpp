// Studies that outlive the process: every store keeps the same promises, and Optuna's own files read as
// Optuna does.
#include "store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/storage/connection.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "journal.h"
#include "json.h"
#include "store_contract.h"
#include "study_text.h"
#include "support.h"

namespace ivory::tuning {
namespace {
using testing::HasSubstr;

struct Fixture {
  const char* file;
  const char* scheme;
  const char* expected;
};
class OptunaFile : public testing::TestWithParam<Fixture> {};

TEST_P(OptunaFile, ReadsAsOptunaReadsIt) {
  const std::string folder = IVORY_SOURCE_DIR "/tests/tuning/fixtures/";
  const Params expected = json::read(read_file(folder + GetParam().expected));
  const TemporaryFolder copies;
  std::filesystem::copy_file(folder + GetParam().file, copies.path() / "file");
  const std::string url = GetParam().scheme + (copies.path() / "file").string();
  ASSERT_EQ(get_all_study_names(url).size(), expected.size());
  for (const auto& study : expected.elements()) {
    const std::string& name = study.at("study_name").as_string();
    const Params found = normal(describe(load_study({.storage = url, .study_name = name})));
    Params wanted = normal(study);
    wanted.erase("study_id");
    if (!wanted.at("best_trial_numbers").is_list()) wanted["best_trial_numbers"] = Params();
    for (const auto& key : wanted.keys()) {
      if (key != "trials") {
        EXPECT_EQ(found.at(key).to_json(), wanted.at(key).to_json()) << name << " " << key;
      }
    }
    ASSERT_EQ(found.at("trials").size(), wanted.at("trials").size()) << name;
    for (std::size_t i = 0; i < wanted.at("trials").size(); ++i)
      EXPECT_EQ(found.at("trials").at(i).to_json(), wanted.at("trials").at(i).to_json())
          << name << " trial " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, OptunaFile,
                         testing::Values(Fixture{"journal.log", "journal:///", "journal.json"},
                                         Fixture{"studies.db", "sqlite:///", "studies.json"}),
                         [](const auto& info) { return std::string(info.param.scheme, 6); });

INSTANTIATE_TEST_SUITE_P(
    All, StoreContract,
    testing::Values(
        StoreKind{"journal", [](const auto& folder) { return "journal:///" + (folder / "store").string(); }},
        StoreKind{"sqlite", [](const auto& folder) { return "sqlite:///" + (folder / "store").string(); },
                  [] { return std::nullopt; },
                  [](const std::string& url) {
                    storage::Connection({.path = url.substr(10)})
                        .execute("UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, '-1 hour')");
                  }}),
    [](const auto& info) { return info.param.name; });

TEST(Journal, RepairsALineThatAKilledWriterLeft) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "j.log", url = "journal:///" + path;
  Study study = create_study({.storage = url, .study_name = "s"});
  study.optimize(objective, {.n_trials = 2});
  std::ofstream(path, std::ios::app) << R"({"op_code":4,"worker_id":"x","study)";
  EXPECT_EQ(load_study({.storage = url}).size(), 2);
  study.optimize(objective, {.n_trials = 1});
  EXPECT_EQ(load_study({.storage = url}).size(), 3);
}

TEST(Journal, NamesTheLineThatIsNoRecord) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "j.log", url = "journal:///" + path;
  const Study study = create_study({.storage = url, .study_name = "s"});
  std::ofstream(path, std::ios::app) << "{\"op_code\":4,}\n";
  EXPECT_THAT(message_of([&] { (void)load_study({.storage = url}); }), HasSubstr("j.log:2: broken JSON"));
}

TEST(Journal, PassesOverWhatDoesNotHoldAndWhatItDoesNotKnow) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "j.log", url = "journal:///" + path;
  Study study = create_study({.storage = url, .study_name = "s"});
  study.optimize(objective, {.n_trials = 1});
  std::ofstream(path, std::ios::app)
      << R"({"op_code":10,"worker_id":"x","study_id":0,"trial_ids":[0]})"
         "\n"
      << R"({"op_code":7,"worker_id":"x","trial_id":0,"step":1,"intermediate_value":1.0})"
         "\n"
      << R"({"op_code":0,"worker_id":"x","study_name":"s","directions":[1]})"
         "\n"
      << R"({"op_code":4,"worker_id":"x","study_id":7,"datetime_start":null})"
         "\n"
      << R"({"op_code":0,"worker_id":"x","study_name":"t","directions":[2]})"
         "\n"
      << R"({"op_code":4,"worker_id":"x","study_id":1,"datetime_start":null,"state":4})"
         "\n";
  EXPECT_EQ(load_study({.storage = url, .study_name = "s"}).trial(0).intermediate_values.size(), 3U);
  const Study other = load_study({.storage = url, .study_name = "t"});
  EXPECT_EQ(other.direction(), Direction::kMaximize);
  EXPECT_EQ(other.trial(0).trial_id, 1);
}

TEST(Journal, TakesOverALockThatWasLeft) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "j.log";
  std::ofstream(path) << R"({"op_)";  // only under the lock is it repaired
  std::filesystem::create_symlink(path, path + ".lock");
  const auto store = open_journal(path, {.lock_grace = std::chrono::milliseconds(50)});
  store->create_study("s", {Direction::kMinimize});
  EXPECT_EQ(store->studies().size(), 1U);
  EXPECT_FALSE(std::filesystem::is_symlink(path + ".lock"));
}

TEST(Store, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message_of([] { (void)create_study({.storage = "mysql://host/db"}); }),
              HasSubstr("sqlite:///PATH, journal:///PATH or postgresql://"));
  EXPECT_THAT(message_of([] { (void)get_all_study_names("journal:////"); }), HasSubstr("is a folder"));
  EXPECT_THAT(
      message_of([] { (void)load_study({.storage = "journal:////nowhere/at/all.log", .study_name = "s"}); }),
      HasSubstr("no study 's'"));
}

TEST(Sqlite, MakesTheSchemaThatOptunaMakes) {
  const TemporaryFolder folder;
  const auto tables = [](const std::filesystem::path& path) {
    storage::Connection connection({.path = path});
    std::vector<std::string> found;
    storage::Query names =
        connection.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    while (names.next()) {
      storage::Query columns =
          connection.query("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?)");
      columns.bind(names.text(0));
      while (columns.next()) {
        found.push_back(std::string(names.text(0)) + "." + std::string(columns.text(0)) + " " +
                        std::string(columns.text(1)) + " " + std::to_string(columns.integer(2)) + " " +
                        std::to_string(columns.integer(3)));
      }
    }
    storage::Query indexes =
        connection.query("SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' ORDER BY 1, 2");
    while (indexes.next()) found.push_back(std::string(indexes.text(0)) + ":" + std::string(indexes.text(1)));
    return found;
  };
  const auto path = folder.path() / "new.db", optuna = folder.path() / "optuna.db";
  std::filesystem::copy_file(IVORY_SOURCE_DIR "/tests/tuning/fixtures/studies.db", optuna);
  EXPECT_TRUE(get_all_study_names("sqlite:///" + path.string()).empty());
  EXPECT_EQ(tables(path), tables(optuna));
}

TEST(Sqlite, RefusesADatabaseOfSomethingElseOrAnotherRevision) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "other.db";
  {
    storage::Connection connection({.path = path});
    connection.execute("CREATE TABLE runs (id INTEGER)");
  }
  const std::string url = "sqlite:///" + path.string();
  EXPECT_THAT(message_of([&] { (void)get_all_study_names(url); }), HasSubstr("database of something else"));
  const auto old = folder.path() / "old.db";
  (void)get_all_study_names("sqlite:///" + old.string());
  {
    storage::Connection connection({.path = old});
    connection.execute("UPDATE alembic_version SET version_num = 'v3.0.0.d'");
  }
  EXPECT_THAT(message_of([&] { (void)get_all_study_names("sqlite:///" + old.string()); }),
              HasSubstr("v3.0.0.d; expected v3.2.0.a"));
  std::ofstream(folder.path() / "text.db") << "no database at all, but long enough to be looked at\n";
  EXPECT_THROW((void)get_all_study_names("sqlite:///" + (folder.path() / "text.db").string()), Error);
}

TEST(TimeText, ReadsWhatItWrites) {
  const Time time = parse_time("2026-11-23T16:54:09.376692+00:00");
  EXPECT_EQ(to_iso(time), "2026-11-23T16:54:09.376692+00:00");
  EXPECT_EQ(to_sql(time), "2026-11-23 16:54:09.376692");
  EXPECT_EQ(parse_time(to_sql(time)), time);
  EXPECT_EQ(parse_time("2026-11-24T01:54:09.376692+09:00"), time);
  EXPECT_EQ(to_sql(parse_time("2026-11-23 16:54:09")), "2026-11-23 16:54:09.000000");
  EXPECT_THROW((void)parse_time("2026-13-23 16:54:09"), Error);
  EXPECT_THROW((void)parse_time("yesterday"), Error);
}

}  // namespace
}  // namespace ivory::tuning
