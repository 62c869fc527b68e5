// Who runs the trials of one thread of a study: the thread itself, or a worker process of its own.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <ivory/experiment/experiment.h>

#include "trial_job.h"

namespace ivory {

// One thread, the one that made it: a worker process dies with the thread that started it.
class TrialWorker {
 public:
  virtual ~TrialWorker() = default;
  TrialWorker(const TrialWorker&) = delete;
  TrialWorker& operator=(const TrialWorker&) = delete;

  // Runs the trial to its end. After Ctrl-C it ends after the epoch, KILLED; a worker process that dies makes
  // it FAILED. `judge` and `listener` are called by this thread. Errors: of a worker that cannot work at all.
  [[nodiscard]] virtual TrialOutcome run(const TrialJob& job, const TrialJudge& judge,
                                         const TrialListener& listener) = 0;

 protected:
  TrialWorker() = default;
};

// The references must outlive it.
[[nodiscard]] std::unique_ptr<TrialWorker> make_inline_worker(Tracker* tracker, const Experiment& experiment);
// Started, and waited for until it is ready. Errors: those of starting it, and what it says of why it cannot.
[[nodiscard]] std::unique_ptr<TrialWorker> make_process_worker(const Params& opening,
                                                               const std::vector<std::string>& command);

}  // namespace ivory
