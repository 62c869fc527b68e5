#include "study_work.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/experiment/resume.h>
#include <ivory/experiment/tracking.h>
#include <ivory/tracking/liveness.h>

#include "run_row.h"
#include "task_record.h"
#include "trial_tags.h"
#include "worker_messages.h"

namespace ivory {
namespace {

using tracking::RunRecord;
using tracking::RunStatus;
using tuning::FrozenTrial;
using tuning::TrialState;

constexpr const char* kBestTrialTag = "best_trial";

// "hidden_sizes:0" is of hidden_sizes.
std::string parameter_of(const std::string& name) { return name.substr(0, name.find(':')); }

bool is_parameter(const Experiment& experiment, const std::string& name) {
  try {
    static_cast<void>(experiment.present_value(parameter_of(name)));
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    return false;
  }
}

bool is_alive(const RunRecord& run) {
  const std::string* tag = run.find_tag(tracking::kProcessTag);
  const auto process = tag == nullptr ? std::nullopt : tracking::ProcessIdentity::parse(*tag);
  return run.status == RunStatus::kRunning && process &&
         tracking::liveness_of(*process) == tracking::Liveness::kAlive;
}

bool has_nan(const std::vector<double>& values) {
  return std::ranges::any_of(values, [](double value) { return std::isnan(value); });
}

// The row of a trial that was killed before it had noted it.
std::optional<RunRecord> find_row(const tracking::TrackingStore& store, const std::string& parent,
                                  const std::string& study_name, std::int64_t number) {
  for (RunRecord& run : nested_runs(store, parent, true)) {
    const std::string* name = run.find_tag(detail::kStudyNameTag);
    const std::string* trial = run.find_tag(detail::kTrialNumberTag);
    if (name != nullptr && trial != nullptr && *name == study_name && *trial == std::to_string(number))
      return std::move(run);
  }
  return std::nullopt;
}

void end_row(tracking::TrackingStore& store, const RunRecord& row, const TrialOutcome& outcome) {
  if (tracking::is_terminal(row.status)) return;
  if (!outcome.error.empty()) store.set_tag(row.run_id, {std::string(tracking::kErrorTag), outcome.error});
  store.update_run(row.run_id,
                   {.status = tracking::find_run_status(outcome.status), .end_time_ms = tracking::now_ms()});
}

}  // namespace

Params run_arguments(const Experiment& experiment, const Params& trial_params) {
  Params arguments = Params::map();
  for (const auto& [name, value] : trial_params.items())
    if (is_parameter(experiment, name)) arguments.set(name, value);
  return arguments;
}

void log_best(tracking::TrackingStore& store, const std::string& run_id, const tuning::Study& study) {
  tracking::Batch batch;
  const tracking::TimeMs now = tracking::now_ms();
  const auto tag = [&](std::string key, std::string value) {
    batch.tags.push_back({std::move(key), std::move(value)});
  };
  if (study.directions().size() == 1) {
    std::optional<FrozenTrial> best;
    try {
      best = study.best_trial();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kConflict) throw;
      return;  // none is complete
    }
    const RunRecord row = store.get_run(run_id);
    const std::string* logged = row.find_tag(kBestTrialTag);
    if (logged != nullptr && *logged == std::to_string(best->number)) return;
    batch.metrics.push_back({"best_value", best->value(), now, best->number});
    batch.metrics.push_back({"best_trial", static_cast<double>(best->number), now, best->number});
    tag("best_value", real_to_text(best->value()));
    tag(kBestTrialTag, std::to_string(best->number));
    tag("best_params", best->params_map().to_text());
  } else {
    Params front = Params::list();
    for (const FrozenTrial& trial : study.best_trials()) front.push_back(trial.number);
    tag("best_trials", front.to_text());
  }
  store.log_batch(run_id, batch);
}

StudyWork::StudyWork(StudySetup setup, tuning::Study& study) : setup_(std::move(setup)), study_(study) {
  if (setup_.engine == Engine::kProcess) static_cast<void>(worker());
}

// ---- before the run

void StudyWork::check_arguments(const Params& trial_params, const Params& arguments) {
  if (arguments.size() == trial_params.size()) return;
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> unknown;
  for (const std::string& name : trial_params.keys())
    if (!arguments.contains(name)) unknown.push_back(name);
  if (arguments.empty())
    throw Error(ErrorCode::kInvalidArgument, "nothing that the objective suggests (" + join(unknown) +
                                                 ") is a parameter of " + setup_.experiment.name());
  for (const std::string& name : unknown)
    if (unknown_.insert(name).second)
      log_debug("'" + name + "' is suggested, but no parameter of " + setup_.experiment.name());
}

void StudyWork::wait_until_free(const RunRecord& row) const {
  constexpr auto kPause = std::chrono::milliseconds(20);
  constexpr int kPatience = 250;
  for (int i = 0; i < kPatience; ++i) {
    if (!is_alive(store().get_run(row.run_id))) return;
    std::this_thread::sleep_for(kPause);  // a worker dies a moment after its coordinator
  }
  throw Error(ErrorCode::kConflict, row.name + " is RUNNING: its process is alive");
}

RunRecord StudyWork::find_or_reserve(const tuning::Trial& trial, const TrialJob& job, bool begun_before) {
  if (begun_before) {
    const Params attrs = trial.user_attrs();
    const Params* id = attrs.find(detail::kRunIdAttr);
    auto row = id != nullptr ? store().find_run(id->as_string())
                             : find_row(store(), setup_.parent_run_id, study_.study_name(), job.number);
    if (row && row->lifecycle_stage == tracking::LifecycleStage::kActive) return *std::move(row);
  }
  RunOrigin origin{.parent_run_id = setup_.parent_run_id};
  origin.tags = {{std::string(detail::kStudyNameTag), study_.study_name()},
                 {std::string(detail::kTrialNumberTag), std::to_string(job.number)}};
  if (job.folds.empty()) return setup_.experiment.reserve_run(job.arguments, "run", origin);
  return create_row(*setup_.tracker, setup_.experiment.name(), "task", job.arguments, origin);
}

// ---- while it runs

TrialWorker& StudyWork::worker() {
  const std::scoped_lock lock(mutex_);
  std::unique_ptr<TrialWorker>& own = workers_[std::this_thread::get_id()];
  if (own == nullptr)
    own = setup_.engine == Engine::kThread ? make_inline_worker(setup_.tracker.get(), setup_.experiment)
                                           : make_process_worker(setup_.opening, setup_.worker_command);
  return *own;
}

void StudyWork::release_workers() {
  const std::scoped_lock lock(mutex_);
  workers_.clear();
}

TrialJudge StudyWork::make_judge(tuning::Trial& trial, bool begun_before) {
  using Place = std::pair<std::optional<std::int64_t>, std::int64_t>;
  auto reported = std::make_shared<std::set<Place>>();
  if (begun_before) {
    const FrozenTrial earlier = study_.trial(trial.number());
    std::vector<tuning::TrialReport> reports = earlier.reports;
    if (reports.empty())
      for (const auto& [step, value] : earlier.intermediate_values) reports.push_back({step, {}, {value}});
    for (const tuning::TrialReport& report : reports) {
      reported->emplace(report.fold, report.step);
      // The view that a trial of a deterministic study is judged by begins anew.
      if (!setup_.deterministic) continue;
      trial.report(report.values, report.step, report.fold);
      static_cast<void>(trial.should_prune());
    }
  }
  return [&trial, reported](const tuning::TrialReport& report) {
    if (reported->emplace(report.fold, report.step).second)
      trial.report(report.values, report.step, report.fold);
    return trial.should_prune();
  };
}

// Rows of a trial whose process died are ended here.
void StudyWork::close(const TrialJob& job, const TrialOutcome& outcome) const {
  if (job.run_id.empty() || outcome.status == "FINISHED") return;
  try {
    for (const RunRecord& run : nested_runs(store(), job.run_id, false)) end_row(store(), run, outcome);
    end_row(store(), store().get_run(job.run_id), outcome);
  } catch (const std::exception& error) {
    // The failure that ended the trial is the one to report.
    log_warning("the end of " + job.name + " could not be recorded: " + error.what());
  }
}

TrialOutcome StudyWork::execute(tuning::Trial& trial, const TrialJob& job, bool begun_before) {
  const TrialJudge judge = make_judge(trial, begun_before);
  const auto tell = [&](std::size_t fold, std::size_t folds, const RunProgress& progress) {
    if (setup_.events == nullptr) return;
    const std::scoped_lock lock(events_mutex_);
    setup_.events->on_trial_progress(job.number, fold, folds, progress);
  };
  TrialOutcome outcome;
  try {
    outcome = worker().run(job, judge, tell);
  } catch (const std::exception& error) {
    outcome.status = "FAILED";
    outcome.error = error.what();
    close(job, outcome);
    throw;
  }
  close(job, outcome);
  return outcome;
}

std::vector<double> StudyWork::evaluate(tuning::Trial& trial) {
  const bool begun_before = !trial.params().empty() || trial.user_attrs().contains(detail::kRunIdAttr);
  setup_.suggest(trial);
  const Params suggested = trial.params();
  const Params arguments = run_arguments(setup_.experiment, suggested);
  check_arguments(suggested, arguments);
  TrialJob job{
      .number = trial.number(), .arguments = setup_.fixed, .folds = setup_.folds, .mode = setup_.mode};
  for (const auto& [name, value] : arguments.items()) job.arguments.set(name, value);

  std::optional<TrialOutcome> known;
  if (!setup_.parent_run_id.empty()) {
    const RunRecord row = find_or_reserve(trial, job, begun_before);
    job.run_id = row.run_id;
    job.name = row.name;
    if (!trial.user_attrs().contains(detail::kRunIdAttr)) trial.set_user_attr(detail::kRunIdAttr, row.run_id);
    if (begun_before && row.status == RunStatus::kFinished) {
      known = stored_trial(*setup_.tracker, row, job);
    } else if (begun_before) {
      wait_until_free(row);
      job.resume = true;
    }
  }
  if (setup_.events != nullptr) {
    const std::scoped_lock lock(events_mutex_);
    setup_.events->on_trial_begin(job.number, job.name, job.arguments);
  }
  TrialOutcome outcome = known ? *std::move(known) : execute(trial, job, begun_before);
  const std::string status = outcome.status, error = outcome.error;
  const std::vector<double> values = outcome.values;
  const bool pruned = outcome.pruned_step.has_value();
  {
    const std::scoped_lock lock(mutex_);
    outcomes_.insert_or_assign(job.number, std::move(outcome));
  }
  if (status == "KILLED") throw Interrupted{};
  if (status != "FINISHED") throw TrialFailed(job.number, error);
  if (pruned || values.empty() || has_nan(values)) throw tuning::TrialPruned{};
  return values;
}

// ---- after it

void StudyWork::take_end(const FrozenTrial& trial) {
  TrialOutcome outcome;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = outcomes_.find(trial.number);
    if (found != outcomes_.end()) outcome = std::move(found->second);
    if (found != outcomes_.end()) outcomes_.erase(found);
  }
  const bool is_best = trial.state == TrialState::kComplete && trial.values.size() == 1 &&
                       trial.is_feasible() && study_.best_trial().number == trial.number;
  if (is_best && !setup_.parent_run_id.empty()) log_best(store(), setup_.parent_run_id, study_);
  if (setup_.events == nullptr) return;
  const std::scoped_lock lock(events_mutex_);
  setup_.events->on_trial_end(trial, outcome, is_best);
}

void StudyWork::take_ends() {
  std::vector<std::int64_t> numbers;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [number, outcome] : outcomes_) numbers.push_back(number);
  }
  for (const std::int64_t number : numbers) take_end(study_.trial(number));
}

}  // namespace ivory
