#include <ivory/tuning/study.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/tuning/pruners.h>
#include <ivory/tuning/samplers.h>

#include "support.h"

namespace ivory::tuning {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

StudyOptions seeded(Direction direction = Direction::kMinimize) {
  return {.direction = direction, .sampler = make_random_sampler({.seed = 7})};
}

double square(Trial& trial) {
  const double x = trial.suggest_float("x", -2, 2);
  return x * x;
}

TEST(Study, FindsTheBestOfItsTrials) {
  Study study = create_study(seeded());
  study.optimize(square, {.n_trials = 50});
  const FrozenTrial best = study.best_trial();
  EXPECT_EQ(study.size(), 50);
  for (const auto& trial : study.trials()) {
    EXPECT_EQ(trial.state, TrialState::kComplete);
    EXPECT_GE(trial.value(), best.value());
    EXPECT_TRUE(trial.datetime_start);
    EXPECT_LE(trial.datetime_start, trial.datetime_complete);
  }
  EXPECT_EQ(study.best_params().at("x").as_real() * study.best_params().at("x").as_real(),
            study.best_value());
}

TEST(Study, MaximizesAndBreaksTiesByNumber) {
  Study study = create_study(seeded(Direction::kMaximize));
  study.optimize([](Trial& trial) { return trial.number() == 1 || trial.number() == 2 ? 5.0 : 1.0; },
                 {.n_trials = 4});
  EXPECT_EQ(study.best_trial().number, 1);
}

TEST(Study, InfinityIsAValueAndNanAFailure) {
  const Quiet quiet;
  Study study = create_study(seeded());
  const std::vector<double> values{kInfinity, kNan, -kInfinity, 3};
  study.optimize([&](Trial& trial) { return values[static_cast<std::size_t>(trial.number())]; },
                 {.n_trials = 4});
  EXPECT_EQ(study.trial(0).state, TrialState::kComplete);
  EXPECT_EQ(study.trial(1).state, TrialState::kFail);
  EXPECT_TRUE(study.trial(1).values.empty());
  EXPECT_EQ(study.best_trial().number, 2);
}

TEST(Study, WrongCountOfValuesFailsTheTrial) {
  const Quiet quiet;
  Study study = create_study({.directions = {Direction::kMinimize, Direction::kMaximize},
                              .sampler = make_random_sampler({.seed = 1})});
  study.optimize(
      [](Trial& trial) { return std::vector<double>(static_cast<std::size_t>(trial.number()) + 1, 1.0); },
      {.n_trials = 3});
  EXPECT_EQ(study.trial(0).state, TrialState::kFail);
  EXPECT_EQ(study.trial(1).state, TrialState::kComplete);
  EXPECT_EQ(study.trial(2).state, TrialState::kFail);
}

TEST(Study, ThrowsOnWhatTheObjectiveThrowsUnlessCaught) {
  const Quiet quiet;
  Study study = create_study(seeded());
  const auto objective = [](Trial&) -> double { throw std::out_of_range("beyond"); };
  EXPECT_THROW(study.optimize(objective, {.n_trials = 3}), std::out_of_range);
  EXPECT_EQ(study.size(), 1);
  study.optimize(objective, {.n_trials = 3, .catch_exceptions = [](const std::exception& error) {
                               return dynamic_cast<const std::out_of_range*>(&error) != nullptr;
                             }});
  EXPECT_EQ(study.size(), 4);
  for (const auto& trial : study.trials()) EXPECT_EQ(trial.state, TrialState::kFail);
}

TEST(Study, APrunedTrialKeepsItsLastReportAsValue) {
  Study study = create_study(seeded());
  study.optimize(
      [](Trial& trial) -> double {
        if (trial.number() != 2) trial.report(trial.number() == 1 ? kNan : 4, 0);
        throw TrialPruned();
      },
      {.n_trials = 3});
  EXPECT_THAT(study.trial(0).values, ElementsAre(4.0));
  EXPECT_TRUE(study.trial(1).values.empty());
  EXPECT_TRUE(study.trial(2).values.empty());
  EXPECT_EQ(study.trial(1).state, TrialState::kPruned);
  EXPECT_THROW((void)study.best_trial(), Error);
}

TEST(Study, StopsWhenAskedTo) {
  Study study = create_study(seeded());
  study.optimize(square, {.callbacks = {[](Study& self, const FrozenTrial& trial) {
                            if (trial.number == 4) self.stop();
                          }}});
  EXPECT_EQ(study.size(), 5);
  study.optimize(square, {.timeout = std::chrono::milliseconds(0)});
  EXPECT_EQ(study.size(), 5);
}

TEST(Study, RefusesToRunInsideItself) {
  const Quiet quiet;
  Study study = create_study(seeded());
  EXPECT_THAT(message_of([&] {
                study.optimize(
                    [&](Trial& trial) {
                      study.optimize(square, {.n_trials = 1});
                      return square(trial);
                    },
                    {.n_trials = 1});
              }),
              HasSubstr("running on this study already"));
}

TEST(Study, ThreadsLoseAndDoubleNoTrial) {
  Study study = create_study(seeded());
  std::atomic<int> calls = 0;
  std::set<std::int64_t> numbers;
  study.optimize(
      [&](Trial& trial) {
        ++calls;
        trial.report(square(trial), 0);
        trial.set_user_attr("thread", 1);
        static_cast<void>(trial.should_prune());
        return square(trial);
      },
      {.n_trials = 200, .n_jobs = 8, .callbacks = {[&](Study&, const FrozenTrial& trial) {
                                       numbers.insert(trial.number);
                                     }}});
  EXPECT_EQ(calls, 200);
  EXPECT_EQ(numbers.size(), 200U);
  EXPECT_EQ(study.trials(std::vector{TrialState::kComplete}).size(), 200U);
}

TEST(Study, AFailureInOneThreadEndsTheOthers) {
  const Quiet quiet;
  Study study = create_study(seeded());
  const auto breaks = [](Trial& trial) -> double {
    if (trial.number() == 5) throw std::runtime_error("broken");
    return square(trial);
  };
  EXPECT_THROW(study.optimize(breaks, {.n_jobs = 4}), std::runtime_error);
  for (const auto& trial : study.trials()) EXPECT_TRUE(is_finished(trial.state));
}

TEST(Study, SuggestsTheSameValueTwiceInATrial) {
  Study study = create_study(seeded());
  const auto trial = study.ask();
  const double x = trial->suggest_float("x", 0, 1);
  EXPECT_EQ(trial->suggest_float("x", 0, 1), x);
  EXPECT_THAT(message_of([&] { trial->suggest_int("x", 0, 1); }), HasSubstr("keeps its kind"));
  EXPECT_THAT(message_of([&] { trial->suggest_float("x", 0.1, 1, {.log = true}); }),
              HasSubstr("keeps its log"));
  study.tell(*trial, 1);
  EXPECT_THAT(message_of([&] { trial->suggest_float("y", 0, 1); }), HasSubstr("has ended (COMPLETE)"));
  EXPECT_THAT(message_of([&] { trial->set_user_attr("a", 1); }), HasSubstr("has ended"));
  const auto next = study.ask();
  EXPECT_THAT(message_of([&] { next->suggest_categorical("x", {1, 2}); }), HasSubstr("keeps its kind"));
}

// Proposes 0.25 for "x" jointly and the top of the range independently.
class Fixed final : public Sampler {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "fixed"; }
  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext&) const override {
    return {{"x", Distribution::floats(0, 1), 0.25}};
  }
  [[nodiscard]] double sample_independent(TrialContext&, std::string_view,
                                          const Distribution& distribution) const override {
    return distribution.high();
  }
};

TEST(Study, DecidesASuggestionInOrder) {
  const Quiet quiet;
  Study study = create_study({.sampler = std::make_shared<Fixed>()});
  study.enqueue_trial({{"x", 7.5}});
  const auto queued = study.ask();
  EXPECT_EQ(queued->number(), 0);
  EXPECT_EQ(queued->suggest_float("x", 0, 1), 7.5);  // outside, all the same
  EXPECT_EQ(queued->suggest_float("y", 0, 1), 1);
  const auto trial = study.ask();
  EXPECT_EQ(trial->suggest_float("x", 0, 1), 0.25);
  const auto narrow = study.ask();
  EXPECT_EQ(narrow->suggest_float("x", 0.5, 0.75), 0.75);  // the joint proposal lies outside
  EXPECT_EQ(narrow->suggest_float("one", 3, 3), 3);
  study.enqueue_trial({{"c", "z"}});
  const auto wrong = study.ask();
  EXPECT_THAT(message_of([&] { wrong->suggest_categorical("c", {"a", "b"}); }), HasSubstr("one of [a, b]"));
}

TEST(Study, EnqueuesOnceWhenAskedTo) {
  const Quiet quiet;
  Study study = create_study(seeded());
  EXPECT_EQ(study.enqueue_trial({{"x", 1.0}}, {{"memo", "m"}}), 0);
  EXPECT_EQ(study.enqueue_trial({{"x", 1.0}}, {}, true), std::nullopt);
  EXPECT_EQ(study.trial(0).state, TrialState::kWaiting);
  EXPECT_FALSE(study.trial(0).datetime_start);
  study.optimize(square, {.n_trials = 1});
  EXPECT_EQ(study.trial(0).value(), 1);
  EXPECT_EQ(study.trial(0).user_attrs, Params({{"memo", "m"}}));
  EXPECT_EQ(study.trial(0).system_attrs, Params({{"fixed_params", {{"x", 1.0}}}}));
}

TEST(Study, TellsOnceAndChecksTheValues) {
  const Quiet quiet;
  Study study = create_study(seeded());
  const auto trial = study.ask({{"x", Distribution::ints(1, 3)}});
  EXPECT_TRUE(trial->params().at("x").is_int());
  const std::vector<double> two{1, 2}, none{kNan};
  EXPECT_THAT(message_of([&] { study.tell(*trial, two, {.state = TrialState::kComplete}); }),
              HasSubstr("1 number(s)"));
  EXPECT_THAT(message_of([&] { study.tell(*trial, none, {.state = TrialState::kComplete}); }),
              HasSubstr("[nan]"));
  EXPECT_THAT(message_of([&] { study.tell(*trial, TrialState::kRunning); }), HasSubstr("RUNNING"));
  EXPECT_EQ(study.tell(*trial, 3).value(), 3);
  EXPECT_THAT(message_of([&] { study.tell(*trial, 4); }), HasSubstr("only a RUNNING one"));
  EXPECT_EQ(study.tell(0, two, {.skip_if_finished = true}).value(), 3);
  EXPECT_THAT(message_of([&] { study.tell(9, two); }), HasSubstr("no trial 9"));
}

TEST(Study, AddsTrialsAsTheyAre) {
  Study study = create_study(seeded());
  study.add_trial(create_trial(
      {.values = {2}, .params = {{"x", 0.5}}, .distributions = {{"x", Distribution::floats(0, 1)}}}));
  study.add_trial(create_trial({.state = TrialState::kFail}));
  EXPECT_EQ(study.best_params(), Params({{"x", 0.5}}));
  EXPECT_EQ(study.trial(1).state, TrialState::kFail);
  EXPECT_THAT(message_of([] { (void)create_trial({}); }), HasSubstr("needs a value"));
  EXPECT_THAT(message_of([] { (void)create_trial({.values = {1}, .params = {{"x", 1}}}); }),
              HasSubstr("no distribution"));
  EXPECT_THAT(message_of([&] { study.add_trial(create_trial({.values = {1, 2}})); }), HasSubstr("2 values"));
}

TEST(Study, LeavesOutWhatViolatesAConstraint) {
  Study study = create_study(seeded());
  study.optimize(
      [](Trial& trial) {
        trial.set_constraint("size", trial.number() == 1 ? 0.5 : -1);
        return trial.number() == 1 ? 0.0 : static_cast<double>(trial.number()) + 1;
      },
      {.n_trials = 3});
  EXPECT_EQ(study.best_trial().number, 0);
  EXPECT_FALSE(study.trial(1).is_feasible());
  EXPECT_EQ(study.best_trials().size(), 1U);
}

TEST(Study, SeveralObjectivesHaveAFront) {
  Study study = create_study({.directions = {Direction::kMinimize, Direction::kMaximize},
                              .sampler = make_random_sampler({.seed = 3})});
  const std::vector<std::vector<double>> values{{1, 1}, {2, 2}, {2, 1}, {0, 0}, {1, 1}};
  study.optimize([&](Trial& trial) { return values[static_cast<std::size_t>(trial.number())]; },
                 {.n_trials = 5});
  std::vector<std::int64_t> numbers;
  for (const auto& trial : study.best_trials()) numbers.push_back(trial.number);
  EXPECT_THAT(numbers, ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(message_of([&] { (void)study.best_trial(); }), HasSubstr("best_trials"));
  const auto trial = study.ask();
  EXPECT_THAT(message_of([&] { trial->report(1, 0); }), HasSubstr("reported 1 value(s) at step 0"));
  study.set_metric_names({"loss", "accuracy"});
  EXPECT_THAT(study.metric_names(), ElementsAre("loss", "accuracy"));
  EXPECT_THROW(study.set_metric_names({"loss"}), Error);
}

TEST(Study, IgnoresASecondReportOfAStep) {
  const Quiet quiet;
  Study study = create_study(seeded());
  const auto trial = study.ask();
  trial->report(1, 3);
  trial->report(2, 3);
  trial->report(5, 1);
  EXPECT_THROW(trial->report(1, -1), Error);
  const FrozenTrial frozen = study.tell(*trial, TrialState::kPruned);
  EXPECT_EQ(frozen.intermediate_values, (std::map<std::int64_t, double>{{1, 5}, {3, 1}}));
  EXPECT_THAT(frozen.values, ElementsAre(1.0));
}

TEST(Study, TheSameSeedGivesTheSameStudyAtAnyWorkerCount) {
  const auto run = [](int jobs) {
    Study study = create_study(seeded());
    study.optimize(square, {.n_trials = 20, .n_jobs = jobs});
    std::vector<double> values;
    for (const auto& trial : study.trials()) values.push_back(trial.value());
    return values;
  };
  EXPECT_EQ(run(1), run(4));
}

TEST(Study, RefusesWrongOptions) {
  EXPECT_THAT(message_of([] { (void)create_study({.directions = {Direction::kNotSet}}); }),
              HasSubstr("direction"));
  Study study = create_study(seeded());
  EXPECT_THAT(message_of([&] { study.optimize(square, {.n_trials = 1, .n_jobs = 0}); }), HasSubstr("n_jobs"));
  EXPECT_THAT(message_of([&] { (void)study.best_trial(); }), HasSubstr("none is complete"));
  EXPECT_TRUE(study.study_name().starts_with("no-name-"));
}

}  // namespace
}  // namespace ivory::tuning
