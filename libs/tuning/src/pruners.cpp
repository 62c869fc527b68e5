#include <ivory/tuning/pruners.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include <ivory/base/error.h>
#include <ivory/base/log.h>

namespace ivory::tuning {
namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

void check_at_least(std::int64_t value, std::int64_t least, std::string_view name) {
  if (value < least)
    fail(std::string(name) + " should be at least " + std::to_string(least) + "; got " +
         std::to_string(value));
}

// True at the first report of each interval: the trial is looked at once in it.
bool is_first_in_interval(const TrialRecord& trial, std::int64_t warmup, std::int64_t interval) {
  const std::int64_t step = trial.reports.back().first;
  const std::int64_t interval_start = (step - warmup) / interval * interval + warmup;
  return trial.reports.size() < 2 || trial.reports[trial.reports.size() - 2].first < interval_start;
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
    const TrialRecord& trial = context.trial();
    if (trial.reports.empty() || history.complete_count() == 0 ||
        history.complete_count() < options_.n_startup_trials)
      return false;
    const std::int64_t step = trial.reports.back().first;
    if (step < options_.n_warmup_steps ||
        !is_first_in_interval(trial, options_.n_warmup_steps, options_.interval_steps))
      return false;
    const double sign = history.sign();
    double best = kNan;  // lower is better
    for (const auto& [at, value] : trial.reports) best = std::fmin(best, sign * value);
    if (std::isnan(best)) return true;
    std::vector<double> others;
    for (const std::int64_t number : history.finished()) {
      const TrialRecord& other = history.trial(number);
      if (other.state != TrialState::kComplete) continue;
      if (const double* value = other.find_report(step)) others.push_back(*value);
    }
    if (static_cast<std::int64_t>(others.size()) < options_.n_min_trials) return false;
    const double limit = sign * percentile_of(std::move(others), sign > 0 ? percentile_ : 100 - percentile_);
    return best > limit;  // false for a NaN
  }

 private:
  double percentile_;
  PercentileOptions options_;
  std::string_view name_;
};

std::optional<std::int64_t> longest_complete(const History& history) {
  std::optional<std::int64_t> longest;
  for (const std::int64_t number : history.finished()) {
    const TrialRecord& trial = history.trial(number);
    if (trial.state == TrialState::kComplete && !trial.reports.empty())
      longest = std::max(longest.value_or(0), trial.reports.back().first);
  }
  return longest;
}

std::string rung_key(std::int64_t rung) { return "completed_rung_" + std::to_string(rung); }

// Successive halving among the trials that `competes` lets in.
class Halving {
 public:
  explicit Halving(const SuccessiveHalvingOptions& options) : options_(options) {}

  template <class F>
  [[nodiscard]] bool should_prune(TrialContext& context, const F& competes) const {
    const TrialRecord& trial = context.trial();
    if (trial.reports.empty()) return false;
    const auto [step, value] = trial.reports.back();
    std::int64_t rung = 0;
    while (trial.find_system_attr(rung_key(rung))) ++rung;
    const std::optional<std::int64_t> least = min_resource(context.history());
    if (!least) return false;
    for (;; ++rung) {
      const double promotion = static_cast<double>(*least) *
                               std::pow(static_cast<double>(options_.reduction_factor),
                                        static_cast<double>(options_.min_early_stopping_rate + rung));
      if (static_cast<double>(step) < promotion) return false;
      if (std::isnan(value)) return true;
      context.set_trial_attr(rung_key(rung), value);
      std::vector<double> rivals = values_at(context, rung, competes);
      if (static_cast<std::int64_t>(rivals.size()) <= options_.bootstrap_count) return true;
      if (!is_promotable(context.history().sign() * value, std::move(rivals))) return true;
    }
  }

 private:
  [[nodiscard]] std::optional<std::int64_t> min_resource(const History& history) const {
    if (options_.min_resource) return options_.min_resource;
    const auto longest = longest_complete(history);
    return longest ? std::optional(std::max<std::int64_t>(*longest / 100, 1)) : std::nullopt;
  }
  template <class F>
  [[nodiscard]] static std::vector<double> values_at(const TrialContext& context, std::int64_t rung,
                                                     const F& competes) {
    std::vector<double> values;
    const std::string key = rung_key(rung);
    for (const auto& trial : context.history().trials()) {
      const Params* value = trial.find_system_attr(key);
      if (value && value->is_number() && competes(trial.number))
        values.push_back(context.history().sign() * value->as_real());
    }
    return values;
  }
  [[nodiscard]] bool is_promotable(double value, std::vector<double> rivals) const {
    const auto promoted =
        std::max<std::int64_t>(static_cast<std::int64_t>(rivals.size()) / options_.reduction_factor, 1);
    const auto last = rivals.begin() + static_cast<std::ptrdiff_t>(promoted - 1);
    std::ranges::nth_element(rivals, last);
    return value <= *last;
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
    // The brackets stay what they were when the longest trial first became known.
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
      most = longest_complete(history);
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
    const TrialRecord& trial = context.trial();
    if (trial.reports.empty()) return false;
    const auto [step, value] = trial.reports.back();
    if (step < options_.n_warmup_steps ||
        !is_first_in_interval(trial, options_.n_warmup_steps, options_.interval_steps))
      return false;
    return std::isnan(value) || (options_.lower && value < *options_.lower) ||
           (options_.upper && value > *options_.upper);
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
    const auto& reports = context.trial().reports;
    const auto patience = static_cast<std::size_t>(patience_);
    if (reports.size() <= patience + 1) return false;
    const double sign = context.history().sign();
    double before = kNan, after = kNan;
    for (std::size_t i = 0; i < reports.size(); ++i) {
      double& best = i + patience + 1 < reports.size() ? before : after;
      best = std::fmin(best, sign * reports[i].second);
    }
    if (!(before + min_delta_ < after)) return false;
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
    const auto& reports = context.trial().reports;
    const auto best_number = history.find_best();
    if (reports.empty() || !best_number) return false;
    const auto& best = history.trial(*best_number).reports;
    if (best.empty() || !all_finite(reports) || !all_finite(best)) return false;
    std::vector<double> differences;
    for (const auto& [step, value] : reports) {
      if (const double* of_best = history.trial(*best_number).find_report(step))
        differences.push_back(value - *of_best);
    }
    if (differences.empty() || static_cast<std::int64_t>(differences.size()) < options_.n_startup_steps)
      return false;
    const double sign = history.sign();
    const double p = wilcoxon_p_value(differences, sign > 0 ? Alternative::kGreater : Alternative::kLess);
    if (p >= options_.p_threshold) return false;
    return sign * mean(reports) > sign * mean(best);  // never a trial that is better on average so far
  }

 private:
  using Reports = std::vector<std::pair<std::int64_t, double>>;
  [[nodiscard]] static bool all_finite(const Reports& reports) {
    return std::ranges::all_of(reports, [](const auto& report) { return std::isfinite(report.second); });
  }
  [[nodiscard]] static double mean(const Reports& reports) {
    double sum = 0;
    for (const auto& report : reports) sum += report.second;
    return sum / static_cast<double>(reports.size());
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
