#include <ivory/tuning/pruners.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <numbers>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tuning/multi_objective.h>

namespace ivory::tuning {
namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_at_least(std::int64_t value, std::int64_t least, std::string_view name) {
  if (value < least)
    fail(std::string(name) + " should be at least " + std::to_string(least) + "; got " +
         std::to_string(value));
}

// The reports of the fold that a trial is in (of all of a trial without folds), by step, less is better.
struct Curve {
  std::optional<std::int64_t> fold;
  std::vector<std::int64_t> steps;
  std::vector<std::vector<double>> points;  // one a step, one value an objective

  [[nodiscard]] bool empty() const { return steps.empty(); }
  [[nodiscard]] std::int64_t step() const { return steps.back(); }
  [[nodiscard]] const std::vector<double>& last() const { return points.back(); }
  // True at the first report of each interval: the trial is looked at once in it.
  [[nodiscard]] bool is_first_in_interval(std::int64_t warmup, std::int64_t interval) const {
    const std::int64_t start = (step() - warmup) / interval * interval + warmup;
    return steps.size() < 2 || steps[steps.size() - 2] < start;
  }
};

std::vector<double> signed_point(const History& history, std::span<const double> values) {
  std::vector<double> point(values.begin(), values.end());
  for (std::size_t k = 0; k < point.size(); ++k) point[k] *= history.sign(k);
  return point;
}

Curve current_curve(const History& history, const TrialRecord& trial) {
  Curve curve;
  const auto add = [&](std::int64_t step, std::span<const double> values) {
    curve.steps.push_back(step);
    curve.points.push_back(signed_point(history, values));
  };
  if (!trial.full) {
    for (const auto& [step, value] : trial.reports) add(step, std::span(&value, 1));
    return curve;
  }
  curve.fold = trial.full->latest_fold;
  for (const auto& report : trial.full->all) {
    if (report.fold == curve.fold) add(report.step, report.values);
  }
  return curve;
}

bool has_nan(const std::vector<double>& point) {
  return std::ranges::any_of(point, [](double value) { return std::isnan(value); });
}

// The best of each objective so far; NaNs are passed over.
std::vector<double> best_of(std::span<const std::vector<double>> points, std::size_t objectives) {
  std::vector<double> best(objectives, kNan);
  for (const auto& point : points) {
    for (std::size_t k = 0; k < objectives; ++k) best[k] = std::fmin(best[k], point[k]);
  }
  return best;
}

// Ranks by which points are compared: of one objective its value, of several the front they stand in
// (non-dominated sorting). The own point comes first.
std::vector<double> ranks_of(const std::vector<double>& own, const std::vector<std::vector<double>>& others) {
  std::vector<std::vector<double>> points{own};
  points.insert(points.end(), others.begin(), others.end());
  std::vector<double> ranks;
  if (own.size() == 1) {
    for (const auto& point : points) ranks.push_back(point.front());
    return ranks;
  }
  for (const int rank : nondomination_ranks(points)) ranks.push_back(rank);
  return ranks;
}

// Linear between the ranks, as numpy.nanpercentile; NaNs are passed over. Nothing to count: NaN.
double percentile_of(std::vector<double> values, double percentile) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return kNan;
  std::ranges::sort(values);
  const double at = percentile / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  const double fraction = at - static_cast<double>(below);
  if (values[below] == values[above]) return values[below];
  return values[below] + (values[above] - values[below]) * fraction;
}

class PercentilePruner final : public Pruner {
 public:
  PercentilePruner(double percentile, const PercentileOptions& options, std::string_view name)
      : percentile_(percentile), options_(options), name_(name) {
    if (!(percentile >= 0 && percentile <= 100))
      fail("a percentile lies in [0, 100]; got " + real_to_text(percentile));
    check_at_least(options.n_startup_trials, 0, "n_startup_trials");
    check_at_least(options.n_warmup_steps, 0, "n_warmup_steps");
    check_at_least(options.interval_steps, 1, "interval_steps");
    check_at_least(options.n_min_trials, 1, "n_min_trials");
  }
  [[nodiscard]] std::string_view name() const noexcept override { return name_; }

  [[nodiscard]] bool should_prune(TrialContext& context) const override {
    const History& history = context.history();
    if (history.complete_count() == 0 || history.complete_count() < options_.n_startup_trials) return false;
    const Curve curve = current_curve(history, context.trial());
    if (curve.empty() || curve.step() < options_.n_warmup_steps ||
        !curve.is_first_in_interval(options_.n_warmup_steps, options_.interval_steps))
      return false;
    const std::vector<double> best = best_of(curve.points, history.directions().size());
    if (has_nan(best)) return true;
    std::vector<std::vector<double>> others;
    std::int64_t reports = 0;
    for (const std::int64_t number : history.finished()) {
      const TrialRecord& other = history.trial(number);
      if (other.state != TrialState::kComplete) continue;
      const auto values = other.find_values(curve.fold, curve.step());
      if (values.empty()) continue;
      ++reports;
      std::vector<double> point = signed_point(history, values);
      if (!has_nan(point)) others.push_back(std::move(point));
    }
    if (reports < options_.n_min_trials) return false;
    std::vector<double> ranks = ranks_of(best, others);
    const double own = ranks.front();
    ranks.erase(ranks.begin());
    if (!history.is_single_objective() || history.sign() > 0)
      return own > percentile_of(std::move(ranks), percentile_);  // false for a NaN
    // Of values to maximize the percentile counts from the other end, to Optuna's last bit.
    for (double& rank : ranks) rank = -rank;
    return own > -percentile_of(std::move(ranks), 100 - percentile_);
  }

 private:
  double percentile_;
  PercentileOptions options_;
  std::string_view name_;
};

std::int64_t last_step(const TrialRecord& trial) {
  if (!trial.full) return trial.reports.back().first;
  std::int64_t last = 0;
  for (const auto& report : trial.full->all) last = std::max(last, report.step);
  return last;
}

bool is_complete_with_reports(const TrialRecord& trial) {
  return trial.state == TrialState::kComplete && !trial.reports.empty();
}

// The last step of the complete trial that ended first; whoever asks later gets the same.
std::optional<std::int64_t> first_complete(const History& history) {
  for (const std::int64_t number : history.finished()) {
    if (is_complete_with_reports(history.trial(number))) return last_step(history.trial(number));
  }
  return {};
}

std::optional<std::int64_t> longest_complete(const History& history) {
  std::optional<std::int64_t> longest;
  for (const std::int64_t number : history.finished()) {
    const TrialRecord& trial = history.trial(number);
    if (is_complete_with_reports(trial)) longest = std::max(longest.value_or(0), last_step(trial));
  }
  return longest;
}

// Each fold has rungs of its own.
std::string rung_key(const std::optional<std::int64_t>& fold, std::int64_t rung) {
  const std::string key = "completed_rung_" + std::to_string(rung);
  return fold ? "ivory:fold_" + std::to_string(*fold) + ":" + key : key;
}

// Successive halving among the trials that `competes` lets in.
class Halving {
 public:
  explicit Halving(const SuccessiveHalvingOptions& options) : options_(options) {}

  template <class F>
  [[nodiscard]] bool should_prune(TrialContext& context, const F& competes) const {
    const History& history = context.history();
    const Curve curve = current_curve(history, context.trial());
    if (curve.empty()) return false;
    std::int64_t rung = 0;
    while (context.trial().find_system_attr(rung_key(curve.fold, rung))) ++rung;
    const std::optional<std::int64_t> least = min_resource(history);
    if (!least) return false;
    for (;; ++rung) {
      const double promotion = static_cast<double>(*least) *
                               std::pow(static_cast<double>(options_.reduction_factor),
                                        static_cast<double>(options_.min_early_stopping_rate + rung));
      if (static_cast<double>(curve.step()) < promotion) return false;
      if (has_nan(curve.last())) return true;
      const std::string key = rung_key(curve.fold, rung);
      const std::vector<double> values = signed_point(history, curve.last());  // as they were reported
      context.set_trial_attr(key, values.size() == 1 ? Params(values.front()) : Params(values));
      const auto rivals = points_at(context, key, competes);
      if (static_cast<std::int64_t>(rivals.size()) <= options_.bootstrap_count) return true;
      if (!is_promotable(curve.last(), rivals)) return true;
    }
  }

 private:
  [[nodiscard]] std::optional<std::int64_t> min_resource(const History& history) const {
    if (options_.min_resource) return options_.min_resource;
    const auto longest = longest_complete(history);
    return longest ? std::optional(std::max<std::int64_t>(*longest / 100, 1)) : std::nullopt;
  }
  // What came to the rung, this trial's included.
  template <class F>
  [[nodiscard]] static std::vector<std::vector<double>> points_at(const TrialContext& context,
                                                                  const std::string& key, const F& competes) {
    const History& history = context.history();
    std::vector<std::vector<double>> points;
    for (const auto& trial : history.trials()) {
      const Params* kept = trial.find_system_attr(key);
      if (!kept || !competes(trial.number)) continue;
      std::vector<double> values;
      if (kept->is_number()) values = {kept->as_real()};
      if (kept->is_list())
        std::ranges::transform(kept->elements(), std::back_inserter(values), &Params::as_real);
      if (values.size() == history.directions().size()) points.push_back(signed_point(history, values));
    }
    return points;
  }
  // True if fewer are better than go on.
  [[nodiscard]] bool is_promotable(const std::vector<double>& point,
                                   const std::vector<std::vector<double>>& rivals) const {
    const auto promoted =
        std::max<std::int64_t>(static_cast<std::int64_t>(rivals.size()) / options_.reduction_factor, 1);
    const std::vector<double> ranks = ranks_of(point, rivals);
    return std::ranges::count_if(ranks, [&](double rank) { return rank < ranks.front(); }) < promoted;
  }
  SuccessiveHalvingOptions options_;
};

class SuccessiveHalvingPruner final : public Pruner {
 public:
  explicit SuccessiveHalvingPruner(const SuccessiveHalvingOptions& options) : halving_(options) {
    if (options.min_resource) check_at_least(*options.min_resource, 1, "min_resource");
    check_at_least(options.reduction_factor, 2, "reduction_factor");
    check_at_least(options.min_early_stopping_rate, 0, "min_early_stopping_rate");
    check_at_least(options.bootstrap_count, 0, "bootstrap_count");
    if (options.bootstrap_count > 0 && !options.min_resource) fail("bootstrap_count needs a min_resource");
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "successive_halving"; }
  [[nodiscard]] bool should_prune(TrialContext& context) const override {
    return halving_.should_prune(context, [](std::int64_t) { return true; });
  }

 private:
  Halving halving_;
};

class HyperbandPruner final : public Pruner {
 public:
  explicit HyperbandPruner(const HyperbandOptions& options) : options_(options) {
    check_at_least(options.min_resource, 1, "min_resource");
    check_at_least(options.reduction_factor, 2, "reduction_factor");
    check_at_least(options.bootstrap_count, 0, "bootstrap_count");
    if (options.max_resource) check_at_least(*options.max_resource, options.min_resource, "max_resource");
    if (options.bootstrap_count > 0 && !options.max_resource) fail("bootstrap_count needs a max_resource");
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "hyperband"; }

  [[nodiscard]] bool should_prune(TrialContext& context) const override {
    // The brackets stay what they were when the first trial was complete.
    auto& brackets = context.memory<Brackets>(this);
    if (brackets.budgets.empty() && !plan(context.history(), brackets)) return false;
    const std::string& study = context.history().study_name();
    const std::int64_t bracket = bracket_of(brackets, study, context.number());
    const Halving halving({.min_resource = options_.min_resource,
                           .reduction_factor = options_.reduction_factor,
                           .min_early_stopping_rate = bracket,
                           .bootstrap_count = options_.bootstrap_count});
    return halving.should_prune(
        context, [&](std::int64_t number) { return bracket_of(brackets, study, number) == bracket; });
  }

 private:
  struct Brackets {
    std::vector<std::int64_t> budgets;
    std::int64_t total = 0;
  };
  bool plan(const History& history, Brackets& brackets) const {
    std::optional<std::int64_t> most = options_.max_resource;
    if (!most) {
      most = first_complete(history);
      if (!most) return false;
      ++*most;
    }
    std::int64_t count = 1;
    for (std::int64_t reach = options_.min_resource; reach <= *most / options_.reduction_factor;
         reach *= options_.reduction_factor)
      ++count;
    for (std::int64_t bracket = 0; bracket < count; ++bracket) {
      const std::int64_t s = count - 1 - bracket;
      const double budget = static_cast<double>(count) *
                            std::pow(static_cast<double>(options_.reduction_factor), static_cast<double>(s)) /
                            static_cast<double>(s + 1);
      brackets.budgets.push_back(static_cast<std::int64_t>(std::ceil(budget)));
      brackets.total += brackets.budgets.back();
    }
    return true;
  }
  [[nodiscard]] static std::int64_t bracket_of(const Brackets& brackets, const std::string& study,
                                               std::int64_t number) {
    std::int64_t at = crc32(study + "_" + std::to_string(number)) % brackets.total;
    std::int64_t bracket = 0;
    while (at >= brackets.budgets[static_cast<std::size_t>(bracket)])
      at -= brackets.budgets[static_cast<std::size_t>(bracket++)];
    return bracket;
  }
  HyperbandOptions options_;
};

class ThresholdPruner final : public Pruner {
 public:
  explicit ThresholdPruner(const ThresholdOptions& options) : options_(options) {
    if (!options.lower && !options.upper) fail("a threshold needs a lower or an upper bound");
    const double infinity = std::numeric_limits<double>::infinity();
    const double lower = options.lower.value_or(-infinity), upper = options.upper.value_or(infinity);
    if (!(lower <= upper))
      fail("a threshold needs lower <= upper; got " + real_to_text(lower) + " and " + real_to_text(upper));
    check_at_least(options.n_warmup_steps, 0, "n_warmup_steps");
    check_at_least(options.interval_steps, 1, "interval_steps");
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "threshold"; }
  [[nodiscard]] bool should_prune(TrialContext& context) const override {
    const Curve curve = current_curve(context.history(), context.trial());
    if (curve.empty() || curve.step() < options_.n_warmup_steps ||
        !curve.is_first_in_interval(options_.n_warmup_steps, options_.interval_steps))
      return false;
    return std::ranges::any_of(signed_point(context.history(), curve.last()), [&](double value) {
      return std::isnan(value) || (options_.lower && value < *options_.lower) ||
             (options_.upper && value > *options_.upper);
    });
  }

 private:
  ThresholdOptions options_;
};

class PatientPruner final : public Pruner {
 public:
  PatientPruner(std::shared_ptr<const Pruner> wrapped, std::int64_t patience, double min_delta)
      : wrapped_(std::move(wrapped)), patience_(patience), min_delta_(min_delta) {
    check_at_least(patience, 0, "patience");
    if (!(min_delta >= 0)) fail("min_delta should be 0 or more; got " + real_to_text(min_delta));
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "patient"; }
  [[nodiscard]] bool should_prune(TrialContext& context) const override {
    const Curve curve = current_curve(context.history(), context.trial());
    const auto patience = static_cast<std::size_t>(patience_);
    if (curve.points.size() <= patience + 1) return false;
    const std::span all(curve.points);
    const std::size_t objectives = all.front().size();
    const std::vector<double> before = best_of(all.first(all.size() - patience - 1), objectives),
                              after = best_of(all.last(patience + 1), objectives);
    for (std::size_t k = 0; k < objectives; ++k) {
      if (!(before[k] + min_delta_ < after[k])) return false;
    }
    return !wrapped_ || wrapped_->should_prune(context);
  }

 private:
  std::shared_ptr<const Pruner> wrapped_;  // shared: the user may keep it for other studies
  std::int64_t patience_;
  double min_delta_;
};

class WilcoxonPruner final : public Pruner {
 public:
  explicit WilcoxonPruner(const WilcoxonOptions& options) : options_(options) {
    if (!(options.p_threshold >= 0 && options.p_threshold <= 1))
      fail("p_threshold lies in [0, 1]; got " + real_to_text(options.p_threshold));
    check_at_least(options.n_startup_steps, 0, "n_startup_steps");
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "wilcoxon"; }
  [[nodiscard]] bool should_prune(TrialContext& context) const override {
    const History& history = context.history();
    const Instances own = instances_of(history, context.trial());
    if (own.empty() || !all_finite(own)) return false;
    if (!history.is_single_objective()) {
      return std::ranges::any_of(history.best_trials(),
                                 [&](std::int64_t number) { return is_worse(history, own, number); });
    }
    const auto best = history.find_best();
    return best && is_worse(history, own, *best);
  }

 private:
  // Of each instance (with folds a fold, else a step) the last report, less is better.
  struct Instance {
    std::optional<std::int64_t> fold;
    std::int64_t step;
    std::vector<double> point;
  };
  using Instances = std::vector<Instance>;
  [[nodiscard]] static Instances instances_of(const History& history, const TrialRecord& trial) {
    Instances instances;
    const auto add = [&](std::optional<std::int64_t> fold, std::int64_t step,
                         std::span<const double> values) {
      if (fold && !instances.empty() && instances.back().fold == fold) instances.pop_back();
      instances.push_back({fold, step, signed_point(history, values)});
    };
    if (trial.full) {
      for (const auto& report : trial.full->all) add(report.fold, report.step, report.values);
    } else {
      for (const auto& [step, value] : trial.reports) add({}, step, std::span(&value, 1));
    }
    return instances;
  }
  [[nodiscard]] static bool is_finite(const std::vector<double>& point) {
    return std::ranges::all_of(point, [](double value) { return std::isfinite(value); });
  }
  [[nodiscard]] static bool all_finite(const Instances& instances) {
    return std::ranges::all_of(instances, is_finite, &Instance::point);
  }
  [[nodiscard]] static double mean(const Instances& instances, std::size_t objective) {
    double sum = 0;
    for (const auto& instance : instances) sum += instance.point[objective];
    return sum / static_cast<double>(instances.size());
  }
  [[nodiscard]] static double sum_of(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum;
  }
  // In every objective.
  [[nodiscard]] bool is_worse(const History& history, const Instances& own, std::int64_t number) const {
    const TrialRecord& other = history.trial(number);
    const Instances theirs = instances_of(history, other);
    if (theirs.empty() || !all_finite(theirs)) return false;
    std::vector<std::vector<double>> differences(history.directions().size());
    for (const Instance& instance : own) {
      const std::vector<double> same = signed_point(history, other.find_values(instance.fold, instance.step));
      if (!is_finite(same)) continue;  // of an earlier step, on the way to a last one that is
      for (std::size_t k = 0; k < same.size(); ++k) differences[k].push_back(instance.point[k] - same[k]);
    }
    const auto count = static_cast<std::int64_t>(differences.front().size());
    if (count == 0 || count < options_.n_startup_steps) return false;
    for (std::size_t k = 0; k < differences.size(); ++k) {
      if (wilcoxon_p_value(differences[k], Alternative::kGreater) >= options_.p_threshold) return false;
      // Never one that is better on average so far; with folds, which may differ much: of those both have
      // seen.
      const double difference = other.full ? sum_of(differences[k]) : mean(own, k) - mean(theirs, k);
      if (!(difference > 0)) return false;
    }
    return true;
  }
  WilcoxonOptions options_;
};

class NopPruner final : public Pruner {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "nop"; }
  [[nodiscard]] bool should_prune(TrialContext&) const override { return false; }
};

// P(sum of ranks >= t) of n untied ranks, each counted with probability 1/2.
double exact_tail(std::size_t n, double t) {
  std::vector<double> ways{1};  // ways[s]: subsets of 1..k with sum s, in shares of all
  for (std::size_t k = 1; k <= n; ++k) {
    std::vector<double> next(ways.size() + k);
    for (std::size_t s = 0; s < ways.size(); ++s) {
      next[s] += ways[s] / 2;
      next[s + k] += ways[s] / 2;
    }
    ways.swap(next);
  }
  double tail = 0;
  for (std::size_t s = ways.size(); s > 0 && static_cast<double>(s - 1) >= t; --s) tail += ways[s - 1];
  return std::min(tail, 1.0);
}

struct RankSums {
  double plus = 0, minus = 0;  // of positive and negative differences; zeros count half on either side
  double ties = 0;             // sum of t^3 - t over groups of t equal magnitudes
};

// Of differences sorted by magnitude.
RankSums rank_sums(std::span<const double> sorted) {
  RankSums sums;
  for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    while (end < sorted.size() && std::abs(sorted[end]) == std::abs(sorted[begin])) ++end;
    const auto equal = static_cast<double>(end - begin);
    const double rank = static_cast<double>(begin + end + 1) / 2;  // the mean rank, from 1
    sums.ties += equal * (equal * equal - 1);
    for (std::size_t i = begin; i < end; ++i) {
      sums.plus += sorted[i] > 0 ? rank : sorted[i] == 0 ? rank / 2 : 0;
      sums.minus += sorted[i] < 0 ? rank : sorted[i] == 0 ? rank / 2 : 0;
    }
  }
  return sums;
}
}  // namespace

double wilcoxon_p_value(std::span<const double> differences, Alternative alternative) {
  constexpr std::size_t kExactUpTo = 50;
  std::vector<double> sorted(differences.begin(), differences.end());
  std::ranges::sort(sorted, {}, [](double value) { return std::abs(value); });
  const std::size_t count = sorted.size();
  const auto n = static_cast<double>(count);
  const auto [plus, minus, ties] = rank_sums(sorted);
  const bool has_zeros = !sorted.empty() && sorted.front() == 0;
  if (count <= kExactUpTo && ties == 0 && !has_zeros)
    return exact_tail(count, alternative == Alternative::kGreater ? plus : minus);
  const double deviation = std::sqrt((n * (n + 1) * (2 * n + 1) - ties / 2) / 24);
  if (deviation == 0) return 0.5;
  const double z = (plus - n * (n + 1) / 4) / deviation;
  return std::erfc((alternative == Alternative::kGreater ? z : -z) / std::numbers::sqrt2) / 2;
}

std::uint32_t crc32(std::string_view text) noexcept {
  std::uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::unique_ptr<Pruner> make_percentile_pruner(double percentile, const PercentileOptions& options) {
  return std::make_unique<PercentilePruner>(percentile, options, "percentile");
}
std::unique_ptr<Pruner> make_median_pruner(const PercentileOptions& options) {
  return std::make_unique<PercentilePruner>(50, options, "median");
}
std::unique_ptr<Pruner> make_successive_halving_pruner(const SuccessiveHalvingOptions& options) {
  return std::make_unique<SuccessiveHalvingPruner>(options);
}
std::unique_ptr<Pruner> make_hyperband_pruner(const HyperbandOptions& options) {
  return std::make_unique<HyperbandPruner>(options);
}
std::unique_ptr<Pruner> make_threshold_pruner(const ThresholdOptions& options) {
  return std::make_unique<ThresholdPruner>(options);
}
std::unique_ptr<Pruner> make_patient_pruner(std::shared_ptr<const Pruner> wrapped, std::int64_t patience,
                                            double min_delta) {
  return std::make_unique<PatientPruner>(std::move(wrapped), patience, min_delta);
}
std::unique_ptr<Pruner> make_wilcoxon_pruner(const WilcoxonOptions& options) {
  return std::make_unique<WilcoxonPruner>(options);
}
std::unique_ptr<Pruner> make_nop_pruner() { return std::make_unique<NopPruner>(); }

std::span<const PrunerEntry> pruner_table() {
  static constexpr std::array<PrunerEntry, 8> kTable{{
      {"median", "worse than the median of the complete trials at this step",
       [] { return make_median_pruner(); }},
      {"percentile", "worse than a percentile of the complete trials at this step",
       [] { return make_percentile_pruner(25); }},
      {"successive_halving", "not in the best quarter of those that reached the rung",
       [] { return make_successive_halving_pruner(); }},
      {"hyperband", "brackets of successive halving", [] { return make_hyperband_pruner(); }},
      {"threshold", "outside of bounds",
       [] { return make_threshold_pruner({.upper = std::numeric_limits<double>::infinity()}); }},
      {"patient", "no better for a while", [] { return make_patient_pruner(make_median_pruner(), 2); }},
      {"wilcoxon", "worse than the best trial by a signed-rank test over instances",
       [] { return make_wilcoxon_pruner(); }},
      {"nop", "never", [] { return make_nop_pruner(); }},
  }};
  return kTable;
}

}  // namespace ivory::tuning
