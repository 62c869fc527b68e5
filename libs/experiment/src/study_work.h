// The objective of a study: runs its trials, records what comes of them.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ivory/experiment/study.h>

#include "trial_job.h"
#include "trial_worker.h"

namespace ivory {

// What one optimize() needs to know.
struct StudySetup {
  explicit StudySetup(Experiment of) : experiment(std::move(of)) {}
  Experiment experiment;
  std::string parent_run_id;  // of the study's run; empty: nothing is tracked
  std::shared_ptr<Tracker> tracker;
  Suggest suggest;
  Params fixed = Params::map();
  std::vector<Axis> folds;
  std::string mode;
  bool deterministic = false;
  Engine engine = Engine::kThread;  // chosen
  Params opening;                   // of worker processes: open_message()
  std::vector<std::string> worker_command;
  StudyEvents* events = nullptr;
};

// Of trial parameters those that name parameters of a run of the experiment.
[[nodiscard]] Params run_arguments(const Experiment& experiment, const Params& trial_params);

// Logs the best trial on the study's run. Nothing if there is none.
void log_best(tracking::TrackingStore& store, const std::string& run_id, const tuning::Study& study);

// Threads: evaluate() and take_end() from any thread of the study's optimize().
class StudyWork {
 public:
  // Starts the first worker process, so that what is wrong with it is known before there is a trial.
  StudyWork(StudySetup setup, tuning::Study& study);

  // One trial, from its suggestions to its score. Errors: tuning::TrialPruned, TrialFailed, Interrupted;
  // those of the suggest function and of the stores.
  [[nodiscard]] std::vector<double> evaluate(tuning::Trial& trial);
  // The trial has ended: its end is told, and logged if it is the best now.
  void take_end(const tuning::FrozenTrial& trial);
  // Tells the ends of trials for which take_end() was not called, for one of them ended the study.
  void take_ends();
  // The worker processes of threads that have ended are gone.
  void release_workers();

 private:
  [[nodiscard]] tracking::RunRecord find_or_reserve(const tuning::Trial& trial, const TrialJob& job,
                                                    bool begun_before);
  [[nodiscard]] TrialOutcome execute(tuning::Trial& trial, const TrialJob& job, bool begun_before);
  [[nodiscard]] TrialWorker& worker();
  [[nodiscard]] TrialJudge make_judge(tuning::Trial& trial, bool begun_before);
  void close(const TrialJob& job, const TrialOutcome& outcome) const;
  void check_arguments(const Params& trial_params, const Params& arguments);
  void wait_until_free(const tracking::RunRecord& row) const;
  [[nodiscard]] tracking::TrackingStore& store() const { return setup_.tracker->store(); }

  StudySetup setup_;
  tuning::Study& study_;
  std::mutex mutex_;         // of the members below
  std::mutex events_mutex_;  // one event at a time
  std::map<std::thread::id, std::unique_ptr<TrialWorker>> workers_;
  std::map<std::int64_t, TrialOutcome> outcomes_;  // of trials whose end has not been told
  std::set<std::string> unknown_;                  // suggested names that are no parameters of a run
};

}  // namespace ivory
