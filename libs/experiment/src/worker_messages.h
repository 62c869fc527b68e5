// What a coordinator and its workers say to each other:
//
//   to the worker     {"kind": "open", "directory", "tracked", "experiment", "params"}, once
//                     {"kind": "run", "job"}, or {"kind": "trial", "job"}, when it has no other
//                     {"kind": "verdict", "prune"}, on a report
//   from the worker   {"kind": "ready"}, or {"kind": "failed", "code", "message"} when it cannot open
//                     {"kind": "begun"}, when it has taken the job
//                     {"kind": "progress", "progress"}, now and then; of a trial with "fold" and "folds"
//                     {"kind": "report", "report"} of a trial; it waits for the verdict
//                     {"kind": "done", "outcome"}
#pragma once
#include <string>
#include <string_view>

#include <ivory/base/error.h>
#include <ivory/base/params.h>

#include "run_job.h"
#include "trial_job.h"

namespace ivory {

// What a worker works on.
struct WorkerSetup {
  std::string directory;  // of the client
  bool tracked = true;
  std::string experiment;         // its name
  Params params = Params::map();  // its parameters, whatever its file says by now
};

[[nodiscard]] Params open_message(const WorkerSetup& setup);
[[nodiscard]] WorkerSetup to_setup(const Params& message);
[[nodiscard]] Params run_message(const RunJob& job);
[[nodiscard]] Params trial_message(const TrialJob& job);
[[nodiscard]] Params verdict_message(bool prune);
[[nodiscard]] Params failed_message(const std::exception& error);
[[nodiscard]] ErrorCode to_error_code(std::string_view name);

}  // namespace ivory
