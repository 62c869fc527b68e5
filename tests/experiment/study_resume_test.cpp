// Studies whose process is killed: no trial is lost, none is run twice, and both databases tell the same.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include <ivory/experiment/study.h>
#include <ivory/experiment/tracker.h>
#include <ivory/registry/module.h>

#include "support.h"

namespace ivory {
namespace {

using testing::Project;
using testing::run_and_kill_after;
using ::testing::SizeIs;
using testing::start_process;
using testing::status_of;
using testing::status_of_process;
using tracking::RunRecord;
using tracking::RunStatus;
using tuning::TrialState;

// Kills the process when runs have called so many hooks, or when so many of them are gone.
class Killer {
 public:
  Killer() = default;
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;
  ~Killer() { see(runs_left); }
  void on_init_begin(ivory::Run& /*run*/) { see(hooks_left); }
  void on_epoch_begin(ivory::Run& /*run*/) { see(hooks_left); }
  void on_train_end(ivory::Run& /*run*/) { see(hooks_left); }
  void on_epoch_end(ivory::Run& /*run*/) { see(hooks_left); }
  void on_fit_end(ivory::Run& /*run*/) { see(hooks_left); }
  static void see(int& left) {
    if (left >= 0 && left-- == 0) static_cast<void>(raise(SIGKILL));
  }
  static inline int hooks_left = -1, runs_left = -1;
};

IVORY_MODULE(killed, m) { m.type<Killer>("killed.Killer").init<>(); }

constexpr std::int64_t kTrials = 5;

struct Case {
  std::string name;
  std::string tuner;
  bool folds;
};

Ranges ranges_of(const Case& variant) {
  Ranges ranges{{"lr", Range(1e-3, 1e-1, 1, 0, true)}, {"batch_size", {4, 8}}, {"epochs", 2}};
  if (variant.folds) ranges.add({"fold", Range(0, 1)});
  return ranges;
}

class KilledStudy : public ::testing::TestWithParam<Case> {
 protected:
  KilledStudy() { project_.write("client.yml", "tuner: " + GetParam().tuner + "\n"); }

  // What does not depend on clocks and ids.
  static std::vector<std::string> digest(const tuning::Study& study) {
    std::vector<std::string> lines;
    for (const auto& trial : study.trials()) {
      std::string line = std::string(to_text(trial.state)) + " " + trial.params_map().to_text();
      for (const double value : trial.values) line += " " + real_to_text(value);
      for (const auto& [step, value] : trial.intermediate_values)
        line += " " + std::to_string(step) + ":" + real_to_text(value);
      for (const auto& report : trial.reports)
        line += " " + std::to_string(*report.fold) + "/" + std::to_string(report.step) + ":" +
                real_to_text(report.values.front());
      lines.push_back(std::move(line));
    }
    return lines;
  }

  // Both databases against each other: a run a trial, a trial a run, the same scores and states.
  static void check(const Client& client, const Study& study, const tuning::Study& tuned) {
    ASSERT_EQ(tuned.size(), kTrials);
    std::set<std::string> runs;
    for (const auto& trial : tuned.trials()) {
      const std::string id = trial.user_attrs.at("run_id").as_string();
      EXPECT_TRUE(runs.insert(id).second);
      const RunRecord run = client.resolve_run(id);
      EXPECT_EQ(run.status, RunStatus::kFinished);
      EXPECT_EQ(*run.find_tag("trial_number"), std::to_string(trial.number));
      if (trial.state == TrialState::kComplete) {
        EXPECT_EQ(run.find_metric("best_score")->value, trial.value());
      }
      EXPECT_EQ(run.find_tag("pruned") != nullptr, trial.state == TrialState::kPruned);
      if (!GetParam().folds) {
        EXPECT_THAT(client.tracker()->store().metric_history(id, "val_loss"),
                    SizeIs(trial.intermediate_values.size()));
      } else if (trial.state == TrialState::kComplete) {
        EXPECT_THAT(client.get_nested_run_ids(id), SizeIs(2));
      }
    }
    EXPECT_THAT(client.search_runs({.parent_run_id = study.id()}), SizeIs(kTrials));
    const RunRecord row = client.resolve_run(study.id());
    EXPECT_EQ(row.status, RunStatus::kFinished);
    EXPECT_EQ(*row.find_tag("best_trial"), std::to_string(tuned.best_trial().number));
  }

  Project project_;
};

TEST_P(KilledStudy, EndsAsOneThatNothingInterrupted) {
  std::vector<std::string> expected;
  {
    const Project whole;
    whole.write("client.yml", "tuner: " + GetParam().tuner + "\n");
    const Client client(whole.path());
    expected = digest(client.create_study("line").optimize(ranges_of(GetParam()), {.n_trials = kTrials}));
  }
  // At a hook in the middle of a trial; and after the end of a run, before its trial's.
  const std::vector<std::pair<int, int>> places =
      GetParam().folds ? std::vector<std::pair<int, int>>{{17, -1}, {33, -1}, {-1, 3}, {-1, 5}}
                       : std::vector<std::pair<int, int>>{{8, -1}, {11, -1}, {15, -1}, {23, -1}, {-1, 2}};
  for (const auto& [hooks, runs] : places) {
    const Project project("killer: {class: killed.Killer}\n");
    project.write("client.yml", "tuner: " + GetParam().tuner + "\n");
    const int status = status_of_process([&] {
      const Client client(project.path());
      Study study = client.create_study("line");
      Killer::hooks_left = hooks;
      Killer::runs_left = runs;
      static_cast<void>(study.optimize(ranges_of(GetParam()), {.n_trials = kTrials}));
    });
    ASSERT_TRUE(WIFSIGNALED(status)) << status << " at " << hooks << " " << runs;
    const Client client(project.path());
    Study study = client.resume_study("line/study#0");
    const tuning::Study tuned = study.resume();
    EXPECT_EQ(digest(tuned), expected) << "killed at " << hooks << " " << runs;
    check(client, study, tuned);
  }
}

TEST_P(KilledStudy, IsWholeWheneverItIsKilled) {
  for (const int after_ms : {20, 60, 110, 170, 260}) {
    const Project project;
    project.write("client.yml", "tuner: " + GetParam().tuner + "\n");
    run_and_kill_after(std::chrono::milliseconds(after_ms), [&] {
      static_cast<void>(
          Client(project.path()).create_study("line").optimize(ranges_of(GetParam()), {.n_trials = kTrials}));
    });
    const Client client(project.path());
    if (!project.has("optuna.db") || client.search_run_ids({.name = {}}).empty()) continue;  // not begun
    Study study = client.resume_study("line/study#0");
    const tuning::Study tuned = study.recorded().is_null()
                                    ? study.optimize(ranges_of(GetParam()), {.n_trials = kTrials})
                                    : study.resume();
    check(client, study, tuned);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Variants, KilledStudy,
    ::testing::Values(
        Case{"Deterministic",
             "{deterministic: true, lag: 2, sampler: {class: tpe, seed: 3, n_startup_trials: 2}, "
             "pruner: {class: median, n_startup_trials: 2}}",
             false},
        Case{"DeterministicFolds",
             "{deterministic: true, lag: 2, sampler: {class: tpe, seed: 3, n_startup_trials: 2}, "
             "pruner: {class: median, n_startup_trials: 2}}",
             true},
        Case{"Free", "{sampler: {class: random, seed: 5}, pruner: nop}", false}),
    [](const auto& info) { return info.param.name; });

TEST(KilledStudies, SeveralProcessesShareOneStudy) {
  const Project project;
  project.write("client.yml",
                "tuner: {load_if_exists: true, sampler: {class: random, seed: 5}, pruner: nop}\n");
  const Ranges ranges{{"lr", Range(1e-3, 1e-1, 1, 0, true)}, {"epochs", 1}};
  {
    const Client client(project.path());
    static_cast<void>(client.create_study("line").optimize(ranges, {.n_trials = 1, .study_name = "shared"}));
  }
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(start_process([&] {
      const Client client(project.path());
      auto study = client.find_study("line", "shared");
      static_cast<void>(study->optimize(ranges, {.n_total = 13, .study_name = "shared"}));
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  const Client client(project.path());
  auto study = client.find_study("line", "shared");
  const tuning::Study tuned = *study->tuner().find_study("shared");
  EXPECT_GE(tuned.size(), 13);  // each begins one more at most, when all see the last but one
  EXPECT_LE(tuned.size(), 15);
  std::set<std::string> runs;
  for (const auto& trial : tuned.trials()) {
    EXPECT_EQ(trial.state, TrialState::kComplete);
    EXPECT_TRUE(runs.insert(trial.user_attrs.at("run_id").as_string()).second);
  }
  EXPECT_THAT(client.search_runs({.parent_run_id = study->id()}), SizeIs(runs.size()));
}

}  // namespace
}  // namespace ivory
