// What the commands that start runs share.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ivory/experiment/client.h>
#include <ivory/experiment/execution.h>
#include <ivory/experiment/run_plan.h>

#include "command.h"
#include "report.h"

namespace ivory {

class RunsCommand : public Command {
 protected:
  // --jobs and --engine.
  void declare_engine(Options& options);
  // Errors: kInvalidArgument for jobs below 1.
  [[nodiscard]] ExecutionOptions engine_options() const;

  // Checks all runs of the plan, starts them, prints what came of them. Several runs that are tracked are
  // nested under a task.
  void run_plan(const Client& client, const Experiment& experiment, const RunPlan& plan,
                ExecutionOptions options);
  // Prints the runs, and fails as they did. `name` is the experiment's, `task` the task's, if there is one.
  void report(const Client& client, const std::string& name, const RunPlan& plan, const Task* task,
              const std::vector<RunOutcome>& outcomes) const;

 private:
  void print_report(const Client& client, const std::string& name, const RunPlan& plan, const Task* task,
                    const std::vector<RunOutcome>& outcomes) const;
  std::optional<std::int64_t> jobs_;
  std::string engine_ = "auto";
};

}  // namespace ivory
