#include "acquisition.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

#include <ivory/tuning/multi_objective.h>

#include "gp_kernel.h"
#include "sobol.h"
#include "truncated_normal.h"

namespace ivory::tuning {
namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLogSqrt2Pi = 0.91893853320467274178;
constexpr double kStabilizing = 1e-12;  // added to a variance
constexpr double kLeast = 1e-12;        // of an improvement: its logarithm stays finite
constexpr double kTail = -25;           // below it the difference of two terms has lost its digits

// E max(0, z + N(0, 1)) by its density, for z far in the lower tail: an asymptotic series.
double tail_ratio(double z) noexcept {
  const double s = 1 / (z * z);
  return s * (1 - 3 * s * (1 - 5 * s * (1 - 7 * s * (1 - 9 * s * (1 - 11 * s)))));
}

std::vector<double> normal_samples(std::size_t count, std::size_t dimensions, std::uint64_t seed) {
  const SobolSequence sequence(dimensions, true, seed);
  std::vector<double> samples(count * dimensions);
  for (std::size_t s = 0; s < count; ++s) {
    const std::span<double> point = std::span(samples).subspan(s * dimensions, dimensions);
    sequence.write_point(s, point);
    for (double& x : point)
      x = truncated_normal_quantile(std::clamp(x, 0x1p-53, 1 - 0x1p-53), -kInfinity, kInfinity);
  }
  return samples;
}

GpPoints joined(const GpPoints& first, const GpPoints& second) {
  GpPoints all = first;
  all.reserve(first.size() + second.size());
  std::vector<double> point(second.dimensions());
  for (std::size_t i = 0; i < second.size(); ++i) {
    for (std::size_t d = 0; d < point.size(); ++d) point[d] = second.rows()[d * second.stride() + i];
    all.add(point);
  }
  return all;
}

// Slices along the last objective: between two neighbouring values of it, what the points up to there leave.
class BoxCutter {
 public:
  BoxCutter(const std::vector<double>& reference, HypervolumeBoxes& boxes)
      : reference_(reference), boxes_(boxes), upper_(reference.size()), size_(reference.size()) {}

  void cut(std::vector<const std::vector<double>*> points, std::size_t objectives) {
    const std::size_t last = objectives - 1;
    if (last == 0) {
      double least = reference_[0];
      for (const auto* point : points) least = std::min(least, (*point)[0]);
      upper_[0] = least;
      size_[0] = kInfinity;
      boxes_.upper.insert(boxes_.upper.end(), upper_.begin(), upper_.end());
      boxes_.size.insert(boxes_.size.end(), size_.begin(), size_.end());
      return;
    }
    std::ranges::sort(points, {}, [&](const auto* point) { return (*point)[last]; });
    std::vector<const std::vector<double>*> below;
    double from = -kInfinity;
    for (const auto* point : points) {
      const bool counts = std::ranges::none_of(below, [&](const auto* other) {
        for (std::size_t m = 0; m < last; ++m) {
          if ((*other)[m] > (*point)[m]) return false;
        }
        return true;
      });
      if (!counts) continue;
      slice(below, from, (*point)[last], last);
      from = (*point)[last];
      below.push_back(point);
    }
    slice(below, from, reference_[last], last);
  }

 private:
  void slice(const std::vector<const std::vector<double>*>& below, double from, double to, std::size_t last) {
    if (!(to > from)) return;
    upper_[last] = to;
    size_[last] = to - from;
    cut(below, last);
    // What is cut deeper writes only the objectives before this one.
  }

  const std::vector<double>& reference_;
  HypervolumeBoxes& boxes_;
  std::vector<double> upper_, size_;
};
}  // namespace

double log_expected_improvement(double z) noexcept {
  if (z < kTail) return -z * z / 2 - kLogSqrt2Pi + std::log(tail_ratio(z));
  return std::log(z / 2 * std::erfc(-z / std::numbers::sqrt2) + std::exp(-z * z / 2 - kLogSqrt2Pi));
}

HypervolumeBoxes non_dominated_boxes(const std::vector<std::vector<double>>& front,
                                     const std::vector<double>& reference) {
  HypervolumeBoxes boxes{.objectives = reference.size(), .upper = {}, .size = {}};
  std::vector<const std::vector<double>*> points;
  for (const auto& point : front) {
    bool inside = true;
    for (std::size_t m = 0; m < reference.size(); ++m) inside = inside && point[m] < reference[m];
    if (inside) points.push_back(&point);
  }
  BoxCutter(reference, boxes).cut(std::move(points), reference.size());
  return boxes;
}

Acquisition::Acquisition(const AcquisitionInputs& inputs)
    : dimensions_(inputs.points.dimensions()), thresholds_(inputs.thresholds) {
  for (std::size_t i = 0; i < inputs.objectives.size(); ++i)
    add_process(inputs, inputs.objectives[i], inputs.params[i], objectives_);
  for (std::size_t i = 0; i < inputs.constraints.size(); ++i)
    add_process(inputs, inputs.constraints[i], inputs.constraint_params[i], constraints_);
  if (inputs.objectives.size() > 1) {
    decompose(inputs);
  } else {
    for (std::size_t i = 0; i < inputs.feasible.size(); ++i) {
      if (inputs.feasible[i]) best_ = std::max(best_, inputs.objectives[0][i]);
    }
    if (inputs.running.size() > 0) imagine_running(inputs, inputs.objectives[0]);
  }
  for (std::vector<Process>* processes : {&objectives_, &constraints_}) {
    for (Process& process : *processes) {
      process.by_heads.resize(process.model.heads() * kTileWidth);
      process.by_variance.resize(kTileWidth);
      process.model.prepare(process.tile);
    }
  }
}

// Its first head is the mean; running trials are observed at theirs, which leaves it as it is.
void Acquisition::add_process(const AcquisitionInputs& inputs, const std::vector<double>& values,
                              const GpParams& params, std::vector<Process>& processes) {
  Process& process = processes.emplace_back(
      Process{GpModel(joined(inputs.points, inputs.running), params, inputs.points.size()), {}, {}, {}});
  std::vector<double> all = values;
  const std::vector<double> means = process.model.mean_of_exact(values);
  all.insert(all.end(), means.begin(), means.end());
  process.model.add_head(process.model.solve(all));
}

// A fantasy moves the running trials off their means, and the mean of a point along with them: a head for
// each of them says how far.
void Acquisition::imagine_running(const AcquisitionInputs& inputs, const std::vector<double>& values) {
  GpModel& model = objectives_[0].model;
  const std::size_t count = inputs.running.size();
  const std::vector<double> normals = normal_samples(kSamples, count + 1, inputs.seed);
  const std::vector<double> lower = model.lower_of_exact(), means = model.mean_of_exact(values);
  improved_.assign(kSamples, kLeast);
  fantasies_.assign(kSamples * count, 0.0);
  normals_.resize(kSamples);
  for (std::size_t s = 0; s < kSamples; ++s) {
    normals_[s] = normals[s * (count + 1) + count];
    for (std::size_t i = 0; i < count; ++i) {
      double& moved = fantasies_[s * count + i];
      for (std::size_t j = 0; j <= i; ++j) moved += lower[i * count + j] * normals[s * (count + 1) + j];
      improved_[s] = std::max(improved_[s], means[i] + moved - best_);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<double> unit(model.size());
    unit[inputs.points.size() + i] = 1;
    model.add_head(model.solve(unit));
  }
}

void Acquisition::decompose(const AcquisitionInputs& inputs) {
  const std::size_t objectives = inputs.objectives.size();
  std::vector<std::vector<double>> losses;
  for (std::size_t i = 0; i < inputs.feasible.size(); ++i) {
    if (!inputs.feasible[i]) continue;
    auto& loss = losses.emplace_back();
    for (const auto& values : inputs.objectives) loss.push_back(-values[i]);
  }
  if (losses.empty()) return;
  std::vector<double> reference(objectives, -kInfinity);
  for (const auto& loss : losses) {
    for (std::size_t m = 0; m < objectives; ++m) reference[m] = std::max(reference[m], loss[m]);
  }
  for (double& worst : reference) worst = std::nextafter(std::max(1.1 * worst, 0.9 * worst), kInfinity);
  std::vector<std::vector<double>> means(inputs.running.size());
  for (std::size_t m = 0; m < objectives; ++m) {
    const std::vector<double> found = objectives_[m].model.mean_of_exact(inputs.objectives[m]);
    for (std::size_t i = 0; i < found.size(); ++i) means[i].push_back(-found[i]);
  }
  losses.insert(losses.end(), means.begin(), means.end());
  const std::vector<int> ranks = nondomination_ranks(losses);
  std::vector<std::vector<double>> front;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (ranks[i] == 0) front.push_back(losses[i]);
  }
  // The number of boxes grows with the front to the power of the objectives - 1: of a large front those
  // points that cover most of it.
  constexpr std::size_t kMost[] = {200, 200, 200, 40, 12};
  const std::size_t most = objectives < std::size(kMost) ? kMost[objectives] : 6;
  if (front.size() > most) {
    std::vector<std::vector<double>> chosen;
    for (const std::size_t i : select_by_hypervolume(front, reference, most)) chosen.push_back(front[i]);
    front = std::move(chosen);
  }
  boxes_ = non_dominated_boxes(front, reference);
  normal_points_ = normal_samples(kSamples, objectives, inputs.seed);
}

std::vector<double> Acquisition::length_scales() const {
  std::vector<double> scales(dimensions_);
  for (const Process& process : objectives_) {
    for (std::size_t d = 0; d < dimensions_; ++d) {
      scales[d] += 1 / std::sqrt(process.model.params().weights[d]) / static_cast<double>(objectives_.size());
    }
  }
  return scales;
}

void Acquisition::fill_tile(Process& process, std::span<const double> points, std::size_t count,
                            bool gradients) const {
  for (std::size_t d = 0; d < dimensions_; ++d) {
    for (std::size_t t = 0; t < kTileWidth; ++t)
      process.tile.columns[d * kTileWidth + t] = points[std::min(t, count - 1) * dimensions_ + d];
  }
  process.model.evaluate(process.tile, gradients);
  std::ranges::fill(process.by_heads, 0.0);
  std::ranges::fill(process.by_variance, 0.0);
}

double Acquisition::value_of(std::size_t column) {
  double value = 0;
  if (objectives_.size() > 1) {
    if (!boxes_.upper.empty()) value += add_hypervolume(column);
  } else if (best_ > -kInfinity) {
    value += improved_.empty() ? add_improvement(column) : add_fantasies(column);
  }
  for (std::size_t c = 0; c < constraints_.size(); ++c)
    value += add_feasibility(constraints_[c], thresholds_[c], column);
  return value;
}

void Acquisition::evaluate(std::span<const double> points, std::span<double> values,
                           std::span<double> gradients) {
  const std::size_t count = values.size();
  assert(count <= kTileWidth && points.size() == count * dimensions_);
  for (Process& process : objectives_) fill_tile(process, points, count, !gradients.empty());
  for (Process& process : constraints_) fill_tile(process, points, count, !gradients.empty());
  for (std::size_t t = 0; t < count; ++t) values[t] = value_of(t);
  if (gradients.empty()) return;
  work_.assign(dimensions_ * kTileWidth, 0.0);
  for (std::vector<Process>* processes : {&objectives_, &constraints_}) {
    for (Process& process : *processes)
      process.model.pull_back(process.tile, process.by_heads.data(), process.by_variance.data(),
                              work_.data());
  }
  for (std::size_t t = 0; t < count; ++t) {
    for (std::size_t d = 0; d < dimensions_; ++d) gradients[t * dimensions_ + d] = work_[d * kTileWidth + t];
  }
}

double Acquisition::add_improvement(std::size_t column) {
  Process& process = objectives_[0];
  const double sigma = std::sqrt(process.tile.variance[column] + kStabilizing);
  const double z = (process.tile.heads[column] - best_) / sigma;
  const double log_ei = log_expected_improvement(z);
  // The density and the distribution function by the expectation.
  double density = 0, mass = 0;
  if (z < kTail) {
    density = 1 / tail_ratio(z);
    mass = (1 - density) / z;
  } else {
    density = std::exp(-z * z / 2 - kLogSqrt2Pi - log_ei);
    mass = std::exp(-log_ei) * std::erfc(-z / std::numbers::sqrt2) / 2;
  }
  process.by_heads[column] = mass / sigma;
  process.by_variance[column] = density / (2 * sigma * sigma);
  return log_ei + std::log(sigma);
}

double Acquisition::add_fantasies(std::size_t column) {
  Process& process = objectives_[0];
  const std::size_t count = process.model.heads() - 1;
  const double sigma = std::sqrt(process.tile.variance[column] + kStabilizing);
  double sum = 0, by_sigma = 0;
  for (std::size_t s = 0; s < samples_; ++s) {
    double improvement = process.tile.heads[column] + sigma * normals_[s] - best_;
    for (std::size_t i = 0; i < count; ++i)
      improvement += process.tile.heads[(i + 1) * kTileWidth + column] * fantasies_[s * count + i];
    sum += std::max(improvement, improved_[s]);
    if (improvement <= improved_[s]) continue;
    process.by_heads[column] += 1;
    by_sigma += normals_[s];
    for (std::size_t i = 0; i < count; ++i)
      process.by_heads[(i + 1) * kTileWidth + column] += fantasies_[s * count + i];
  }
  for (std::size_t i = 0; i <= count; ++i) process.by_heads[i * kTileWidth + column] /= sum;
  process.by_variance[column] = by_sigma / sum / (2 * sigma);
  return std::log(sum / static_cast<double>(samples_));
}

double Acquisition::add_hypervolume(std::size_t column) {
  const std::size_t objectives = objectives_.size(), boxes = boxes_.upper.size() / objectives;
  double sum = 0;
  std::vector<double> loss(objectives), sigma(objectives), by_loss(objectives), edge(objectives);
  std::vector<double> by_mean(objectives), by_sigma(objectives);
  for (std::size_t m = 0; m < objectives; ++m)
    sigma[m] = std::sqrt(objectives_[m].tile.variance[column] + kStabilizing);
  for (std::size_t s = 0; s < samples_; ++s) {
    for (std::size_t m = 0; m < objectives; ++m)
      loss[m] = -objectives_[m].tile.heads[column] - sigma[m] * normal_points_[s * objectives + m];
    std::ranges::fill(by_loss, 0.0);
    for (std::size_t b = 0; b < boxes; ++b) {
      double volume = 1;
      for (std::size_t m = 0; m < objectives; ++m) {
        edge[m] = std::clamp(boxes_.upper[b * objectives + m] - loss[m], kLeast,
                             std::max(kLeast, boxes_.size[b * objectives + m]));
        volume *= edge[m];
      }
      sum += volume;
      for (std::size_t m = 0; m < objectives; ++m) {
        if (edge[m] > kLeast && edge[m] < boxes_.size[b * objectives + m]) by_loss[m] -= volume / edge[m];
      }
    }
    for (std::size_t m = 0; m < objectives; ++m) {
      by_mean[m] -= by_loss[m];
      by_sigma[m] -= by_loss[m] * normal_points_[s * objectives + m];
    }
  }
  for (std::size_t m = 0; m < objectives; ++m) {
    objectives_[m].by_heads[column] = by_mean[m] / sum;
    objectives_[m].by_variance[column] = by_sigma[m] / sum / (2 * sigma[m]);
  }
  return std::log(sum / static_cast<double>(samples_));
}

double Acquisition::add_feasibility(Process& process, double threshold, std::size_t column) {
  const double sigma = std::sqrt(process.tile.variance[column] + kStabilizing);
  const double z = (process.tile.heads[column] - threshold) / sigma;
  const double log_mass = log_normal_cdf(z);
  const double ratio = std::exp(-z * z / 2 - kLogSqrt2Pi - log_mass);
  process.by_heads[column] += ratio / sigma;
  process.by_variance[column] += -ratio * z / (2 * sigma * sigma);
  return log_mass;
}

}  // namespace ivory::tuning
