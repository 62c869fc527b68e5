// Trials whose process has died, or that were interrupted, are run again as the same trial.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/base/interrupt.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

namespace ivory::tuning {
namespace {
using testing::ElementsAre;

class TakeUp : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] Study study(std::uint64_t seed = 1) const {
    return create_study({.storage = GetParam() + (folder_.path() / "trials").string(),
                         .study_name = "study",
                         .load_if_exists = true,
                         .sampler = make_random_sampler({.seed = seed})});
  }
  // A process that dies in the middle of trial `last`.
  void run_and_kill(std::int64_t last) const {
    const pid_t child = fork();
    if (child == 0) {
      study().optimize(
          [&](Trial& trial) {
            const double x = trial.suggest_float("x", 0, 1);
            trial.set_user_attr("kept", trial.number());
            if (trial.number() == last) static_cast<void>(raise(SIGKILL));
            return x;
          },
          {.n_trials = last + 1, .take_up = true});
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  TemporaryFolder folder_;
};

TEST_P(TakeUp, ATrialOfADeadProcessGoesOnWithItsNumberParametersAndAttributes) {
  run_and_kill(2);
  Study again = study(99);
  const FrozenTrial left = again.trial(2);
  ASSERT_EQ(left.state, TrialState::kRunning);
  std::vector<std::int64_t> numbers;
  again.optimize(
      [&](Trial& trial) {
        numbers.push_back(trial.number());
        return trial.suggest_float("x", 0, 1);
      },
      {.n_total = 4, .take_up = true});
  EXPECT_THAT(numbers, ElementsAre(2, 3));
  EXPECT_EQ(again.trial(2).state, TrialState::kComplete);
  EXPECT_EQ(again.trial(2).params_map(), left.params_map());
  EXPECT_EQ(again.trial(2).user_attrs.at("kept"), Params(2));
}

TEST_P(TakeUp, OfSeveralThatSeeItOneTakesIt) {
  run_and_kill(0);
  std::atomic<int> runs = 0;
  const auto objective = [&](Trial& trial) {
    if (trial.number() == 0) ++runs;
    return trial.suggest_float("x", 0, 1);
  };
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < 4; ++i)
      workers.emplace_back([&] { study().optimize(objective, {.n_trials = 2, .take_up = true}); });
  }
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(study().size(), 8);
}

TEST_P(TakeUp, AnInterruptedTrialStaysRunningForWhoeverTakesItUp) {
  const InterruptGuard guard;
  Study first = study();
  const auto interrupt = [](Trial& trial) -> double {
    static_cast<void>(trial.suggest_float("x", 0, 1));
    if (trial.number() == 1) throw Interrupted{};
    return 0;
  };
  EXPECT_THROW(first.optimize(interrupt, {.n_trials = 3, .take_up = true}), Interrupted);
  EXPECT_EQ(first.trial(1).state, TrialState::kRunning);
  Study second = study();
  second.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1); },
                  {.n_total = 3, .take_up = true});
  for (const auto& trial : second.trials()) EXPECT_EQ(trial.state, TrialState::kComplete);
}

TEST_P(TakeUp, ATrialOfALiveProcessIsLeftAlone) {
  Study first = study();
  first.optimize(
      [&](Trial& trial) {
        if (trial.number() == 0) {
          Study second = study();
          second.optimize([](Trial& inner) { return static_cast<double>(inner.number()); },
                          {.n_trials = 2, .take_up = true});
        }
        return trial.suggest_float("x", 0, 1);
      },
      {.n_trials = 1, .take_up = true});
  EXPECT_EQ(first.size(), 3);
}

INSTANTIATE_TEST_SUITE_P(Storages, TakeUp, testing::Values("sqlite:///", "journal:///"),
                         [](const auto& info) { return info.param.substr(0, info.param.find(':')); });

}  // namespace
}  // namespace ivory::tuning
