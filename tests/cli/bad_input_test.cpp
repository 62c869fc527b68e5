// Wrong input: one message with the place, what was expected and the nearest name; status 2; nothing written.
#include <cstdlib>
#include <ostream>

#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct BadInput {
  const char* name;
  std::vector<std::string> arguments;
  const char* file;  // edited, if not empty
  const char* part;
  const char* by;
  std::vector<std::string> words;  // of the message
};

void PrintTo(const BadInput& bad, std::ostream* out) { *out << bad.name; }

class BadInputCli : public Cli, public testing::WithParamInterface<BadInput> {};

TEST_P(BadInputCli, GetsOneMessageStatus2AndNothingWritten) {
  const BadInput& bad = GetParam();
  if (*bad.file != '\0') edit(bad.file, bad.part, bad.by);
  std::vector<std::string> arguments = bad.arguments;
  if (arguments.empty()) arguments = {"run", "toy"};
  const CommandResult result = ivory(arguments);
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, testing::StartsWith("ivory: "));
  for (const std::string& word : bad.words) EXPECT_THAT(result.err, HasSubstr(word));
  expect_nothing_written();
}

INSTANTIATE_TEST_SUITE_P(
    All, BadInputCli,
    testing::Values(
        BadInput{"Command", {"rin", "toy"}, "", "", "", {"'rin'", "did you mean 'run'"}},
        BadInput{"Option", {"run", "toy", "--jsn"}, "", "", "", {"--jsn", "did you mean '--json'"}},
        BadInput{"Mode", {"run", "toy", "--mode", "tran"}, "", "", "", {"tran", "train"}},
        BadInput{"Seed", {"run", "toy", "--seed", "x"}, "", "", "", {"--seed", "integer", "'x'"}},
        BadInput{"NoName", {"run"}, "", "", "", {"NAME"}},
        BadInput{"Directory", {"run", "toy", "-C", "nowhere"}, "", "", "", {"nowhere"}},
        BadInput{"Experiment", {"run", "toi"}, "", "", "", {"toi", "did you mean 'toy'"}},
        BadInput{"Word", {"run", "toy", "fold"}, "", "", "", {"KEY=VALUE", "'fold'"}},
        BadInput{"Twice", {"run", "toy", "fold=1", "fold=2"}, "", "", "", {"'fold'", "twice"}},
        BadInput{"Override",
                 {"run", "toy", "fould=1"},
                 "",
                 "",
                 "",
                 {"command line", "fould", "did you mean 'fold'"}},
        BadInput{
            "OverrideType", {"run", "toy", "lr=fast"}, "", "", "", {"command line", "lr", "real", "fast"}},
        BadInput{"Fold", {"run", "toy", "fold=3"}, "", "", "", {"command line", "fold 3", "0, 1, 2"}},
        BadInput{"LastElement", {"run", "toy", "fold=0-3"}, "", "", "", {"fold 3"}},
        BadInput{"FoldInFile", {}, "toy.yml", "fold: 0", "fold: 7", {"toy.yml:4", "fold 7"}},
        BadInput{"Member", {}, "toy.yml", "monitor:", "monitr:", {"toy.yml:7", "monitr", "monitor"}},
        BadInput{"Class",
                 {},
                 "toy.yml",
                 "toy.Trainer",
                 "toy.Trainr",
                 {"toy.yml:8", "toy.Trainr", "did you mean 'toy.Trainer'"}},
        BadInput{"Argument", {}, "toy.yml", "epochs: 3", "epoch: 3", {"toy.yml:8", "epoch", "epochs"}},
        BadInput{"Type", {}, "toy.yml", "epochs: 3", "epochs: three", {"toy.yml:8", "epochs", "three"}},
        BadInput{"Value", {}, "toy.yml", "epochs: 3", "epochs: -3", {"toy.yml:8", "epochs", "-3"}},
        BadInput{"Metric", {}, "toy.yml", "rmse:", "rmes:", {"toy.yml:6", "rmes", "rmse"}},
        BadInput{"MonitoredMetric",
                 {},
                 "toy.yml",
                 "val_loss",
                 "val_los",
                 {"toy.yml:7", "val_los", "did you mean 'val_loss'"}},
        BadInput{"Syntax", {}, "toy.yml", "lr: 0.5,", "lr: 0.5,, ]", {"toy.yml:8"}},
        BadInput{"KeyTwice", {}, "toy.yml", "  fold: 0", "  fold: 0\n  fold: 1", {"toy.yml:5", "fold"}},
        BadInput{"DataFile", {}, "toy.yml", "toy.csv", "tyo.csv", {"toy.yml:3", "tyo.csv"}},
        BadInput{"CsvRow", {}, "toy.csv", "\n7,", "\nseven,8,", {"toy.csv:9"}},
        BadInput{"CsvTarget", {}, "toy.yml", "target: y", "target: z", {"toy.yml:3", "'z'", "y"}},
        BadInput{"ClientKey", {}, "client.yml", "modules:", "module:", {"client.yml:1", "module", "modules"}},
        BadInput{"ModuleFile",
                 {},
                 "client.yml",
                 "libtoy.so",
                 "libtoi.so",
                 {"client.yml:1", "libtoi.so", "did you mean"}},
        BadInput{"TrackerArgument",
                 {},
                 "client.yml",
                 "modules",
                 "tracker: {uri: x}\nmodules",
                 {"client.yml:1", "uri", "tracking_uri"}},
        BadInput{"TrackingScheme",
                 {},
                 "client.yml",
                 "modules",
                 "tracker: {tracking_uri: 'sqlit:///a.db'}\nmodules",
                 {"sqlit", "sqlite"}},
        BadInput{"Types", {"types", "toy.Trainr"}, "", "", "", {"did you mean 'toy.Trainer'"}},
        BadInput{"ShowOfSeveral", {"show", "toy", "fold=0-2"}, "", "", "", {"fold", "ivory plan"}},
        BadInput{"GcOfNothing", {"gc"}, "", "", "", {"--stale"}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(Cli, RefusesADatabaseThatCannotServe) {
  write("mlflow.db", "this is no database, however long it is: it has no header of SQLite");
  const std::string before = read("mlflow.db");
  const CommandResult result = ivory({"run", "toy"});
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("mlflow.db"));
  EXPECT_EQ(read("mlflow.db"), before);
  EXPECT_FALSE(fs::exists(path() / "mlruns"));
}

TEST_F(Cli, RefusesADatabaseOfAnotherSchema) {
  EXPECT_EQ(
      std::system(
          ("sqlite3 " + (path() / "mlflow.db").string() + " 'CREATE TABLE runs (run_id TEXT)'").c_str()),
      0);
  const std::string before = read("mlflow.db");
  const CommandResult result = ivory({"run", "toy"});
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("mlflow.db"));
  EXPECT_EQ(read("mlflow.db"), before);
  EXPECT_FALSE(fs::exists(path() / "mlruns"));
}

TEST_F(Cli, NewRefusesAFolderThatHoldsSomething) {
  const CommandResult result = ivory({"new", "."});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("nothing was written"));
  EXPECT_FALSE(fs::exists(path() / "curve.yml"));
}

}  // namespace
}  // namespace ivory
