// Monitor: watches a metric, and says which epoch was the best.
#pragma once
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/params.h>

namespace ivory {

class Run;

// Looks at the run's Metrics at the end of each epoch. NaN is never best; an epoch as good as the best is not
// better.
//
// Threads: those of its run. Errors: kInvalidArgument before the first epoch when a run with a Trainer has no
// Metrics, or when that logs no such metric, with the nearest name; at the end of an epoch when it was not
// logged after all, for the run has no validation samples or its trainer no learning rate.
class Monitor {
 public:
  using ivory_interface = Monitor;
  // `mode`: "min", "max", or "auto": "max" for a metric of which a word is accuracy, acc, auc, f1, r2,
  // precision, recall or top, else "min". Errors: kInvalidArgument about "mode" or "metric".
  // `further`: more metrics, as {"metric": …, "mode": …} each, in YAML `monitor: [{metric: val_loss},
  // {metric: latency, mode: min}]`. The first one says which epoch is the best; a study has an objective a
  // metric. Errors: kInvalidArgument about "further".
  explicit Monitor(std::string metric = "val_loss", std::string_view mode = "auto",
                   const Params& further = Params::list());
  virtual ~Monitor() = default;

  [[nodiscard]] const std::string& metric() const noexcept { return metric_; }
  [[nodiscard]] std::string_view mode() const noexcept { return maximize_ ? "max" : "min"; }
  // The present epoch, from 0; -1 before the first.
  [[nodiscard]] int epoch() const noexcept { return epoch_; }
  // Of the present epoch; NaN before the first.
  [[nodiscard]] double score() const noexcept { return score_; }
  // NaN, and -1, as long as no epoch had a score.
  [[nodiscard]] double best_score() const noexcept { return best_score_; }
  [[nodiscard]] int best_epoch() const noexcept { return best_epoch_; }
  // One metric that is watched.
  struct Watched {
    std::string metric;
    bool maximize = false;
    double score = std::numeric_limits<double>::quiet_NaN();
    double at_best = std::numeric_limits<double>::quiet_NaN();  // at the best epoch
  };
  // Those after the first.
  [[nodiscard]] const std::vector<Watched>& further() const noexcept { return further_; }
  // Of the present epoch, the first metric's first; and at the best epoch.
  [[nodiscard]] std::vector<double> scores() const;
  [[nodiscard]] std::vector<double> best_scores() const;
  // True if the present epoch is the best so far.
  [[nodiscard]] bool is_best() const noexcept { return is_best_; }
  // True if `score` is better than `other` by more than `min_delta`. Any score is better than NaN.
  [[nodiscard]] bool is_better(double score, double other, double min_delta = 0) const noexcept;

  // The scores of an epoch, or of another step, from a learner that has no Metrics: see Run::report().
  // Errors: kInvalidArgument for another number of them than is watched.
  void take(const std::vector<double>& scores, int epoch);

  void on_init_end(Run& run);
  void on_epoch_begin(Run& run);
  void on_epoch_end(Run& run);

  [[nodiscard]] Params state_dict() const;
  void load_state_dict(const Params& state);

 private:
  void record(const std::vector<double>& scores, int epoch);

  std::string metric_;
  bool maximize_;
  bool is_best_ = false;
  double score_ = std::numeric_limits<double>::quiet_NaN();
  double best_score_ = std::numeric_limits<double>::quiet_NaN();
  int epoch_ = -1;
  int best_epoch_ = -1;
  std::vector<Watched> further_;
  bool reported_ = false;  // scores come by take()
};

}  // namespace ivory
