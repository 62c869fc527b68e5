// Experiments moved, stores far away, and runs made offline, by command.
#include <cstdlib>

#include "cli_support.h"

namespace ivory {
namespace {

using testing::HasSubstr;

class Moving : public Cli {
 protected:
  // A port where nobody listens.
  const std::string nobody_ = "http://127.0.0.1:9";
};

TEST_F(Moving, ExportsWhatIsNewAndImportsItElsewhere) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  const Params first = ivory_json({"export", "backup"});
  EXPECT_EQ(first.at("runs_made").as_int(), 1);
  EXPECT_GT(first.at("files").as_int(), 0);
  EXPECT_EQ(ivory_json({"export", "backup", "toy"}).at("runs_present").as_int(), 1);
  const Params moved = ivory_json({"import", "backup", "--to", "sqlite:///other.db"});
  EXPECT_EQ(moved.at("runs_made").as_int(), 1);
  const CommandResult found = ivory({"search", "toy", "--tracking-uri", "sqlite:///other.db"});
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr("run#0"));
  EXPECT_THAT(ivory({"export", "backup", "tot"}).err, HasSubstr("did you mean 'toy'"));
  EXPECT_THAT(ivory({"import", "nowhere"}).err, HasSubstr("holds no exported experiments"));
}

TEST_F(Moving, TakesFoldersAndStoresOfAnyKindForBothEnds) {
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  EXPECT_EQ(ivory_json({"export", "file:./copy"}).at("runs_made").as_int(), 1);
  EXPECT_TRUE(std::filesystem::exists(path() / "copy/0/meta.yaml"));
  EXPECT_EQ(ivory_json({"export", "file:copy", "toy"}).at("runs_present").as_int(), 1);
  const Params moved = ivory_json({"import", "--from", "file:./copy", "--to", "sqlite:///other.db", "toy"});
  EXPECT_EQ(moved.at("runs_made").as_int(), 1);
  EXPECT_EQ(ivory_json({"import", "file:copy", "--to", "backup"}).at("runs_made").as_int(), 1);
  EXPECT_EQ(ivory_json({"import", "--from", "backup", "--to", "file:copy"}).at("runs_present").as_int(), 1);
  EXPECT_THAT(ivory({"search", "toy", "--tracking-uri", "file:copy"}).out, HasSubstr("run#0"));
  EXPECT_THAT(ivory({"import", "file:nowhere"}).err, HasSubstr("nowhere' does not exist"));
  EXPECT_THAT(ivory({"export", "ftp://host/x"}).err, HasSubstr("file"));
}

TEST_F(Moving, SaysAtOnceThatAServerIsDownAndWhatToDo) {
  const CommandResult down = ivory({"run", "toy", "--tracking-uri", nobody_});
  EXPECT_EQ(down.status, 1);
  EXPECT_THAT(down.err, HasSubstr("no answer from " + nobody_));
  EXPECT_THAT(down.err, HasSubstr("--offline"));
  expect_nothing_written();
}

TEST_F(Moving, MakesRunsOfflineAndKeepsThemUntilTheServerIsThere) {
  ASSERT_EQ(ivory({"run", "toy", "-q", "--tracking-uri", nobody_, "--offline"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path() / ".ivory/offline.db"));
  EXPECT_FALSE(std::filesystem::exists(path() / "mlflow.db"));
  EXPECT_NE(ivory({"sync", "--tracking-uri", nobody_}).status, 0);
  // Any store will do.
  const Params sent = ivory_json({"sync", "--tracking-uri", "sqlite:///far.db"});
  EXPECT_EQ(sent.at("runs_made").as_int(), 1);
  EXPECT_EQ(ivory_json({"sync", "--tracking-uri", "sqlite:///far.db"}).at("runs_present").as_int(), 1);
  EXPECT_THAT(ivory({"search", "toy", "--tracking-uri", "sqlite:///far.db"}).out, HasSubstr("run#0"));
  EXPECT_EQ(ivory_json({"sync", "--tracking-uri", "file:./far"}).at("runs_made").as_int(), 1);
  EXPECT_EQ(ivory_json({"sync", "--tracking-uri", "file:./far"}).at("runs_present").as_int(), 1);
  EXPECT_THAT(ivory({"search", "toy", "--tracking-uri", "file:far"}).out, HasSubstr("run#0"));
}

TEST_F(Moving, TakesTheTrackingUriInItsOrder) {
  ::setenv("MLFLOW_TRACKING_URI", "sqlite:///usual.db", 1);
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path() / "usual.db"));
  write("client.yml", read("client.yml") + "\ntracker: {tracking_uri: 'sqlite:///given.db'}\n");
  ASSERT_EQ(ivory({"run", "toy", "-q"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path() / "given.db"));
  ASSERT_EQ(ivory({"run", "toy", "-q", "--tracking-uri", "sqlite:///asked.db"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(path() / "asked.db"));
  ::unsetenv("MLFLOW_TRACKING_URI");
}

}  // namespace
}  // namespace ivory
