#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tuning/terminators.h>

#include "acquisition_optimizer.h"
#include "common_space.h"
#include "gaussian_process.h"
#include "gp_kernel.h"
#include "sobol.h"

namespace ivory::tuning {
namespace {
using Rows = std::vector<std::vector<double>>;  // points of the unit space
constexpr std::size_t kSamples = 2048;
constexpr double kDelta = 0.1;
// What is returned when nothing can be said, so that the study goes on.
constexpr double kHuge = std::numeric_limits<double>::max() * 0.1;

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

// The COMPLETE trials: their common parameters of more than one value, and values of which greater is better.
struct Observations {
  UnitSpace space;
  Rows points;
  std::vector<double> values;
};

Observations observe(std::span<const FrozenTrial> trials, Direction direction) {
  std::vector<TrialParam> params = common_space(trials);
  std::erase_if(params, [](const TrialParam& param) { return param.distribution.is_single(); });
  std::vector<Distribution> distributions;
  for (const auto& param : params) distributions.push_back(param.distribution);
  Observations seen{.space = UnitSpace(std::move(distributions)), .points = {}, .values = {}};
  for (const auto& trial : trials) {
    if (trial.state != TrialState::kComplete) continue;
    auto& point = seen.points.emplace_back();
    for (std::size_t d = 0; d < params.size(); ++d)
      point.push_back(seen.space.to_unit(d, trial.find_param(params[d].name)->internal));
    seen.values.push_back(direction == Direction::kMaximize ? trial.value() : -trial.value());
  }
  return seen;
}

// Infinite values become the worst or best finite ones; then the mean is 0 and the deviation, which is
// returned, 1.
double standardize(std::vector<double>& values, double least_deviation) {
  double least = 0, most = 0;
  bool any = false;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    least = any ? std::min(least, value) : value;
    most = any ? std::max(most, value) : value;
    any = true;
  }
  const auto n = static_cast<double>(values.size());
  double mean = 0, variance = 0;
  for (double& value : values) mean += (value = std::clamp(value, least, most)) / n;
  for (const double value : values) variance += (value - mean) * (value - mean) / n;
  const double deviation = std::max(least_deviation, std::sqrt(variance));
  for (double& value : values) value = (value - mean) / deviation;
  return deviation;
}

GpPoints points_of(const UnitSpace& space, std::span<const std::vector<double>> rows) {
  GpPoints points(space.choices());
  points.reserve(rows.size());
  for (const auto& row : rows) points.add(row);
  return points;
}

// A Gaussian process that has seen some values.
class Surrogate {
 public:
  Surrogate(const UnitSpace& space, std::span<const std::vector<double>> rows, std::span<const double> values,
            const GpParams& start, bool noiseless)
      : space_(space),
        rows_(rows),
        model_(points_of(space, rows), fit_gp(points_of(space, rows), values, start, noiseless),
               rows.size()) {
    model_.add_head(model_.solve(values));
  }

  struct Belief {
    double mean, variance;
  };
  [[nodiscard]] std::vector<Belief> at(const Rows& points) const {
    std::vector<Belief> beliefs;
    GpModel::Tile tile;
    model_.prepare(tile);
    for (std::size_t begin = 0; begin < points.size(); begin += kTileWidth) {
      const std::size_t count = std::min(kTileWidth, points.size() - begin);
      for (std::size_t d = 0; d < space_.size(); ++d) {
        for (std::size_t t = 0; t < kTileWidth; ++t)
          tile.columns[d * kTileWidth + t] = points[begin + std::min(t, count - 1)][d];
      }
      model_.evaluate(tile, false);
      for (std::size_t t = 0; t < count; ++t) beliefs.push_back({tile.heads[t], tile.variance[t]});
    }
    return beliefs;
  }
  [[nodiscard]] Belief at(const std::vector<double>& point) const { return at(Rows{point}).front(); }

  // Between the function at two points.
  [[nodiscard]] double covariance(const std::vector<double>& a, const std::vector<double>& b) const {
    GpPoints points = points_of(space_, rows_);
    points.add(a);
    points.add(b);
    const std::vector<double> lower = GpModel(points, model_.params(), rows_.size()).lower_of_exact();
    return lower[2] * lower[0];
  }

  // How much better than the best of its rows the best of all points may be: with probability 1 - delta.
  [[nodiscard]] double regret_bound(double delta, std::uint64_t seed) const {
    const auto n = static_cast<double>(rows_.size()), width = static_cast<double>(space_.size());
    const double pi = std::numbers::pi;
    const double beta = 2 * std::log(width * n * n * pi * pi / 6 / delta) / 5;
    double upper = -std::numeric_limits<double>::infinity(), lower = upper;
    for (const auto& [mean, variance] : at(Rows(rows_.begin(), rows_.end()))) {
      upper = std::max(upper, mean + std::sqrt(beta * variance));
      lower = std::max(lower, mean - std::sqrt(beta * variance));
    }
    for (const auto& [mean, variance] : at(samples(seed)))
      upper = std::max(upper, mean + std::sqrt(beta * variance));
    return upper - lower;
  }
  [[nodiscard]] const GpParams& params() const noexcept { return model_.params(); }

 private:
  [[nodiscard]] Rows samples(std::uint64_t seed) const {
    const SobolSequence sequence(space_.size(), true, seed);
    Rows points(kSamples, std::vector<double>(space_.size()));
    for (std::size_t i = 0; i < kSamples; ++i) {
      sequence.write_point(i, points[i]);
      for (std::size_t d = 0; d < space_.size(); ++d) points[i][d] = space_.at_fraction(d, points[i][d]);
    }
    return points;
  }

  const UnitSpace& space_;
  std::span<const std::vector<double>> rows_;
  GpModel model_;
};

class RegretBound final : public ImprovementEvaluator {
 public:
  explicit RegretBound(const RegretBoundOptions& options) : options_(options) {
    if (!(options.top_trials_ratio > 0 && options.top_trials_ratio <= 1))
      fail("top_trials_ratio is in (0, 1]; got " + real_to_text(options.top_trials_ratio));
    if (options.min_n_trials < 1)
      fail("min_n_trials is 1 or more; got " + std::to_string(options.min_n_trials));
  }
  [[nodiscard]] double evaluate(std::span<const FrozenTrial> trials, Direction direction) const override {
    const Observations seen = observe(trials, direction);
    if (seen.values.empty()) fail("no trial is complete yet, so there is no regret to bound");
    if (seen.space.size() == 0)
      fail("the trials have no parameter in common, so their regret cannot be bounded");
    const auto count = static_cast<std::int64_t>(seen.values.size());
    const auto part = static_cast<std::int64_t>(static_cast<double>(count) * options_.top_trials_ratio);
    const std::int64_t top = std::min(std::max(part, options_.min_n_trials), count);
    std::vector<double> sorted = seen.values;
    std::ranges::sort(sorted, std::greater<>());
    Rows points;
    std::vector<double> values;
    for (std::size_t i = 0; i < seen.values.size(); ++i) {
      if (seen.values[i] < sorted[static_cast<std::size_t>(top - 1)]) continue;
      points.push_back(seen.points[i]);
      values.push_back(seen.values[i]);
    }
    const double unit = standardize(values, 1e-10);
    const Surrogate process(seen.space, points, values, GpParams::ones(seen.space.size()), false);
    return process.regret_bound(kDelta, options_.seed) * unit;
  }

 private:
  RegretBoundOptions options_;
};

class Emmr final : public ImprovementEvaluator {
 public:
  explicit Emmr(const EmmrOptions& options) : options_(options) {
    if (options.min_n_trials < 2)
      fail("min_n_trials is 2 or more; got " + std::to_string(options.min_n_trials));
    if (!(options.delta > 0 && options.delta < 1))
      fail("delta is a chance, between 0 and 1; got " + real_to_text(options.delta));
  }
  [[nodiscard]] double evaluate(std::span<const FrozenTrial> trials, Direction direction) const override {
    Observations seen = observe(trials, direction);
    if (static_cast<std::int64_t>(seen.values.size()) < options_.min_n_trials) return kHuge;
    if (seen.space.size() == 0) {
      log_warning("the trials have no parameter in common, so the terminator never ends the study");
      return kHuge;
    }
    standardize(seen.values, std::numeric_limits<double>::min());
    return gap(seen);
  }

 private:
  // Names as in the paper: t are all trials, t1 those without the latest.
  [[nodiscard]] double gap(const Observations& seen) const {
    const std::span rows(seen.points);
    const std::span<const double> values(seen.values);
    const auto before = values.first(values.size() - 1);
    const Surrogate t1(seen.space, rows.first(before.size()), before, GpParams::ones(seen.space.size()),
                       options_.deterministic_objective);
    const Surrogate t(seen.space, rows, values, t1.params(), options_.deterministic_objective);
    const auto& best_t = rows[static_cast<std::size_t>(std::ranges::max_element(values) - values.begin())];
    const auto& best_t1 = rows[static_cast<std::size_t>(std::ranges::max_element(before) - before.begin())];

    const auto at_best = t.at(best_t);
    const double variance_t1 = t.at(best_t1).variance, mean_t1 = t1.at(best_t1).mean;
    const double covariance = &best_t == &best_t1 ? at_best.variance : t.covariance(best_t, best_t1);
    const double v = std::sqrt(std::max(1e-10, at_best.variance - 2 * covariance + variance_t1));
    const double change = at_best.mean - mean_t1, g = change / v;
    const double density = std::exp(-g * g / 2) / std::sqrt(2 * std::numbers::pi);
    const double below = std::erfc(-g / std::numbers::sqrt2) / 2;
    const double regret = t1.regret_bound(options_.delta, options_.seed);
    return std::min(std::numeric_limits<double>::max() * 0.5,
                    -change + v * density + v * g * below +
                        regret * std::sqrt(divergence(t, rows.back(), values.back()) / 2));
  }

  // Between the processes with and without the latest trial (equation 4).
  [[nodiscard]] static double divergence(const Surrogate& t, const std::vector<double>& latest,
                                         double value) {
    const auto [mean, variance] = t.at(latest);
    const double off = value - mean, total = variance + kLeastNoise;
    return 0.5 * std::log1p(variance / kLeastNoise) - 0.5 * variance / total +
           0.5 * variance * off * off / (total * total);
  }

  EmmrOptions options_;
};
}  // namespace

std::unique_ptr<ImprovementEvaluator> make_regret_bound_evaluator(const RegretBoundOptions& options) {
  return std::make_unique<RegretBound>(options);
}

std::unique_ptr<ImprovementEvaluator> make_emmr_evaluator(const EmmrOptions& options) {
  return std::make_unique<Emmr>(options);
}

}  // namespace ivory::tuning
