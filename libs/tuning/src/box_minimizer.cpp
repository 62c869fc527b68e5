#include "box_minimizer.h"

#include <algorithm>
#include <cmath>

namespace ivory::tuning {
namespace {
constexpr std::size_t kMemory = 10;
constexpr int kMaxShrinks = 20;
constexpr double kSufficient = 1e-4;     // of the decrease that the slope promises
constexpr double kNoProgress = 2.22e-9;  // relative
constexpr double kLeastCurvature = 2.2e-16;
}  // namespace

BoxMinimizer::BoxMinimizer(std::vector<double> start, std::vector<double> lower, std::vector<double> upper,
                           const BoxMinimizerOptions& options)
    : lower_(std::move(lower)), upper_(std::move(upper)), options_(options), x_(std::move(start)) {
  for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = clamp(i, x_[i]);
  trial_ = x_;
}

double BoxMinimizer::clamp(std::size_t i, double x) const {
  return lower_.empty() ? x : std::clamp(x, lower_[i], upper_[i]);
}

bool BoxMinimizer::is_held(std::size_t i) const {
  return !lower_.empty() &&
         ((x_[i] <= lower_[i] && gradient_[i] > 0) || (x_[i] >= upper_[i] && gradient_[i] < 0));
}

double BoxMinimizer::projected_gradient() const {
  double most = 0;
  for (std::size_t i = 0; i < x_.size(); ++i)
    most = std::max(most, std::abs(clamp(i, x_[i] - gradient_[i]) - x_[i]));
  return most;
}

void BoxMinimizer::feed(double value, std::span<const double> gradient) {
  if (!begun_) {
    begun_ = true;
    value_ = value;
    gradient_.assign(gradient.begin(), gradient.end());
    if (!std::isfinite(value) || projected_gradient() <= options_.gradient_tolerance) {
      done_ = true;
      return;
    }
    choose_direction();
    return;
  }
  double slope = 0;
  for (std::size_t i = 0; i < x_.size(); ++i) slope += gradient_[i] * (trial_[i] - x_[i]);
  if (std::isfinite(value) && value <= value_ + kSufficient * slope) {
    accept(value, gradient);
    return;
  }
  if (++shrinks_ > kMaxShrinks) {
    done_ = true;
    return;
  }
  // The minimum of the parabola through what is known, within reason.
  double shrink = 0.1;
  if (std::isfinite(value)) shrink = std::clamp(-slope / (2 * (value - value_ - slope)), 0.1, 0.5);
  try_step(length_ * shrink);
}

void BoxMinimizer::accept(double value, std::span<const double> gradient) {
  Pair pair{std::vector<double>(x_.size()), std::vector<double>(x_.size()), 0};
  double square = 0;
  for (std::size_t i = 0; i < x_.size(); ++i) {
    pair.step[i] = trial_[i] - x_[i];
    pair.change[i] = gradient[i] - gradient_[i];
    pair.curvature += pair.step[i] * pair.change[i];
    square += pair.change[i] * pair.change[i];
  }
  if (pair.curvature > kLeastCurvature * square) {
    memory_.push_back(std::move(pair));
    if (memory_.size() > kMemory) memory_.pop_front();
  }
  const double gain = (value_ - value) / std::max({std::abs(value_), std::abs(value), 1.0});
  x_ = trial_;
  value_ = value;
  gradient_.assign(gradient.begin(), gradient.end());
  ++iterations_;
  if (gain <= kNoProgress || iterations_ >= options_.max_iterations ||
      projected_gradient() <= options_.gradient_tolerance) {
    done_ = true;
    return;
  }
  choose_direction();
}

// The two loops, over the coordinates that are free.
void BoxMinimizer::choose_direction() {
  const std::size_t n = x_.size();
  direction_.assign(n, 0.0);
  std::vector<std::size_t> free;
  for (std::size_t i = 0; i < n; ++i) {
    if (!is_held(i)) free.push_back(i);
  }
  const auto dot = [&](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (const std::size_t i : free) sum += a[i] * b[i];
    return sum;
  };
  for (const std::size_t i : free) direction_[i] = -gradient_[i];
  std::vector<double> factors(memory_.size()), curvatures(memory_.size());
  bool scaled = false;
  double scale = 1;
  for (std::size_t k = memory_.size(); k-- > 0;) {
    const Pair& pair = memory_[k];
    curvatures[k] = dot(pair.step, pair.change);
    const double square = dot(pair.change, pair.change);
    if (curvatures[k] <= kLeastCurvature * square) continue;
    if (!scaled) scale = curvatures[k] / square;
    scaled = true;
    factors[k] = dot(pair.step, direction_) / curvatures[k];
    for (const std::size_t i : free) direction_[i] -= factors[k] * pair.change[i];
  }
  if (!scaled) scale = std::min(1.0, 1 / std::sqrt(dot(gradient_, gradient_)));
  for (const std::size_t i : free) direction_[i] *= scale;
  for (std::size_t k = 0; k < memory_.size(); ++k) {
    const Pair& pair = memory_[k];
    if (curvatures[k] <= kLeastCurvature * dot(pair.change, pair.change)) continue;
    const double back = dot(pair.change, direction_) / curvatures[k];
    for (const std::size_t i : free) direction_[i] += (factors[k] - back) * pair.step[i];
  }
  if (!(dot(direction_, gradient_) < 0)) {
    memory_.clear();
    const double norm = std::sqrt(dot(gradient_, gradient_));
    for (const std::size_t i : free) direction_[i] = -gradient_[i] / std::max(1.0, norm);
  }
  shrinks_ = 0;
  try_step(1);
}

void BoxMinimizer::try_step(double length) {
  length_ = length;
  for (std::size_t i = 0; i < x_.size(); ++i) trial_[i] = clamp(i, x_[i] + length * direction_[i]);
}

}  // namespace ivory::tuning
