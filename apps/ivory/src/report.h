// The numbers of several runs, for people and for programs.
#pragma once
#include <span>
#include <string>

#include <ivory/base/params.h>
#include <ivory/experiment/run_outcome.h>
#include <ivory/experiment/run_plan.h>

namespace ivory {

// `runs` are the first of the plan. A line for each: its name, the varied parameters, the metrics of the last
// epoch, the best score, the test metrics, seconds. Of a product then mean and standard deviation (of the
// sample) over the runs that finished, when there are several. When several parameters vary, a table for each
// with a line for each value: of a product over all runs that have it, of a chain over those of its stage.
[[nodiscard]] std::string report_text(std::span<const RunOutcome> runs, const RunPlan& plan);

// {"runs": [RunOutcome::to_params() …], "summary": {"runs", "metrics": {NAME: {"mean", "sd"}}}}; the summary
// is over the runs that finished, and has the test metrics and `best_score` among the metrics.
[[nodiscard]] Params report_params(std::span<const RunOutcome> runs);

}  // namespace ivory
