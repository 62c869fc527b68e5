#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <ivory/base/error.h>
#include <ivory/tuning/multi_objective.h>
#include <ivory/tuning/samplers.h>

#include "acquisition.h"
#include "acquisition_optimizer.h"
#include "gaussian_process.h"
#include "published.h"
#include "space.h"
#include "trust_region.h"
#include "value_warping.h"

namespace ivory::tuning {
namespace {
using Entry = IntersectionSpace::Entry;
using Columns = std::vector<std::vector<double>>;  // [objective or constraint][trial]
constexpr std::string_view kKernels = "ivory:gp:kernels";
constexpr double kLeastDeviation = 1e-10;

struct Standard {
  double mean = 0, deviation = 0;
};

// Infinite values become the worst or best finite ones; then the mean is 0 and the standard deviation 1.
Standard standardize(std::vector<double>& values) {
  double least = HUGE_VAL, most = -HUGE_VAL;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  if (least > most) least = most = 0;
  const auto n = static_cast<double>(values.size());
  Standard standard;
  for (double& value : values) {
    value = std::clamp(value, least, most);
    standard.mean += value / n;
  }
  for (const double value : values)
    standard.deviation += (value - standard.mean) * (value - standard.mean) / n;
  standard.deviation = std::max(kLeastDeviation, std::sqrt(standard.deviation));
  for (double& value : values) value = (value - standard.mean) / standard.deviation;
  return standard;
}

// Constraints of trials by key; of one that has none of a key, 0.
Columns constraints_of(const History& history, const std::vector<std::int64_t>& numbers) {
  std::map<std::string, std::vector<double>, std::less<>> columns;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (!history.trial(numbers[i]).attrs) continue;
    for (const auto& [key, value] : history.freeze(numbers[i]).constraints()) {
      auto& column = columns[key];
      column.resize(numbers.size());
      column[i] = value;
    }
  }
  Columns values;
  for (auto& [key, column] : columns) values.push_back(std::move(column));
  return values;
}

class GpSampler final : public Sampler {
 public:
  explicit GpSampler(const GpOptions& options) : options_(options), seed_(seed_or_random(options.seed)) {
    if (options.n_startup_trials < 1)
      throw Error(ErrorCode::kInvalidArgument,
                  "n_startup_trials should be at least 1; got " + std::to_string(options.n_startup_trials));
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "gp"; }

  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    const History& history = context.history();
    if (history.complete_count() < options_.n_startup_trials) return {};
    const std::vector<Entry>& entries = context.memory<IntersectionSpace>(this).update(history, false);
    if (entries.empty()) return {};
    std::vector<Distribution> distributions;
    for (const Entry& entry : entries) distributions.push_back(history.distribution(entry.distribution));
    const UnitSpace space(std::move(distributions));
    const std::vector<double> point = best_point(context, entries, space);
    std::vector<TrialParam> proposal;
    for (std::size_t d = 0; d < entries.size(); ++d)
      proposal.push_back(
          {history.name(entries[d].name), space.distribution(d), space.from_unit(d, point[d])});
    if (context.is_shared()) publish_joint(context, kGpPublished, proposal);
    return proposal;
  }
  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    Rng rng = context.rng(seed_, name);
    return sample_uniform(distribution, rng);
  }

 private:
  [[nodiscard]] std::vector<double> best_point(TrialContext& context, const std::vector<Entry>& entries,
                                               const UnitSpace& space) const {
    const History& history = context.history();
    // By number, not by when they ended, so that the same trials give the same sums.
    std::vector<std::int64_t> numbers;
    for (const std::int64_t number : history.finished()) {
      if (history.trial(number).state == TrialState::kComplete) numbers.push_back(number);
    }
    std::ranges::sort(numbers);
    GpPoints points(space.choices()), running(space.choices());
    points.reserve(numbers.size());
    for (const std::int64_t number : numbers) add_point(history.trial(number), entries, space, points);
    for (const std::int64_t number : history.running()) {
      if (number != context.number()) add_point(history.trial(number), entries, space, running);
    }
    Columns objectives(history.directions().size());
    for (std::size_t m = 0; m < objectives.size(); ++m) {
      for (const std::int64_t number : numbers)
        objectives[m].push_back(-history.sign(m) * history.trial(number).values[m]);
      if (options_.warp_values) warp(objectives[m]);
      standardize(objectives[m]);
    }
    Columns constraints = constraints_of(history, numbers);
    std::vector<bool> feasible(numbers.size(), true);
    std::vector<double> thresholds;
    for (auto& column : constraints) {
      for (std::size_t i = 0; i < column.size(); ++i) {
        feasible[i] = feasible[i] && column[i] <= 0;
        column[i] = -column[i];
      }
      const Standard standard = standardize(column);
      thresholds.push_back(-standard.mean / standard.deviation);
    }

    const std::vector<GpParams> kernels = fit(context, points, objectives, constraints);
    const auto split = kernels.begin() + static_cast<std::ptrdiff_t>(objectives.size());
    const std::vector<GpParams> objective_kernels(kernels.begin(), split),
        constraint_kernels(split, kernels.end());
    Rng rng = context.rng(seed_, "gp");
    Acquisition acquisition({.points = points,
                             .running = running,
                             .objectives = objectives,
                             .params = objective_kernels,
                             .constraints = constraints,
                             .constraint_params = constraint_kernels,
                             .thresholds = thresholds,
                             .feasible = feasible,
                             .seed = rng.next64()});
    const auto good = good_points(points, objectives, feasible, rng);
    const bool local =
        options_.trust_region && objectives.size() == 1 && !good.empty() && context.number() % 2 == 1;
    return maximize_acquisition(acquisition, space, good, rng,
                                local ? box_around(good.front(), space, objectives.front()) : UnitBox{});
  }

  // `values` by number, greater is better.
  [[nodiscard]] UnitBox box_around(const std::vector<double>& centre, const UnitSpace& space,
                                   const std::vector<double>& values) const {
    const double length =
        trust_region_side(values, static_cast<std::size_t>(options_.n_startup_trials), centre.size());
    UnitBox box;
    for (std::size_t d = 0; d < centre.size(); ++d) {
      const bool choice = space.distribution(d).is_categorical();
      box.lower.push_back(choice ? 0 : std::max(0.0, centre[d] - length / 2));
      box.upper.push_back(choice ? 1 : std::min(1.0, centre[d] + length / 2));
    }
    return box;
  }

  // Adds a trial that has all parameters, of a running one those fixed at its start too.
  static void add_point(const TrialRecord& trial, const std::vector<Entry>& entries, const UnitSpace& space,
                        GpPoints& points) {
    std::vector<double> point;
    for (std::size_t d = 0; d < entries.size(); ++d) {
      const double* value = trial.find_param(entries[d].name);
      if (!value) {
        const auto planned = std::ranges::find(trial.joint, entries[d].name, &ParamRecord::name);
        if (planned == trial.joint.end()) return;
        value = &planned->internal;
      }
      point.push_back(space.to_unit(d, *value));
    }
    points.add(point);
  }

  // The kernels' parameters, from where those of the latest trial that has some were: kept with the trials,
  // so that another process finds the same.
  [[nodiscard]] std::vector<GpParams> fit(TrialContext& context, const GpPoints& points,
                                          const Columns& objectives, const Columns& constraints) const {
    const std::size_t dimensions = points.dimensions();
    std::vector<GpParams> kernels(objectives.size() + constraints.size(), GpParams::ones(dimensions));
    read_kernels(context, kernels);
    Params kept = Params::list();
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      const auto& values = i < objectives.size() ? objectives[i] : constraints[i - objectives.size()];
      kernels[i] = fit_gp(points, values, kernels[i], options_.deterministic_objective);
      for (const double weight : kernels[i].weights) kept.push_back(weight);
      kept.push_back(kernels[i].scale);
      kept.push_back(kernels[i].noise);
    }
    context.set_trial_attr(kKernels, kept);
    return kernels;
  }

  static void read_kernels(const TrialContext& context, std::vector<GpParams>& kernels) {
    const std::size_t dimensions = kernels.front().weights.size();
    const Params* kept = nullptr;
    for (std::int64_t number = context.number() - 1; number >= 0 && !kept; --number)
      kept = context.history().trial(number).find_system_attr(kKernels);
    if (!kept || !kept->is_list() || kept->size() != kernels.size() * (dimensions + 2)) return;
    std::size_t next = 0;
    for (GpParams& kernel : kernels) {
      for (double& weight : kernel.weights) weight = kept->at(next++).as_real();
      kernel.scale = kept->at(next++).as_real();
      kernel.noise = kept->at(next++).as_real();
    }
  }

  // The best feasible point, or some of the front.
  static std::vector<std::vector<double>> good_points(const GpPoints& points, const Columns& objectives,
                                                      const std::vector<bool>& feasible, Rng& rng) {
    constexpr std::size_t kOfTheFront = 5;
    std::vector<std::vector<double>> losses;
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!feasible[i]) continue;
      rows.push_back(i);
      auto& loss = losses.emplace_back();
      for (const auto& values : objectives) loss.push_back(-values[i]);
    }
    if (rows.empty()) return {};
    std::vector<std::size_t> good;
    if (objectives.size() == 1) {
      good.push_back(rows[static_cast<std::size_t>(std::ranges::min_element(losses) - losses.begin())]);
    } else {
      const std::vector<int> ranks = nondomination_ranks(losses);
      for (const std::int64_t i : rng.permutation(static_cast<std::int64_t>(rows.size()))) {
        const auto at = static_cast<std::size_t>(i);
        if (ranks[at] == 0 && good.size() < kOfTheFront) good.push_back(rows[at]);
      }
    }
    std::vector<std::vector<double>> found;
    for (const std::size_t row : good) {
      auto& point = found.emplace_back();
      for (std::size_t d = 0; d < points.dimensions(); ++d)
        point.push_back(points.rows()[d * points.stride() + row]);
    }
    return found;
  }

  GpOptions options_;
  std::uint64_t seed_;
};
}  // namespace

std::unique_ptr<Sampler> make_gp_sampler(const GpOptions& options) {
  return std::make_unique<GpSampler>(options);
}

}  // namespace ivory::tuning
