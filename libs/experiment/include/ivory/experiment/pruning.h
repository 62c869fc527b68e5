// Pruning: tells the tuner how a run of a trial stands, and stops one that is given up.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace ivory {

class Run;

// A member of every run of a trial; the study adds it, after the monitor, where the parameter file has none.
// At the end of each epoch it reports the monitor's score (of several metrics, one each); a run that the
// pruner gives up ends after this epoch: FINISHED, with the tags `pruned` and `pruned_step`. It needs nothing
// of the learner but the hook: whoever calls it for each of his steps is pruned. A learner with steps of its
// own, and no hooks, calls Run::report(). In a run of no trial it does nothing.
//
// Threads: those of its run.
class Pruning {
 public:
  using ivory_interface = Pruning;
  // Takes the score of a step, one a monitored metric, and says whether to give the run up.
  using Judge = std::function<bool(const std::vector<double>& scores, std::int64_t step)>;

  Pruning() = default;
  virtual ~Pruning() = default;
  Pruning(const Pruning&) = delete;
  Pruning& operator=(const Pruning&) = delete;

  // ---- for whoever runs the trial
  void set_judge(Judge judge) { judge_ = std::move(judge); }
  [[nodiscard]] bool in_trial() const noexcept { return judge_ != nullptr; }
  // True if the run is to be given up; in a run of no trial false.
  [[nodiscard]] bool judge(const std::vector<double>& scores, std::int64_t step) const;

  // Errors: kInvalidArgument in a trial whose run has no monitor before it.
  void on_init_begin(Run& run) const;
  void on_epoch_end(Run& run) const;

 private:
  Judge judge_;
};

}  // namespace ivory
