// Resume: goes on with a run that was killed, crashed or interrupted, from where its last checkpoint stands.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ivory/base/files.h>
#include <ivory/experiment/run.h>
#include <ivory/tracking/entities.h>

namespace ivory {

class Client;

struct ResumedRun {
  Run run;                       // under its old id and name, its last checkpoint given back; not started yet
  std::string mode;              // what to start it in: as it was started before
  bool from_checkpoint = false;  // false: there was none, it begins anew
};

// Why a run is not to be resumed, for people: it is FINISHED, it is deleted, or its process is alive. None if
// it can be, as far as can be seen from this machine. Errors: kNotFound.
[[nodiscard]] std::optional<std::string> reason_not_to_resume(const Client& client, std::string_view run_id);

// Held while a run or a task is resumed: of two processes of this machine, or of two that share the folder of
// artifacts, one gets it. A run that is nested keeps its task from being resumed meanwhile, and not another
// run of it. Take it before reason_not_to_resume() is asked.
class ResumeLock {
 public:
  // Errors: kUnsupported if another has it, naming the run.
  ResumeLock(const Client& client, const tracking::RunRecord& run);

 private:
  std::unique_ptr<FileLock> own_, parent_;
};

// Makes the run again, from its params.yaml (one killed before that was written: from the experiment's file
// and the params it logged), takes it over for this process as a RUNNING one, puts its artifacts in order
// (what a killed process left half written is removed, a `best` that was not kept yet is), and gives it the
// state `current`. Started in `mode`, it ends, on the same kind of machine, with bitwise the metrics, results
// and weights of a run that nothing has interrupted; points that it logs again are kept once. It does not ask
// reason_not_to_resume(): an engine takes over runs whose rows it has made itself. Errors: kNotFound for a
// run or an experiment that is not there; kInvalidArgument when its parameters or its checkpoint do not fit
// the code of today, with the file; kUnsupported without a tracker.
//
//   ResumedRun resumed = resume_run(client, run_id);
//   resumed.run.start(resumed.mode);
[[nodiscard]] ResumedRun resume_run(const Client& client, std::string_view run_id,
                                    std::string_view mode_if_never_started = "both");

}  // namespace ivory
