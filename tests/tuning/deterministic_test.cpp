// The study is the same at any number of workers, and after a kill and resume.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ivory/base/files.h>
#include <ivory/tuning/pruners.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

#include "json.h"
#include "support.h"

namespace ivory::tuning {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

// All of a study that the promise covers.
std::string describe(const Study& study) {
  std::string text;
  for (const auto& trial : study.trials()) {
    Params all{{"number", trial.number}, {"state", to_text(trial.state)}, {"values", trial.values}};
    for (const auto& param : trial.params) all["param:" + param.name] = param.internal;
    for (const auto& [step, value] : trial.intermediate_values) all["step:" + std::to_string(step)] = value;
    for (const auto& report : trial.reports)
      all["report:" + std::to_string(report.fold.value_or(-1)) + ":" + std::to_string(report.step)] =
          report.values;
    std::map<std::string, Params> attrs;  // stores give them back in orders of their own
    for (const auto& [key, value] : trial.user_attrs.items()) attrs["user:" + key] = value;
    for (const auto& [key, value] : trial.system_attrs.items()) {
      if (!key.starts_with("ivory:")) attrs["system:" + key] = value;
    }
    for (const auto& [key, value] : attrs) all[key] = value;
    text += json::write(all) + "\n";
  }
  return text;
}

// Takes a while that differs from trial to trial, so that workers overtake one another.
void dawdle(const Trial& trial) {
  std::this_thread::sleep_for(std::chrono::microseconds(trial.number() * 7919 % 13 * 40));
}

double loss(Trial& trial) {
  const double x = trial.suggest_float("x", -3, 5);
  const double lr = trial.suggest_float("lr", 1e-4, 10, {.log = true});
  const auto n = trial.suggest_int("n", 1, 8);
  dawdle(trial);
  const Params c = trial.suggest_categorical("c", {"a", "b", "c"});
  const double y = c == Params("b") ? trial.suggest_float("y", 0, 1) : 0.5;
  const double end = std::abs(x - 1) + std::abs(std::log10(lr) + 2) + static_cast<double>(n) / 8 + y;
  trial.set_user_attr("n", n);
  for (int step = 0; step < 5; ++step) {
    trial.report(end + x / (step + 1.0), step);
    if (trial.should_prune()) throw TrialPruned();
  }
  trial.set_constraint("small", x - 4);
  return end;
}

// Folds and two objectives.
std::vector<double> two_losses(Trial& trial) {
  const double x = trial.suggest_float("x", -3, 5);
  const double y = trial.suggest_float("y", 0, 1);
  dawdle(trial);
  const auto n = trial.suggest_int("n", 1, 8);
  const double a = std::abs(x - 1) + y, b = std::abs(x + 1) + static_cast<double>(n) / 8;
  for (int fold = 0; fold < 3; ++fold) {
    for (int step = 0; step < 3; ++step) {
      trial.report({a + fold * x / 9 + y / (step + 1.0), b - fold * y / 9 + 1.0 / (step + 1.0)}, step, fold);
      if (trial.should_prune()) throw TrialPruned();
    }
  }
  return {a, b};
}

struct Way {
  std::string storage = {};
  int jobs = 1;
  bool several = false;
  std::int64_t lag = 4;
};

Study make_study(const SamplerEntry& sampler, const PrunerEntry& pruner, const Way& way) {
  StudyOptions options{.storage = way.storage,
                       .study_name = "same",
                       .load_if_exists = true,
                       .sampler = sampler.make(11),
                       .pruner = pruner.make()};
  if (way.several) options.directions = {Direction::kMinimize, Direction::kMaximize};
  return create_study(options);
}

void run(Study& study, const Way& way, std::int64_t total) {
  const OptimizeOptions options{.n_total = total, .n_jobs = way.jobs, .deterministic = true, .lag = way.lag};
  way.several ? study.optimize(two_losses, options) : study.optimize(loss, options);
}

std::string outcome(const SamplerEntry& sampler, const PrunerEntry& pruner, const Way& way,
                    std::int64_t total) {
  const Quiet quiet;
  Study study = make_study(sampler, pruner, way);
  run(study, way, total);
  return describe(study);
}

// Some take long for a suggestion.
std::int64_t trial_count(const SamplerEntry& sampler, std::int64_t count) {
  return sampler.name == "gp" || sampler.name == "auto" ? 14 : count;
}

class Deterministic : public testing::TestWithParam<std::tuple<SamplerEntry, PrunerEntry>> {};

TEST_P(Deterministic, IsTheSameAtAnyNumberOfThreads) {
  const auto& [sampler, pruner] = GetParam();
  const std::int64_t trials = trial_count(sampler, 40);
  for (const bool several : {false, true}) {
    if (several && !sampler.several_objectives) continue;
    const std::string expected = outcome(sampler, pruner, {.several = several}, trials);
    for (const int jobs : {2, 4, 8})
      EXPECT_EQ(outcome(sampler, pruner, {.jobs = jobs, .several = several}, trials), expected) << jobs;
  }
}

std::string name_of(const testing::TestParamInfo<std::tuple<SamplerEntry, PrunerEntry>>& info) {
  std::string name =
      std::string(std::get<0>(info.param).name) + "_" + std::string(std::get<1>(info.param).name);
  std::ranges::replace(name, '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, Deterministic,
                         testing::Combine(testing::ValuesIn(sampler_table().begin(), sampler_table().end()),
                                          testing::ValuesIn(pruner_table().begin(), pruner_table().end())),
                         name_of);

// Starts a process that takes part in the study.
pid_t take_part(const SamplerEntry& sampler, const PrunerEntry& pruner, const Way& way, std::int64_t total) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    static_cast<void>(outcome(sampler, pruner, way, total));
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

using StoreAndSampler = std::tuple<const char*, SamplerEntry>;
class DeterministicStore : public testing::TestWithParam<StoreAndSampler> {
 protected:
  [[nodiscard]] Way way(bool several, int jobs, const std::string& file) const {
    return {.storage = std::string(std::get<0>(GetParam())) + folder_.path().string() + "/" + file,
            .jobs = jobs,
            .several = several};
  }
  [[nodiscard]] static const SamplerEntry& sampler() { return std::get<1>(GetParam()); }
  [[nodiscard]] static const PrunerEntry& pruner() { return pruner_table()[0]; }

  TemporaryFolder folder_;
};

TEST_P(DeterministicStore, IsTheSameWithSeveralProcesses) {
  const std::int64_t trials = trial_count(sampler(), 30);
  for (const bool several : {false, true}) {
    if (several && !sampler().several_objectives) continue;
    const std::string expected = outcome(sampler(), pruner(), {.several = several}, trials);
    const Way shared = way(several, 2, several ? "several" : "one");
    static_cast<void>(make_study(sampler(), pruner(), shared));
    std::vector<pid_t> children;
    for (int i = 0; i < 3; ++i) children.push_back(take_part(sampler(), pruner(), shared, trials));
    for (const pid_t child : children) {
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(describe(load_study({.storage = shared.storage})), expected);
  }
}

TEST_P(DeterministicStore, IsTheSameAfterKillsAndResumes) {
  const std::int64_t trials = trial_count(sampler(), 40);
  for (const bool several : {false, true}) {
    if (several && !sampler().several_objectives) continue;
    const std::string expected = outcome(sampler(), pruner(), {.several = several}, trials);
    const Way shared = way(several, 3, several ? "several" : "one");
    static_cast<void>(make_study(sampler(), pruner(), shared));
    for (int i = 0; i < 4; ++i) {
      const pid_t child = take_part(sampler(), pruner(), shared, trials);
      std::this_thread::sleep_for(std::chrono::milliseconds(15 + 11 * i));
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
      // A journal's lock that the dead left would be taken over after 30 seconds.
      std::filesystem::remove(folder_.path() / (several ? "several.lock" : "one.lock"));
    }
    EXPECT_EQ(outcome(sampler(), pruner(), shared, trials), expected);
  }
}

TEST_P(DeterministicStore, ALivingProcessTakesUpWhatADeadOneLeft) {
  const std::int64_t trials = trial_count(sampler(), 40);
  const std::string expected = outcome(sampler(), pruner(), {}, trials);
  const Way shared = way(false, 1, "one");
  static_cast<void>(make_study(sampler(), pruner(), shared));
  const std::filesystem::path stuck = folder_.path() / "stuck";
  const pid_t first = ::fork();
  if (first == 0) {  // takes a trial and never ends it
    Study study = make_study(sampler(), pruner(), shared);
    study.optimize(
        [&](Trial& trial) {
          if (trial.number() < 5) return loss(trial);
          trial.report(trial.suggest_float("x", -3, 5), 0);
          write_file(stuck, "");
          for (;;) ::pause();
        },
        {.n_total = trials, .deterministic = true, .lag = shared.lag});
  }
  while (!std::filesystem::exists(stuck)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const pid_t second = take_part(sampler(), pruner(), shared, trials);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ::kill(first, SIGKILL);
  ::waitpid(first, nullptr, 0);
  int status = 1;
  ::waitpid(second, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(describe(load_study({.storage = shared.storage})), expected);
}

std::string store_name(const testing::TestParamInfo<StoreAndSampler>& info) {
  const std::string url = std::get<0>(info.param);
  std::string name = url.substr(0, url.find(':')) + "_" + std::string(std::get<1>(info.param).name);
  std::ranges::replace(name, '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, DeterministicStore,
                         testing::Combine(testing::Values("journal:///", "sqlite:///"),
                                          testing::ValuesIn(sampler_table().begin(), sampler_table().end())),
                         store_name);

Study random_study(const std::string& storage = {}) {
  return create_study({.storage = storage,
                       .study_name = "random",
                       .load_if_exists = true,
                       .sampler = make_random_sampler({.seed = 3})});
}

TEST(DeterministicStudy, RunsEnqueuedTrialsFirstAndResumesThem) {
  const auto values = [](int jobs) {
    Study study = random_study();
    study.enqueue_trial({{"x", 0.5}});
    study.enqueue_trial({{"x", 0.25}});
    study.optimize([](Trial& trial) { return trial.suggest_float("x", 0, 1); },
                   {.n_total = 6, .n_jobs = jobs, .deterministic = true});
    std::vector<double> found;
    for (const auto& trial : study.trials()) found.push_back(trial.value());
    return found;
  };
  const std::vector<double> one = values(1);
  EXPECT_THAT(std::vector(one.begin(), one.begin() + 2), ElementsAre(0.5, 0.25));
  EXPECT_EQ(values(4), one);
}

TEST(DeterministicStudy, KeepsItsLagAndRecordsTheVectorLevel) {
  const TemporaryFolder folder;
  const std::string url = "journal:///" + folder.path().string() + "/log";
  const auto objective = [](Trial& trial) { return trial.suggest_float("x", 0, 1); };
  random_study(url).optimize(objective, {.n_trials = 2, .deterministic = true, .lag = 3});
  Study again = random_study(url);
  const Params order = again.system_attrs().at("ivory:deterministic");
  EXPECT_EQ(order.at("lag").as_int(), 3);
  EXPECT_THAT(order.at("vector_level").as_string(), testing::AnyOf("plain", "avx2", "avx512"));
  EXPECT_THAT(
      message_of([&] { again.optimize(objective, {.n_trials = 1, .deterministic = true, .lag = 4}); }),
      HasSubstr("give lag = 3"));
  EXPECT_THAT(
      message_of([&] { again.optimize(objective, {.n_trials = 1, .deterministic = true, .lag = 0}); }),
      HasSubstr("at least 1; got 0"));
  again.optimize(objective, {.n_trials = 1, .deterministic = true, .lag = 3});
  EXPECT_EQ(again.size(), 3);
}

TEST(DeterministicStudy, AFailureEndsItAndItGoesOn) {
  const Quiet quiet;
  Study study = random_study();
  bool fails = true;
  const auto objective = [&](Trial& trial) {
    const double x = trial.suggest_float("x", 0, 1);
    if (fails && trial.number() == 3) throw std::runtime_error("broken");
    return x;
  };
  EXPECT_THROW(study.optimize(objective, {.n_total = 10, .n_jobs = 1, .deterministic = true}),
               std::runtime_error);
  fails = false;
  study.optimize(objective, {.n_total = 10, .n_jobs = 4, .deterministic = true});
  EXPECT_EQ(study.size(), 10);
  EXPECT_EQ(study.trial(3).state, TrialState::kFail);
  Study plain = random_study();
  plain.optimize(objective, {.n_total = 10});
  for (const auto& trial : plain.trials()) {
    EXPECT_EQ(trial.params, study.trial(trial.number).params);  // random draws do not look at others
  }
}

TEST(DeterministicStudy, AGridEndsAtTheSameTrialWithAnyNumberOfThreads) {
  const auto run_grid = [](int jobs) {
    Study study = create_study({.sampler = make_grid_sampler({.values = {{"x", {1, 2, 3}}, {"y", {1, 2}}}})});
    study.optimize(
        [](Trial& trial) {
          dawdle(trial);
          return trial.suggest_float("x", 0, 5) * static_cast<double>(trial.suggest_int("y", 0, 2));
        },
        {.n_jobs = jobs, .deterministic = true});
    return describe(study);
  };
  const std::string one = run_grid(1);
  EXPECT_EQ(run_grid(2), one);
  EXPECT_EQ(run_grid(8), one);
  EXPECT_EQ(std::ranges::count(one, '\n'), 6);
}

TEST(DeterministicStudy, BruteForceEndsAtTheSameTrialWithAnyNumberOfThreads) {
  const auto run_all = [](int jobs) {
    Study study = create_study({.sampler = make_brute_force_sampler({.seed = 5})});
    study.optimize(
        [](Trial& trial) {
          dawdle(trial);
          return static_cast<double>(trial.suggest_int("x", 0, 4)) +
                 static_cast<double>(trial.suggest_int("y", 0, 2));
        },
        {.n_jobs = jobs, .deterministic = true, .lag = 4});
    return describe(study);
  };
  const std::string one = run_all(1);
  EXPECT_EQ(run_all(2), one);
  EXPECT_EQ(run_all(8), one);
}

}  // namespace
}  // namespace ivory::tuning
