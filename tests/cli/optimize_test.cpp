// ivory optimize: studies as their users run them.
#include <signal.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class OptimizeCli : public Cli {
 protected:
  // The document of `ivory optimize toy …`.
  [[nodiscard]] Params optimize(std::vector<std::string> words, int status = 0) const {
    words.insert(words.begin(), {"optimize", "toy"});
    return ivory_json(std::move(words), status);
  }
  [[nodiscard]] Params trials(const std::string& study) const {
    return ivory_json({"study", "trials", study});
  }
  [[nodiscard]] Params runs(const std::string& kind = "--nested") const {
    return ivory_json({"search", "toy", kind});
  }
  // Waits until the study has begun so many trials.
  void wait_for_trials(std::size_t count) const {
    for (int tries = 0; tries < 400; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
      if (!fs::exists(path() / "optuna.db")) continue;
      const CommandResult found = ivory({"study", "trials", "toy.lr.study#0", "--json"});
      if (found.status == 0 && Params::from_json(found.out).size() >= count) return;
    }
    FAIL() << "no " << count << " trials were begun within ten seconds";
  }
  // Every trial that has ended, and its run, say the same of one another.
  void expect_consistent(const std::string& study, std::size_t count) const {
    const Params all = trials(study), rows = runs();
    ASSERT_EQ(all.size(), count);
    ASSERT_EQ(rows.size(), count);
    std::map<std::string, const Params*> by_id;
    for (const Params& row : rows.elements()) by_id[row.at("id").as_string()] = &row;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Params& trial = all.at(i);
      EXPECT_EQ(trial.at("number").as_int(), static_cast<std::int64_t>(i));
      const std::string& id = trial.at("user_attrs").at("run_id").as_string();
      EXPECT_TRUE(seen.insert(id).second) << id << " is of two trials";
      ASSERT_TRUE(by_id.contains(id));
      const Params& row = *by_id[id];
      EXPECT_EQ(row.at("status").as_string(), "FINISHED");
      EXPECT_EQ(row.at("params").at("lr").as_string(), trial.at("params").at("lr").to_text());
      if (trial.at("state").as_string() != "COMPLETE") continue;
      EXPECT_EQ(row.at("metrics").at("best_score").as_real(), trial.at("values").at(0).as_real());
    }
  }
};

TEST_F(OptimizeCli, TunesAndSaysWhatWasBest) {
  const CommandResult result = ivory({"optimize", "toy", "lr=0.01_1.0.log", "--trials", "6"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("6 trials"), HasSubstr("Best parameters (trial "), HasSubstr("\nlr: 0."),
                    HasSubstr("toy.lr.study#0"), HasSubstr("optuna.db"), HasSubstr("mlflow.db")));
  EXPECT_THAT(result.err, AllOf(HasSubstr("trial 0 lr="), HasSubstr("best so far"), Not(HasSubstr("\x1B"))));
  expect_consistent("toy.lr.study#0", 6);
  const Params study = runs("--parents").at(std::size_t{0});
  EXPECT_EQ(study.at("name").as_string(), "study#0");
  EXPECT_EQ(study.at("status").as_string(), "FINISHED");
  double best = HUGE_VAL;
  const Params all = trials("toy.lr.study#0");
  for (const Params& trial : all.elements())
    if (trial.at("state").as_string() == "COMPLETE")
      best = std::min(best, trial.at("values").at(0).as_real());
  EXPECT_EQ(study.at("metrics").at("best_value").as_real(), best);
}

TEST_F(OptimizeCli, GoesOnWithTheStudyThatWasAskedForTheSame) {
  EXPECT_EQ(optimize({"lr=0.01_1.0.log", "--trials", "3"}).at("n_trials").as_int(), 3);
  const Params again = optimize({"lr=0.01_1.0.log", "--trials", "2"});
  EXPECT_EQ(again.at("n_trials").as_int(), 5);
  EXPECT_EQ(again.at("study").at("name").as_string(), "study#0");
  EXPECT_EQ(optimize({"lr=0.01_0.5.log", "--trials", "1"}).at("study").at("name").as_string(), "study#1");
  EXPECT_EQ(optimize({"lr=0.01_1.0.log", "--trials", "1", "--new"}).at("n_trials").as_int(), 1);
}

TEST_F(OptimizeCli, GoesOnWithTheStudyOfThatName) {
  EXPECT_EQ(optimize({"lr=0.01_1.0.log", "--trials", "2", "--name", "mine"}).at("study_name").as_string(),
            "mine");
  const Params again = optimize({"lr=0.1_0.5.log", "--trials", "2", "--name", "mine"});
  EXPECT_EQ(again.at("n_trials").as_int(), 4);
  EXPECT_EQ(runs("--parents").size(), 1U);
}

TEST_F(OptimizeCli, KeepsTheStudyWhereItIsAsked) {
  const Params report = optimize({"lr=0.1_1.0", "--trials", "2", "--storage", "journal:///here.log"});
  EXPECT_THAT(report.at("storage").as_string(), testing::EndsWith("/here.log"));
  EXPECT_TRUE(fs::exists(path() / "here.log"));
  EXPECT_FALSE(fs::exists(path() / "optuna.db"));
}

TEST_F(OptimizeCli, EndsByTheClock) {
  const Params report =
      optimize({"lr=0.1_1.0", "trainer.sleep_ms=20", "--timeout", "1s", "--trials", "1000"});
  EXPECT_GT(report.at("n_trials").as_int(), 1);
  EXPECT_LT(report.at("n_trials").as_int(), 100);
}

TEST_F(OptimizeCli, WritesAFileThatRunTrains) {
  const Params report =
      optimize({"lr=0.01_1.0.log", "epochs=2", "fold=0-2", "--trials", "3", "--write", "best.yml"});
  const double lr = report.at("best").at("params").at("lr").as_real();
  EXPECT_EQ(report.at("n_by_state").at("COMPLETE").as_int() > 0, true);
  const Params run = ivory_json({"run", "best", "fold=0-2"});
  EXPECT_EQ(run.at("runs").size(), 3U);
  EXPECT_EQ(run.at("runs").at(0).at("epochs").as_int(), 2);
  EXPECT_EQ(ivory_json({"show", "best"}).at("run").at("trainer").at("lr").as_real(), lr);
  // The trials' folds were trained alike.
  EXPECT_NEAR(run.at("summary").at("metrics").at("best_score").at("mean").as_real(),
              report.at("best").at("values").at(0).as_real(), 1e-12);
}

TEST_F(OptimizeCli, EachTrialOfFoldsIsATask) {
  const Params report = optimize({"lr=0.01_1.0.log", "fold=0-1", "--each", "batch_size=4,8", "--trials", "2",
                                  "--jobs", "2", "--engine", "process"});
  EXPECT_EQ(report.at("n_trials").as_int(), 2);
  std::map<std::string, int> kinds;
  const Params nested = runs();
  for (const Params& run : nested.elements()) {
    const std::string& name = run.at("name").as_string();
    ++kinds[name.substr(0, name.find('#'))];
  }
  EXPECT_EQ(kinds["task"], 2);
  EXPECT_EQ(kinds["run"], 8);
}

TEST_F(OptimizeCli, TunesByASuggestFunctionOfTheFile) {
  edit("client.yml", "modules",
       "objective:\n  rates: toy.suggest_lr\n  lengths: {def: toy.suggest_epochs, most: 4}\nmodules");
  const Params report = optimize({"rates", "batch_size=4,8", "--trials", "3"});
  EXPECT_EQ(report.at("study_name").as_string(), "toy.rates.study#0");
  EXPECT_EQ(report.at("trials").at(0).at("params").keys(), (std::vector<std::string>{"lr", "batch_size"}));
  EXPECT_EQ(optimize({"lengths", "--trials", "2"}).at("n_trials").as_int(), 2);
}

TEST_F(OptimizeCli, RecordsNothingWithoutTracking) {
  EXPECT_EQ(optimize({"lr=0.01_1.0.log", "--trials", "3", "--no-track"}).at("n_trials").as_int(), 3);
  expect_nothing_written();
  EXPECT_FALSE(fs::exists(path() / "optuna.db"));
}

TEST_F(OptimizeCli, PrunesALearnerThatReportsItsEpochs) {
  const Params report = optimize({"lr=0.001_1.0.log", "epochs=8", "--trials", "20", "--seed", "1", "--pruner",
                                  "median", "--sampler", "random"});
  EXPECT_GT(report.at("n_by_state").at("PRUNED").as_int(), 0);
  const Params nested = runs();
  EXPECT_EQ(nested.size(), 20U);
  for (const Params& run : nested.elements()) EXPECT_EQ(run.at("status").as_string(), "FINISHED");
}

TEST_F(OptimizeCli, GoesOnAfterAFailedRun) {
  const CommandResult some = ivory(
      {"optimize", "toy", "trainer.fail_at=-1,1", "--trials", "8", "--seed", "2", "--sampler", "random"});
  EXPECT_EQ(some.status, 0) << some.err;
  EXPECT_THAT(some.err, AllOf(HasSubstr("the toy broke"), HasSubstr("of 8 trials failed")));
  EXPECT_THAT(some.out, AllOf(HasSubstr("8 trials"), HasSubstr("FAIL")));
  const CommandResult all = ivory({"optimize", "toy", "lr=0.1_1.0", "trainer.fail_at=1", "--trials", "2"});
  EXPECT_EQ(all.status, 1);
  EXPECT_THAT(all.err, HasSubstr("every trial failed"));
}

TEST_F(OptimizeCli, CtrlCEndsTheStudyAndResumeGoesOn) {
  RunningCommand running(path(), {"optimize", "toy", "lr=0.01_1.0.log", "epochs=6", "trainer.sleep_ms=30",
                                  "--trials", "6", "--pruner", "nop"});
  wait_for_trials(2);
  running.send(SIGINT);
  const CommandResult result = running.wait();
  EXPECT_EQ(result.status, 130) << result.err;
  EXPECT_THAT(result.err, HasSubstr("ivory resume toy/study#0"));
  EXPECT_EQ(runs("--parents").at(std::size_t{0}).at("status").as_string(), "KILLED");
  const CommandResult resumed = ivory({"resume", "toy/study#0"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  expect_consistent("toy.lr.study#0", 6);
  EXPECT_EQ(ivory({"resume", "toy/study#0"}).status, 1);  // there is nothing left
}

TEST_F(OptimizeCli, AKilledStudyGoesOnWithItsTrials) {
  std::vector<std::string> words{
      "optimize", "toy", "lr=0.01_1.0.log", "epochs=6", "trainer.sleep_ms=20", "--trials", "6", "--jobs", "2",
      "--pruner", "nop", "--seed",          "1",        "--deterministic"};
  {
    RunningCommand running(path(), words);
    wait_for_trials(3);
    running.send(SIGKILL);
    EXPECT_EQ(running.wait().status, 128 + SIGKILL);
  }
  EXPECT_EQ(runs("--parents").at(std::size_t{0}).at("status").as_string(), "STALE");
  const CommandResult resumed = ivory({"resume", "toy/study#0", "--jobs", "2"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  expect_consistent("toy.lr.study#0", 6);
  // Undisturbed, and with one job, the study is the same.
  const Params killed = trials("toy.lr.study#0");
  words.insert(words.end(), {"--new", "--jobs", "1"});
  words.erase(words.begin() + 7, words.begin() + 9);
  ASSERT_EQ(ivory(words).status, 0);
  const Params whole = trials("toy.lr.study#1");
  ASSERT_EQ(killed.size(), whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const char* key : {"params", "values", "state", "intermediate_values"})
      EXPECT_EQ(killed.at(i).at(key), whole.at(i).at(key)) << "trial " << i << ", " << key;
}

TEST_F(OptimizeCli, SeveralShellsShareAStudy) {
  const std::vector<std::string> words{
      "optimize", "toy", "lr=0.01_1.0.log", "epochs=4", "trainer.sleep_ms=10",
      "--trials", "5",   "--pruner",        "nop"};
  RunningCommand one(path(), words), other(path(), words);
  for (RunningCommand* shell : {&one, &other}) {
    const CommandResult result = shell->wait();
    EXPECT_EQ(result.status, 0) << result.err;
  }
  EXPECT_EQ(runs("--parents").size(), 1U);
  EXPECT_EQ(runs("--parents").at(std::size_t{0}).at("status").as_string(), "FINISHED");
  expect_consistent("toy.lr.study#0", 10);
}

struct BadStudy {
  const char* name;
  std::vector<std::string> words;
  std::vector<std::string> says;
};
void PrintTo(const BadStudy& bad, std::ostream* out) { *out << bad.name; }
class BadStudyCli : public Cli, public testing::WithParamInterface<BadStudy> {};

TEST_P(BadStudyCli, GetsOneMessageStatus2AndNothingWritten) {
  edit("client.yml", "modules", "objective: {rates: toy.suggest_lr}\nmodules");
  write("text.db", "this is no database, however long it is: it has no header of SQLite");
  std::vector<std::string> words{"optimize", "toy"};
  words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
  const CommandResult result = ivory(words);
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, testing::StartsWith("ivory: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  for (const std::string& word : GetParam().says) EXPECT_THAT(result.err, HasSubstr(word));
  expect_nothing_written();
  EXPECT_FALSE(fs::exists(path() / "optuna.db"));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadStudyCli,
    testing::Values(
        BadStudy{"NoAmount", {"rates"}, {"--trials", "--timeout"}},
        BadStudy{"NoTrials", {"rates", "--trials", "0"}, {"--trials", "0"}},
        BadStudy{"Timeout", {"rates", "--timeout", "10"}, {"--timeout", "10m", "'10'"}},
        BadStudy{"Suggest", {"ratse", "--trials", "2"}, {"'ratse'", "did you mean 'rates'"}},
        BadStudy{"TwoSuggests", {"rates", "lengths", "--trials", "2"}, {"rates", "lengths"}},
        BadStudy{"Nothing", {"lr=0.5", "--trials", "2"}, {"nothing to tune"}},
        BadStudy{"Key", {"lrr=0.1_1.0", "--trials", "2"}, {"lrr", "did you mean 'lr'"}},
        BadStudy{"Falling", {"lr=1.0_0.1", "--trials", "2"}, {"lr", "1.0"}},
        BadStudy{"Log", {"lr=0.0_1.0.log", "--trials", "2"}, {"lr", "positive"}},
        BadStudy{"Kind", {"lr=a,b", "--trials", "2"}, {"lr", "real"}},
        BadStudy{"Twice", {"lr=0.1_1.0", "lr=0.5", "--trials", "2"}, {"'lr'", "twice"}},
        BadStudy{"Fold", {"lr=0.1_1.0", "fold=0-3", "--trials", "2"}, {"fold 3"}},
        BadStudy{"Each", {"lr=0.1_1.0", "--each", "bacth=1,2", "--trials", "2"}, {"bacth"}},
        BadStudy{"Sampler", {"rates", "--trials", "2", "--sampler", "tpee"}, {"tpee", "did you mean 'tpe'"}},
        BadStudy{"Pruner", {"rates", "--trials", "2", "--pruner", "hyperbnad"}, {"did you mean 'hyperband'"}},
        BadStudy{"Scheme", {"rates", "--trials", "2", "--storage", "sqlit:///a.db"}, {"sqlit", "sqlite:///"}},
        BadStudy{"NoDatabase", {"rates", "--trials", "2", "--storage", "sqlite:///text.db"}, {"text.db"}},
        BadStudy{
            "NoFolder", {"rates", "--trials", "2", "--storage", "sqlite:///no/a.db"}, {"no folder", "no"}},
        BadStudy{"Jobs", {"rates", "--trials", "2", "--jobs", "0"}, {"--jobs", "0"}},
        BadStudy{"Lag", {"rates", "--trials", "2", "--lag", "3"}, {"--lag", "--deterministic"}},
        BadStudy{"Write", {"rates", "--trials", "2", "--write", "best.txt"}, {"--write", ".yml"}},
        BadStudy{"WriteOver", {"rates", "--trials", "2", "--write", "toy.yml"}, {"--write", "own file"}},
        BadStudy{"NewName", {"rates", "--trials", "2", "--new", "--name", "x"}, {"--new", "--name"}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(OptimizeCli, RefusesAStudyThatIsAnother) {
  ASSERT_EQ(ivory({"optimize", "toy", "batch_size=4,8", "--trials", "2", "--name", "mine", "-q"}).status, 0);
  const auto refused = [&](std::vector<std::string> words, const std::string& why) {
    words.insert(words.end(), {"--trials", "2", "--name", "mine"});
    const CommandResult result = ivory(words);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr("'mine'"), HasSubstr(why)));
  };
  refused({"optimize", "toy", "batch_size=4,16"}, "another search space");
  write("other.yml", read("toy.yml"));
  refused({"optimize", "other", "batch_size=4,8"}, "of the experiment 'toy'");
  edit("toy.yml", "metric: val_loss", "metric: val_loss, mode: max");
  refused({"optimize", "toy", "batch_size=4,8"}, "minimize");
  EXPECT_EQ(trials("mine").size(), 2U);
  EXPECT_EQ(runs("--parents").size(), 1U);
}

}  // namespace
}  // namespace ivory
