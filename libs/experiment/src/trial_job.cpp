#include "trial_job.h"

#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/experiment/task.h>
#include <ivory/experiment/tracking.h>
#include <ivory/yaml/yaml.h>

#include "run_job.h"
#include "state_values.h"
#include "task_record.h"

namespace ivory {
namespace {

using Clock = std::chrono::steady_clock;
using tracking::RunRecord;
using tracking::RunStatus;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<double> reals_of(const Params& list) {
  std::vector<double> reals;
  for (const Params& value : list.elements()) reals.push_back(detail::real_of(value));
  return reals;
}

// The scores of a run, one a monitored metric; empty if it has none.
std::vector<double> scores_of(const RunOutcome& run) {
  if (!run.best_score) return {};
  std::vector<double> scores{*run.best_score};
  scores.insert(scores.end(), run.further_scores.begin(), run.further_scores.end());
  return scores;
}

// Mean and sample deviation of one objective over the folds.
std::pair<double, double> mean_and_deviation(const std::vector<std::vector<double>>& scores,
                                             std::size_t objective) {
  const auto count = static_cast<double>(scores.size());
  double sum = 0, squares = 0;
  for (const auto& each : scores) sum += each[objective];
  const double mean = sum / count;
  for (const auto& each : scores) squares += (each[objective] - mean) * (each[objective] - mean);
  return {mean, scores.size() > 1 ? std::sqrt(squares / (count - 1)) : kNaN};
}

void add_scores(const std::vector<RunOutcome>& runs, TrialOutcome& outcome) {
  std::vector<std::vector<double>> scores;
  for (const RunOutcome& run : runs) {
    scores.push_back(scores_of(run));
    if (scores.back().empty() || scores.back().size() != scores.front().size()) return;
  }
  for (std::size_t k = 0; k < scores.front().size(); ++k) {
    const auto [mean, deviation] = mean_and_deviation(scores, k);
    outcome.values.push_back(mean);
    if (scores.size() > 1) outcome.deviations.push_back(deviation);
  }
}

bool ends_trial(const RunOutcome& run) { return !run.finished() || run.pruned_step.has_value(); }

// A trial that runs over folds: a task, if it is tracked.
class FoldedTrial {
 public:
  FoldedTrial(Tracker* tracker, const Experiment& experiment, const TrialJob& job, const TrialJudge& judge,
              const TrialListener& listener)
      : tracker_(tracker),
        experiment_(experiment),
        job_(job),
        judge_(judge),
        listener_(listener),
        plan_(RunPlan::product(job.folds, 1, job.arguments)) {}

  TrialOutcome run() {
    if (!job_.run_id.empty()) open();
    std::vector<RunOutcome> runs;
    for (std::size_t i = 0; i < plan_.size(); ++i) {
      runs.push_back(run_fold(i));
      if (ends_trial(runs.back())) break;
      if (task_) task_->add_score(i, {runs.back().best_score.value_or(kNaN), runs.back().maximize});
    }
    TrialOutcome outcome = combine(std::move(runs), plan_.size());
    if (task_) close(*task_, outcome);
    return outcome;
  }

 private:
  void open() {
    Task& task = task_.emplace(experiment_.create_task({}, {.run_id = job_.run_id}));
    task.begin(plan_);
    if (!job_.resume) return;
    for (RunRecord& run : nested_runs(tracker_->store(), job_.run_id, true))
      if (const auto index = task.find_index(run)) made_.insert_or_assign(*index, std::move(run));
  }

  RunOutcome run_fold(std::size_t index) {
    RunJob run{
        .index = index, .arguments = plan_.arguments(index), .run_id = {}, .name = {}, .mode = job_.mode};
    const auto made = made_.find(index);
    if (made != made_.end() && made->second.status == RunStatus::kFinished)
      return stored_outcome(tracker_->store(), made->second, run.arguments);
    if (task_) {
      run.resume = made != made_.end();
      const RunRecord row =
          run.resume ? made->second : experiment_.reserve_run(run.arguments, "run", task_->origin(index));
      run.run_id = row.run_id;
      run.name = row.name;
    }
    const auto judge = [&](const std::vector<double>& scores, std::int64_t step) {
      return judge_({.step = step, .fold = static_cast<std::int64_t>(index), .values = scores});
    };
    const auto tell = [&](const RunProgress& progress) { listener_(index, plan_.size(), progress); };
    return do_job(tracker_, experiment_, run, tell, judge);
  }

  // The mean is the trial's score, under the name that a run has its own by.
  void close(Task& task, const TrialOutcome& outcome) {
    const auto tracking = task.find<Tracking>();
    if (outcome.pruned_step) tracking->log_pruned(*outcome.pruned_step);
    if (outcome.status == "FINISHED" && !outcome.pruned_step && !outcome.values.empty())
      tracker_->store().log_metric(job_.run_id,
                                   {"best_score", outcome.values.front(), tracking::now_ms(), 0});
    if (!outcome.error.empty())
      tracker_->store().set_tag(job_.run_id, {std::string(tracking::kErrorTag), outcome.error});
    task.finish(tracking::find_run_status(outcome.status).value_or(RunStatus::kFailed));
  }

  Tracker* tracker_;
  const Experiment& experiment_;
  const TrialJob& job_;
  const TrialJudge& judge_;
  const TrialListener& listener_;
  RunPlan plan_;
  std::optional<Task> task_;               // none: not tracked
  std::map<std::size_t, RunRecord> made_;  // before the trial was left, by their index
};

TrialOutcome run_single(Tracker* tracker, const Experiment& experiment, const TrialJob& job,
                        const TrialJudge& judge, const TrialListener& listener) {
  const RunJob run{.index = 0,
                   .arguments = job.arguments,
                   .run_id = job.run_id,
                   .name = job.name,
                   .mode = job.mode,
                   .resume = job.resume};
  const auto judge_run = [&](const std::vector<double>& scores, std::int64_t step) {
    return judge({.step = step, .fold = {}, .values = scores});
  };
  const auto tell = [&](const RunProgress& progress) { listener(0, 1, progress); };
  std::vector<RunOutcome> runs;
  runs.push_back(do_job(tracker, experiment, run, tell, judge_run));
  return combine(std::move(runs), 1);
}

}  // namespace

// ---- as messages

Params TrialJob::to_params() const {
  Params axes = Params::list();
  for (const Axis& axis : folds) {
    Params map{{"name", axis.name}};
    map.set("values", Params::list(axis.values));
    axes.push_back(std::move(map));
  }
  // YAML has a NaN among its reals.
  return {{"number", number},       {"arguments", to_yaml(arguments)},
          {"folds", to_yaml(axes)}, {"run_id", run_id},
          {"name", name},           {"mode", mode},
          {"resume", resume}};
}

TrialJob TrialJob::from_params(const Params& params) {
  TrialJob job{.number = params.at("number").as_int(),
               .arguments = parse_yaml(params.at("arguments").as_string()),
               .run_id = params.at("run_id").as_string(),
               .name = params.at("name").as_string(),
               .mode = params.at("mode").as_string(),
               .resume = params.at("resume").as_bool()};
  if (job.arguments.is_null()) job.arguments = Params::map();
  const Params axes = parse_yaml(params.at("folds").as_string());
  for (const Params& axis : axes.elements())
    job.folds.push_back({axis.at("name").as_string(), axis.at("values").elements()});
  return job;
}

Params to_params(const TrialOutcome& outcome) {
  Params runs = Params::list();
  for (const RunOutcome& run : outcome.runs) runs.push_back(run.to_params());
  Params map{{"run_id", outcome.run_id},
             {"run_name", outcome.run_name},
             {"status", outcome.status},
             {"error", outcome.error}};
  map.set("values", outcome.values);
  map.set("deviations", outcome.deviations);
  if (outcome.pruned_step) map.set("pruned_step", *outcome.pruned_step);
  map.set("runs", std::move(runs));
  map.set("seconds", outcome.seconds);
  return map;
}

TrialOutcome to_trial_outcome(const Params& params) {
  TrialOutcome outcome{.run_id = params.at("run_id").as_string(),
                       .run_name = params.at("run_name").as_string(),
                       .status = params.at("status").as_string(),
                       .error = params.at("error").as_string(),
                       .values = reals_of(params.at("values")),
                       .deviations = reals_of(params.at("deviations")),
                       .pruned_step = {},
                       .runs = {},
                       .seconds = detail::real_of(params.at("seconds"))};
  if (const Params* step = params.find("pruned_step")) outcome.pruned_step = step->as_int();
  for (const Params& run : params.at("runs").elements()) outcome.runs.push_back(RunOutcome::from_params(run));
  return outcome;
}

Params to_params(const tuning::TrialReport& report) {
  Params map{{"step", report.step}};
  if (report.fold) map.set("fold", *report.fold);
  map.set("values", report.values);
  return map;
}

tuning::TrialReport to_report(const Params& params) {
  tuning::TrialReport report{
      .step = params.at("step").as_int(), .fold = {}, .values = reals_of(params.at("values"))};
  if (const Params* fold = params.find("fold")) report.fold = fold->as_int();
  return report;
}

// ---- what came of it

TrialOutcome combine(std::vector<RunOutcome> runs, std::size_t folds) {
  TrialOutcome outcome;
  const RunOutcome& last = runs.back();
  outcome.status = last.status;
  outcome.pruned_step = last.pruned_step;
  if (!last.error.empty())
    outcome.error = folds > 1 && !last.name.empty() ? last.name + ": " + last.error : last.error;
  if (!ends_trial(last) && runs.size() == folds) add_scores(runs, outcome);
  outcome.runs = std::move(runs);
  return outcome;
}

TrialOutcome stored_trial(Tracker& tracker, const RunRecord& row, const TrialJob& job) {
  const tracking::TrackingStore& store = tracker.store();
  std::vector<RunOutcome> runs;
  std::size_t folds = 1;
  if (job.folds.empty()) {
    runs.push_back(stored_outcome(store, row, job.arguments));
  } else {
    const auto recorded = find_plan(row, tracker.tracking_uri());
    folds = recorded ? recorded->plan.size() : 0;
    for (const RunRecord& run : nested_runs(store, row.run_id, true))
      if (const auto index = recorded ? recorded->find_index(run) : std::nullopt)
        runs.push_back(stored_outcome(store, run, recorded->plan.arguments(*index)));
    if (runs.empty())
      throw Error(ErrorCode::kConflict, row.name + " (" + row.run_id + ") is FINISHED without a run");
  }
  TrialOutcome outcome = combine(std::move(runs), folds);
  outcome.run_id = row.run_id;
  outcome.run_name = row.name;
  return outcome;
}

TrialOutcome do_trial(Tracker* tracker, const Experiment& experiment, const TrialJob& job,
                      const TrialJudge& judge, const TrialListener& listener) {
  const auto begun = Clock::now();
  TrialOutcome outcome = job.folds.empty() ? run_single(tracker, experiment, job, judge, listener)
                                           : FoldedTrial(tracker, experiment, job, judge, listener).run();
  outcome.run_id = job.run_id;
  outcome.run_name = job.name;
  outcome.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return outcome;
}

}  // namespace ivory
