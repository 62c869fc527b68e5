// Learning-rate schedulers under PyTorch's names, with PyTorch's arithmetic (version 1.13, in double
// precision) and with state.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/torch/learning_rates.h>

namespace ivory::nn {

// Changes the rates of an optimizer as training goes on. Making one sets the rates for the first step.
//
// Threads: one. Ownership: shares the optimizer, which a run owns too.
// Errors: kInvalidArgument for arguments that PyTorch refuses.
class Scheduler {
 public:
  enum class Interval : std::uint8_t { kEpoch, kStep };

  explicit Scheduler(std::shared_ptr<LearningRates> rates);
  virtual ~Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Goes on by one. `score` is what the run's monitor watches; only ReduceLROnPlateau looks at it.
  // Errors: kInvalidArgument when a score is needed and is missing, or after a OneCycleLR's last step.
  void step(std::optional<double> score = {});
  [[nodiscard]] virtual bool needs_score() const { return false; }

  // How often the trainer calls step().
  [[nodiscard]] Interval interval() const noexcept { return interval_; }
  void set_interval(Interval interval) noexcept { interval_ = interval; }
  // Tells the length of the training before its first step. Only who needs it and was not given it listens.
  virtual void plan(std::int64_t epochs, std::int64_t steps_per_epoch);

  // Steps taken, 0 for a new one.
  [[nodiscard]] std::int64_t last_epoch() const noexcept { return last_epoch_; }
  // The rate of each parameter group as this scheduler last set it.
  [[nodiscard]] const std::vector<double>& last_lr() const noexcept { return last_lr_; }

  // For the factories, and for schedulers made of others. begin() sets the rates for last_epoch(); restart()
  // does so from the initial rates as if it were 0; rewind() takes back one step.
  void begin();
  void restart();
  void rewind() noexcept { --last_epoch_; }

  // Small data. The optimizer's rates are the optimizer's state, not this one's.
  [[nodiscard]] virtual Params state_dict() const;
  virtual void load_state_dict(const Params& state);

 protected:
  [[nodiscard]] LearningRates& rates() const noexcept { return *rates_; }
  [[nodiscard]] double base_lr(std::size_t group) const { return base_lr_[group]; }
  void set_base_lr(std::size_t group, double value) { base_lr_[group] = value; }

 private:
  // Sets the rates for last_epoch(), which is one more than before, or 0 at the start.
  virtual void apply(std::optional<double> score) = 0;
  // Sets the rates for last_epoch() 0 from the initial rates.
  virtual void apply_first() { apply({}); }
  void remember_lr();

  std::shared_ptr<LearningRates> rates_;
  std::vector<double> base_lr_, last_lr_;
  std::int64_t last_epoch_ = 0;
  Interval interval_ = Interval::kEpoch;
};

using SharedRates = std::shared_ptr<LearningRates>;
// One value for all parameter groups, or one for each.
using PerGroup = std::vector<double>;

// torch.optim.lr_scheduler.*
std::unique_ptr<Scheduler> make_step_lr(SharedRates rates, std::int64_t step_size, double gamma = 0.1);
std::unique_ptr<Scheduler> make_multi_step_lr(SharedRates rates, std::vector<std::int64_t> milestones,
                                              double gamma = 0.1);
std::unique_ptr<Scheduler> make_constant_lr(SharedRates rates, double factor = 1.0 / 3,
                                            std::int64_t total_iters = 5);
std::unique_ptr<Scheduler> make_linear_lr(SharedRates rates, double start_factor = 1.0 / 3,
                                          double end_factor = 1.0, std::int64_t total_iters = 5);
std::unique_ptr<Scheduler> make_exponential_lr(SharedRates rates, double gamma);
std::unique_ptr<Scheduler> make_polynomial_lr(SharedRates rates, std::int64_t total_iters = 5,
                                              double power = 1.0);
std::unique_ptr<Scheduler> make_cosine_annealing_lr(SharedRates rates, std::int64_t t_max,
                                                    double eta_min = 0);
std::unique_ptr<Scheduler> make_cosine_annealing_warm_restarts(SharedRates rates, std::int64_t t_0,
                                                               std::int64_t t_mult = 1, double eta_min = 0);

struct ReduceLrOnPlateauOptions {
  std::string mode = "min";  // or "max": which way a score improves
  double factor = 0.1;
  std::int64_t patience = 10;  // scores without progress before the rate is reduced
  double threshold = 1e-4;
  std::string threshold_mode = "rel";  // or "abs"
  std::int64_t cooldown = 0;
  PerGroup min_lr = {0.0};
  double eps = 1e-8;
};
std::unique_ptr<Scheduler> make_reduce_lr_on_plateau(SharedRates rates, ReduceLrOnPlateauOptions options);

struct OneCycleLrOptions {
  PerGroup max_lr = {};
  std::optional<std::int64_t> total_steps = {};  // else epochs * steps_per_epoch, else the trainer's plan()
  std::optional<std::int64_t> epochs = {}, steps_per_epoch = {};
  double pct_start = 0.3;
  std::string anneal_strategy = "cos";  // or "linear"
  bool cycle_momentum = true;
  PerGroup base_momentum = {0.85}, max_momentum = {0.95};
  double div_factor = 25, final_div_factor = 1e4;
  bool three_phase = false;
};
// Steps once a batch.
std::unique_ptr<Scheduler> make_one_cycle_lr(SharedRates rates, OneCycleLrOptions options);

struct CyclicLrOptions {
  PerGroup base_lr = {}, max_lr = {};
  std::int64_t step_size_up = 2000;
  std::optional<std::int64_t> step_size_down = {};  // else as up
  std::string mode = "triangular";                  // or "triangular2", "exp_range"
  double gamma = 1;
  bool cycle_momentum = true;
  PerGroup base_momentum = {0.8}, max_momentum = {0.9};
};
// Steps once a batch.
std::unique_ptr<Scheduler> make_cyclic_lr(SharedRates rates, CyclicLrOptions options);

// One after the other: the scheduler n+1 takes over at milestones[n]. All must share `rates` and have been
// made in this order.
std::unique_ptr<Scheduler> make_sequential_lr(SharedRates rates,
                                              std::vector<std::shared_ptr<Scheduler>> schedulers,
                                              std::vector<std::int64_t> milestones);
// All at every step.
std::unique_ptr<Scheduler> make_chained_scheduler(SharedRates rates,
                                                  std::vector<std::shared_ptr<Scheduler>> schedulers);

}  // namespace ivory::nn
