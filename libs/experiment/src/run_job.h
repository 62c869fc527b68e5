// One run of a plan, as it is given to a thread or to a worker process.
#pragma once
#include <cstddef>
#include <string>

#include <ivory/base/params.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/execution.h>
#include <ivory/experiment/pruning.h>
#include <ivory/experiment/tracker.h>

#include "run_recorder.h"

namespace ivory {

struct RunJob {
  std::size_t index = 0;  // in the plan
  Params arguments = Params::map();
  std::string run_id, name;  // of the row that was made for it; empty: not tracked
  std::string mode = "both";
  bool resume = false;  // goes on from its last checkpoint

  [[nodiscard]] Params to_params() const;
  [[nodiscard]] static RunJob from_params(const Params& params);
};

[[nodiscard]] Params to_params(const RunProgress& progress);
[[nodiscard]] RunProgress to_progress(const Params& params);

// Makes the run, starts it, and says what came of it: FAILED with the message of what it threw, KILLED if it
// was interrupted. A trial's run gets a judge of its scores. `tracker` is the experiment's.
[[nodiscard]] RunOutcome do_job(Tracker* tracker, const Experiment& experiment, const RunJob& job,
                                const RunRecorder::Listener& listener, const Pruning::Judge& judge = nullptr);

}  // namespace ivory
