// The row of a run in the tracking store: made anew, or taken over.
#pragma once
#include <string>
#include <string_view>

#include <ivory/experiment/creator.h>
#include <ivory/experiment/tracker.h>

namespace ivory {

// The name in the section `experiment`; MLflow's `Default` if there is none.
[[nodiscard]] std::string experiment_of(const Params& params);

// Makes a run of the experiment, which is made if there is none, named after `name`, with `update` as its
// params.
[[nodiscard]] tracking::RunRecord create_row(Tracker& tracker, std::string_view experiment,
                                             std::string_view name, const Params& update,
                                             const RunOrigin& origin);
// The run that `origin` names becomes one of this process, RUNNING; params that it lacks are logged.
// Errors: kNotFound, kConflict for a deleted run, kInvalidArgument for a param that has another value.
[[nodiscard]] tracking::RunRecord adopt_row(Tracker& tracker, const Params& update, const RunOrigin& origin);

}  // namespace ivory
