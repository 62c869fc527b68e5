// What the command shows of a run while it goes on and after it.
#pragma once
#include <optional>
#include <string>

#include <ivory/base/progress.h>
#include <ivory/experiment/run_outcome.h>

namespace ivory {

class Run;

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
