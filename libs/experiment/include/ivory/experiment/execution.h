// Execution: the runs of a plan, several at once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ivory/experiment/client.h>
#include <ivory/experiment/run_outcome.h>

namespace ivory {

class Crew;
class RunPlan;
class Task;

enum class Engine : std::uint8_t {
  kAuto,     // processes for runs at once of modules whose state belongs to the process, else threads
  kThread,   // of this process
  kProcess,  // warm workers, started once, that take runs in turn
};

struct ExecutionOptions {
  std::size_t jobs = 1;  // runs at once
  Engine engine = Engine::kAuto;
  std::string mode = "both";
  // The program of a worker process and its arguments: one that calls serve_runs(). None: no processes.
  std::vector<std::string> worker_command = {};  // NOLINT(readability-redundant-member-init): see CreateRun
};

// How far a run has come, and what its monitor says; without a monitor, the first of its metrics.
struct RunProgress {
  int epochs_done = 0;
  int epochs = 0;
  std::string metric;  // empty: none
  double value = 0;
};

// Told by the thread that called execute().
class ExecutionEvents {
 public:
  virtual ~ExecutionEvents() = default;
  ExecutionEvents(const ExecutionEvents&) = delete;
  ExecutionEvents& operator=(const ExecutionEvents&) = delete;
  // `index` is the run's in the plan; `name` is empty without tracking.
  virtual void on_run_begin(std::size_t index, const std::string& name, const Params& arguments) = 0;
  virtual void on_run_progress(std::size_t index, const RunProgress& progress) = 0;
  virtual void on_run_end(std::size_t index, const RunOutcome& outcome) = 0;

 protected:
  ExecutionEvents() = default;
};

// Runs plans. The process engine's workers are started at once, so that they load their modules meanwhile.
//
//   Executor executor(client, experiment, {.jobs = 2, …}, events);
//   executor.check(plan);
//   Task task = experiment.create_task();
//   const std::vector<RunOutcome> outcomes = executor.run(plan, &task);
//
// What the runs compute does not depend on the number of jobs, nor on the engine. A run that fails, or takes
// its worker with it, leaves the others going on. After Ctrl-C (the caller holds an InterruptGuard) the runs
// under way end after their epochs, as KILLED, and no more are started.
//
// Threads: one thread uses it, and it must live as long. The references must outlive it.
class Executor {
 public:
  // Errors: kInvalidArgument for no jobs, and for threads where a module's state belongs to the process (with
  // the reason); kUnsupported for processes without a worker command; those of starting one.
  Executor(const Client& client, const Experiment& experiment, ExecutionOptions options,
           ExecutionEvents& events);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // What was chosen for kAuto.
  [[nodiscard]] Engine engine() const noexcept;

  // Makes the members of each run and drops them: whatever would fail fails here, before anything is written.
  // Errors: those of Creator::check(), Interrupted.
  void check(const RunPlan& plan) const;
  // All runs of the plan, nested under the task if there is one; the rows are made in the order of the plan.
  // At the end the task is ended: FINISHED if all runs are, else FAILED or KILLED. Returns what came of those
  // that were started, in the order of the plan.
  // Errors: those of the store, and of starting a worker; then the runs under way are waited for first.
  std::vector<RunOutcome> run(const RunPlan& plan, Task* task = nullptr);
  // The same for a task that was left: runs that are FINISHED are not run again, others go on from their last
  // checkpoints. `task` has taken over its row and has its plan.
  // Errors: kConflict for a task without a plan, and when a run of it is alive in another process.
  std::vector<RunOutcome> resume(Task& task);
  // A run that is nobody's, or whose task is to stay as it is. Errors: kConflict, with
  // reason_not_to_resume().
  RunOutcome resume(const tracking::RunRecord& run);

 private:
  class Work;
  const Client& client_;
  const Experiment& experiment_;
  ExecutionOptions options_;
  ExecutionEvents& events_;
  std::unique_ptr<Crew> crew_;
};

}  // namespace ivory
