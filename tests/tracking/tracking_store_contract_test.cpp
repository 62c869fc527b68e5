// What every tracking store promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <thread>

#include <ivory/tracking/store_error.h>

#include "tracking_store_contract.h"

namespace ivory::tracking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST_P(TrackingStoreContract, BeginsWithTheExperimentDefault) {
  const auto found = store_->find_experiment("Default");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "0");
  EXPECT_EQ(found->lifecycle_stage, LifecycleStage::kActive);
}

TEST_P(TrackingStoreContract, GivesBackTheExperimentItMade) {
  const TimeMs before = now_ms();
  const std::string id = store_->create_experiment("žluť", "/data/art");
  const auto record = store_->get_experiment(id);
  EXPECT_EQ(record.id, id);
  EXPECT_EQ(record.name, "žluť");
  EXPECT_EQ(record.artifact_location, "/data/art");
  EXPECT_GE(record.creation_time, before);
  EXPECT_EQ(record.creation_time, record.last_update_time);
  EXPECT_EQ(store_->find_experiment("žluť"), record);
}

TEST_P(TrackingStoreContract, PutsArtifactsUnderTheArtifactRoot) {
  const std::string root = place_.is_remote
                               ? "mlflow-artifacts:"
                               : (place_.is_of_files ? "file://" : "") + (folder_.path() / "mlruns").string();
  EXPECT_EQ(store_->get_experiment(experiment_).artifact_location, root + "/" + experiment_);
  const auto run = make_run();
  EXPECT_EQ(run.artifact_uri, root + "/" + experiment_ + "/" + run.run_id + "/artifacts");
  const std::string given =
      store_->get_experiment(store_->create_experiment("rel", "sub/art")).artifact_location;
  if (place_.is_remote) {
    EXPECT_THAT(given, MatchesRegex("/.+/sub/art")) << "a folder of the server's machine";
  } else {
    EXPECT_EQ(given, (folder_.path() / "sub/art").string());
  }
}

TEST_P(TrackingStoreContract, KeepsExperimentNamesUnique) {
  EXPECT_EQ(code_of([&] { store_->create_experiment("contract"); }), ErrorCode::kConflict);
  EXPECT_EQ(store_->find_or_create_experiment("contract").id, experiment_);
  const auto made = store_->find_or_create_experiment("another");
  EXPECT_NE(made.id, experiment_);
  EXPECT_EQ(store_->find_or_create_experiment("another"), made);
}

TEST_P(TrackingStoreContract, FindsNothingWithoutAnError) {
  EXPECT_EQ(store_->find_experiment("nobody"), std::nullopt);
  EXPECT_EQ(store_->find_run("0123456789abcdef0123456789abcdef"), std::nullopt);
  EXPECT_THAT(store_->metric_history("nobody", "loss"), IsEmpty());
  EXPECT_THAT(store_->list_runs({.experiment_ids = {"99999", "odd; DROP TABLE runs", ""}}), IsEmpty());
}

TEST_P(TrackingStoreContract, SaysWhatItDoesNotHave) {
  EXPECT_EQ(code_of([&] { (void)store_->get_experiment("77"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { (void)store_->get_experiment("odd"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { (void)store_->get_run("missing"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { store_->log_metric("missing", {.key = "m"}); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { store_->update_run("missing", {.status = RunStatus::kFailed}); }),
            ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { store_->delete_run("missing"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { store_->set_experiment_tag("77", {"k", "v"}); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { store_->create_run({.experiment_id = "77", .name = "x"}); }), ErrorCode::kNotFound);
  EXPECT_THAT(message_of([&] { (void)store_->get_run("missing"); }), HasSubstr("missing"));
}

TEST_P(TrackingStoreContract, ListsExperimentsNewestFirstWithTheirTags) {
  store_->set_experiment_tag(experiment_, {"owner", "bob"});
  store_->set_experiment_tag(experiment_, {"owner", "alice"});
  store_->set_experiment_tag(experiment_, {"a", "1"});
  const auto listed = store_->list_experiments();
  ASSERT_THAT(listed, SizeIs(2));
  const auto& mine = listed[0].id == experiment_ ? listed[0] : listed[1];
  EXPECT_THAT(mine.tags, ElementsAre(KeyValue{"a", "1"}, KeyValue{"owner", "alice"}));
  EXPECT_GE(listed[0].creation_time, listed[1].creation_time);
  EXPECT_THAT(store_->list_experiments(ViewType::kDeletedOnly), IsEmpty());
}

TEST_P(TrackingStoreContract, GivesBackTheRunItMade) {
  const auto run = store_->create_run({.experiment_id = experiment_,
                                       .name = "first",
                                       .user_id = "carol",
                                       .start_time_ms = 1'700'000'000'000,
                                       .tags = {{"team", "a"}, {"team", "b"}}});
  EXPECT_THAT(run.run_id, MatchesRegex("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}"));
  EXPECT_EQ(run.name, "first");
  EXPECT_EQ(run.status, RunStatus::kRunning);
  EXPECT_EQ(run.start_time, 1'700'000'000'000);
  EXPECT_EQ(run.end_time, std::nullopt);
  EXPECT_EQ(run.user_id, "carol");
  EXPECT_THAT(run.tags, ElementsAre(KeyValue{"mlflow.runName", "first"}, KeyValue{"team", "b"}));
  EXPECT_EQ(store_->get_run(run.run_id), run);
}

TEST_P(TrackingStoreContract, TakesTheUserFromTheTag) {
  const auto named = store_->create_run(
      {.experiment_id = experiment_, .name = "x", .tags = {{std::string(kUserTag), "dave"}}});
  EXPECT_EQ(named.user_id, "dave");
  EXPECT_EQ(make_run().user_id, "unknown");
}

TEST_P(TrackingStoreContract, TakesTheNameFromTheTagButNotTwoNames) {
  CreateRun create{.experiment_id = experiment_, .tags = {{std::string(kRunNameTag), "tagged"}}};
  EXPECT_EQ(store_->create_run(create).name, "tagged");
  create.name = "other";
  EXPECT_EQ(code_of([&] { store_->create_run(create); }), ErrorCode::kInvalidArgument);
}

TEST_P(TrackingStoreContract, InventsANameWhenNoneIsGiven) {
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const auto run = make_run("");
    EXPECT_THAT(run.name, MatchesRegex("[a-z]+-[a-z]+-[0-9]+"));
    EXPECT_LE(run.name.size(), 20u);
    seen.insert(run.name);
  }
  EXPECT_GT(seen.size(), 45u);
}

TEST_P(TrackingStoreContract, NumbersRunsWithinTheirExperiment) {
  EXPECT_EQ(make_numbered().name, "run#0");
  EXPECT_EQ(make_numbered().name, "run#1");
  EXPECT_EQ(make_numbered("task").name, "task#0");
  const std::string other = store_->create_experiment("other");
  EXPECT_EQ(store_->create_run({.experiment_id = other, .name_prefix = "run"}).name, "run#0");
  EXPECT_EQ(make_numbered().name, "run#2");
}

TEST_P(TrackingStoreContract, CountsDeletedRunsAndThoseOfOthers) {
  store_->delete_run(make_numbered().run_id);
  EXPECT_EQ(make_numbered().name, "run#1");
  const auto other = open();
  EXPECT_EQ(other->create_run({.experiment_id = experiment_, .name_prefix = "run"}).name, "run#2");
  EXPECT_EQ(make_numbered().name, "run#3");
  make_run("run#10");
  make_run("run#010");
  make_run("run#x");
  make_run("run#");
  make_run("runner#50");
  EXPECT_EQ(make_numbered().name, "run#11");
  EXPECT_EQ(open()->create_run({.experiment_id = experiment_, .name_prefix = "run"}).name, "run#12");
}

TEST_P(TrackingStoreContract, StepsOverANumberThatARenameTook) {
  const auto first = make_run("plain");
  make_numbered();
  store_->update_run(first.run_id, {.name = "run#1"});
  EXPECT_EQ(make_numbered().name, "run#2");
}

TEST_P(TrackingStoreContract, EndsARun) {
  const auto run = make_run();
  store_->update_run(run.run_id, {.status = RunStatus::kFinished, .end_time_ms = 1'800'000'000'000});
  const auto ended = store_->get_run(run.run_id);
  EXPECT_EQ(ended.status, RunStatus::kFinished);
  EXPECT_EQ(ended.end_time, 1'800'000'000'000);
  EXPECT_EQ(ended.name, run.name);
}

TEST_P(TrackingStoreContract, KeepsTheNameAndItsTagTogether) {
  const auto run = make_run();
  store_->update_run(run.run_id, {.name = "renamed"});
  EXPECT_EQ(*store_->get_run(run.run_id).find_tag(kRunNameTag), "renamed");
  store_->set_tag(run.run_id, {std::string(kRunNameTag), "again"});
  EXPECT_EQ(store_->get_run(run.run_id).name, "again");
}

TEST_P(TrackingStoreContract, LogsABatchInOneStep) {
  const auto run = make_run();
  store_->log_batch(run.run_id,
                    {.metrics = {{"loss", 0.5, 10, 0}, {"loss", 0.25, 20, 1}, {"acc", 1.0 / 3, 20, 1}},
                     .params = {{"lr", "0.1"}, {"a b", "c d"}},
                     .tags = {{"team", "a"}, {"mlflow.note.content", "n"}}});
  const auto logged = store_->get_run(run.run_id);
  EXPECT_THAT(logged.metrics, ElementsAre(Metric{"acc", 1.0 / 3, 20, 1}, Metric{"loss", 0.25, 20, 1}));
  EXPECT_THAT(logged.params, ElementsAre(KeyValue{"a b", "c d"}, KeyValue{"lr", "0.1"}));
  EXPECT_EQ(*logged.find_tag("team"), "a");
  EXPECT_EQ(*logged.find_param("lr"), "0.1");
  EXPECT_EQ(logged.find_metric("loss")->value, 0.25);
  EXPECT_EQ(logged.find_metric("none"), nullptr);
  EXPECT_THAT(store_->metric_history(run.run_id, "loss"),
              ElementsAre(Metric{"loss", 0.5, 10, 0}, Metric{"loss", 0.25, 20, 1}));
}

TEST_P(TrackingStoreContract, WritesNothingOfABatchThatIsWrongAnywhere) {
  const auto run = make_run();
  store_->log_param(run.run_id, {"lr", "0.1"});
  const auto before = store_->get_run(run.run_id);
  Batch batch{.metrics = {{"m", 1, 1, 1}}, .params = {{"p", "1"}}, .tags = {{"t", "1"}}};
  batch.params.push_back({"lr", "0.2"});
  EXPECT_EQ(code_of([&] { store_->log_batch(run.run_id, batch); }), ErrorCode::kInvalidArgument);
  batch.params.pop_back();
  batch.tags.push_back({"bad//key", ""});
  EXPECT_EQ(code_of([&] { store_->log_batch(run.run_id, batch); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_->get_run(run.run_id), before);
}

TEST_P(TrackingStoreContract, KeepsAParamsFirstValue) {
  const auto run = make_run();
  store_->log_param(run.run_id, {"lr", "0.1"});
  store_->log_param(run.run_id, {"lr", "0.1"});
  EXPECT_EQ(message_of([&] { store_->log_param(run.run_id, {"lr", "0.2"}); }),
            "Changing param values is not allowed. Param with key='lr' was already logged with value='0.1' "
            "for run ID='" +
                run.run_id + "'. Attempted logging new value '0.2'.");
  EXPECT_EQ(code_of([&] { store_->log_batch(run.run_id, {.params = {{"q", "1"}, {"q", "1"}}}); }),
            ErrorCode::kInvalidArgument);
}

TEST_P(TrackingStoreContract, StoresTheSamePointOnce) {
  const auto run = make_run();
  const Metric point{"dup", 4.25, 7, 2};
  store_->log_batch(run.run_id, {.metrics = {point, point}});
  store_->log_metric(run.run_id, point);
  EXPECT_THAT(store_->metric_history(run.run_id, "dup"), ElementsAre(point));
}

TEST_P(TrackingStoreContract, TakesTheLargestStepTimeAndValueForTheLatest) {
  const auto run = make_run();
  const auto latest_after = [&](const std::string& key, const std::vector<Metric>& points) {
    for (const auto& point : points) store_->log_metric(run.run_id, point);
    const double one_by_one = store_->get_run(run.run_id).find_metric(key)->value;
    const auto other = make_run();
    store_->log_batch(other.run_id, {.metrics = points});
    const double at_once = store_->get_run(other.run_id).find_metric(key)->value;
    EXPECT_TRUE(one_by_one == at_once || (std::isnan(one_by_one) && std::isnan(at_once))) << key;
    return one_by_one;
  };
  EXPECT_EQ(latest_after("back_step", {{"back_step", 10, 10, 10}, {"back_step", 3, 99, 3}}), 10);
  EXPECT_EQ(latest_after("time", {{"time", 1, 30, 5}, {"time", 2, 10, 5}}), 1);
  EXPECT_EQ(latest_after("value", {{"value", 5, 1, 1}, {"value", 9, 1, 1}, {"value", 7, 1, 1}}), 9);
  if (!place_.is_of_files) {
    EXPECT_EQ(latest_after("nan_tie", {{"nan_tie", kNaN, 1, 0}, {"nan_tie", 1, 1, 0}}), 1);
    EXPECT_TRUE(std::isnan(latest_after("nan_wins", {{"nan_wins", -1, 1, 0}, {"nan_wins", kNaN, 1, 0}})));
  }
  EXPECT_TRUE(std::isnan(latest_after("nan_later", {{"nan_later", 2, 1, 0}, {"nan_later", kNaN, 2, 1}})));
  EXPECT_EQ(latest_after("negative", {{"negative", 1.5, 1, -3}, {"negative", 2.5, 1, -1}}), 2.5);
}

TEST_P(TrackingStoreContract, KeepsOddNumbersAsMLflowDoes) {
  const auto run = make_run();
  store_->log_batch(run.run_id, {.metrics = {{"inf", kInfinity, 1, 0},
                                             {"ninf", -kInfinity, 1, 0},
                                             {"tiny", 5e-324, 1, 0},
                                             {"nan", kNaN, 1, 0},
                                             {"far", 1, 1, std::numeric_limits<std::int64_t>::max()}}});
  const auto logged = store_->get_run(run.run_id);
  const double largest = place_.is_of_files ? kInfinity : std::numeric_limits<double>::max();
  EXPECT_EQ(logged.find_metric("inf")->value, largest);
  EXPECT_EQ(logged.find_metric("ninf")->value, -largest);
  EXPECT_EQ(logged.find_metric("tiny")->value, 5e-324);
  EXPECT_TRUE(std::isnan(logged.find_metric("nan")->value));
  EXPECT_EQ(logged.find_metric("far")->step, std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(std::isnan(store_->metric_history(run.run_id, "nan").front().value));
}

TEST_P(TrackingStoreContract, OrdersAHistoryByTimeThenStepThenValue) {
  const auto run = make_run();
  store_->log_batch(run.run_id,
                    {.metrics = {{"m", 9, 5, 1}, {"m", 3, 5, 1}, {"m", 1, 5, 0}, {"m", 7, 2, 8}}});
  EXPECT_THAT(
      store_->metric_history(run.run_id, "m"),
      ElementsAre(Metric{"m", 7, 2, 8}, Metric{"m", 1, 5, 0}, Metric{"m", 3, 5, 1}, Metric{"m", 9, 5, 1}));
}

TEST_P(TrackingStoreContract, RefusesTheNamesThatMLflowRefuses) {
  const auto run = make_run();
  const auto refused = [&](const std::string& key) {
    const auto metric = code_of([&] { store_->log_metric(run.run_id, {.key = key}); });
    EXPECT_EQ(metric, code_of([&] { store_->log_param(run.run_id, {key, "v"}); })) << key;
    EXPECT_EQ(metric, code_of([&] { store_->set_tag(run.run_id, {key, "v"}); })) << key;
    return metric == ErrorCode::kInvalidArgument;
  };
  for (const char* bad : {"", "/a", "a/", "a//b", "./a", "a/./b", "../a", "..a", "..", ".", "a/../b", "a,b",
                          "a\nb", "a#", "a\tb", "\xff", "\xc0\x80", "\xed\xa0\x80", "a–b"}) {
    EXPECT_TRUE(refused(bad)) << bad;
  }
  EXPECT_TRUE(refused(std::string("a\0b", 3)));
  EXPECT_TRUE(refused(std::string(251, 'k')));
  for (const char* good : {"a", "a b", "a/b.c-d:e_f", ".a", "a/..b", "ünï/✗"}) {
    if (std::string(good) == "ünï/✗") {
      EXPECT_TRUE(refused(good));  // a sign is no letter
    } else {
      EXPECT_FALSE(refused(good)) << good;
    }
  }
  for (const char* good : {"žluťoučký", "日本語", "٣", "²"}) EXPECT_FALSE(refused(good)) << good;
  std::string longest;
  for (int i = 0; i < 250; ++i) longest += "ü";
  EXPECT_FALSE(refused(longest));
}

TEST_P(TrackingStoreContract, RefusesOtherValuesThatMLflowRefuses) {
  const auto run = make_run();
  EXPECT_EQ(code_of([&] { store_->log_metric(run.run_id, {.key = "m", .timestamp_ms = -1}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->log_param(run.run_id, {"p", std::string("a\0b", 3)}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->set_tag(run.run_id, {"t", "\xff"}); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->create_experiment(""); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->create_experiment(std::string(501, 'n')); }), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { store_->set_experiment_tag(experiment_, {"k", std::string(5001, 'v')}); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_->get_experiment(store_->create_experiment(std::string(256, 'n'))).name.size(), 256u);
}

TEST_P(TrackingStoreContract, CutsLongValuesBetweenCharacters) {
  const auto run = make_run();
  std::string value;
  for (int i = 0; i < 8001; ++i) value += "ž";
  store_->log_batch(run.run_id, {.params = {{"p", value}}, .tags = {{"t", value}}});
  const auto logged = store_->get_run(run.run_id);
  EXPECT_EQ(*logged.find_param("p"), value.substr(0, 12'000));
  EXPECT_EQ(*logged.find_tag("t"), value.substr(0, 16'000));
  store_->log_param(run.run_id, {"p", value});  // the same once it is cut
}

TEST_P(TrackingStoreContract, RefusesWritesToADeletedRun) {
  const auto run = make_run();
  store_->delete_run(run.run_id);
  store_->delete_run(run.run_id);
  EXPECT_EQ(store_->get_run(run.run_id).lifecycle_stage, LifecycleStage::kDeleted);
  EXPECT_EQ(code_of([&] { store_->log_metric(run.run_id, {.key = "m"}); }), ErrorCode::kConflict);
  EXPECT_EQ(code_of([&] { store_->set_tag(run.run_id, {"t", "v"}); }), ErrorCode::kConflict);
  EXPECT_EQ(code_of([&] { store_->delete_tag(run.run_id, "mlflow.runName"); }), ErrorCode::kConflict);
  EXPECT_EQ(code_of([&] { store_->update_run(run.run_id, {.status = RunStatus::kFailed}); }),
            ErrorCode::kConflict);
  store_->restore_run(run.run_id);
  store_->restore_run(run.run_id);
  store_->log_metric(run.run_id, {.key = "m"});
  EXPECT_THAT(store_->get_run(run.run_id).metrics, SizeIs(1));
}

TEST_P(TrackingStoreContract, DeletesATagOnce) {
  const auto run = make_run();
  store_->set_tag(run.run_id, {"t", "v"});
  store_->delete_tag(run.run_id, "t");
  EXPECT_EQ(store_->get_run(run.run_id).find_tag("t"), nullptr);
  EXPECT_EQ(code_of([&] { store_->delete_tag(run.run_id, "t"); }), ErrorCode::kNotFound);
}

TEST_P(TrackingStoreContract, ListsTheRunsThatAreAskedFor) {
  const auto made = [&](const std::string& name, TimeMs start, std::vector<KeyValue> tags = {}) {
    return store_->create_run(
        {.experiment_id = experiment_, .name = name, .start_time_ms = start, .tags = std::move(tags)});
  };
  const auto parent = made("parent", 1);
  const auto child = made("child", 2, {{std::string(kParentRunIdTag), parent.run_id}});
  made("grandchild", 3, {{std::string(kParentRunIdTag), child.run_id}});
  store_->delete_run(made("gone", 4).run_id);
  store_->create_run({.experiment_id = "0", .name = "elsewhere", .start_time_ms = 5});
  store_->update_run(child.run_id, {.status = RunStatus::kFailed});

  EXPECT_THAT(names({.experiment_ids = {experiment_}}), ElementsAre("grandchild", "child", "parent"));
  EXPECT_THAT(names({}), ElementsAre("elsewhere", "grandchild", "child", "parent"));
  EXPECT_THAT(names({.experiment_ids = {"0", experiment_}, .view = ViewType::kAll, .limit = 3}),
              ElementsAre("elsewhere", "gone", "grandchild"));
  EXPECT_THAT(names({.view = ViewType::kDeletedOnly}), ElementsAre("gone"));
  EXPECT_THAT(names({.parent_run_id = parent.run_id}), ElementsAre("child"));
  EXPECT_THAT(names({.experiment_ids = {experiment_}, .nesting = Nesting::kTopLevel}), ElementsAre("parent"));
  EXPECT_THAT(names({.nesting = Nesting::kNested}), ElementsAre("grandchild", "child"));
  EXPECT_THAT(names({.status = RunStatus::kFailed}), ElementsAre("child"));
  EXPECT_THAT(names({.name = "parent"}), ElementsAre("parent"));
  EXPECT_THAT(names({.id_prefix = parent.run_id.substr(0, 20)}), ElementsAre("parent"));
  EXPECT_THAT(names({.id_prefix = "zz"}), IsEmpty());
  EXPECT_THAT(names({.name = "it's"}), IsEmpty());
}

TEST_P(TrackingStoreContract, FillsEveryRunOfALongListing) {
  constexpr int kRuns = 700;  // more than two blocks, and not a power of two
  for (int i = 0; i < kRuns; ++i) {
    const auto run = make_numbered();
    store_->log_batch(run.run_id,
                      {.metrics = {{"i", double(i), 1, 0}}, .params = {{"i", std::to_string(i)}}});
  }
  std::set<std::string> seen;
  for (const auto& run : store_->list_runs({.experiment_ids = {experiment_}})) {
    const std::string number = run.name.substr(4);
    ASSERT_EQ(*run.find_param("i"), number);
    ASSERT_EQ(run.find_metric("i")->value, std::stod(number));
    ASSERT_EQ(*run.find_tag(kRunNameTag), run.name);
    seen.insert(number);
  }
  EXPECT_THAT(seen, SizeIs(kRuns));
}

TEST_P(TrackingStoreContract, MakesARunWithItsParamsAndItsParent) {
  const auto parent = make_run();
  const CreateRun create{.experiment_id = experiment_,
                         .name = "child",
                         .params = {{"lr", "0.1"}, {"fold", "2"}},
                         .parent_run_id = parent.run_id};
  const auto run = store_->create_run(create);
  EXPECT_THAT(run.params, ElementsAre(KeyValue{"fold", "2"}, KeyValue{"lr", "0.1"}));
  EXPECT_EQ(*run.find_tag(kParentRunIdTag), parent.run_id);
  EXPECT_EQ(store_->get_run(run.run_id), run);
  EXPECT_THAT(names({.parent_run_id = parent.run_id}), ElementsAre("child"));
}

TEST_P(TrackingStoreContract, MakesNoRunWithAWrongParam) {
  const CreateRun wrong{.experiment_id = experiment_, .name = "wrong", .params = {{"a?", "1"}}};
  EXPECT_EQ(code_of([&] { store_->create_run(wrong); }), ErrorCode::kInvalidArgument);
  const CreateRun twice{.experiment_id = experiment_, .name = "twice", .params = {{"a", "1"}, {"a", "1"}}};
  EXPECT_EQ(code_of([&] { store_->create_run(twice); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(names({}), IsEmpty());
}

TEST_P(TrackingStoreContract, UpdatesStatusAndTagsInOneStep) {
  const auto run = make_run();
  store_->update_run(run.run_id, {.status = RunStatus::kFailed, .tags = {{"ivory.error", "no luck"}}});
  const auto updated = store_->get_run(run.run_id);
  EXPECT_EQ(updated.status, RunStatus::kFailed);
  EXPECT_EQ(*updated.find_tag(kErrorTag), "no luck");
  EXPECT_EQ(code_of([&] {
              store_->update_run(run.run_id, {.status = RunStatus::kFinished, .tags = {{"a?", ""}}});
            }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_->get_run(run.run_id).status, RunStatus::kFailed) << "nothing of it";
}

TEST_P(TrackingStoreContract, TellsParentsFromOthers) {
  const auto parent = make_run("parent");
  store_->create_run({.experiment_id = experiment_, .name = "child", .parent_run_id = parent.run_id});
  store_->create_run({.experiment_id = experiment_, .name = "empty task", .tags = {{"ivory.task", "{}"}}});
  make_run("single");
  EXPECT_THAT(names({.is_parent = true}), testing::UnorderedElementsAre("parent", "empty task"));
  EXPECT_THAT(names({.is_parent = false}), testing::UnorderedElementsAre("child", "single"));
}

TEST_P(TrackingStoreContract, ListsRunsByTheirIds) {
  const auto one = make_run("one");
  make_run("two");
  const auto three = make_run("three");
  EXPECT_THAT(names({.run_ids = {three.run_id, one.run_id, "none"}}),
              testing::UnorderedElementsAre("one", "three"));
  std::vector<std::string> many(40'000, "none");
  many.push_back(one.run_id);
  EXPECT_THAT(names({.run_ids = many}), ElementsAre("one"));
}

TEST_P(TrackingStoreContract, PurgesADeletedRunAndNothingElse) {
  const auto kept = make_run("kept");
  const auto run =
      store_->create_run({.experiment_id = experiment_, .name = "gone", .params = {{"lr", "1"}}});
  for (const auto& id : {kept.run_id, run.run_id}) store_->log_batch(id, {.metrics = {{"loss", 1.5, 1, 0}}});
  if (place_.is_remote) {
    store_->delete_run(run.run_id);
    EXPECT_EQ(code_of([&] { store_->purge_run(run.run_id); }), ErrorCode::kUnsupported);
    EXPECT_THAT(names({.view = ViewType::kDeletedOnly}), ElementsAre("gone"));
    return;
  }
  EXPECT_EQ(code_of([&] { store_->purge_run(run.run_id); }), ErrorCode::kConflict);
  store_->delete_run(run.run_id);
  store_->purge_run(run.run_id);
  EXPECT_FALSE(store_->find_run(run.run_id));
  EXPECT_THAT(store_->metric_history(run.run_id, "loss"), IsEmpty());
  EXPECT_THAT(names({.view = ViewType::kAll}), ElementsAre("kept"));
  EXPECT_THAT(store_->metric_history(kept.run_id, "loss"), SizeIs(1));
  EXPECT_EQ(code_of([&] { store_->purge_run(run.run_id); }), ErrorCode::kNotFound);
}

TEST_P(TrackingStoreContract, LeavesOutThePartsThatAreNotWanted) {
  const auto run = make_run();
  store_->log_batch(run.run_id, {.metrics = {{"m", 1, 1, 1}}, .params = {{"p", "1"}}});
  const auto listed = store_->list_runs({.with_metrics = false, .with_params = false, .with_tags = false});
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_THAT(listed[0].metrics, IsEmpty());
  EXPECT_THAT(listed[0].params, IsEmpty());
  EXPECT_THAT(listed[0].tags, IsEmpty());
}

TEST_P(TrackingStoreContract, KeepsEverythingForTheNextWhoOpensIt) {
  const auto run = make_run();
  store_->log_batch(run.run_id, {.metrics = {{"m", 1, 1, 1}}, .params = {{"p", "1"}}});
  const auto before = store_->get_run(run.run_id);
  store_.reset();
  store_ = open(Access::kReadOnly);
  EXPECT_EQ(store_->get_run(run.run_id), before);
}

TEST_P(TrackingStoreContract, ServesManyThreadsAtOnce) {
  constexpr int kThreads = 8;
  constexpr int kEach = 20;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const auto run = make_numbered();
        store_->log_batch(run.run_id, {.metrics = {{"m", double(i), i, i}}, .params = {{"p", run.name}}});
        store_->update_run(run.run_id, {.status = RunStatus::kFinished, .end_time_ms = now_ms()});
        EXPECT_EQ(*store_->get_run(run.run_id).find_param("p"), run.name);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::string> seen;
  for (const auto& run : store_->list_runs({.experiment_ids = {experiment_}})) {
    EXPECT_EQ(run.status, RunStatus::kFinished);
    EXPECT_THAT(run.metrics, SizeIs(1));
    seen.insert(run.name);
  }
  EXPECT_THAT(seen, SizeIs(kThreads * kEach));
  EXPECT_TRUE(seen.contains("run#159"));
}

Refusal refused_as(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return refusal_of(error);
  }
  return Refusal::kInternalError;
}

TEST_P(TrackingStoreContract, DeletesAnExperimentWithItsRunsAndRestoresThem) {
  const auto kept = make_run("kept");
  const auto gone_before = make_run("gone before");
  store_->delete_run(gone_before.run_id);
  store_->delete_experiment(experiment_);
  EXPECT_EQ(store_->get_experiment(experiment_).lifecycle_stage, LifecycleStage::kDeleted);
  EXPECT_EQ(store_->get_run(kept.run_id).lifecycle_stage, LifecycleStage::kDeleted);
  EXPECT_EQ(refused_as([&] { store_->delete_experiment(experiment_); }), Refusal::kResourceDoesNotExist);
  EXPECT_EQ(refused_as([&] { make_run(); }), Refusal::kInvalidParameterValue);
  EXPECT_EQ(refused_as([&] { store_->create_experiment("contract"); }), Refusal::kResourceAlreadyExists);
  store_->restore_experiment(experiment_);
  EXPECT_EQ(store_->get_experiment(experiment_).lifecycle_stage, LifecycleStage::kActive);
  EXPECT_EQ(store_->get_run(kept.run_id).lifecycle_stage, LifecycleStage::kActive);
  EXPECT_EQ(store_->get_run(gone_before.run_id).lifecycle_stage, LifecycleStage::kActive);
  EXPECT_EQ(message_of([&] { store_->restore_experiment(experiment_); }),
            "No Experiment with id=" + experiment_ + " exists");
}

TEST_P(TrackingStoreContract, RenamesAnActiveExperimentToAFreeName) {
  const std::string other = store_->create_experiment("other");
  store_->rename_experiment(experiment_, "renamed");
  EXPECT_EQ(store_->get_experiment(experiment_).name, "renamed");
  EXPECT_FALSE(store_->find_experiment("contract"));
  EXPECT_EQ(refused_as([&] { store_->rename_experiment(experiment_, "other"); }), Refusal::kBadRequest);
  EXPECT_EQ(code_of([&] { store_->rename_experiment(experiment_, "other"); }), ErrorCode::kConflict);
  store_->rename_experiment(experiment_, "renamed");
  EXPECT_EQ(code_of([&] { store_->rename_experiment(experiment_, ""); }), ErrorCode::kInvalidArgument);
  store_->delete_experiment(other);
  EXPECT_EQ(refused_as([&] { store_->rename_experiment(other, "third"); }), Refusal::kInvalidState);
  EXPECT_EQ(code_of([&] { store_->rename_experiment("424242", "x"); }), ErrorCode::kNotFound);
}

TEST_P(TrackingStoreContract, DeletesATagOfAnExperimentOnce) {
  store_->set_experiment_tag(experiment_, {"a", "1"});
  store_->set_experiment_tag(experiment_, {"b", "2"});
  store_->delete_experiment_tag(experiment_, "a");
  EXPECT_THAT(store_->get_experiment(experiment_).tags, ElementsAre(KeyValue{"b", "2"}));
  EXPECT_EQ(message_of([&] { store_->delete_experiment_tag(experiment_, "a"); }),
            "No tag with name: a in experiment with id " + experiment_);
}

TEST_P(TrackingStoreContract, PagesThroughAHistory) {
  const auto run = make_run();
  Batch batch;
  for (int i = 0; i < 25; ++i) batch.metrics.push_back({"m", i * 0.5, 1000 + i, i});
  batch.metrics.push_back({"other", 1, 1, 1});
  store_->log_batch(run.run_id, batch);
  std::vector<Metric> points;
  std::string token;
  int pages = 0;
  do {
    const auto page =
        store_->metric_history_page(run.run_id, {.key = "m", .max_results = 10, .page_token = token});
    points.insert(points.end(), page.items.begin(), page.items.end());
    token = page.next_page_token;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(points, store_->metric_history(run.run_id, "m"));
  EXPECT_THAT(points, SizeIs(25));
  const auto all = store_->metric_history_page(run.run_id, {.key = "m"});
  EXPECT_EQ(all.items, points);
  EXPECT_THAT(all.next_page_token, IsEmpty());
  const auto exact = store_->metric_history_page(run.run_id, {.key = "m", .max_results = 25});
  EXPECT_THAT(exact.next_page_token, IsEmpty());
  EXPECT_THAT(store_->metric_history_page("nobody", {.key = "m"}).items, IsEmpty());
  EXPECT_EQ(
      message_of([&] { (void)store_->metric_history_page(run.run_id, {.key = "m", .page_token = "xx"}); }),
      "Invalid page token, could not base64-decode");
}

TEST_P(TrackingStoreContract, SamplesHistoriesEvenlyWithTheirEnds) {
  const auto long_run = make_run("long");
  const auto short_run = make_run("short");
  Batch batch;
  for (int i = 0; i < 1000; ++i) batch.metrics.push_back({"m", double(i), i, i});
  store_->log_batch(long_run.run_id, batch);
  store_->log_batch(short_run.run_id, {.metrics = {{"m", 1, 1, 333}, {"m", 2, 2, 335}}});

  const auto steps_of = [](const std::vector<MetricOfRun>& points, const std::string& run) {
    std::vector<std::int64_t> steps;
    for (const auto& point : points) {
      if (point.run_id == run) steps.push_back(point.metric.step);
    }
    return steps;
  };
  auto points = store_->sample_histories(
      {.run_ids = {long_run.run_id, short_run.run_id}, .key = "m", .max_results = 4});
  EXPECT_THAT(steps_of(points, long_run.run_id), ElementsAre(0, 250, 333, 335, 500, 750, 999));
  EXPECT_THAT(steps_of(points, short_run.run_id), ElementsAre(333, 335));
  points = store_->sample_histories(
      {.run_ids = {long_run.run_id}, .key = "m", .start_step = 10, .end_step = 13, .max_results = 10});
  EXPECT_THAT(steps_of(points, long_run.run_id), ElementsAre(10, 11, 12, 13));
  EXPECT_THAT(store_->sample_histories({.run_ids = {long_run.run_id}, .key = "none"}), IsEmpty());
}

TEST_P(TrackingStoreContract, KeepsTheDatasetsOfRuns) {
  const auto run = make_run();
  const auto other = make_run("other");
  const Dataset train{"iris", "abc", "local", "{\"path\": 1}", "cols", "rows"};
  const Dataset test{"test", "def", "local", "{}", "", ""};
  store_->log_inputs(run.run_id, {{train, {{"mlflow.data.context", "training"}, {"b", "2"}}}, {test, {}}},
                     {});
  store_->log_inputs(run.run_id, {{train, {{"mlflow.data.context", "again"}}}}, {});
  store_->log_inputs(other.run_id, {{train, {{"mlflow.data.context", "eval"}}}}, {});

  const auto inputs = store_->get_run(run.run_id).dataset_inputs;
  ASSERT_THAT(inputs, SizeIs(2));
  EXPECT_EQ(inputs[0].dataset, train);
  EXPECT_THAT(inputs[0].tags, ElementsAre(KeyValue{"b", "2"}, KeyValue{"mlflow.data.context", "training"}));
  EXPECT_EQ(inputs[1].dataset, test);
  EXPECT_THAT(inputs[1].tags, IsEmpty());

  const auto summaries = store_->search_datasets({experiment_});
  ASSERT_THAT(summaries, SizeIs(3));
  EXPECT_EQ(summaries[0].name, "iris");
  EXPECT_EQ(summaries[0].digest, "abc");
  EXPECT_EQ(summaries[0].experiment_id, experiment_);
  EXPECT_EQ(summaries[0].context, "eval");
  EXPECT_EQ(summaries[1].context, "training");
  EXPECT_EQ(summaries[2].context, "");
  EXPECT_THAT(store_->search_datasets({"0", "nobody"}), IsEmpty());

  for (const auto& listed : store_->list_runs({.experiment_ids = {experiment_}}))
    EXPECT_THAT(listed.dataset_inputs, IsEmpty());
  const auto asked =
      store_->list_runs({.experiment_ids = {experiment_}, .name = "other", .with_inputs = true});
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(asked[0].dataset_inputs, SizeIs(1));
}

TEST_P(TrackingStoreContract, RefusesInputsThatAreTooLong) {
  const auto run = make_run();
  const DatasetInput good{{"name", "digest", "local", "{}", "", ""}, {}};
  DatasetInput long_name = good;
  long_name.dataset.name = std::string(501, 'd');
  EXPECT_EQ(message_of([&] { store_->log_inputs(run.run_id, {good, long_name}, {}); }),
            "'name' exceeds the maximum length of 500 characters");
  DatasetInput long_digest = good;
  long_digest.dataset.digest = std::string(37, 'd');
  EXPECT_EQ(code_of([&] { store_->log_inputs(run.run_id, {long_digest}, {}); }), ErrorCode::kInvalidArgument);
  EXPECT_THAT(store_->get_run(run.run_id).dataset_inputs, IsEmpty());
  EXPECT_EQ(code_of([&] { store_->log_inputs("nobody", {good}, {}); }), ErrorCode::kNotFound);
  store_->delete_run(run.run_id);
  EXPECT_EQ(code_of([&] { store_->log_inputs(run.run_id, {good}, {}); }), ErrorCode::kConflict);
}

TEST_P(TrackingStoreContract, KeepsTheModelsThatRunsUsedAndMade) {
  const auto run = make_run();
  const std::string used = "m-" + std::string(32, 'a');
  const std::string made = "m-" + std::string(32, 'b');
  store_->log_inputs(run.run_id, {}, {used, used});
  store_->log_outputs(run.run_id, {{made, 3}});
  store_->log_outputs(run.run_id, {{made, 4}});
  const auto record = store_->get_run(run.run_id);
  EXPECT_THAT(record.model_inputs, ElementsAre(used));
  EXPECT_THAT(record.model_outputs, ElementsAre(ModelOutput{made, 4}));
  EXPECT_EQ(code_of([&] { store_->log_outputs("nobody", {{made, 0}}); }), ErrorCode::kNotFound);
}

TEST_P(TrackingStoreContract, RefusesWhatMLflowRefusesInItsWords) {
  const auto run = make_run();
  const auto said = [&](const Batch& batch) {
    return message_of([&] { store_->log_batch(run.run_id, batch); });
  };
  EXPECT_EQ(said({.metrics = {{"good", 1, 0, 0}, {"bad*", 1, 0, 0}}}),
            "Invalid value \"bad*\" for parameter 'metrics[1].name' supplied: Names may only contain "
            "alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).");
  EXPECT_EQ(said({.metrics = {{"a//b", 1, 0, 0}}}),
            "Invalid value \"a//b\" for parameter 'name' supplied: Names may be treated as files in certain "
            "cases, and must not resolve to other names when treated as such. This name would resolve to "
            "'a/b'");
  EXPECT_EQ(said({.metrics = {{std::string(251, 'k'), 1, 0, 0}}}),
            "'Metric name' exceeds the maximum length of 250 characters");
  EXPECT_EQ(said({.metrics = {{"neg", 1, -1, 0}}}),
            "Invalid value -1 for parameter 'timestamp' supplied: metric 'neg' (value=1.0). Timestamp must "
            "be a nonnegative long (64-bit integer) ");
  EXPECT_EQ(said({.params = {{"dup", "1"}, {"dup", "2"}}}),
            "Duplicate parameter keys have been submitted: ['dup']. Please ensure the request contains only "
            "one param value per param key.");
  store_->log_param(run.run_id, {"bp", "x"});
  EXPECT_EQ(said({.params = {{"bp", "other"}, {"bp2", "z"}}}),
            "Changing param values is not allowed. Params were already logged='[{'key': 'bp', 'old_value': "
            "'x', 'new_value': 'other'}]' for run ID='" +
                run.run_id + "'.");
  EXPECT_EQ(message_of([&] { store_->set_experiment_tag(experiment_, {"k", std::string(5001, 'v')}); }),
            "'value' exceeds the maximum length of 5000 characters");
  EXPECT_EQ(message_of([&] { (void)store_->get_experiment("424242"); }),
            "No Experiment with id=424242 exists");
  EXPECT_EQ(message_of([&] {
              (void)store_->create_run(
                  {.experiment_id = experiment_, .name = "a", .tags = {{std::string(kRunNameTag), "b"}}});
            }),
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
            "(run_name='a', mlflow.runName='b').");
}

}  // namespace
}  // namespace ivory::tracking
