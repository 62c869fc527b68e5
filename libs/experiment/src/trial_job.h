// One trial of a study, as it is run in this process or given to a worker.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/experiment/experiment.h>
#include <ivory/experiment/run_plan.h>
#include <ivory/experiment/study.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tuning/frozen_trial.h>

namespace ivory {

struct TrialJob {
  std::int64_t number = 0;           // of the trial
  Params arguments = Params::map();  // of its runs
  std::vector<Axis> folds = {};      // what the trial runs over; empty: it is one run
  std::string run_id = {},
              name = {};  // of the row that was made for it, a task's if there are folds; empty: not tracked
  std::string mode = "train";
  bool resume = false;  // goes on from where it was left

  [[nodiscard]] Params to_params() const;
  [[nodiscard]] static TrialJob from_params(const Params& params);
};

[[nodiscard]] Params to_params(const TrialOutcome& outcome);
[[nodiscard]] TrialOutcome to_trial_outcome(const Params& params);
[[nodiscard]] Params to_params(const tuning::TrialReport& report);
[[nodiscard]] tuning::TrialReport to_report(const Params& params);

// Takes a report, and says whether the trial is given up. A run that is one of several folds reports its
// number among them.
using TrialJudge = std::function<bool(const tuning::TrialReport& report)>;
using TrialListener = std::function<void(std::size_t fold, std::size_t folds, const RunProgress& progress)>;

// Runs the trial: its folds one after another, until one fails, is interrupted or given up. With folds it
// ends the trial's row too. `tracker` is the experiment's; null: nothing is tracked.
[[nodiscard]] TrialOutcome do_trial(Tracker* tracker, const Experiment& experiment, const TrialJob& job,
                                    const TrialJudge& judge, const TrialListener& listener);
// What came of a trial by its runs, in their order; `folds` of them were wanted.
[[nodiscard]] TrialOutcome combine(std::vector<RunOutcome> runs, std::size_t folds);
// Of a trial whose row says FINISHED.
[[nodiscard]] TrialOutcome stored_trial(Tracker& tracker, const tracking::RunRecord& row,
                                        const TrialJob& job);

}  // namespace ivory
