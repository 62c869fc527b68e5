// Reports with folds and several objectives, duplicates and choices that grow.
#include <cmath>
#include <limits>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/tuning/fixed_trial.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "full_reports.h"
#include "support.h"

namespace ivory::tuning {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using Steps = std::map<std::int64_t, double>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

StudyOptions with_seed(std::vector<Direction> directions = {Direction::kMinimize}) {
  return {.directions = std::move(directions), .sampler = make_random_sampler({.seed = 7})};
}

TEST(Reports, OfFoldsAreKeptWholeAndShownByFold) {
  Study study = create_study(with_seed());
  const auto trial = study.ask();
  for (int fold = 0; fold < 3; ++fold) {
    for (int step = 0; step < 2; ++step) trial->report(10 * fold + step, step, fold);
  }
  const FrozenTrial ended = study.tell(*trial, TrialState::kPruned);
  EXPECT_EQ(ended.intermediate_values, (Steps{{0, 1}, {1, 11}, {2, 21}}));
  ASSERT_EQ(ended.reports.size(), 6U);
  EXPECT_EQ(ended.reports[3], (TrialReport{.step = 1, .fold = 1, .values = {11}}));
  EXPECT_THAT(ended.values, ElementsAre(11.0));  // the mean of the folds' last
}

TEST(Reports, OfSeveralObjectivesAreKeptWholeAndTheFirstIsShown) {
  Study study = create_study(with_seed({Direction::kMinimize, Direction::kMaximize}));
  const auto trial = study.ask();
  trial->report({1, 2}, 0);
  trial->report({0.5, 3}, 4);
  const FrozenTrial ended = study.tell(*trial, TrialState::kPruned);
  EXPECT_EQ(ended.intermediate_values, (Steps{{0, 1}, {4, 0.5}}));
  EXPECT_EQ(ended.reports[1], (TrialReport{.step = 4, .values = {0.5, 3}}));
  EXPECT_THAT(ended.values, ElementsAre(0.5, 3.0));
}

TEST(Reports, APlainTrialHasNoMoreThanOptunaShows) {
  Study study = create_study(with_seed());
  const auto trial = study.ask();
  trial->report(1, 0);
  EXPECT_TRUE(study.tell(*trial, 1).reports.empty());
}

TEST(Reports, ANanIsNoValueOfAPrunedTrial) {
  Study study = create_study(with_seed({Direction::kMinimize, Direction::kMaximize}));
  const auto trial = study.ask();
  trial->report({1, kNan}, 0);
  EXPECT_TRUE(study.tell(*trial, TrialState::kPruned).values.empty());
}

TEST(Reports, SayWhatIsWrongAndWhatInstead) {
  const Quiet quiet;
  Study study = create_study(with_seed());
  const auto trial = study.ask();
  EXPECT_THAT(message_of([&] { trial->report({1, 2}, 0); }),
              HasSubstr("reported 2 value(s) at step 0 where the study has 1 objective(s)"));
  EXPECT_THAT(message_of([&] { trial->report(1, 0, -2); }), HasSubstr("a fold is 0 or more; got -2"));
  EXPECT_THAT(message_of([&] { trial->report(std::vector<double>{}, 0); }), HasSubstr("got none"));
  trial->report(1, 0, 0);
  EXPECT_THAT(message_of([&] { trial->report(1, 1); }),
              HasSubstr("report all of a trial's steps with a fold"));
  trial->report(2, 0, 0);  // again: passed over
  EXPECT_EQ(study.trial(0).intermediate_values.at(0), 1);
  const auto plain = study.ask();
  plain->report(1, 0);
  EXPECT_THAT(message_of([&] { plain->report(1, 0, 3); }), HasSubstr("of a fold after steps without one"));
}

TEST(Reports, AFixedTrialKeepsThem) {
  FixedTrial trial({{"x", 1.0}});
  trial.report({1, 2}, 3, 1);
  trial.report({9, 9}, 3, 1);
  EXPECT_EQ(trial.intermediate_values(), (Steps{{1, 1}}));
  EXPECT_EQ(trial.reports().size(), 1U);
}

TEST(Reports, AttributesHoldThem) {
  const TrialReport plain{.step = 4, .values = {1, kNan}}, folded{.step = 4, .fold = 2, .values = {1}};
  EXPECT_EQ(report_key(folded), "ivory:report:2:4");
  EXPECT_EQ(find_report(report_key(folded), Params(folded.values)), folded);
  EXPECT_EQ(find_report(report_key(plain), Params(plain.values)).value_or(folded).fold, std::nullopt);
  for (const char* key : {"ivory:report:2", "ivory:report:-1:4", "ivory:report:x:4", "report:2:4"})
    EXPECT_EQ(find_report(key, Params(folded.values)), std::nullopt) << key;
  EXPECT_EQ(find_report(report_key(folded), Params("text")), std::nullopt);
}

class KeptReports : public testing::TestWithParam<const char*> {};

TEST_P(KeptReports, ComeBackFromTheStore) {
  const TemporaryFolder folder;
  const std::string url = std::string(GetParam()) + folder.path().string() + "/store";
  StudyOptions options = with_seed({Direction::kMinimize, Direction::kMaximize});
  options.storage = url;
  options.study_name = "a";
  Study study = create_study(options);
  const Study other = load_study({.storage = url});
  const auto trial = study.ask();
  trial->report({1, 2}, 0, 0);
  trial->report({kNan, HUGE_VAL}, 0, 1);
  EXPECT_EQ(other.trial(0).reports.size(), 2U) << "while it runs";
  study.tell(*trial, std::vector<double>{1, 2});
  const std::vector<TrialReport> kept = load_study({.storage = url}).trial(0).reports;
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0], (TrialReport{.step = 0, .fold = 0, .values = {1, 2}}));
  EXPECT_TRUE(std::isnan(kept[1].values[0]));
  EXPECT_EQ(kept[1].values[1], HUGE_VAL);
  EXPECT_TRUE(other.trial(0).system_attrs.empty());
  copy_study("a", url, url, "b");
  EXPECT_EQ(load_study({.storage = url, .study_name = "b"}).trial(0).reports[0], kept[0]);
  delete_study("a", url);
  EXPECT_EQ(load_study({.storage = url, .study_name = "b"}).trial(0).reports.size(), 2U);
}
INSTANTIATE_TEST_SUITE_P(All, KeptReports, testing::Values("journal:///", "sqlite:///"),
                         [](const auto& info) { return std::string(info.param).substr(0, 6); });

// Six points in all, so that 40 trials meet them again.
double product(Trial& trial, int& calls) {
  const auto n = trial.suggest_int("n", 1, 3);
  const Params sign = trial.suggest_categorical("sign", {1, -1});
  ++calls;
  trial.set_constraint("n", static_cast<double>(n) - 2);
  return static_cast<double>(n * sign.as_int());
}

TEST(Duplicates, RunWhereTheyAreAllowed) {
  int calls = 0;
  Study study = create_study(with_seed());
  study.optimize([&](Trial& trial) { return product(trial, calls); }, {.n_trials = 40});
  EXPECT_EQ(calls, 40);
}

TEST(Duplicates, AreSkippedAsFailures) {
  int calls = 0;
  Study study = create_study(with_seed());
  study.optimize([&](Trial& trial) { return product(trial, calls); },
                 {.n_trials = 40, .duplicates = Duplicates::kSkip});
  EXPECT_EQ(calls, 6);
  EXPECT_EQ(study.size(), 40);
  for (const auto& trial : study.trials()) {
    if (trial.state == TrialState::kComplete) continue;
    EXPECT_EQ(trial.state, TrialState::kFail);
    const auto earlier = trial.system_attrs.at("ivory:duplicate_of").as_int();
    EXPECT_EQ(study.trial(earlier).params, trial.params);
  }
}

TEST(Duplicates, ReuseTheEarlierValuesAndConstraints) {
  int calls = 0;
  Study study = create_study(with_seed());
  study.optimize([&](Trial& trial) { return product(trial, calls); },
                 {.n_trials = 40, .duplicates = Duplicates::kReuse});
  EXPECT_EQ(calls, 6);
  for (const auto& trial : study.trials()) {
    ASSERT_EQ(trial.state, TrialState::kComplete);
    const auto n = trial.params_map().at("n").as_int();
    EXPECT_EQ(trial.value(), static_cast<double>(n * trial.params_map().at("sign").as_int()));
    EXPECT_EQ(trial.is_feasible(), n <= 2);
  }
}

TEST(GrowingChoices, MayGrowAtTheEndOnly) {
  const TemporaryFolder folder;
  StudyOptions options = with_seed();
  options.storage = "journal:///" + folder.path().string() + "/log";
  options.study_name = "growing";
  options.choices_may_grow = true;
  options.sampler = make_tpe_sampler({.n_startup_trials = 5, .seed = 2});
  const auto run = [](Study& study, const std::vector<Params>& choices, std::int64_t count) {
    study.optimize(
        [&](Trial& trial) {
          return trial.suggest_float("x", 0, 1) +
                 (trial.suggest_categorical("c", choices) == Params("d") ? 0 : 1);
        },
        {.n_trials = count});
  };
  Study study = create_study(options);
  run(study, {"a", "b"}, 10);
  Study again = load_study({.storage = options.storage, .sampler = options.sampler});  // the study knows
  run(again, {"a", "b", "c", "d"}, 30);
  EXPECT_EQ(again.best_params().at("c"), Params("d"));
  const auto refused = [&](const std::vector<Params>& choices) {
    const auto trial = again.ask();
    const std::string message = message_of([&] { trial->suggest_categorical("c", choices); });
    again.tell(*trial, TrialState::kFail);
    return message;
  };
  EXPECT_THAT(refused({"a", "b"}), HasSubstr("may grow at the end"));
  EXPECT_THAT(refused({"b", "a", "c", "d"}), HasSubstr("may grow at the end"));
  EXPECT_EQ(refused({"a", "b", "c", "d", "e"}), "nothing was thrown");
}

TEST(GrowingChoices, AreRefusedUnlessAskedFor) {
  Study study = create_study(with_seed());
  const auto first = study.ask();
  first->suggest_categorical("c", {"a", "b"});
  const auto second = study.ask();
  EXPECT_THAT(message_of([&] { second->suggest_categorical("c", {"a", "b", "c"}); }),
              HasSubstr("keeps its choices"));
}

}  // namespace
}  // namespace ivory::tuning
