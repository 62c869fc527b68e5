// ivory run, plan, show, search, types and new on good input.
#include <cmath>

#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST_F(Cli, TrainsTestsAndRecords) {
  const CommandResult result = ivory({"run", "toy"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("run#0"), HasSubstr("val_loss"), HasSubstr("test_loss"),
                                HasSubstr("sqlite:///mlflow.db")));
  const Params runs = ivory_json({"search", "toy"});
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs.at(std::size_t{0}).at("status").as_string(), "FINISHED");
  EXPECT_TRUE(runs.at(std::size_t{0}).at("metrics").contains("val_rmse"));
}

TEST_F(Cli, MakesARunForEachCombinationInOrder) {
  const Params report = ivory_json({"run", "toy", "fold=0-1", "lr=0.1,0.2"});
  const Params& runs = report.at("runs");
  ASSERT_EQ(runs.size(), 4U);
  std::vector<std::string> given;
  for (const Params& run : runs.elements()) given.push_back(run.at("params").to_text());
  EXPECT_EQ(given, (std::vector<std::string>{"{fold: 0, lr: 0.1}", "{fold: 0, lr: 0.2}", "{fold: 1, lr: 0.1}",
                                             "{fold: 1, lr: 0.2}"}));
}

TEST_F(Cli, GivesTheLastEpochTheBestAndTheTest) {
  const Params report = ivory_json({"run", "toy", "epochs=4"});
  const Params& run = report.at("runs").at(std::size_t{0});
  EXPECT_EQ(run.at("epochs").as_int(), 4);
  EXPECT_EQ(run.at("status").as_string(), "FINISHED");
  EXPECT_LE(run.at("best").at("score").as_real(), run.at("metrics").at("val_loss").as_real());
  EXPECT_TRUE(run.at("test").contains("test_loss"));
  // What the store has of the last epoch.
  const Params stored = ivory_json({"search"});
  EXPECT_EQ(stored.at(std::size_t{0}).at("metrics").at("val_loss").as_real(),
            run.at("metrics").at("val_loss").as_real());
}

TEST_F(Cli, SummarisesWithMeanAndSampleDeviation) {
  const Params report = ivory_json({"run", "toy", "fold=0-2"});
  double sum = 0;
  double squares = 0;
  for (const Params& run : report.at("runs").elements()) {
    const double loss = run.at("metrics").at("val_loss").as_real();
    sum += loss;
    squares += loss * loss;
  }
  const Params& summary = report.at("summary").at("metrics").at("val_loss");
  EXPECT_NEAR(summary.at("mean").as_real(), sum / 3, 1e-12);
  EXPECT_NEAR(summary.at("sd").as_real(), std::sqrt((squares - sum * sum / 3) / 2), 1e-9);
  EXPECT_THAT(ivory({"run", "toy", "fold=0-2"}).out, AllOf(HasSubstr("mean"), HasSubstr("± sd")));
}

TEST_F(Cli, WritesNothingWithoutTracking) {
  const CommandResult result = ivory({"run", "toy", "--no-track"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("test_loss"), Not(HasSubstr("sqlite"))));
  expect_nothing_written();
}

TEST_F(Cli, TrainsWithoutTestWhenAskedTo) {
  const Params report = ivory_json({"run", "toy", "--mode", "train", "--no-track"});
  EXPECT_FALSE(report.at("runs").at(std::size_t{0}).contains("test"));
}

TEST_F(Cli, SameSeedGivesTheSameNumbers) {
  const auto loss = [&](const char* seed) {
    const Params report = ivory_json({"run", "toy", "--no-track", "--seed", seed});
    return report.at("runs").at(std::size_t{0}).at("metrics").at("loss").as_real();
  };
  EXPECT_EQ(loss("3"), loss("3"));
  EXPECT_NE(loss("3"), loss("4"));
}

TEST_F(Cli, WorksInAnotherDirectory) {
  const fs::path here = path();
  fs::create_directory(here / "elsewhere");
  set_path(here / "elsewhere");
  EXPECT_EQ(ivory({"run", "toy", "-C", here.string()}).status, 0);
  EXPECT_EQ(ivory({"-C", here.string(), "run", "toy"}).status, 0);
  EXPECT_TRUE(fs::is_empty(path()));
  EXPECT_TRUE(fs::exists(here / "mlflow.db"));
}

TEST_F(Cli, SaysNothingBesideTheResultWhenQuiet) {
  const CommandResult result = ivory({"run", "toy", "-q"});
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("run#0"));
}

TEST_F(Cli, PlansWithoutStartingAnything) {
  const CommandResult result = ivory({"plan", "toy", "lr=0.1,0.2", "fold=0-2"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("6 runs of toy"));
  const Params plan = ivory_json({"plan", "toy", "lr=0.1,0.2", "fold=0-2"});
  EXPECT_EQ(plan.at("count").as_int(), 6);
  EXPECT_EQ(plan.at("runs").at(std::size_t{1}).to_text(), "{lr: 0.1, fold: 1}");
  expect_nothing_written();
}

TEST_F(Cli, ShowsParametersThatReadBack) {
  const CommandResult shown = ivory({"show", "toy", "lr=0.25"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("lr: 0.25"), HasSubstr("n_splits: 3"), HasSubstr("state_bytes: 0")));
  write("again.yml", shown.out);
  edit("again.yml", "name: toy", "name: again");
  EXPECT_EQ(ivory({"show", "again"}).out, read("again.yml"));
}

TEST_F(Cli, ListsTypesWithArgumentsAndHelp) {
  EXPECT_THAT(ivory({"types"}).out,
              AllOf(HasSubstr("ivory.CsvData(path, target"), HasSubstr("toy.Trainer(lr=0.5")));
  EXPECT_THAT(ivory({"types", "toy."}).out,
              AllOf(HasSubstr("Predicts the mean."), Not(HasSubstr("CsvData"))));
  EXPECT_THAT(ivory({"types", "toy.Trainer"}).out,
              AllOf(HasSubstr("share of the way to the mean"), HasSubstr("module: toy")));
  EXPECT_THAT(ivory({"types", "ivory.Datasets"}).out, HasSubstr("also called: ivory.core.data.Datasets"));
  EXPECT_EQ(ivory_json({"types", "toy"}).at(std::size_t{0}).at("name").as_string(), "toy.Trainer");
}

TEST_F(Cli, CheckingDoesNotLoadTheModule) {
  // A library that cannot be loaded, beside a manifest that can be read.
  write("libtoy.so", "no library");
  write("libtoy.so.manifest.json", read_file(TOY_LIBRARY ".manifest.json"));
  write("client.yml", "modules: [libtoy.so]\n");
  EXPECT_EQ(ivory({"show", "toy"}).status, 0);
  EXPECT_EQ(ivory({"types", "toy"}).status, 0);
  EXPECT_EQ(ivory({"plan", "toy", "lr=0.1,0.2"}).status, 0);
  const CommandResult run = ivory({"run", "toy"});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("libtoy.so cannot be loaded"));
  expect_nothing_written();
}

TEST_F(Cli, HelpNamesTheCommandsAndTheirExamples) {
  EXPECT_THAT(ivory({}).out, AllOf(HasSubstr("run"), HasSubstr("types"), HasSubstr("ivory new")));
  for (const char* command : {"run", "chain", "resume", "plan", "show", "search", "types", "new", "gc"}) {
    const CommandResult help = ivory({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_THAT(help.out, AllOf(HasSubstr("Examples:"), HasSubstr(std::string("ivory ") + command)));
  }
  EXPECT_THAT(ivory({"--version"}).out, testing::StartsWith("ivory "));
}

TEST_F(Cli, SearchOfNothingSaysSoAndWritesNothing) {
  EXPECT_THAT(ivory({"search"}).out, HasSubstr("no runs yet"));
  EXPECT_EQ(ivory_json({"search"}).size(), 0U);
  EXPECT_THAT(ivory({"gc", "--stale"}).out, HasSubstr("no stale runs"));
  expect_nothing_written();
}

}  // namespace
}  // namespace ivory
