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
  // A name that is wrong changes nothing.
  EXPECT_EQ(ivory({"delete", "toy/run#0", "toy/run#99"}).status, 2);
  EXPECT_EQ(count({}), 7U);
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
