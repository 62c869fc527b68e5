// The standard normal distribution cut to an interval, in logarithms, so that tails keep their digits.
#pragma once
namespace ivory::tuning {

// ln P(Z <= x).
[[nodiscard]] double log_normal_cdf(double x) noexcept;
// ln P(a <= Z <= b), a <= b.
[[nodiscard]] double log_normal_mass(double a, double b) noexcept;
// The x in [a, b] with P(Z <= x | a <= Z <= b) = q.
[[nodiscard]] double truncated_normal_quantile(double q, double a, double b) noexcept;

}  // namespace ivory::tuning
