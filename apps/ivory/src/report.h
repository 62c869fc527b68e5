// The numbers of several runs, for people and for programs.
#pragma once
#include <span>
#include <string>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/experiment/run_outcome.h>

namespace ivory {

// A line for each run: its name, the varied parameters, the metrics of the last epoch, the best score, the
// test metrics, seconds. Then mean and standard deviation (of the sample) over the runs that finished, when
// there are several; and for each value of each parameter, when several parameters vary.
[[nodiscard]] std::string report_text(std::span<const RunOutcome> runs,
                                      const std::vector<std::string>& varied);

// {"runs": [RunOutcome::to_params() …], "summary": {"runs", "metrics": {NAME: {"mean", "sd"}}}}; the summary
// is over the runs that finished, and has the test metrics and `best_score` among the metrics.
[[nodiscard]] Params report_params(std::span<const RunOutcome> runs);

}  // namespace ivory
