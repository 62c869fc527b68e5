// What the command shows of a run while it goes on and after it.
#pragma once
#include <optional>
#include <string>

#include <ivory/base/params.h>
#include <ivory/base/progress.h>
#include <ivory/experiment/metrics.h>

namespace ivory {

class Run;

struct RunOutcome {
  std::string id, name;  // empty name: not tracked
  std::string status = "FINISHED";
  std::string error;
  Params update = Params::map();  // what was given for it
  MetricRecord metrics;           // of the last epoch
  int epochs = 0;
  std::string monitor;  // the metric that it watches
  std::optional<double> best_score;
  int best_epoch = -1;
  MetricRecord test;
  double seconds = 0;
};

// The last member of a run: moves the progress bar, and takes the numbers down as they come, since the best
// state that `both` restores before the test brings back those of its epoch.
class Recorder {
 public:
  // `title` stands before the bar: "digits 2/5 fold=1".
  explicit Recorder(std::string title) : title_(std::move(title)) {}
  void on_epoch_end(Run& run);
  void on_fit_end(Run& run);
  void on_test_end(Run& run);
  [[nodiscard]] const RunOutcome& outcome() const noexcept { return outcome_; }

 private:
  void take_training(const Run& run);
  void show(const Run& run);
  std::string title_;
  std::optional<Progress> progress_;
  RunOutcome outcome_;
};

}  // namespace ivory
