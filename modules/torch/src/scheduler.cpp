#include <ivory/torch/scheduler.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <type_traits>
#include <utility>
#include <variant>

#include <ivory/base/error.h>

#include "declare.h"

namespace ivory::nn {
namespace {

constexpr double kPi = std::numbers::pi;

void require(bool condition, const char* argument, const std::string& message) {
  if (!condition) throw Error(ErrorCode::kInvalidArgument, argument, message);
}

void require_one_of(const std::string& value, const char* argument, std::vector<std::string> choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  throw Error(ErrorCode::kInvalidArgument, argument,
              std::string(argument) + " is '" + value + "'" + did_you_mean(value, choices));
}

// One value for each group from one for all or one for each.
PerGroup spread(PerGroup values, const LearningRates& rates, const char* argument) {
  const auto groups = rates.group_count();
  if (values.size() == 1) values.resize(groups, values.front());
  require(values.size() == groups, argument,
          std::string(argument) + " has " + std::to_string(values.size()) +
              " values, but the optimizer has " + std::to_string(groups) + " parameter groups");
  return values;
}

Params reals(const std::vector<double>& values) { return Params(values); }

std::vector<double> to_reals(const Params& list) {
  std::vector<double> values;
  for (const auto& value : list.elements()) values.push_back(value.as_real());
  return values;
}

std::unique_ptr<Scheduler> started(std::unique_ptr<Scheduler> scheduler) {
  scheduler->begin();
  return scheduler;
}

// The schedulers whose rate follows from the one before.
class Recurrence : public Scheduler {
 public:
  using Scheduler::Scheduler;

 private:
  [[nodiscard]] virtual double first_factor() const { return 1.0; }
  [[nodiscard]] virtual double next(double lr, std::size_t group) const = 0;

  void apply(std::optional<double>) final {
    for (std::size_t group = 0; group < rates().group_count(); ++group) {
      const double lr = rates().lr(group);
      rates().set_lr(group, last_epoch() == 0 ? lr * first_factor() : next(lr, group));
    }
  }
  void apply_first() final {
    for (std::size_t group = 0; group < rates().group_count(); ++group) {
      rates().set_lr(group, base_lr(group) * first_factor());
    }
  }
};

class StepLr final : public Recurrence {
 public:
  StepLr(SharedRates rates, std::int64_t step_size, double gamma)
      : Recurrence(std::move(rates)), step_size_(step_size), gamma_(gamma) {
    require(step_size > 0, "step_size", "step_size must be positive");
  }

 private:
  [[nodiscard]] double next(double lr, std::size_t) const override {
    return last_epoch() % step_size_ == 0 ? lr * gamma_ : lr;
  }
  std::int64_t step_size_;
  double gamma_;
};

class MultiStepLr final : public Recurrence {
 public:
  MultiStepLr(SharedRates rates, const std::vector<std::int64_t>& milestones, double gamma)
      : Recurrence(std::move(rates)), gamma_(gamma) {
    for (const auto milestone : milestones) ++milestones_[milestone];
  }

 private:
  [[nodiscard]] double next(double lr, std::size_t) const override {
    const auto found = milestones_.find(last_epoch());
    return found == milestones_.end() ? lr : lr * std::pow(gamma_, found->second);
  }
  std::map<std::int64_t, int> milestones_;  // and how often each was given
  double gamma_;
};

class ConstantLr final : public Recurrence {
 public:
  ConstantLr(SharedRates rates, double factor, std::int64_t total_iters)
      : Recurrence(std::move(rates)), factor_(factor), total_iters_(total_iters) {
    require(factor > 0 && factor <= 1, "factor", "factor must be in (0, 1]");
  }

 private:
  [[nodiscard]] double first_factor() const override { return factor_; }
  [[nodiscard]] double next(double lr, std::size_t) const override {
    return last_epoch() == total_iters_ ? lr * (1.0 / factor_) : lr;
  }
  double factor_;
  std::int64_t total_iters_;
};

class LinearLr final : public Recurrence {
 public:
  LinearLr(SharedRates rates, double start_factor, double end_factor, std::int64_t total_iters)
      : Recurrence(std::move(rates)), start_(start_factor), end_(end_factor), total_iters_(total_iters) {
    require(start_ > 0 && start_ <= 1, "start_factor", "start_factor must be in (0, 1]");
    require(end_ >= 0 && end_ <= 1, "end_factor", "end_factor must be in [0, 1]");
    require(total_iters > 0, "total_iters", "total_iters must be positive");
  }

 private:
  [[nodiscard]] double first_factor() const override { return start_; }
  [[nodiscard]] double next(double lr, std::size_t) const override {
    if (last_epoch() > total_iters_) return lr;
    const double rise = end_ - start_;
    const auto before = static_cast<double>(last_epoch() - 1);
    return lr * (1.0 + rise / (static_cast<double>(total_iters_) * start_ + before * rise));
  }
  double start_, end_;
  std::int64_t total_iters_;
};

class ExponentialLr final : public Recurrence {
 public:
  ExponentialLr(SharedRates rates, double gamma) : Recurrence(std::move(rates)), gamma_(gamma) {}

 private:
  [[nodiscard]] double next(double lr, std::size_t) const override { return lr * gamma_; }
  double gamma_;
};

class PolynomialLr final : public Recurrence {
 public:
  PolynomialLr(SharedRates rates, std::int64_t total_iters, double power)
      : Recurrence(std::move(rates)), total_iters_(total_iters), power_(power) {
    require(total_iters > 0, "total_iters", "total_iters must be positive");
  }

 private:
  [[nodiscard]] double next(double lr, std::size_t) const override {
    if (last_epoch() > total_iters_) return lr;
    const auto total = static_cast<double>(total_iters_);
    const auto now = static_cast<double>(last_epoch());
    return lr * std::pow((1.0 - now / total) / (1.0 - (now - 1) / total), power_);
  }
  std::int64_t total_iters_;
  double power_;
};

class CosineAnnealingLr final : public Recurrence {
 public:
  CosineAnnealingLr(SharedRates rates, std::int64_t t_max, double eta_min)
      : Recurrence(std::move(rates)), t_max_(t_max), eta_min_(eta_min) {
    require(t_max > 0, "T_max", "T_max must be positive");
  }

 private:
  [[nodiscard]] double next(double lr, std::size_t group) const override {
    const auto period = static_cast<double>(t_max_);
    // From the lowest point the recurrence would stay there.
    if ((last_epoch() - 1 - t_max_) % (2 * t_max_) == 0) {
      return lr + (base_lr(group) - eta_min_) * (1 - std::cos(kPi / period)) / 2;
    }
    const auto now = static_cast<double>(last_epoch());
    return (1 + std::cos(kPi * now / period)) / (1 + std::cos(kPi * (now - 1) / period)) * (lr - eta_min_) +
           eta_min_;
  }
  std::int64_t t_max_;
  double eta_min_;
};

// Loshchilov and Hutter: SGDR, Stochastic Gradient Descent with Warm Restarts, ICLR 2017.
class CosineAnnealingWarmRestarts final : public Scheduler {
 public:
  CosineAnnealingWarmRestarts(SharedRates rates, std::int64_t t_0, std::int64_t t_mult, double eta_min)
      : Scheduler(std::move(rates)), t_0_(t_0), t_i_(t_0), t_mult_(t_mult), eta_min_(eta_min) {
    require(t_0 > 0, "T_0", "T_0 must be positive");
    require(t_mult >= 1, "T_mult", "T_mult must be at least 1");
  }
  [[nodiscard]] Params state_dict() const override {
    auto state = Scheduler::state_dict();
    state["T_cur"] = t_cur_;
    state["T_i"] = t_i_;
    return state;
  }
  void load_state_dict(const Params& state) override {
    Scheduler::load_state_dict(state);
    t_cur_ = state.at("T_cur").as_int();
    t_i_ = state.at("T_i").as_int();
  }

 private:
  void apply(std::optional<double>) override {
    if (last_epoch() == 0) {
      t_cur_ = 0;
      t_i_ = t_0_;
    } else if (++t_cur_ >= t_i_) {
      t_cur_ -= t_i_;
      t_i_ *= t_mult_;
    }
    const double share = static_cast<double>(t_cur_) / static_cast<double>(t_i_);
    for (std::size_t group = 0; group < rates().group_count(); ++group) {
      const double height = base_lr(group) - eta_min_;
      rates().set_lr(group, eta_min_ + height * (1 + std::cos(kPi * share)) / 2);
    }
  }
  std::int64_t t_0_, t_i_, t_mult_, t_cur_ = 0;
  double eta_min_;
};

class ReduceLrOnPlateau final : public Scheduler {
 public:
  ReduceLrOnPlateau(SharedRates rates, ReduceLrOnPlateauOptions options)
      : Scheduler(std::move(rates)), options_(std::move(options)) {
    require(options_.factor < 1, "factor", "factor must be below 1");
    require_one_of(options_.mode, "mode", {"min", "max"});
    require_one_of(options_.threshold_mode, "threshold_mode", {"rel", "abs"});
    options_.min_lr = spread(std::move(options_.min_lr), this->rates(), "min_lr");
  }
  [[nodiscard]] bool needs_score() const override { return true; }
  [[nodiscard]] Params state_dict() const override {
    auto state = Scheduler::state_dict();
    state["best"] = best_ ? Params(*best_) : Params();
    state["num_bad_epochs"] = bad_epochs_;
    state["cooldown_counter"] = cooldown_;
    return state;
  }
  void load_state_dict(const Params& state) override {
    Scheduler::load_state_dict(state);
    const auto& best = state.at("best");
    best_ = best.is_null() ? std::optional<double>() : best.as_real();
    bad_epochs_ = state.at("num_bad_epochs").as_int();
    cooldown_ = state.at("cooldown_counter").as_int();
  }

 private:
  [[nodiscard]] bool is_better(double score) const {
    const bool minimize = options_.mode == "min";
    // An infinite score is none: JSON could not keep it.
    if (!best_) return std::isfinite(score);
    const double best = *best_, threshold = options_.threshold;
    if (options_.threshold_mode == "rel") {
      return minimize ? score < best * (1.0 - threshold) : score > best * (threshold + 1.0);
    }
    return minimize ? score < best - threshold : score > best + threshold;
  }
  void reduce() {
    for (std::size_t group = 0; group < rates().group_count(); ++group) {
      const double old = rates().lr(group);
      const double reduced = std::max(old * options_.factor, options_.min_lr[group]);
      if (old - reduced > options_.eps) rates().set_lr(group, reduced);
    }
  }
  void apply(std::optional<double> score) override {
    if (!score) return;  // the start
    if (is_better(*score)) {
      best_ = *score;
      bad_epochs_ = 0;
    } else {
      ++bad_epochs_;
    }
    if (cooldown_ > 0) {
      --cooldown_;
      bad_epochs_ = 0;
    }
    if (bad_epochs_ > options_.patience) {
      reduce();
      cooldown_ = options_.cooldown;
      bad_epochs_ = 0;
    }
  }
  ReduceLrOnPlateauOptions options_;
  std::optional<double> best_;
  std::int64_t bad_epochs_ = 0, cooldown_ = 0;
};

// Smith and Topin: Super-Convergence, 2018; the phases as PyTorch cuts them.
class OneCycleLr final : public Scheduler {
 public:
  OneCycleLr(SharedRates rates, OneCycleLrOptions options)
      : Scheduler(std::move(rates)), options_(std::move(options)) {
    require(options_.pct_start >= 0 && options_.pct_start <= 1, "pct_start", "pct_start must be in [0, 1]");
    require_one_of(options_.anneal_strategy, "anneal_strategy", {"cos", "linear"});
    if (options_.epochs && options_.steps_per_epoch && !options_.total_steps) {
      options_.total_steps = *options_.epochs * *options_.steps_per_epoch;
    }
    require(!options_.total_steps || *options_.total_steps > 0, "total_steps",
            "the number of steps must be positive");
    options_.max_lr = spread(std::move(options_.max_lr), this->rates(), "max_lr");
    options_.max_momentum = spread(std::move(options_.max_momentum), this->rates(), "max_momentum");
    options_.base_momentum = spread(std::move(options_.base_momentum), this->rates(), "base_momentum");
    require(!options_.cycle_momentum || this->rates().find_momentum(0).has_value(), "cycle_momentum",
            "the optimizer has no momentum to cycle; set cycle_momentum: false");
    set_interval(Interval::kStep);
    for (std::size_t group = 0; group < this->rates().group_count(); ++group) {
      const double initial = options_.max_lr[group] / options_.div_factor;
      this->rates().set_initial_lr(group, initial);
      set_base_lr(group, initial);
    }
  }
  void plan(std::int64_t epochs, std::int64_t steps_per_epoch) override {
    if (options_.total_steps) return;
    options_.total_steps = std::max<std::int64_t>(
        1, options_.epochs.value_or(epochs) * options_.steps_per_epoch.value_or(steps_per_epoch));
    begin();
  }
  [[nodiscard]] Params state_dict() const override {
    auto state = Scheduler::state_dict();
    state["total_steps"] = options_.total_steps ? Params(*options_.total_steps) : Params();
    return state;
  }
  void load_state_dict(const Params& state) override {
    Scheduler::load_state_dict(state);
    const auto& total = state.at("total_steps");
    if (!total.is_null()) options_.total_steps = total.as_int();
  }

 private:
  enum class Level : std::uint8_t { kInitial, kMax, kMin };
  struct Phase {
    double end_step;
    Level start_lr, end_lr;
    bool momentum_from_max, momentum_to_max;
  };
  [[nodiscard]] std::vector<Phase> phases() const {
    const auto total = static_cast<double>(*options_.total_steps);
    const double rise = options_.pct_start * total;
    const Phase up{rise - 1, Level::kInitial, Level::kMax, true, false};
    if (!options_.three_phase) return {up, {total - 1, Level::kMax, Level::kMin, false, true}};
    return {up,
            {2 * rise - 2, Level::kMax, Level::kInitial, false, true},
            {total - 1, Level::kInitial, Level::kMin, true, true}};
  }
  [[nodiscard]] double lr_at(Level level, std::size_t group) const {
    if (level == Level::kMax) return options_.max_lr[group];
    return level == Level::kInitial ? base_lr(group) : base_lr(group) / options_.final_div_factor;
  }
  [[nodiscard]] double anneal(double start, double end, double share) const {
    if (options_.anneal_strategy == "linear") return (end - start) * share + start;
    return end + (start - end) / 2.0 * (std::cos(kPi * share) + 1);
  }
  void apply(std::optional<double>) override {
    if (!options_.total_steps) {
      // Until plan() tells the length, the rates of the start, which do not depend on it.
      require(last_epoch() == 0, "total_steps",
              "give OneCycleLR total_steps, or epochs and steps_per_epoch, or let a trainer step it");
      set_rates(first_phase(), 0);
      return;
    }
    const auto step = static_cast<double>(last_epoch());
    require(last_epoch() <= *options_.total_steps, "total_steps",
            "OneCycleLR was stepped " + std::to_string(last_epoch() + 1) + " times, but total_steps is " +
                std::to_string(*options_.total_steps));
    double start = 0;
    const auto all = phases();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (step <= all[i].end_step || i + 1 == all.size()) {
        const double length = all[i].end_step - start;
        set_rates(all[i], length == 0 ? 0.0 : (step - start) / length);
        return;
      }
      start = all[i].end_step;
    }
  }
  [[nodiscard]] static Phase first_phase() { return {0, Level::kInitial, Level::kMax, true, false}; }
  void set_rates(const Phase& phase, double share) {
    for (std::size_t group = 0; group < rates().group_count(); ++group) {
      rates().set_lr(group, anneal(lr_at(phase.start_lr, group), lr_at(phase.end_lr, group), share));
      if (!options_.cycle_momentum) continue;
      const double base = options_.base_momentum[group], top = options_.max_momentum[group];
      rates().set_momentum(
          group, anneal(phase.momentum_from_max ? top : base, phase.momentum_to_max ? top : base, share));
    }
  }
  OneCycleLrOptions options_;
};

// Smith: Cyclical Learning Rates for Training Neural Networks, WACV 2017.
class CyclicLr final : public Scheduler {
 public:
  CyclicLr(SharedRates rates, CyclicLrOptions options)
      : Scheduler(std::move(rates)), options_(std::move(options)) {
    require_one_of(options_.mode, "mode", {"triangular", "triangular2", "exp_range"});
    require(options_.step_size_up > 0, "step_size_up", "step_size_up must be positive");
    require(options_.step_size_down.value_or(1) > 0, "step_size_down", "step_size_down must be positive");
    options_.base_lr = spread(std::move(options_.base_lr), this->rates(), "base_lr");
    options_.max_lr = spread(std::move(options_.max_lr), this->rates(), "max_lr");
    options_.base_momentum = spread(std::move(options_.base_momentum), this->rates(), "base_momentum");
    options_.max_momentum = spread(std::move(options_.max_momentum), this->rates(), "max_momentum");
    require(!options_.cycle_momentum || this->rates().find_momentum(0).has_value(), "cycle_momentum",
            "the optimizer has no momentum to cycle; set cycle_momentum: false");
    set_interval(Interval::kStep);
    for (std::size_t group = 0; group < this->rates().group_count(); ++group)
      set_base_lr(group, options_.base_lr[group]);
  }

 private:
  [[nodiscard]] double scale(double cycle) const {
    if (options_.mode == "triangular2") return 1 / std::pow(2.0, cycle - 1);
    return options_.mode == "exp_range" ? std::pow(options_.gamma, static_cast<double>(last_epoch())) : 1.0;
  }
  void apply(std::optional<double>) override {
    const auto up = static_cast<double>(options_.step_size_up);
    const double total = up + static_cast<double>(options_.step_size_down.value_or(options_.step_size_up));
    const double ratio = up / total;
    const double turns = static_cast<double>(last_epoch()) / total;
    const double cycle = std::floor(1 + turns);
    const double x = 1.0 + turns - cycle;
    const double height = (x <= ratio ? x / ratio : (x - 1) / (ratio - 1));
    for (std::size_t group = 0; group < rates().group_count(); ++group) {
      const double base = options_.base_lr[group];
      rates().set_lr(group, base + (options_.max_lr[group] - base) * height * scale(cycle));
      if (!options_.cycle_momentum) continue;
      const double top = options_.max_momentum[group];
      rates().set_momentum(group, top - (top - options_.base_momentum[group]) * height * scale(cycle));
    }
  }
  CyclicLrOptions options_;
};

void require_plain(const std::vector<std::shared_ptr<Scheduler>>& schedulers, const char* what) {
  require(!schedulers.empty(), "schedulers", std::string(what) + " needs at least one scheduler");
  for (const auto& scheduler : schedulers) {
    require(!scheduler->needs_score(), "schedulers", std::string(what) + " cannot hold ReduceLROnPlateau");
  }
}

// What holds other schedulers: their state is its own.
class Composite : public Scheduler {
 public:
  Composite(SharedRates rates, std::vector<std::shared_ptr<Scheduler>> parts)
      : Scheduler(std::move(rates)), parts_(std::move(parts)) {
    set_interval(parts_.front()->interval());
  }
  [[nodiscard]] Params state_dict() const override {
    auto state = Scheduler::state_dict();
    auto& list = state["schedulers"] = Params::list();
    for (const auto& part : parts_) list.push_back(part->state_dict());
    return state;
  }
  void load_state_dict(const Params& state) override {
    Scheduler::load_state_dict(state);
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i]->load_state_dict(state.at("schedulers").at(i));
  }

 protected:
  std::vector<std::shared_ptr<Scheduler>> parts_;
};

class SequentialLr final : public Composite {
 public:
  SequentialLr(SharedRates rates, std::vector<std::shared_ptr<Scheduler>> parts,
               std::vector<std::int64_t> milestones)
      : Composite(std::move(rates), std::move(parts)), milestones_(std::move(milestones)) {
    require(milestones_.size() + 1 == parts_.size(), "milestones",
            "SequentialLR of " + std::to_string(parts_.size()) + " schedulers needs " +
                std::to_string(parts_.size() - 1) + " milestones, found " +
                std::to_string(milestones_.size()));
    require(std::is_sorted(milestones_.begin(), milestones_.end()), "milestones", "milestones must increase");
    for (std::size_t group = 0; group < this->rates().group_count(); ++group) {
      this->rates().set_lr(group, this->rates().initial_lr(group));
    }
    for (std::size_t i = 1; i < parts_.size(); ++i) parts_[i]->rewind();
    parts_.front()->begin();
  }

 private:
  void apply(std::optional<double>) override {
    if (last_epoch() == 0) return;  // the first part has begun already
    const auto next = std::upper_bound(milestones_.begin(), milestones_.end(), last_epoch());
    auto& part = *parts_[static_cast<std::size_t>(next - milestones_.begin())];
    if (next != milestones_.begin() && *(next - 1) == last_epoch()) {
      part.restart();
    } else {
      part.step();
    }
  }
  std::vector<std::int64_t> milestones_;
};

class ChainedScheduler final : public Composite {
 public:
  using Composite::Composite;

 private:
  void apply(std::optional<double>) override {
    if (last_epoch() == 0) return;  // they have begun already
    for (const auto& part : parts_) part->step();
  }
};

}  // namespace

Scheduler::Scheduler(std::shared_ptr<LearningRates> rates) : rates_(std::move(rates)) {
  for (std::size_t group = 0; group < rates_->group_count(); ++group)
    base_lr_.push_back(rates_->initial_lr(group));
}

void Scheduler::begin() {
  last_epoch_ = 0;
  apply({});
  remember_lr();
}

void Scheduler::restart() {
  last_epoch_ = 0;
  apply_first();
  remember_lr();
}

void Scheduler::step(std::optional<double> score) {
  require(score.has_value() || !needs_score(), "score",
          "ReduceLROnPlateau needs the score that the run's monitor watches");
  ++last_epoch_;
  apply(score);
  remember_lr();
}

void Scheduler::plan(std::int64_t, std::int64_t) {}

void Scheduler::remember_lr() {
  last_lr_.clear();
  for (std::size_t group = 0; group < rates_->group_count(); ++group) last_lr_.push_back(rates_->lr(group));
}

Params Scheduler::state_dict() const {
  auto state = Params::map();
  state["last_epoch"] = last_epoch_;
  state["base_lr"] = reals(base_lr_);
  state["last_lr"] = reals(last_lr_);
  return state;
}

void Scheduler::load_state_dict(const Params& state) {
  last_epoch_ = state.at("last_epoch").as_int();
  base_lr_ = to_reals(state.at("base_lr"));
  last_lr_ = to_reals(state.at("last_lr"));
}

std::unique_ptr<Scheduler> make_step_lr(SharedRates rates, std::int64_t step_size, double gamma) {
  return started(std::make_unique<StepLr>(std::move(rates), step_size, gamma));
}
std::unique_ptr<Scheduler> make_multi_step_lr(SharedRates rates, std::vector<std::int64_t> milestones,
                                              double gamma) {
  return started(std::make_unique<MultiStepLr>(std::move(rates), milestones, gamma));
}
std::unique_ptr<Scheduler> make_constant_lr(SharedRates rates, double factor, std::int64_t total_iters) {
  return started(std::make_unique<ConstantLr>(std::move(rates), factor, total_iters));
}
std::unique_ptr<Scheduler> make_linear_lr(SharedRates rates, double start_factor, double end_factor,
                                          std::int64_t total_iters) {
  return started(std::make_unique<LinearLr>(std::move(rates), start_factor, end_factor, total_iters));
}
std::unique_ptr<Scheduler> make_exponential_lr(SharedRates rates, double gamma) {
  return started(std::make_unique<ExponentialLr>(std::move(rates), gamma));
}
std::unique_ptr<Scheduler> make_polynomial_lr(SharedRates rates, std::int64_t total_iters, double power) {
  return started(std::make_unique<PolynomialLr>(std::move(rates), total_iters, power));
}
std::unique_ptr<Scheduler> make_cosine_annealing_lr(SharedRates rates, std::int64_t t_max, double eta_min) {
  return started(std::make_unique<CosineAnnealingLr>(std::move(rates), t_max, eta_min));
}
std::unique_ptr<Scheduler> make_cosine_annealing_warm_restarts(SharedRates rates, std::int64_t t_0,
                                                               std::int64_t t_mult, double eta_min) {
  return started(std::make_unique<CosineAnnealingWarmRestarts>(std::move(rates), t_0, t_mult, eta_min));
}
std::unique_ptr<Scheduler> make_reduce_lr_on_plateau(SharedRates rates, ReduceLrOnPlateauOptions options) {
  return started(std::make_unique<ReduceLrOnPlateau>(std::move(rates), std::move(options)));
}
std::unique_ptr<Scheduler> make_one_cycle_lr(SharedRates rates, OneCycleLrOptions options) {
  return started(std::make_unique<OneCycleLr>(std::move(rates), std::move(options)));
}
std::unique_ptr<Scheduler> make_cyclic_lr(SharedRates rates, CyclicLrOptions options) {
  return started(std::make_unique<CyclicLr>(std::move(rates), std::move(options)));
}
std::unique_ptr<Scheduler> make_sequential_lr(SharedRates rates,
                                              std::vector<std::shared_ptr<Scheduler>> schedulers,
                                              std::vector<std::int64_t> milestones) {
  require_plain(schedulers, "SequentialLR");
  return started(
      std::make_unique<SequentialLr>(std::move(rates), std::move(schedulers), std::move(milestones)));
}
std::unique_ptr<Scheduler> make_chained_scheduler(SharedRates rates,
                                                  std::vector<std::shared_ptr<Scheduler>> schedulers) {
  require_plain(schedulers, "ChainedScheduler");
  return started(std::make_unique<ChainedScheduler>(std::move(rates), std::move(schedulers)));
}

namespace {

// One number for all parameter groups, or a list with one for each.
using Each = std::variant<double, std::vector<double>>;

PerGroup per_group(const Each& values) {
  const auto* all = std::get_if<double>(&values);
  return all != nullptr ? PerGroup{*all} : std::get<std::vector<double>>(values);
}

std::shared_ptr<Scheduler> stepping(std::unique_ptr<Scheduler> scheduler, const std::string& interval) {
  scheduler->set_interval(interval == "step" ? Scheduler::Interval::kStep : Scheduler::Interval::kEpoch);
  return scheduler;
}

constexpr const char* kPrefix = "torch.optim.lr_scheduler.";

// All take the optimizer first and, as an addition of ours, how often the trainer steps them last.
template <class... A, class... Args>
void declare(Module& m, const char* name, const char* help, const char* interval,
             std::unique_ptr<Scheduler> (*make)(SharedRates, A...), Args&&... args) {
  const auto factory = [make](const SharedRates& rates, std::decay_t<A>... values, const std::string& every) {
    return stepping(make(rates, std::move(values)...), every);
  };
  m.type<Scheduler>(std::string(kPrefix) + name, help)
      .factory(factory, arg("optimizer"), std::forward<Args>(args)...,
               (arg("interval", "when the trainer steps it") = interval).choices({"epoch", "step"}));
}

void declare_recurrences(Module& m) {
  declare(m, "StepLR", "Multiplies the rate by gamma every step_size epochs.", "epoch", &make_step_lr,
          arg("step_size"), arg("gamma") = 0.1);
  declare(m, "MultiStepLR", "Multiplies the rate by gamma at each milestone.", "epoch", &make_multi_step_lr,
          arg("milestones"), arg("gamma") = 0.1);
  declare(m, "ConstantLR", "A smaller rate for the first epochs.", "epoch", &make_constant_lr,
          arg("factor") = 1.0 / 3, arg("total_iters") = 5);
  declare(m, "LinearLR", "From start_factor to end_factor, a warm-up for example.", "epoch", &make_linear_lr,
          arg("start_factor") = 1.0 / 3, arg("end_factor") = 1.0, arg("total_iters") = 5);
  declare(m, "ExponentialLR", "Multiplies the rate by gamma every epoch.", "epoch", &make_exponential_lr,
          arg("gamma"));
  declare(m, "PolynomialLR", "Falls to zero as a power of the epochs left.", "epoch", &make_polynomial_lr,
          arg("total_iters") = 5, arg("power") = 1.0);
  declare(m, "CosineAnnealingLR", "Half a cosine down to eta_min, and up again.", "epoch",
          &make_cosine_annealing_lr, arg("T_max"), arg("eta_min") = 0.0);
  declare(m, "CosineAnnealingWarmRestarts", "Cosines down to eta_min, begun again.", "epoch",
          &make_cosine_annealing_warm_restarts, arg("T_0"), arg("T_mult") = 1, arg("eta_min") = 0.0);
  declare(m, "SequentialLR", "One scheduler after the other.", "epoch", &make_sequential_lr,
          arg("schedulers"), arg("milestones"));
  declare(m, "ChainedScheduler", "Several schedulers at once.", "epoch", &make_chained_scheduler,
          arg("schedulers"));
}

std::unique_ptr<Scheduler> plateau(SharedRates rates, std::string mode, double factor, std::int64_t patience,
                                   double threshold, std::string threshold_mode, std::int64_t cooldown,
                                   Each min_lr, double eps) {
  return make_reduce_lr_on_plateau(
      std::move(rates), {std::move(mode), factor, patience, threshold, std::move(threshold_mode), cooldown,
                         per_group(min_lr), eps});
}

std::unique_ptr<Scheduler> one_cycle(SharedRates rates, Each max_lr, std::optional<std::int64_t> total_steps,
                                     std::optional<std::int64_t> epochs,
                                     std::optional<std::int64_t> steps_per_epoch, double pct_start,
                                     std::string anneal_strategy, bool cycle_momentum, Each base_momentum,
                                     Each max_momentum, double div_factor, double final_div_factor,
                                     bool three_phase) {
  return make_one_cycle_lr(std::move(rates),
                           {per_group(max_lr), total_steps, epochs, steps_per_epoch, pct_start,
                            std::move(anneal_strategy), cycle_momentum, per_group(base_momentum),
                            per_group(max_momentum), div_factor, final_div_factor, three_phase});
}

std::unique_ptr<Scheduler> cyclic(SharedRates rates, Each base_lr, Each max_lr, std::int64_t step_size_up,
                                  std::optional<std::int64_t> step_size_down, std::string mode, double gamma,
                                  bool cycle_momentum, Each base_momentum, Each max_momentum) {
  return make_cyclic_lr(std::move(rates),
                        {per_group(base_lr), per_group(max_lr), step_size_up, step_size_down, std::move(mode),
                         gamma, cycle_momentum, per_group(base_momentum), per_group(max_momentum)});
}

}  // namespace

void declare_schedulers(Module& m) {
  declare_recurrences(m);
  declare(m, "ReduceLROnPlateau", "Multiplies the rate by factor when the monitored score stops improving.",
          "epoch", &plateau, (arg("mode") = "min").choices({"min", "max"}), arg("factor") = 0.1,
          arg("patience") = 10, arg("threshold") = 1e-4,
          (arg("threshold_mode") = "rel").choices({"rel", "abs"}), arg("cooldown") = 0, arg("min_lr") = 0.0,
          arg("eps") = 1e-8);
  declare(m, "OneCycleLR", "One rise and one fall over the whole training.", "step", &one_cycle,
          arg("max_lr"), arg("total_steps", "default: the trainer's epochs times its batches") = nullptr,
          arg("epochs") = nullptr, arg("steps_per_epoch") = nullptr, arg("pct_start") = 0.3,
          (arg("anneal_strategy") = "cos").choices({"cos", "linear"}), arg("cycle_momentum") = true,
          arg("base_momentum") = 0.85, arg("max_momentum") = 0.95, arg("div_factor") = 25.0,
          arg("final_div_factor") = 1e4, arg("three_phase") = false);
  declare(m, "CyclicLR", "Up and down between two rates.", "step", &cyclic, arg("base_lr"), arg("max_lr"),
          arg("step_size_up") = 2000, arg("step_size_down", "default: step_size_up") = nullptr,
          (arg("mode") = "triangular").choices({"triangular", "triangular2", "exp_range"}),
          arg("gamma") = 1.0, arg("cycle_momentum") = true, arg("base_momentum") = 0.8,
          arg("max_momentum") = 0.9);
}

}  // namespace ivory::nn
