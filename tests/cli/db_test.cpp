// ivory db: databases at MLflow's heads.
#include "cli_support.h"

namespace ivory {
namespace {

using testing::HasSubstr;

using DbCli = Cli;

TEST_F(DbCli, MakesADatabaseAndBringsItUp) {
  const CommandResult made = ivory({"db", "create", "--mlflow", "2.17", "sqlite:///old.db"});
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(made.out, "sqlite:///old.db is a new tracking database for MLflow 2.17.\n");
  const CommandResult again = ivory({"db", "create", "sqlite:///old.db"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("'sqlite:///old.db' exists already"));
  const Params upgrade = ivory_json({"db", "upgrade", "sqlite:///old.db"});
  EXPECT_EQ(upgrade.at("from").as_string(), "f5a4f2784254");
  EXPECT_EQ(upgrade.at("to").as_string(), "7d34483879f0");
  EXPECT_THAT(upgrade.at("copy").as_string(), testing::EndsWith("old.db.f5a4f2784254.backup"));
  const CommandResult nothing = ivory({"db", "upgrade", "sqlite:///old.db"});
  EXPECT_THAT(nothing.out, HasSubstr("is at the schema of MLflow 3.11 already"));
}

TEST_F(DbCli, SaysWhatIsWrong) {
  const CommandResult missing = ivory({"db", "upgrade", "sqlite:///nowhere.db"});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("does not exist"));
  const CommandResult action = ivory({"db", "upgrad", "sqlite:///x.db"});
  EXPECT_EQ(action.status, 2);
  EXPECT_THAT(action.err, HasSubstr("did you mean 'upgrade'"));
  const CommandResult version = ivory({"db", "create", "--mlflow", "9", "sqlite:///x.db"});
  EXPECT_EQ(version.status, 2);
  EXPECT_THAT(version.err, HasSubstr("2.17, 3.3, 3.11"));
  EXPECT_EQ(ivory({"db", "upgrade", "--mlflow", "3.3", "sqlite:///x.db"}).status, 2);
  const CommandResult server = ivory({"db", "create", "http://127.0.0.1:9"});
  EXPECT_EQ(server.status, 2);
  EXPECT_THAT(server.err, HasSubstr("names no database; expected sqlite:///FILE"));
}

}  // namespace
}  // namespace ivory
