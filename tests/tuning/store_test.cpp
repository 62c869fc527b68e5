// Studies that outlive the process: every store keeps the same promises, and Optuna's own files read as
// Optuna does.
#include "store.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
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
#include "support.h"
#include "time_text.h"

namespace ivory::tuning {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

Params number_or_word(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

Params time_or_null(const std::optional<Time>& time) {
  if (!time) return {};
  std::string text = to_iso(*time);
  return text.substr(0, text.size() - 6) + "Z";
}

// Non-finite numbers as words, keys sorted: what does not matter to equality is taken out.
Params normal(const Params& value) {
  if (value.is_real()) return number_or_word(value.as_real());
  if (value.is_list()) {
    Params list = Params::list();
    for (const auto& element : value.elements()) list.push_back(normal(element));
    return list;
  }
  if (!value.is_map()) return value;
  Params map = Params::map();
  std::vector<std::string> keys = value.keys();
  std::ranges::sort(keys);
  for (const auto& key : keys) map[key] = normal(value.at(key));
  return map;
}

// A study as the fixtures describe one.
Params describe(const Study& study) {
  Params trials = Params::list();
  for (const auto& trial : study.trials()) {
    Params internal = Params::map(), distributions = Params::map(), reports = Params::map(),
           constraints = Params::map();
    for (const auto& param : trial.params) {
      internal[param.name] = param.internal;
      distributions[param.name] = json::read(param.distribution.to_json());
    }
    for (const auto& [step, value] : trial.intermediate_values) reports[std::to_string(step)] = value;
    for (const auto& [key, value] : trial.constraints()) constraints[key] = value;
    trials.push_back({{"number", trial.number},
                      {"trial_id", trial.trial_id},
                      {"state", std::string(to_text(trial.state))},
                      {"values", trial.values.empty() ? Params() : Params(trial.values)},
                      {"params", trial.params_map()},
                      {"internal_params", internal},
                      {"distributions", distributions},
                      {"intermediate_values", reports},
                      {"user_attrs", trial.user_attrs},
                      {"system_attrs", trial.system_attrs},
                      {"constraints", constraints},
                      {"datetime_start_utc", time_or_null(trial.datetime_start)},
                      {"datetime_complete_utc", time_or_null(trial.datetime_complete)}});
  }
  Params directions = Params::list(), best = Params::list();
  for (const Direction direction : study.directions()) directions.push_back(std::string(to_text(direction)));
  if (study.directions().size() > 1) {
    for (const auto& trial : study.best_trials()) best.push_back(trial.number);
  } else {
    try {
      best.push_back(study.best_trial().number);
    } catch (const Error&) {
      best = Params();  // the fixtures have the error's text here
    }
  }
  return {{"study_name", study.study_name()}, {"directions", directions},
          {"user_attrs", study.user_attrs()}, {"system_attrs", study.system_attrs()},
          {"best_trial_numbers", best},       {"trials", trials}};
}

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

// Every store keeps these promises; the parameter is a URL less the folder.
class StoreContract : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] std::string url() const {
    return std::string(GetParam()) + folder_.path().string() + "/store";
  }
  Study create(const std::string& name, std::uint64_t seed = 1) const {
    return create_study({.storage = url(),
                         .study_name = name,
                         .load_if_exists = true,
                         .sampler = make_tpe_sampler({.seed = seed})});
  }

  TemporaryFolder folder_;
};

double objective(Trial& trial) {
  const double x = trial.suggest_float("x", 1e-3, 2, {.log = true});
  const Params c = trial.suggest_categorical("naïve \"c\"", {nullptr, true, 3, 0.5, "text\n日本"});
  const auto n = trial.suggest_int("n", 0, 20, {.step = 5});
  trial.set_user_attr("nested", {{"list", {1, 2.5, nullptr}}, {"choice", c}});
  trial.set_constraint("n", static_cast<double>(n) - 10);
  trial.report(x, 0);
  trial.report(std::numeric_limits<double>::quiet_NaN(), 3);
  trial.report(x / 2, 7);
  if (n == 20) throw TrialPruned();
  return n == 15 ? HUGE_VAL : x + static_cast<double>(n);
}

TEST_P(StoreContract, GivesBackWhatWasWritten) {
  Study study = create("first");
  study.set_user_attr("owner", {{"name", "me"}, {"inf", HUGE_VAL}});
  study.set_metric_names({"loss"});
  study.enqueue_trial({{"x", 0.5}}, {{"memo", "m"}});
  study.optimize(objective, {.n_trials = 25});
  study.add_trial(create_trial({.state = TrialState::kPruned,
                                .values = {1},
                                .params = {{"x", 0.25}},
                                .distributions = {{"x", Distribution::floats(1e-3, 2, {.log = true})}},
                                .intermediate_values = {{4, -HUGE_VAL}}}));
  study.enqueue_trial({{"n", 5}});
  const auto running = study.ask();
  running->suggest_float("x", 1e-3, 2, {.log = true});
  const Study again = load_study({.storage = url()});
  EXPECT_EQ(normal(describe(again)).to_json(2), normal(describe(study)).to_json(2));
  EXPECT_EQ(again.size(), 27);
}

TEST_P(StoreContract, SeesWhatOthersWrite) {
  Study a = create("shared"), b = create("shared", 2);
  const auto first = a.ask();
  EXPECT_EQ(first->number(), 0);
  const auto second = b.ask();
  EXPECT_EQ(second->number(), 1);
  first->suggest_float("x", 0, 1);
  first->report(0.5, 1);
  a.tell(*first, 0.5);
  EXPECT_EQ(b.trial(0).value(), 0.5);
  EXPECT_EQ(b.trial(0).intermediate_values.at(1), 0.5);
  EXPECT_EQ(b.best_trial().number, 0);
  EXPECT_THAT(message_of([&] { b.tell(0, std::vector{1.0}); }), HasSubstr("only a RUNNING one"));
  EXPECT_THAT(message_of([&] { second->suggest_int("x", 0, 1); }), HasSubstr("keeps its kind"));
  b.tell(*second, TrialState::kFail);
  EXPECT_EQ(a.trial(1).state, TrialState::kFail);
}

TEST_P(StoreContract, OneAsksAndAnotherTells) {
  Study a = create("apart"), b = create("apart", 2);
  const auto trial = a.ask({{"x", Distribution::floats(0, 1)}});
  b.tell(trial->number(), std::vector{0.25});
  EXPECT_EQ(a.trial(0).state, TrialState::kComplete);
  EXPECT_EQ(a.best_value(), 0.25);
  EXPECT_THAT(message_of([&] { trial->report(1, 0); }), HasSubstr("has ended"));
  const auto unseen = b.ask();
  a.tell(unseen->number(), std::vector{0.125});
  EXPECT_THAT(message_of([&] { unseen->set_user_attr("late", 1); }), HasSubstr("has ended"));
}

TEST_P(StoreContract, AWaitingTrialBelongsToOne) {
  Study a = create("queue"), b = create("queue", 2);
  a.enqueue_trial({{"x", 0.5}});
  EXPECT_EQ(b.size(), 1);
  const auto of_a = a.ask(), of_b = b.ask();
  EXPECT_EQ(of_a->number(), 0);
  EXPECT_EQ(of_b->number(), 1);
}

TEST_P(StoreContract, ManagesStudiesByName) {
  create("alpha");
  Study beta = create("beta");
  beta.optimize(objective, {.n_trials = 3});
  EXPECT_THAT(get_all_study_names(url()), ElementsAre("alpha", "beta"));
  EXPECT_THAT(message_of([&] { (void)create_study({.storage = url(), .study_name = "alpha"}); }),
              HasSubstr("'alpha' exists"));
  EXPECT_THAT(message_of([&] { (void)load_study({.storage = url(), .study_name = "alhpa"}); }),
              HasSubstr("did you mean 'alpha'"));
  EXPECT_THAT(message_of([&] { (void)load_study({.storage = url()}); }), HasSubstr("2 studies"));
  copy_study("beta", url(), url(), "gamma");
  EXPECT_EQ(load_study({.storage = url(), .study_name = "gamma"}).best_value(), beta.best_value());
  delete_study("beta", url());
  EXPECT_THAT(get_all_study_names(url()), ElementsAre("alpha", "gamma"));
  EXPECT_EQ(create("beta").size(), 0);
}

TEST_P(StoreContract, ProcessesLoseAndDoubleNoTrial) {
  constexpr int kProcesses = 4, kTrials = 50;
  create("many");
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        Study study = create_study({.storage = url(),
                                    .study_name = "many",
                                    .load_if_exists = true,
                                    .sampler = make_random_sampler({.seed = static_cast<std::uint64_t>(i)})});
        study.optimize(
            [i](Trial& trial) {
              trial.set_user_attr("process", i);
              return trial.suggest_float("x", 0, 1);
            },
            {.n_trials = kTrials});
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  std::vector<int> by_process(kProcesses);
  std::set<double> xs;
  for (const auto& trial : load_study({.storage = url()}).trials()) {
    EXPECT_EQ(trial.state, TrialState::kComplete);
    ++by_process[static_cast<std::size_t>(trial.user_attrs.at("process").as_int())];
    xs.insert(trial.value());
  }
  EXPECT_EQ(by_process, std::vector<int>(kProcesses, kTrials));
  EXPECT_EQ(xs.size(), static_cast<std::size_t>(kProcesses * kTrials));
}

TEST_P(StoreContract, AKilledProcessLosesNoTrialThatEnded) {
  create("killed");
  const std::string acknowledged = folder_.path() / "acknowledged";
  const pid_t child = ::fork();
  if (child == 0) {
    Study study = create("killed");
    std::ofstream log(acknowledged);
    study.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1); },
                   {.n_trials = 1'000'000, .callbacks = {[&](Study&, const FrozenTrial& trial) {
                                             log << trial.number << ' ' << real_to_text(trial.value())
                                                 << std::endl;
                                           }}});
    ::_exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const Study study = load_study({.storage = url()});
  std::ifstream log(acknowledged);
  std::int64_t number = 0, seen = 0;
  for (std::string value; log >> number >> value; ++seen)
    EXPECT_EQ(real_to_text(study.trial(number).value()), value);
  EXPECT_GT(seen, 0);
  EXPECT_LE(study.size() - seen, 2);
}

INSTANTIATE_TEST_SUITE_P(All, StoreContract, testing::Values("journal:///", "sqlite:///"),
                         [](const auto& info) { return std::string(info.param, 6); });

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
  std::filesystem::create_symlink(path, path + ".lock");
  const auto store = open_journal(path, {.lock_grace = std::chrono::milliseconds(50)});
  store->create_study("s", {Direction::kMinimize});
  EXPECT_EQ(store->studies().size(), 1U);
  EXPECT_FALSE(std::filesystem::is_symlink(path + ".lock"));
}

TEST(Store, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(message_of([] { (void)create_study({.storage = "mysql://host/db"}); }),
              HasSubstr("sqlite:///PATH or journal:///PATH"));
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
