// Study: a task that tunes: each of its runs is a trial.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/experiment/execution.h>
#include <ivory/experiment/objective.h>
#include <ivory/experiment/ranges.h>
#include <ivory/experiment/run_outcome.h>
#include <ivory/experiment/task.h>
#include <ivory/experiment/tuner.h>
#include <ivory/tuning/study.h>

namespace ivory {

struct StudySetup;

// What came of a trial's run, or of its folds.
struct TrialOutcome {
  std::string run_id, run_name;  // empty: not tracked
  std::string status = "FINISHED";
  std::string error;
  std::vector<double> values;               // of the monitors, means over the folds; empty: no score
  std::vector<double> deviations;           // sample standard deviations over the folds, if there are several
  std::optional<std::int64_t> pruned_step;  // given up there
  std::vector<RunOutcome> runs;             // one, or one a fold in their order
  double seconds = 0;
};

// Thrown by optimize() when a run fails: its trial is FAIL. The message is the run's.
class TrialFailed : public Error {
 public:
  TrialFailed(std::int64_t number, const std::string& message)
      : Error(ErrorCode::kInternal, message + " (trial " + std::to_string(number) + ")") {}
};

// Told while a study runs, by its threads, one at a time.
class StudyEvents {
 public:
  virtual ~StudyEvents() = default;
  StudyEvents(const StudyEvents&) = delete;
  StudyEvents& operator=(const StudyEvents&) = delete;
  // Before the first trial: the tuner's study as it is, with the trials that it has already.
  virtual void on_study_begin(const tuning::Study& /*study*/) {}
  // `arguments` are those of its run, what is fixed included; `name` is empty without tracking.
  virtual void on_trial_begin(std::int64_t number, const std::string& run_name, const Params& arguments) = 0;
  // `fold` of `folds` runs, from 0.
  virtual void on_trial_progress(std::int64_t number, std::size_t fold, std::size_t folds,
                                 const RunProgress& progress) = 0;
  // `is_best`: it is the best of the study (of one objective) now.
  virtual void on_trial_end(const tuning::FrozenTrial& trial, const TrialOutcome& outcome, bool is_best) = 0;

 protected:
  StudyEvents() = default;
};

// The names of Optuna's Study.optimize where it has them; gc_after_trial has no meaning here.
// The defaults let designated initializers leave a member out without a warning.
// NOLINTBEGIN(readability-redundant-member-init)
struct StudyRunOptions {
  std::optional<std::int64_t> n_trials = {};  // so many more …
  std::optional<std::int64_t> n_total = {};   // … or until there are so many, whoever ran them
  std::optional<std::chrono::duration<double>> timeout = {};
  std::int64_t n_jobs = 1;  // trials at once
  // True for a failure after which the study goes on. None: the first one ends it.
  // `[](const std::exception& e) { return dynamic_cast<const TrialFailed*>(&e) != nullptr; }` goes on after
  // failed runs, but not after a search space that does not fit the study.
  std::function<bool(const std::exception&)> catch_exceptions = {};
  std::vector<std::function<void(tuning::Study&, const tuning::FrozenTrial&)>> callbacks = {};
  bool show_progress_bar = false;
  // Further parameters that each trial's runs sweep, as folds: their product with `fold`, a run each.
  Ranges each = {};
  // The tuner's study; empty: EXPERIMENT.SUGGEST.study#N, where SUGGEST is the function's name, or those of
  // the parameters that are tuned, joined by dots.
  std::string study_name = {};
  std::string mode = "train";  // what runs are started in
  Engine engine = Engine::kAuto;
  std::vector<std::string> worker_command = {};  // see ExecutionOptions
  StudyEvents* events = nullptr;                 // not owned
};
// NOLINTEND(readability-redundant-member-init)

//   Study study = client.create_study("rectangle");
//   tuning::Study tuned = study.optimize("lr", {{"epochs", 5}}, {.n_trials = 20});      // of objective:
//   study.optimize({{"lr", Range(1e-5, 1e-3, 1, 0, true)}, {"fold", Range(0, 3)}}, {.n_trials = 20});
//   tuned.best_params();
//
// A study is a run of the tracking store, study#0; trials are nested under it. A trial is a run, or, when
// `fold` has several values (or `each` sweeps something), a task of a run a fold. The tuner's study holds the
// user attribute `run_id`, as does each trial; a trial's run has the tags `study_name` and `trial_number`.
//
// The score is the monitor's best_score; of several metrics, the first's best, and the others' at the epoch
// of it; over folds the mean, and the deviation is logged (best_score_std). A trial ends
//   COMPLETE  with its score
//   PRUNED    when the pruner gives it up (the folds that are left are not run), or its score is NaN
//   FAIL      when a run fails; see catch_exceptions
// and stays RUNNING when its process is killed or interrupted: the next optimize() on the same storage, here
// or in another process, takes it up again, with its number, its parameters and its run, which goes on from
// its last checkpoint. A trial whose run had ended is not run again. (On the machine where it ran; another
// one cannot tell whether its process lives.) Any number of processes may work on one study at once.
//
// At each improvement, and at the end, the study's run gets the metrics `best_value` and `best_trial` (step:
// number of the trial) and the tags `best_params`, `best_value`, `best_trial`; with several objectives, at
// the end, the tag `best_trials` (the Pareto front).
//
// Ctrl-C (the caller holds an InterruptGuard) ends the runs under way after their epochs, as KILLED; then
// optimize() throws Interrupted.
//
// Threads: one thread uses a study. It can be moved.
class Study final : public Task {
 public:
  // Directly, with a tuner of its own; see Task.
  explicit Study(Params params = {}, NamedValues instances = {});

  void set_tracker(std::shared_ptr<Tracker> tracker, std::string_view name = "study",
                   const RunOrigin& origin = {});

  // From `tuner:` and `objective:`; the objective may be empty.
  [[nodiscard]] Tuner& tuner();
  void set_tuner(std::shared_ptr<Tuner> tuner);
  [[nodiscard]] Objective& objective();

  // Trials of the function of that name of `objective:`. Of `params`, ranges, pairs and lists are tuned too,
  // but for `fold`, which each trial runs over; scalars are fixed.
  // Errors: kNotFound for an unknown function; kInvalidArgument for names and values that do not fit the
  // experiment, for a run without a monitor, and when neither a number of trials nor a timeout is given;
  // kConflict for a study name that the storage has already; TrialFailed; Interrupted.
  tuning::Study optimize(std::string_view suggest_name, const Ranges& params = {},
                         const StudyRunOptions& options = {});
  // Of a C++ function, whose name is for the study's.
  template <class F>
    requires std::is_invocable_v<F&, tuning::Trial&>
  tuning::Study optimize(const std::string& name, F suggest, const Ranges& params = {},
                         const StudyRunOptions& options = {}) {
    return optimize_function(name, Suggest(std::move(suggest)), params, options);
  }
  // Parametric.
  tuning::Study optimize(const Ranges& params, const StudyRunOptions& options);

  // Of a trial's parameters (or a study's best ones) those that are parameters of a run, as create_run()
  // takes them; "num_layers", which only steers a suggest function, is left out.
  [[nodiscard]] Params arguments_of(const Params& trial_params) const;

  // What the last optimize() was asked for; null before. {"study_name", "suggest": name or null,
  // "is_function": it is what only the program knows, "params": [{"name", "value"|"range"}], "each": […],
  // "mode", "n_total": trials that were wanted in all, or null, "timeout": seconds, or null}.
  [[nodiscard]] const Params& recorded() const noexcept { return recorded_; }
  // Goes on with that: until there are as many trials as were wanted in all, unless `options` says other
  // numbers. Of `options`, what was recorded is not looked at (each, study_name, mode).
  // Errors: kConflict if there is nothing to go on with, or it was a C++ function's.
  tuning::Study resume(const StudyRunOptions& options = {});

 private:
  friend class Creator;
  struct Request;
  Study(std::shared_ptr<const Workshop> workshop, Params params, NamedValues instances);
  tuning::Study optimize_function(const std::string& name, const Suggest& suggest, const Ranges& params,
                                  const StudyRunOptions& options);
  tuning::Study run(const Request& request, const StudyRunOptions& options);
  [[nodiscard]] std::string study_name(const Request& request, const Ranges& tuned) const;
  [[nodiscard]] tuning::Study open(const std::string& name, const std::vector<tuning::Direction>& directions,
                                   const std::vector<std::string>& metrics);
  void record(const Params& asked);
  void perform(StudySetup setup, tuning::Study& study, const StudyRunOptions& options);
  void end(const tuning::Study& study, tracking::RunStatus status, const std::string& error);

  Params recorded_;
  std::vector<std::string> begun_;  // studies of the tuner that this one has begun
};

// What a study's run was asked for last, as Study::recorded() has it; null for any other run. Artifacts may
// lie on the server `tracking_uri`. Errors: those of its artifacts.
[[nodiscard]] Params recorded_request(const tracking::RunRecord& run, std::string_view tracking_uri);

}  // namespace ivory
