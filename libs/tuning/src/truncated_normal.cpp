#include "truncated_normal.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ivory::tuning {
namespace {
constexpr double kLogSqrt2Pi = 0.91893853320467274178;
constexpr double kSqrtHalf = 1 / std::numbers::sqrt2;

double log_add(double a, double b) noexcept {
  const double most = std::max(a, b), least = std::min(a, b);
  return std::isinf(most) ? most : most + std::log1p(std::exp(least - most));
}

// x <= 0 with ln P(Z <= x) = y, for y <= ln 1/2: Newton on a concave function, from the left, so that each
// step comes nearer.
double inverse_log_cdf(double y) noexcept {
  double x = -std::sqrt(-2 * y);
  for (int i = 0; i < 60; ++i) {
    const double at = log_normal_cdf(x);
    const double slope = std::exp(-x * x / 2 - kLogSqrt2Pi - at);
    const double step = (y - at) / slope;
    x += step;
    if (std::abs(step) <= 1e-15 * (1 + std::abs(x))) break;
  }
  return x;
}
}  // namespace

double log_normal_cdf(double x) noexcept {
  if (x > 0) return std::log1p(-std::erfc(x * kSqrtHalf) / 2);
  if (x > -20) return std::log(std::erfc(-x * kSqrtHalf) / 2);
  // Asymptotic series (Abramowitz and Stegun 26.2.12); the next term is below 1e-10 from here on.
  const double s = 1 / (x * x);
  const double series = 1 - s * (1 - 3 * s * (1 - 5 * s * (1 - 7 * s * (1 - 9 * s * (1 - 11 * s)))));
  return -x * x / 2 - kLogSqrt2Pi - std::log(-x) + std::log(series);
}

double log_normal_mass(double a, double b) noexcept {
  if (a > 0) return log_normal_mass(-b, -a);
  if (b > 0) return std::log((std::erf(b * kSqrtHalf) - std::erf(a * kSqrtHalf)) / 2);
  const double upper = log_normal_cdf(b), lower = log_normal_cdf(a);
  return upper + std::log(-std::expm1(lower - upper));
}

double truncated_normal_quantile(double q, double a, double b) noexcept {
  if (a > 0) return -truncated_normal_quantile(1 - q, -b, -a);
  const double mass = log_normal_mass(a, b);
  const double below = log_add(log_normal_cdf(a), std::log(q) + mass);
  const double x = below <= -std::numbers::ln2
                       ? inverse_log_cdf(below)
                       : -inverse_log_cdf(std::min(log_add(log_normal_cdf(-b), std::log1p(-q) + mass),
                                                   -std::numbers::ln2));
  return std::clamp(x, a, b);
}

}  // namespace ivory::tuning
