// EarlyStopping: ends a fit that gets no better.
#pragma once
#include <limits>

#include <ivory/base/params.h>

namespace ivory {

class Run;

// Stops the fit when the monitor's score has not improved, by more than `min_delta`, for more than `patience`
// epochs. NaN is no improvement.
//
// Threads: those of its run. Errors: kInvalidArgument when no Monitor stands before it in the run.
class EarlyStopping {
 public:
  using ivory_interface = EarlyStopping;
  // Errors: kInvalidArgument about "patience" or "min_delta" when negative.
  explicit EarlyStopping(int patience, double min_delta = 0);
  virtual ~EarlyStopping() = default;

  [[nodiscard]] int patience() const noexcept { return patience_; }
  [[nodiscard]] double min_delta() const noexcept { return min_delta_; }
  // Epochs without improvement, up to now.
  [[nodiscard]] int wait() const noexcept { return wait_; }

  void on_init_begin(Run& run) const;
  void on_epoch_end(Run& run);

  [[nodiscard]] Params state_dict() const;
  void load_state_dict(const Params& state);

 private:
  int patience_;
  double min_delta_;
  int wait_ = 0;
  double best_ = std::numeric_limits<double>::quiet_NaN();  // the last score that counted as better
};

}  // namespace ivory
