// RunOutcome: what came of one run, for reports and between processes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/experiment/metrics.h>

namespace ivory {

// Of a run that did not finish: what was known at its last epoch.
struct RunOutcome {
  std::string id, name;  // empty: not tracked
  std::string status = "FINISHED";
  std::string error;
  Params update = Params::map();  // what was given for it
  MetricRecord metrics;           // of the last epoch
  int epochs = 0;
  std::string monitor;  // the metric that it watches; empty as long as no epoch had a score
  bool maximize = false;
  std::optional<double> best_score;
  int best_epoch = -1;
  std::vector<double> further_scores;       // of what the monitor watches further, at the best epoch
  std::optional<std::int64_t> pruned_step;  // given up after this step, in a trial
  MetricRecord test;
  double seconds = 0;

  [[nodiscard]] bool finished() const noexcept { return status == "FINISHED"; }
  // {"id", "name", "status", "error", "params", "epochs", "metrics", "best": {"metric", "mode", "score",
  // "epoch", "further"}, "pruned_step", "test", "seconds"}; "error", "best", "further", "pruned_step" and
  // "test" only if there is one.
  [[nodiscard]] Params to_params() const;
  // Reads them, also after JSON. Errors: kInvalidArgument, kNotFound for what is no such map.
  [[nodiscard]] static RunOutcome from_params(const Params& params);
  friend bool operator==(const RunOutcome&, const RunOutcome&) = default;
};

}  // namespace ivory
