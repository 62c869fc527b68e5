// ivory search, compare, delete, restore and gc: runs that were tracked.
#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class StoredRunsCli : public Cli {
 protected:
  void run_task() const {
    const CommandResult result = ivory({"run", "toy", "fold=0-1", "lr=0.1,0.2,0.4"});
    ASSERT_EQ(result.status, 0) << result.err;
  }
  [[nodiscard]] std::size_t count(std::vector<std::string> conditions) const {
    conditions.insert(conditions.begin(), {"search", "toy"});
    return ivory_json(std::move(conditions)).size();
  }
  [[nodiscard]] std::string id_of(const std::string& name) const {
    const Params runs = ivory_json({"search", "toy"});
    for (const Params& run : runs.elements())
      if (run.at("name").as_string() == name) return run.at("id").as_string();
    ADD_FAILURE() << "there is no " << name;
    return {};
  }
};

TEST_F(StoredRunsCli, SearchFindsByParams) {
  run_task();
  EXPECT_EQ(count({}), 7U);  // the task and its six runs
  EXPECT_EQ(count({"--parents"}), 1U);
  EXPECT_EQ(count({"--nested"}), 6U);
  EXPECT_EQ(count({"lr=0.1"}), 2U);
  EXPECT_EQ(count({"lr=0.1,0.4"}), 4U);
  EXPECT_EQ(count({"lr=0.15_0.4", "fold=1"}), 2U);
  EXPECT_EQ(count({"lr=7"}), 0U);
  EXPECT_THAT(ivory({"search", "toy", "lr=7"}).out, HasSubstr("No run fits"));
  const CommandResult twice = ivory({"search", "toy", "lr=1", "lr=2"});
  EXPECT_EQ(twice.status, 2);
  EXPECT_THAT(twice.err, HasSubstr("'lr' is given twice"));
}

std::vector<double> losses(const Params& runs) {
  std::vector<double> values;
  for (const Params& run : runs.elements()) values.push_back(run.at("metrics").at("val_loss").as_real());
  return values;
}

TEST_F(StoredRunsCli, SearchSpeaksTheSearchLanguage) {
  run_task();
  const Params all = ivory_json({"search", "toy", "--nested", "--order-by", "metrics.val_loss"});
  ASSERT_EQ(all.size(), 6U);
  std::vector<double> expected = losses(all);
  EXPECT_TRUE(std::ranges::is_sorted(expected));
  const std::string bound = std::to_string((expected[2] + expected[3]) / 2);
  EXPECT_EQ(count({"--nested", "--filter", "metrics.val_loss < " + bound}), 3U);
  EXPECT_EQ(count({"--filter", "metrics.val_loss < " + bound + " and params.lr = '0.1'", "fold=0"}) +
                count({"--filter", "metrics.val_loss >= " + bound + " and params.lr = '0.1'", "fold=0"}),
            1U);
  std::ranges::reverse(expected);
  expected.resize(2);
  EXPECT_EQ(losses(ivory_json({"search", "--nested", "--order-by", "metrics.val_loss DESC", "--max", "2"})),
            expected);
  EXPECT_EQ(count({"--parents", "--filter", "params.lr IS NULL"}), 1U);
  EXPECT_EQ(count({"--filter", "params.lr = 'none'"}), 0U);
}

TEST_F(StoredRunsCli, SearchSpeaksTheSameLanguageOverFolders) {
  const std::string uri = "file:" + (path() / "runs").string();
  ASSERT_EQ(ivory({"run", "toy", "lr=0.1,0.2,0.4", "-q", "--tracking-uri", uri}).status, 0);
  EXPECT_EQ(ivory_json({"search", "toy", "--tracking-uri", uri, "--filter", "params.lr != '0.1'"}).size(),
            2U);
  EXPECT_EQ(
      ivory_json({"search", "--tracking-uri", uri, "--order-by", "metrics.val_loss", "--max", "1"}).size(),
      1U);
  const Params found = ivory_json({"experiments", "--tracking-uri", uri, "--filter", "name = 'toy'"});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.elements()[0].at("runs"), Params(4));  // the task and its runs
}

TEST_F(StoredRunsCli, SearchGivesWhatItWasAskedForColumns) {
  run_task();
  const CommandResult result = ivory({"search", "toy", "--filter", "params.lr = '0.1'", "--order-by",
                                      "metrics.val_loss", "--column", "user_id"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              testing::ContainsRegex("^id .* best score +user +val_loss +lr +params\n.* 0\\.1  fold="));
  EXPECT_EQ(std::ranges::count(result.out, '\n'), 3);
}

TEST_F(StoredRunsCli, SearchSaysWhatIsWrongWithAFilterEvenBeforeThereIsAStore) {
  const CommandResult result = ivory({"search", "--filter", "metrics.loss < 'a'"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("Expected numeric value type for metric"));
  EXPECT_EQ(ivory({"search", "--order-by", "foo.bar"}).status, 2);
  EXPECT_EQ(ivory({"search", "--max", "0"}).status, 2);
  EXPECT_EQ(ivory({"search", "--view", "gone"}).status, 2);
  EXPECT_EQ(ivory({"experiments", "--filter", "foo = 'a'"}).status, 2);
  EXPECT_EQ(ivory_json({"search", "--filter", "metrics.loss < 1"}).size(), 0U);
  EXPECT_THAT(ivory({"experiments"}).out, HasSubstr("There are no experiments yet"));
  expect_nothing_written();
}

TEST_F(StoredRunsCli, SearchShowsDeletedRunsWhenAsked) {
  run_task();
  ASSERT_EQ(ivory({"delete", "toy/run#2"}).status, 0);
  EXPECT_EQ(count({"--view", "deleted"}), 1U);
  EXPECT_EQ(count({"--view", "all"}), 7U);
  EXPECT_EQ(count({"--view", "deleted", "--filter", "params.lr = '0.4'"}), 1U);
  EXPECT_EQ(count({"--view", "deleted", "--filter", "params.lr = '0.1'"}), 0U);
  EXPECT_THAT(ivory({"search", "--view", "all"}).out, AllOf(HasSubstr(" stage "), HasSubstr(" deleted ")));
}

TEST_F(StoredRunsCli, ExperimentsAreListedWithTheirRuns) {
  run_task();
  ASSERT_EQ(ivory({"delete", "toy/run#2"}).status, 0);
  const Params all = ivory_json({"experiments", "--order-by", "name DESC"});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all.elements()[0].at("name"), Params("toy"));
  EXPECT_EQ(all.elements()[0].at("runs"), Params(6));
  EXPECT_TRUE(all.elements()[0].at("last_start").is_int());
  EXPECT_EQ(all.elements()[1].at("runs"), Params(0));
  EXPECT_TRUE(all.elements()[1].at("last_start").is_null());
  EXPECT_EQ(ivory_json({"experiments", "--filter", "name LIKE 't%'"}).size(), 1U);
  EXPECT_EQ(ivory_json({"experiments", "--max", "1"}).size(), 1U);
  EXPECT_EQ(ivory_json({"experiments", "--view", "deleted"}).size(), 0U);
  EXPECT_THAT(ivory({"experiments", "--filter", "name = 'toy'"}).out,
              testing::ContainsRegex("^id +experiment +runs +last start +created\n +1 +toy +6 "));
}

TEST_F(StoredRunsCli, SearchWritesATableForOtherPrograms) {
  run_task();
  const CommandResult result = ivory({"search", "toy", "--nested", "--csv"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(testing::StartsWith(
                        "id,name,experiment,status,parent,start_time,end_time,params.fold,params.lr,"),
                    HasSubstr(",run#5,toy,FINISHED,")));
  EXPECT_EQ(std::ranges::count(result.out, '\n'), 7);
}

TEST_F(StoredRunsCli, CompareShowsWhatDiffersAndTheMetricsSideBySide) {
  run_task();
  const CommandResult result = ivory({"compare", "toy/run#0", "toy/run#1"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("toy/run#1"), HasSubstr("trainer.lr"), HasSubstr("val_loss"),
                                Not(HasSubstr("trainer.epochs")), Not(HasSubstr("run.id"))));
  const Params document = ivory_json({"compare", "toy/run#0", "toy/run#1"});
  EXPECT_EQ(document.at("params"), (Params{{"trainer.lr", Params::list({0.1, 0.2})}}));
  EXPECT_EQ(document.at("metrics").at("val_loss").size(), 2U);
  EXPECT_THAT(ivory({"compare", "toy/run#0", "toy/run#1", "--all"}).out, HasSubstr("trainer.epochs"));
  EXPECT_EQ(ivory({"compare", "toy/run#0"}).status, 2);
  EXPECT_THAT(ivory({"compare", "toy/run#0", "toy/rum#1"}).err, HasSubstr("did you mean"));
}

TEST_F(StoredRunsCli, DeletedRunsLeaveTheListingsAndComeBack) {
  run_task();
  const std::string run = id_of("run#2");
  EXPECT_THAT(ivory({"delete", "toy/run#2"}).out, HasSubstr(run + " run#2 is deleted"));
  EXPECT_EQ(count({}), 6U);
  EXPECT_EQ(ivory({"restore", run}).status, 0);
  EXPECT_EQ(count({}), 7U);
  const std::string task = id_of("task#0");
  EXPECT_EQ(ivory_json({"delete", "toy/task#0"}).size(), 7U);
  EXPECT_EQ(count({}), 0U);
  EXPECT_EQ(ivory_json({"restore", task}).size(), 7U);
  EXPECT_EQ(count({}), 7U);
  // By their names, too; those that are there need nothing.
  EXPECT_EQ(ivory_json({"delete", "toy/task#0"}).size(), 7U);
  EXPECT_THAT(ivory({"restore", "toy/run#22"}).err, HasSubstr("no deleted run 'toy/run#22'; did you mean"));
  EXPECT_EQ(ivory_json({"restore", "toy/task#0"}).size(), 7U);
  EXPECT_THAT(ivory({"restore", task}).err, HasSubstr("nothing to do: task#0 is active already"));
  EXPECT_EQ(count({}), 7U);
  // A name that is wrong changes nothing.
  EXPECT_EQ(ivory({"delete", "toy/run#0", "toy/run#99"}).status, 2);
  EXPECT_EQ(count({}), 7U);
}

TEST_F(StoredRunsCli, AreShownWhileTheUsersClassesCannotBeBuilt) {
  run_task();
  const std::string client = read("client.yml");
  write("client.yml", "modules: [nowhere.cpp]\nobjective: {lr: toy.suggest}\n");
  EXPECT_EQ(ivory({"run", "toy"}).status, 2);
  EXPECT_EQ(count({}), 7U);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"experiments"},
                                             {"compare", "toy/run#0", "toy/run#1"},
                                             {"gc", "--stale"},
                                             {"export", "backup"},
                                             {"delete", "toy/run#0"},
                                             {"restore", "toy/run#0"},
                                             {"sync"}}) {
    const CommandResult result = ivory(words);
    EXPECT_EQ(result.status, 0) << words.front() << ": " << result.err;
  }
  // What is wrong in the rest of the file is said all the same.
  write("client.yml", "trackr: {tracking_uri: 'sqlite:///far.db'}\n");
  EXPECT_THAT(ivory({"search"}).err, HasSubstr("did you mean 'tracker'"));
}

TEST_F(StoredRunsCli, SaysWhatMayHaveBeenMeantByANameThatIsNoAttribute) {
  run_task();
  EXPECT_THAT(ivory({"search", "--filter", "statu = 'FINISHED'"}).err, HasSubstr("did you mean 'status'?"));
  EXPECT_THAT(ivory({"search", "--order-by", "val_loss"}).err,
              HasSubstr("a metric is written metrics.val_loss, a param params.val_loss"));
}

TEST_F(StoredRunsCli, GcRemovesRowsAndArtifactsOfWhatWasDeletedLongAgo) {
  run_task();
  const std::string run = id_of("run#2");
  ASSERT_EQ(ivory({"delete", run}).status, 0);
  EXPECT_EQ(ivory_json({"gc", "--older-than", "1d"}).at("removed").as_int(), 0);
  EXPECT_EQ(ivory({"restore", run}).status, 0);
  ASSERT_EQ(ivory({"delete", run}).status, 0);
  bool there = false;
  for (const auto& entry : fs::recursive_directory_iterator(path() / "mlruns"))
    there = there || entry.path().filename() == run;
  EXPECT_TRUE(there);
  EXPECT_THAT(ivory({"gc", "--older-than", "0s"}).out, HasSubstr("1 deleted run is removed for good"));
  for (const auto& entry : fs::recursive_directory_iterator(path() / "mlruns"))
    EXPECT_NE(entry.path().filename(), run);
  EXPECT_NE(ivory({"restore", run}).status, 0);
  EXPECT_EQ(count({}), 6U);
  const CommandResult age = ivory({"gc", "--older-than", "month"});
  EXPECT_EQ(age.status, 2);
  EXPECT_THAT(age.err, HasSubstr("such as 30d, 12h or 0s"));
}

}  // namespace
}  // namespace ivory
