// Execution: the runs of a plan, several at once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ivory/experiment/client.h>
#include <ivory/experiment/run_outcome.h>

namespace ivory {

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

}  // namespace ivory
