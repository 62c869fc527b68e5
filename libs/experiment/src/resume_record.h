// Resuming a run whose row is at hand.
#pragma once
#include <string_view>

#include <ivory/experiment/experiment.h>
#include <ivory/experiment/resume.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/entities.h>

namespace ivory {

// As the public one; `experiment` is the run's, of today, and tracks where the row is, by `tracker`.
[[nodiscard]] ResumedRun resume_run(const Tracker& tracker, const Experiment& experiment,
                                    const tracking::RunRecord& record,
                                    std::string_view mode_if_never_started);

}  // namespace ivory
