#include <ivory/experiment/execution.h>

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/base/range.h>
#include <ivory/experiment/resume.h>
#include <ivory/experiment/run_plan.h>
#include <ivory/experiment/task.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/tracking.h>

#include "crew.h"
#include "task_record.h"

namespace ivory {
namespace {

using tracking::RunRecord;
using tracking::RunStatus;

constexpr std::string_view kErrorTag = "ivory.error";

bool has_status(const std::vector<RunOutcome>& outcomes, std::string_view status) {
  return std::ranges::find(outcomes, status, &RunOutcome::status) != outcomes.end();
}

RunStatus status_of_task(const std::vector<RunOutcome>& outcomes) {
  if (interrupted() || has_status(outcomes, "KILLED")) return RunStatus::kKilled;
  return has_status(outcomes, "FAILED") ? RunStatus::kFailed : RunStatus::kFinished;
}

// The runs that a task has made so far, by their index in its plan.
using Made = std::map<std::size_t, RunRecord>;

// For a report: what was logged as text, as far as it can be read.
Params given_to(const RunRecord& run) {
  Params given = Params::map();
  for (const tracking::KeyValue& param : run.params) given.set(param.key, parse_scalar(param.value));
  return given;
}

void check_resumable(const Client& client, const RunRecord& run) {
  if (const auto reason = reason_not_to_resume(client, run.run_id))
    throw Error(ErrorCode::kConflict, *reason);
}

}  // namespace

// One call of run() or resume().
class Executor::Work final : public CrewListener {
 public:
  Work(Executor& executor, const RunPlan& plan, Task* task, Made made)
      : executor_(executor), plan_(plan), task_(task), made_(std::move(made)) {}

  std::vector<RunOutcome> run() {
    try {
      for (std::size_t k = 0; k < plan_.stage_count() && !interrupted(); ++k) run_stage(plan_.stage(k));
    } catch (...) {
      abandon();
      throw;
    }
    std::vector<RunOutcome> outcomes = take_outcomes();
    if (task_ != nullptr) task_->finish(status_of_task(outcomes));
    return outcomes;
  }

  void on_progress(const RunJob& job, const RunProgress& progress) override {
    executor_.events_.on_run_progress(job.index, progress);
  }

  void on_done(const RunJob& job, RunOutcome outcome) override {
    if (!outcome.finished() && !job.run_id.empty()) close(outcome);
    add(job.index, std::move(outcome));
  }

 private:
  Crew& crew() { return *executor_.crew_; }

  void run_stage(RunPlan::Stage stage) {
    std::size_t next = stage.first;
    while (next < stage.last || crew().active() > 0) {
      while (next < stage.last && crew().active() < crew().size() && !interrupted()) launch(next++);
      if (crew().active() > 0) {
        crew().wait(*this);
      } else if (interrupted()) {
        return;
      }
    }
  }

  void launch(std::size_t index) {
    RunJob job;
    job.index = index;
    job.arguments = plan_.arguments(index, scores_);
    job.mode = executor_.options_.mode;
    const auto made = made_.find(index);
    if (made != made_.end()) {
      job.run_id = made->second.run_id;
      job.name = made->second.name;
      job.resume = true;
    }
    if (made != made_.end() && made->second.status == RunStatus::kFinished)
      return add(index, stored_outcome(executor_.client_.tracker()->store(), made->second, job.arguments));
    if (made == made_.end() && executor_.client_.tracker() != nullptr) reserve(job);
    executor_.events_.on_run_begin(index, job.name, job.arguments);
    crew().give(std::move(job));
  }

  void reserve(RunJob& job) const {
    const RunOrigin origin = task_ == nullptr ? RunOrigin{} : task_->origin(job.index);
    const RunRecord row = executor_.experiment_.reserve_run(job.arguments, "run", origin);
    job.run_id = row.run_id;
    job.name = row.name;
  }

  void add(std::size_t index, RunOutcome outcome) {
    if (outcome.finished() && outcome.best_score) {
      const RunScore score{*outcome.best_score, outcome.maximize};
      scores_.insert_or_assign(index, score);
      if (task_ != nullptr) task_->add_score(index, score);
    }
    executor_.events_.on_run_end(index, outcome);
    outcomes_.insert_or_assign(index, std::move(outcome));
  }

  // Ends the row of a run that could not do so itself: its process died, or it was never made. What it had
  // logged is all that is known of it.
  void close(RunOutcome& outcome) const {
    try {
      tracking::TrackingStore& store = executor_.client_.tracker()->store();
      const RunRecord run = store.get_run(outcome.id);
      if (tracking::is_terminal(run.status)) return;
      RunOutcome logged = stored_outcome(store, run, outcome.update);
      logged.status = std::exchange(outcome.status, {});
      logged.error = std::exchange(outcome.error, {});
      outcome = std::move(logged);
      if (!outcome.error.empty()) store.set_tag(outcome.id, {std::string(kErrorTag), outcome.error});
      store.update_run(outcome.id, {.status = tracking::find_run_status(outcome.status),
                                    .end_time_ms = tracking::now_ms()});
    } catch (const std::exception& error) {
      // The failure that ended the run is the one to report.
      log_warning("the end of " + outcome.name + " could not be recorded: " + error.what());
    }
  }

  // After an error of the coordinator: what is under way comes to its end, so that its rows do.
  void abandon() {
    try {
      crew().interrupt();
      while (crew().active() > 0) crew().wait(*this);
      if (task_ != nullptr) task_->finish(RunStatus::kFailed);
    } catch (const std::exception& error) {
      log_warning(std::string("not all that was under way could be ended: ") + error.what());
    }
  }

  [[nodiscard]] std::vector<RunOutcome> take_outcomes() {
    std::vector<RunOutcome> outcomes;
    for (auto& [index, outcome] : outcomes_) outcomes.push_back(std::move(outcome));
    return outcomes;
  }

  Executor& executor_;
  const RunPlan& plan_;
  Task* task_;
  Made made_;
  RunScores scores_;
  std::map<std::size_t, RunOutcome> outcomes_;
};

Engine choose_engine(const Experiment& experiment, std::size_t jobs, Engine wanted) {
  const std::string owned = experiment.process_owned();
  const bool shared = jobs > 1;
  if (wanted == Engine::kThread && shared && !owned.empty())
    throw Error(ErrorCode::kInvalidArgument, "runs of " + experiment.name() + " may not share a process (" +
                                                 owned + "): several at once need the engine `process`");
  if (wanted != Engine::kAuto) return wanted;
  return shared && !owned.empty() ? Engine::kProcess : Engine::kThread;
}

Executor::Executor(const Client& client, const Experiment& experiment, ExecutionOptions options,
                   ExecutionEvents& events)
    : client_(client), experiment_(experiment), options_(std::move(options)), events_(events) {
  if (options_.jobs == 0) throw Error(ErrorCode::kInvalidArgument, "expected 1 job or more, found 0");
  options_.engine = choose_engine(experiment_, options_.jobs, options_.engine);
  if (options_.engine == Engine::kThread) {
    crew_ = make_thread_crew(client_, experiment_, options_.jobs);
    return;
  }
  if (options_.worker_command.empty())
    throw Error(ErrorCode::kUnsupported, "this program cannot start worker processes");
  crew_ = make_process_crew(client_, experiment_, options_.jobs, options_.worker_command);
}

Executor::~Executor() = default;

Engine Executor::engine() const noexcept { return options_.engine; }

void Executor::check(const RunPlan& plan) const {
  if (client_.tracker() != nullptr) static_cast<void>(client_.tracker()->exists());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (interrupted()) throw Interrupted{};
    experiment_.check(plan.arguments(i), options_.mode);
  }
}

std::vector<RunOutcome> Executor::run(const RunPlan& plan, Task* task) {
  if (task != nullptr) task->begin(plan);
  return Work(*this, plan, task, {}).run();
}

std::vector<RunOutcome> Executor::resume(Task& task) {
  if (task.plan() == nullptr)
    throw Error(ErrorCode::kConflict,
                task.name() + " was ended before it had a plan: there is nothing to resume");
  Made made;
  for (RunRecord& run : nested_runs(client_.tracker()->store(), task.id(), true))
    if (const auto index = task.find_index(run)) made.insert_or_assign(*index, std::move(run));
  for (const auto& [index, run] : made)
    if (run.status != RunStatus::kFinished) check_resumable(client_, run);
  return Work(*this, *task.plan(), &task, std::move(made)).run();
}

RunOutcome Executor::resume(const RunRecord& run) {
  check_resumable(client_, run);
  const RunPlan alone = RunPlan::product({}, 1, given_to(run));
  return Work(*this, alone, nullptr, {{0, run}}).run().front();
}

}  // namespace ivory
