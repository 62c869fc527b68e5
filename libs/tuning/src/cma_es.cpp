#include "cma_es.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include <Eigen/Eigenvalues>

#include "truncated_normal.h"

namespace ivory::tuning {
namespace {
using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;
using ConstVector = Eigen::Map<const Vector>;
using ConstMatrix = Eigen::Map<const Matrix>;
using VectorMap = Eigen::Map<Vector>;
using MatrixMap = Eigen::Map<Matrix>;

constexpr double kTiny = 1e-8;
constexpr double kSigmaMost = 1e32;

Eigen::Index index(std::size_t n) { return static_cast<Eigen::Index>(n); }
ConstVector as_vector(std::span<const double> values) { return {values.data(), index(values.size())}; }
VectorMap as_vector(std::vector<double>& values) { return {values.data(), index(values.size())}; }
ConstMatrix as_matrix(const std::vector<double>& values, std::size_t n) {
  return {values.data(), index(n), index(n)};
}
MatrixMap as_matrix(std::vector<double>& values, std::size_t n) {
  return {values.data(), index(n), index(n)};
}

double normal_quantile(double q) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return truncated_normal_quantile(q, -kInfinity, kInfinity);
}
double normal_cdf(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }
}  // namespace

CmaEs::CmaEs(const CmaSetup& setup)
    : separable_(setup.separable && setup.mean.size() > 1),
      population_(setup.population),
      mean_(setup.mean),
      sigma_(std::max(setup.sigma, 1e-10)),
      covariance_(setup.covariance),
      path_sigma_(mean_.size()),
      path_c_(mean_.size()),
      steps_(setup.steps),
      stretch_(mean_.size(), 1.0) {
  const std::size_t n = mean_.size();
  assert(n > 0 && "CMA-ES needs a dimension");
  const auto real_n = static_cast<double>(n);
  if (population_ == 0) population_ = 4 + static_cast<std::size_t>(3 * std::log(real_n));
  parents_ = population_ / 2;
  if (separable_) {
    covariance_.assign(n, 1.0);
    set_separable_weights();
  } else {
    if (covariance_.empty()) {
      covariance_.resize(n * n);
      as_matrix(covariance_, n).setIdentity();
    }
    set_weights();
  }
  d_sigma_ = 1 + 2 * std::max(0.0, std::sqrt((mu_eff_ - 1) / (real_n + 1)) - 1) + c_sigma_;
  chi_ = std::sqrt(real_n) * (1 - 1 / (4 * real_n) + 1 / (21 * real_n * real_n));
  decompose();
}

// Equations (48) to (58) of the tutorial.
void CmaEs::set_weights() {
  const auto n = static_cast<double>(mean_.size()), lambda = static_cast<double>(population_);
  weights_.resize(population_);
  for (std::size_t i = 0; i < population_; ++i)
    weights_[i] = std::log((lambda + 1) / 2) - std::log(static_cast<double>(i + 1));
  const auto effective = [](std::span<const double> weights) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    return sum * sum / std::inner_product(weights.begin(), weights.end(), weights.begin(), 0.0);
  };
  const std::span<const double> all(weights_);
  mu_eff_ = effective(all.first(parents_));
  const double mu_eff_minus = effective(all.subspan(parents_));
  c1_ = 2 / ((n + 1.3) * (n + 1.3) + mu_eff_);
  c_mu_ = std::min(1 - c1_ - 1e-8, 2 * (mu_eff_ - 2 + 1 / mu_eff_) / ((n + 2) * (n + 2) + mu_eff_));
  const double least =
      std::min({1 + c1_ / c_mu_, 1 + 2 * mu_eff_minus / (mu_eff_ + 2), (1 - c1_ - c_mu_) / (n * c_mu_)});
  double positive = 0, negative = 0;
  for (const double weight : weights_) (weight > 0 ? positive : negative) += std::abs(weight);
  for (double& weight : weights_) weight *= weight >= 0 ? 1 / positive : least / negative;
  c_sigma_ = (mu_eff_ + 2) / (n + mu_eff_ + 5);
  c_c_ = (4 + mu_eff_ / n) / (n + 4 + 2 * mu_eff_ / n);
}

void CmaEs::set_separable_weights() {
  const auto n = static_cast<double>(mean_.size());
  weights_.assign(population_, 0.0);
  for (std::size_t i = 0; i < parents_; ++i)
    weights_[i] = std::log(static_cast<double>(parents_ + 1)) - std::log(static_cast<double>(i + 1));
  const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (double& weight : weights_) weight /= sum;
  mu_eff_ = 1 / std::inner_product(weights_.begin(), weights_.end(), weights_.begin(), 0.0);
  c1_ = 2 / ((n + 1.3) * (n + 1.3) + mu_eff_);
  const double root = n + std::numbers::sqrt2;
  const double full = 2 / mu_eff_ / (root * root) +
                      (1 - 1 / mu_eff_) * std::min(1.0, (2 * mu_eff_ - 1) / ((n + 2) * (n + 2) + mu_eff_));
  c_mu_ = (n + 2) / 3 * full;
  c_sigma_ = (mu_eff_ + 2) / (n + mu_eff_ + 3);
  c_c_ = 4 / (n + 4);
}

void CmaEs::decompose() {
  const std::size_t n = mean_.size();
  lengths_.resize(n);
  if (separable_) {
    for (std::size_t d = 0; d < n; ++d) lengths_[d] = std::sqrt(covariance_[d] < 0 ? kTiny : covariance_[d]);
    return;
  }
  auto covariance = as_matrix(covariance_, n);
  const Matrix symmetric = (covariance + covariance.transpose()) / 2;
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(symmetric);
  axes_.resize(n * n);
  scaled_axes_.resize(n * n);
  as_matrix(axes_, n) = solver.eigenvectors();
  bool repaired = false;
  for (std::size_t d = 0; d < n; ++d) {
    const double value = solver.eigenvalues()[index(d)];
    repaired = repaired || value < 0;
    lengths_[d] = std::sqrt(value < 0 ? kTiny : value);
  }
  const auto scaled = as_matrix(scaled_axes_, n);
  as_matrix(scaled_axes_, n) = as_matrix(axes_, n) * as_vector(lengths_).asDiagonal();
  if (repaired) {
    covariance = scaled * scaled.transpose();
  } else {
    covariance = symmetric;
  }
}

CmaEs::Draw CmaEs::draw(Rng& rng) const {
  const std::size_t n = mean_.size();
  std::vector<double> normal(n), x(n);
  const auto draw_once = [&] {
    for (double& z : normal) z = rng.normal();
    if (separable_) {
      for (std::size_t d = 0; d < n; ++d) x[d] = mean_[d] + sigma_ * lengths_[d] * normal[d];
    } else {
      as_vector(x) = as_vector(std::span<const double>(mean_)) +
                     sigma_ * (as_matrix(scaled_axes_, n) * as_vector(std::span<const double>(normal)));
    }
    for (std::size_t d = 0; d < n; ++d) {
      if (!is_discrete(d) && !(x[d] >= 0 && x[d] <= 1)) return false;
    }
    return true;
  };
  bool inside = false;
  for (std::size_t i = 0; i <= 10 * n && !inside; ++i) inside = draw_once();
  for (std::size_t d = 0; d < n && !inside; ++d) {
    if (!is_discrete(d)) x[d] = std::clamp(x[d], 0.0, 1.0);
  }
  Draw drawn{x, x};
  for (std::size_t d = 0; d < n; ++d) {
    if (!is_discrete(d)) continue;
    drawn.position[d] = std::min(1.0, level(d, (x[d] - mean_[d]) * stretch_[d] + mean_[d]) * steps_[d]);
  }
  return drawn;
}

// C^(-1/2) times a vector, but for a rotation if not separable: its norm is what counts.
std::vector<double> CmaEs::whiten(std::span<const double> step) const {
  const std::size_t n = mean_.size();
  std::vector<double> result(n);
  if (separable_) {
    for (std::size_t d = 0; d < n; ++d) result[d] = step[d] / lengths_[d];
  } else {
    as_vector(result) = as_matrix(axes_, n).transpose() * as_vector(step);
    for (std::size_t d = 0; d < n; ++d) result[d] /= lengths_[d];
  }
  return result;
}

void CmaEs::tell(std::span<const std::vector<double>> points) {
  assert(points.size() == population_ && "a whole generation is told");
  const std::size_t n = mean_.size();
  ++generation_;
  std::vector<std::vector<double>> steps(population_, std::vector<double>(n));
  std::vector<double> mean_step(n);
  for (std::size_t k = 0; k < population_; ++k) {
    for (std::size_t d = 0; d < n; ++d) steps[k][d] = (points[k][d] - mean_[d]) / sigma_;
    if (k >= parents_) continue;
    for (std::size_t d = 0; d < n; ++d) mean_step[d] += weights_[k] * steps[k][d];
  }
  for (std::size_t d = 0; d < n; ++d) mean_[d] += sigma_ * mean_step[d];

  // The length of the step (43), (44).
  std::vector<double> white = whiten(mean_step);
  if (!separable_) {
    const Vector rotated = as_matrix(axes_, n) * as_vector(std::span<const double>(white));
    white.assign(rotated.begin(), rotated.end());
  }
  const double gain = std::sqrt(c_sigma_ * (2 - c_sigma_) * mu_eff_);
  for (std::size_t d = 0; d < n; ++d) path_sigma_[d] = (1 - c_sigma_) * path_sigma_[d] + gain * white[d];
  const double norm = as_vector(path_sigma_).norm();
  sigma_ = std::min(sigma_ * std::exp(c_sigma_ / d_sigma_ * (norm / chi_ - 1)), kSigmaMost);

  const double expected = std::sqrt(1 - std::pow(1 - c_sigma_, 2 * static_cast<double>(generation_ + 1)));
  const double h = norm / expected < (1.4 + 2 / (static_cast<double>(n) + 1)) * chi_ ? 1 : 0;
  const double gain_c = h * std::sqrt(c_c_ * (2 - c_c_) * mu_eff_);
  for (std::size_t d = 0; d < n; ++d) path_c_[d] = (1 - c_c_) * path_c_[d] + gain_c * mean_step[d];
  update_covariance(steps, h);
  if (!steps_.empty()) correct_margin();
  decompose();
}

// (46), (47): rank one and rank mu, with the whole population.
void CmaEs::update_covariance(const std::vector<std::vector<double>>& steps, double h) {
  const std::size_t n = mean_.size();
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  const double keep = 1 + c1_ * (1 - h) * c_c_ * (2 - c_c_) - c1_ - c_mu_ * total;
  if (separable_) {
    for (std::size_t d = 0; d < n; ++d) {
      double spread = 0;
      for (std::size_t k = 0; k < parents_; ++k) spread += weights_[k] * steps[k][d] * steps[k][d];
      covariance_[d] = keep * covariance_[d] + c1_ * path_c_[d] * path_c_[d] + c_mu_ * spread;
    }
    return;
  }
  Matrix left(index(n), index(population_ + 1)), right(index(n), index(population_ + 1));
  for (std::size_t k = 0; k < population_; ++k) {
    double weight = weights_[k];
    if (weight < 0) {
      const double length = as_vector(std::span<const double>(whiten(steps[k]))).squaredNorm();
      weight *= static_cast<double>(n) / (length + kTiny);
    }
    right.col(index(k)) = as_vector(std::span<const double>(steps[k]));
    left.col(index(k)) = c_mu_ * weight * right.col(index(k));
  }
  right.col(index(population_)) = as_vector(path_c_);
  left.col(index(population_)) = c1_ * right.col(index(population_));
  auto covariance = as_matrix(covariance_, n);
  covariance = keep * covariance;
  covariance.noalias() += left * right.transpose();
}

double CmaEs::variance(std::size_t d) const {
  return separable_ ? covariance_[d] : covariance_[d * mean_.size() + d];
}

// The number of the nearest value, the lower of two.
double CmaEs::level(std::size_t d, double value) const {
  const double last = std::round(1 / steps_[d]);
  return std::clamp(std::ceil(value / steps_[d] - 0.5), 0.0, last);
}

// Moves mean and stretch of the discrete coordinates so that neighbouring values keep a probability of at
// least the margin (section 4 of the paper).
void CmaEs::correct_margin() {
  const double margin = 1 / static_cast<double>(mean_.size() * population_);
  for (std::size_t d = 0; d < mean_.size(); ++d) {
    if (is_discrete(d)) correct_margin(d, margin);
  }
}

void CmaEs::correct_margin(std::size_t d, double margin) {
  const double last = std::round(1 / steps_[d]), at = level(d, mean_[d]);
  // The borders of the mean's own cell; at either end the same border twice.
  const double lower = (std::clamp(at - 1, 0.0, last - 1) + 0.5) * steps_[d];
  const double upper = (std::clamp(at, 0.0, last - 1) + 0.5) * steps_[d];
  const double deviation = sigma_ * std::sqrt(variance(d));
  const double scale = deviation * stretch_[d];
  double below = normal_cdf((lower - mean_[d]) / scale), above = 1 - normal_cdf((upper - mean_[d]) / scale);
  const double inner = 1 - (below + above);
  if (std::max(below, above) > 0.5) {  // at an end: not farther from the border than leaves the margin
    if (std::min(below, above) < margin) {
      const double distance = -normal_quantile(margin) * scale;
      mean_[d] = upper + (mean_[d] > upper ? distance : mean_[d] < upper ? -distance : 0);
    }
    return;
  }
  below = std::max(below, margin / 2);
  above = std::max(above, margin / 2);
  const double rest = 1 - below - above - inner, room = below + inner + above - 1.5 * margin;
  const auto corrected = [&](double mass) {
    return std::clamp(mass + rest * (mass - margin / 2) / room, 1e-10, 0.5 - 1e-10);
  };
  const double low_z = -normal_quantile(corrected(below)), high_z = -normal_quantile(corrected(above));
  stretch_[d] = (upper - lower) / ((low_z + high_z) * deviation);
  mean_[d] = (lower * high_z + upper * low_z) / (low_z + high_z);
}

void start_from(std::span<const std::vector<double>> points, CmaSetup& setup) {
  constexpr double kBest = 0.1, kWidth = 0.1;
  const std::size_t count =
      std::max<std::size_t>(1, static_cast<std::size_t>(kBest * static_cast<double>(points.size())));
  const std::size_t n = points.front().size();
  Vector mean = Vector::Zero(index(n));
  Matrix spread = Matrix::Zero(index(n), index(n));
  for (const auto& point : points.first(count)) {
    const ConstVector x = as_vector(std::span<const double>(point));
    mean += x / static_cast<double>(count);
    spread += x * x.transpose() / static_cast<double>(count);
  }
  spread += kWidth * kWidth * Matrix::Identity(index(n), index(n)) - mean * mean.transpose();
  // The volume goes into sigma; the covariance has the determinant 1.
  const double log_volume = Eigen::SelfAdjointEigenSolver<Matrix>(spread).eigenvalues().array().log().sum();
  setup.mean.assign(mean.begin(), mean.end());
  setup.sigma = std::exp(log_volume / (2 * static_cast<double>(n)));
  setup.covariance.resize(n * n);
  as_matrix(setup.covariance, n) = spread / (setup.sigma * setup.sigma);
}

}  // namespace ivory::tuning
