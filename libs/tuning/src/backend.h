// Where a study's changes go: into its History, and before that into what outlives the process.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <ivory/tuning/history.h>

#include "full_reports.h"

namespace ivory::tuning {

// True of a trial that runs and has a system attribute of this value.
[[nodiscard]] inline bool has_trial_attr(const History& history, std::int64_t number, std::string_view key,
                                         const Params& value) {
  const TrialRecord& trial = history.trial(number);
  const Params* attr = trial.find_system_attr(key);
  return trial.state == TrialState::kRunning && attr && *attr == value;
}

// Each call changes the medium and the history, in this order; one that throws has changed neither.
// Threads: the study calls it under its lock. Errors: those of History; kIo when the medium fails.
class Backend {
 public:
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  [[nodiscard]] virtual bool is_shared() const = 0;
  // Brings the history up to date with what others wrote.
  virtual void refresh(History& history) = 0;
  // Numbers of the new trial.
  virtual std::int64_t add(History& history, const FrozenTrial& trial) = 0;
  virtual std::int64_t add_running(History& history, Time start) = 0;
  virtual bool start(History& history, std::int64_t number, Time start) = 0;
  virtual void set_param(History& history, std::int64_t number, std::string_view name,
                         const Distribution& distribution, double internal) = 0;
  // Adds a trial if its number comes out as `number`; false: others added trials before, the history has them
  // now.
  virtual bool add_as(History& history, std::int64_t number, const FrozenTrial& trial) = 0;
  virtual void report(History& history, std::int64_t number, std::int64_t step, double value) = 0;
  // A report with a fold or several objectives: whole where Optuna looks over it, and of the first objective
  // where Optuna finds it (with a fold: in the place of the step).
  virtual void report_full(History& history, std::int64_t number, const TrialReport& report) {
    set_trial_attr(history, number, true, report_key(report), report.values);
    this->report(history, number, report.fold.value_or(report.step), report.values.front());
  }
  virtual void set_trial_attr(History& history, std::int64_t number, bool system, std::string_view key,
                              const Params& value) = 0;
  // Gives a system attribute of a trial that runs another value if it has `expected`, in one step; false: it
  // has not, or the trial has ended, and the history knows it. (As it stands here: where nobody else writes.)
  virtual bool exchange_trial_attr(History& history, std::int64_t number, std::string_view key,
                                   const Params& expected, const Params& value) {
    refresh(history);
    if (!has_trial_attr(history, number, key, expected)) return false;
    set_trial_attr(history, number, true, key, value);
    return true;
  }
  virtual void finish(History& history, std::int64_t number, TrialState state, std::span<const double> values,
                      Time complete) = 0;
  virtual void set_study_attr(History& history, bool system, std::string_view key, const Params& value) = 0;

  // True if the medium keeps when a running trial last gave a sign of life. Threads: beat() may be called
  // beside all else.
  [[nodiscard]] virtual bool has_heartbeats() const { return false; }
  virtual void beat(std::span<const std::int64_t> /*trial_ids*/) {}
  // Numbers of the running trials that gave one longer than `grace` ago; those that never did are not stale.
  [[nodiscard]] virtual std::vector<std::int64_t> stale(std::chrono::seconds /*grace*/) { return {}; }

 protected:
  Backend() = default;
};

// The history is all there is.
class MemoryBackend final : public Backend {
 public:
  [[nodiscard]] bool is_shared() const override { return false; }
  void refresh(History&) override {}
  std::int64_t add(History& history, const FrozenTrial& trial) override {
    FrozenTrial copy = trial;
    copy.trial_id = history.size();
    return history.add(copy);
  }
  std::int64_t add_running(History& history, Time start) override {
    return history.add_running(history.size(), start);
  }
  bool add_as(History& history, std::int64_t number, const FrozenTrial& trial) override {
    return number == history.size() && add(history, trial) == number;
  }
  void report_full(History& history, std::int64_t number, const TrialReport& report) override {
    history.report(number, report);
  }
  bool start(History& history, std::int64_t number, Time start) override {
    return history.start(number, start);
  }
  void set_param(History& history, std::int64_t number, std::string_view name,
                 const Distribution& distribution, double internal) override {
    history.set_param(number, name, distribution, internal);
  }
  void report(History& history, std::int64_t number, std::int64_t step, double value) override {
    history.report(number, step, value);
  }
  void set_trial_attr(History& history, std::int64_t number, bool system, std::string_view key,
                      const Params& value) override {
    history.set_trial_attr(number, system, key, value);
  }
  void finish(History& history, std::int64_t number, TrialState state, std::span<const double> values,
              Time complete) override {
    history.finish(number, state, values, complete);
  }
  void set_study_attr(History& history, bool system, std::string_view key, const Params& value) override {
    history.set_study_attr(system, key, value);
  }
};

}  // namespace ivory::tuning
