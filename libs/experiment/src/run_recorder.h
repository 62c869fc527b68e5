// Takes a run's numbers down while it goes on.
#pragma once
#include <functional>
#include <string>
#include <utility>

#include <ivory/experiment/execution.h>
#include <ivory/experiment/run_outcome.h>

namespace ivory {

class Run;

// The last member of a run. It looks at the end of every epoch, since the best state that `both` restores
// before the test brings back the numbers of its epoch.
class RunRecorder {
 public:
  using Listener = std::function<void(const RunProgress&)>;
  explicit RunRecorder(Listener listener) : listener_(std::move(listener)) {}
  void on_init_end(Run& run);  // a resumed run has numbers already
  void on_epoch_end(Run& run);
  void on_fit_end(Run& run);
  void on_test_end(Run& run);
  // After a start: takes what a learner without hooks has reported.
  void finish(const Run& run);
  [[nodiscard]] const RunOutcome& outcome() const noexcept { return outcome_; }

 private:
  void take_training(const Run& run);
  void tell(const Run& run) const;
  Listener listener_;
  RunOutcome outcome_;
};

}  // namespace ivory
