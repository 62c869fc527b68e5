// What every store promises; a program that includes this says over which ones (INSTANTIATE_TEST_SUITE_P).
#pragma once
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "study_text.h"
#include "support.h"

namespace ivory::tuning {

struct StoreKind {
  std::string name;
  // The URL of a store without studies; it may use a folder of its own.
  std::function<std::string(const std::filesystem::path& folder)> make;
  // Why there is none here.
  std::function<std::optional<std::string>()> missing = [] { return std::nullopt; };
  // Makes all heartbeats an hour old. None: the store keeps none.
  std::function<void(const std::string& url)> age_heartbeats = {};
};

class StoreContract : public testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    // A server that is not installed: the reason says so. Files are never missing.
    if (const auto missing = GetParam().missing()) GTEST_SKIP() << *missing;
    url_ = GetParam().make(folder_.path());
  }
  [[nodiscard]] const std::string& url() const { return url_; }
  Study create(const std::string& name, std::uint64_t seed = 1) const {
    return create_study({.storage = url(),
                         .study_name = name,
                         .load_if_exists = true,
                         .sampler = make_tpe_sampler({.seed = seed})});
  }

  TemporaryFolder folder_;
  std::string url_;
};

inline double objective(Trial& trial) {
  const double x = trial.suggest_float("x", 1e-3, 2, {.log = true});
  const Params c = trial.suggest_categorical("naïve \"c\"", {nullptr, true, 3, 0.5, "text\n日本"});
  const auto n = trial.suggest_int("n", 0, 20, {.step = 5});
  trial.set_user_attr("nested", {{"list", {1, 2.5, nullptr}}, {"choice", c}});
  trial.set_constraint("n", static_cast<double>(n) - 10);
  trial.report(x, 0);
  trial.report(std::numeric_limits<double>::quiet_NaN(), 3);
  trial.report(x / 2, 7);
  if (n == 20) throw TrialPruned();
  return n == 15 ? HUGE_VAL : x + static_cast<double>(n);
}

TEST_P(StoreContract, GivesBackWhatWasWritten) {
  Study study = create("first");
  study.set_user_attr("owner", {{"name", "me"}, {"inf", HUGE_VAL}});
  study.set_metric_names({"loss"});
  study.enqueue_trial({{"x", 0.5}}, {{"memo", "m"}});
  study.optimize(objective, {.n_trials = 25});
  study.add_trial(create_trial({.state = TrialState::kPruned,
                                .values = {1},
                                .params = {{"x", 0.25}},
                                .distributions = {{"x", Distribution::floats(1e-3, 2, {.log = true})}},
                                .intermediate_values = {{4, -HUGE_VAL}}}));
  study.enqueue_trial({{"n", 5}});
  const auto running = study.ask();
  running->suggest_float("x", 1e-3, 2, {.log = true});
  const Study again = load_study({.storage = url()});
  EXPECT_EQ(normal(describe(again)).to_json(2), normal(describe(study)).to_json(2));
  EXPECT_EQ(again.size(), 27);
}

TEST_P(StoreContract, SeesWhatOthersWrite) {
  Study a = create("shared"), b = create("shared", 2);
  const auto first = a.ask();
  EXPECT_EQ(first->number(), 0);
  const auto second = b.ask();
  EXPECT_EQ(second->number(), 1);
  first->suggest_float("x", 0, 1);
  first->report(0.5, 1);
  a.tell(*first, 0.5);
  EXPECT_EQ(b.trial(0).value(), 0.5);
  EXPECT_EQ(b.trial(0).intermediate_values.at(1), 0.5);
  EXPECT_EQ(b.best_trial().number, 0);
  EXPECT_THAT(message_of([&] { b.tell(0, std::vector{1.0}); }), testing::HasSubstr("only a RUNNING one"));
  EXPECT_THAT(message_of([&] { second->suggest_int("x", 0, 1); }), testing::HasSubstr("keeps its kind"));
  b.tell(*second, TrialState::kFail);
  EXPECT_EQ(a.trial(1).state, TrialState::kFail);
}

TEST_P(StoreContract, OneAsksAndAnotherTells) {
  Study a = create("apart"), b = create("apart", 2);
  const auto trial = a.ask({{"x", Distribution::floats(0, 1)}});
  b.tell(trial->number(), std::vector{0.25});
  EXPECT_EQ(a.trial(0).state, TrialState::kComplete);
  EXPECT_EQ(a.best_value(), 0.25);
  EXPECT_THAT(message_of([&] { trial->report(1, 0); }), testing::HasSubstr("has ended"));
  const auto unseen = b.ask();
  a.tell(unseen->number(), std::vector{0.125});
  EXPECT_THAT(message_of([&] { unseen->set_user_attr("late", 1); }), testing::HasSubstr("has ended"));
}

TEST_P(StoreContract, AWaitingTrialBelongsToOne) {
  Study a = create("queue"), b = create("queue", 2);
  a.enqueue_trial({{"x", 0.5}});
  EXPECT_EQ(b.size(), 1);
  const auto of_a = a.ask(), of_b = b.ask();
  EXPECT_EQ(of_a->number(), 0);
  EXPECT_EQ(of_b->number(), 1);
}

TEST_P(StoreContract, ManagesStudiesByName) {
  create("alpha");
  Study beta = create("beta");
  beta.optimize(objective, {.n_trials = 3});
  EXPECT_THAT(get_all_study_names(url()), testing::ElementsAre("alpha", "beta"));
  EXPECT_THAT(message_of([&] { (void)create_study({.storage = url(), .study_name = "alpha"}); }),
              testing::HasSubstr("'alpha' exists"));
  EXPECT_THAT(message_of([&] { (void)load_study({.storage = url(), .study_name = "alhpa"}); }),
              testing::HasSubstr("did you mean 'alpha'"));
  EXPECT_THAT(message_of([&] { (void)load_study({.storage = url()}); }), testing::HasSubstr("2 studies"));
  copy_study("beta", url(), url(), "gamma");
  EXPECT_EQ(load_study({.storage = url(), .study_name = "gamma"}).best_value(), beta.best_value());
  delete_study("beta", url());
  EXPECT_THAT(get_all_study_names(url()), testing::ElementsAre("alpha", "gamma"));
  EXPECT_EQ(create("beta").size(), 0);
}

TEST_P(StoreContract, ProcessesLoseAndDoubleNoTrial) {
  constexpr int kProcesses = 4, kTrials = 50;
  create("many");
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        Study study = create_study({.storage = url(),
                                    .study_name = "many",
                                    .load_if_exists = true,
                                    .sampler = make_random_sampler({.seed = static_cast<std::uint64_t>(i)})});
        study.optimize(
            [i](Trial& trial) {
              trial.set_user_attr("process", i);
              return trial.suggest_float("x", 0, 1);
            },
            {.n_trials = kTrials});
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  std::vector<int> by_process(kProcesses);
  std::set<double> xs;
  for (const auto& trial : load_study({.storage = url()}).trials()) {
    EXPECT_EQ(trial.state, TrialState::kComplete);
    ++by_process[static_cast<std::size_t>(trial.user_attrs.at("process").as_int())];
    xs.insert(trial.value());
  }
  EXPECT_EQ(by_process, std::vector<int>(kProcesses, kTrials));
  EXPECT_EQ(xs.size(), static_cast<std::size_t>(kProcesses * kTrials));
}

TEST_P(StoreContract, AKilledProcessLosesNoTrialThatEnded) {
  create("killed");
  const std::string acknowledged = folder_.path() / "acknowledged";
  const pid_t child = ::fork();
  if (child == 0) {
    Study study = create("killed");
    std::ofstream log(acknowledged);
    study.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1); },
                   {.n_trials = 1'000'000, .callbacks = {[&](Study&, const FrozenTrial& trial) {
                                             log << trial.number << ' ' << real_to_text(trial.value())
                                                 << std::endl;
                                           }}});
    ::_exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const Study study = load_study({.storage = url()});
  std::ifstream log(acknowledged);
  std::int64_t number = 0, seen = 0;
  for (std::string value; log >> number >> value; ++seen)
    EXPECT_EQ(real_to_text(study.trial(number).value()), value);
  EXPECT_GT(seen, 0);
  EXPECT_LE(study.size() - seen, 2);
}

TEST_P(StoreContract, SurvivesPowerCutsWhereAskedTo) {
  const std::string full = url() + (url().find('?') == std::string::npos ? "?" : "&") + "durability=full";
  Study study = create_study({.storage = full, .study_name = "full"});
  study.optimize(objective, {.n_trials = 5});
  study.enqueue_trial({{"x", 0.5}});
  EXPECT_EQ(normal(describe(load_study({.storage = url()}))).to_json(2), normal(describe(study)).to_json(2));
  Study same = create_study(
      {.storage = url(), .study_name = "full", .load_if_exists = true, .durability = Durability::kFull});
  same.optimize(objective, {.n_trials = 2});
  EXPECT_EQ(study.size(), 7);
}

TEST_P(StoreContract, SummarizesItsStudies) {
  Study first = create("first");
  first.set_user_attr("owner", "me");
  first.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1); }, {.n_trials = 3});
  const auto running = first.ask();
  const Study second = create_study(
      {.directions = {Direction::kMinimize, Direction::kMaximize}, .storage = url(), .study_name = "second"});
  const auto summaries = get_all_study_summaries(url());
  ASSERT_EQ(summaries.size(), 2U);
  EXPECT_EQ(summaries[0].study_name, "first");
  EXPECT_EQ(summaries[0].n_trials, 4);
  EXPECT_EQ(summaries[0].n_by_state.at(TrialState::kRunning), 1);
  EXPECT_EQ(summaries[0].best_trial->number, first.best_trial().number);
  EXPECT_EQ(summaries[0].datetime_start, first.trial(0).datetime_start);
  EXPECT_EQ(summaries[0].user_attrs.at("owner").as_string(), "me");
  EXPECT_EQ(summaries[1].directions, second.directions());
  EXPECT_EQ(summaries[1].n_trials, 0);
  EXPECT_FALSE(summaries[1].best_trial || summaries[1].datetime_start);
}

// A process that dies in the middle of its trial.
inline void die_in_a_trial(const std::string& url, const HeartbeatOptions& heartbeat) {
  const pid_t child = ::fork();
  if (child == 0) {
    Study study = load_study({.storage = url, .study_name = "stale", .heartbeat = heartbeat});
    study.optimize(
        [](Trial& trial) -> double {
          trial.suggest_float("x", 0, 1);
          trial.report(0.25, 3);
          ::_exit(0);
        },
        {.n_trials = 1});
  }
  ::waitpid(child, nullptr, 0);
}

TEST_P(StoreContract, FailsAndRepeatsTrialsWhoseProcessDied) {
  HeartbeatOptions heartbeat{.interval = std::chrono::seconds(60),
                             .on_stale = retry_stale_trial({.max_retry = 1})};
  create("stale");
  if (!GetParam().age_heartbeats) {
    EXPECT_THAT(message_of([&] { (void)load_study({.storage = url(), .heartbeat = heartbeat}); }),
                testing::HasSubstr("heartbeats need"));
    return;
  }
  die_in_a_trial(url(), {});  // without a sign of life it is never stale
  die_in_a_trial(url(), heartbeat);
  Study study = load_study({.storage = url(), .heartbeat = heartbeat});
  const auto run = [&] {
    const Quiet quiet;
    study.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1); }, {.n_trials = 1});
  };
  run();
  EXPECT_EQ(study.trial(1).state, TrialState::kRunning);  // gave one a moment ago
  GetParam().age_heartbeats(url());
  run();
  EXPECT_EQ(study.trial(0).state, TrialState::kRunning);
  EXPECT_EQ(study.trial(1).state, TrialState::kFail);
  EXPECT_EQ(study.trial(1).intermediate_values.at(3), 0.25);
  const FrozenTrial again = study.trial(3);
  EXPECT_EQ(again.state, TrialState::kComplete);
  EXPECT_EQ(again.params, study.trial(1).params);
  EXPECT_EQ(retried_trial_number(again), 1);
  EXPECT_THAT(retry_history(again), testing::ElementsAre(1));
  EXPECT_TRUE(again.intermediate_values.empty());

  // A second death: the limit is reached.
  retry_stale_trial()(study, study.trial(1));
  die_in_a_trial(url(), heartbeat);
  GetParam().age_heartbeats(url());
  run();
  EXPECT_EQ(study.trial(4).state, TrialState::kFail);
  EXPECT_EQ(study.size(), 6);
  EXPECT_EQ(retried_trial_number(study.trial(5)), std::nullopt);
}

}  // namespace ivory::tuning
