#include "value_warping.h"

#include <algorithm>
#include <cmath>

#include "truncated_normal.h"

namespace ivory::tuning {
namespace {
// The root mean square distance of the better half from the median; 0 if they are all equal.
double spread_above(const std::vector<double>& values, double median) {
  double squares = 0, count = 0;
  for (const double value : values) {
    if (value < median) continue;
    squares += (value - median) * (value - median);
    ++count;
  }
  return std::sqrt(squares / count);
}

void press_lower_half(std::vector<double>& values, const std::vector<double>& sorted, double median,
                      double spread) {
  const auto rank_of = [&](double value) {
    return static_cast<double>(std::ranges::lower_bound(sorted, value) - sorted.begin());
  };
  const double below = rank_of(median);
  for (double& value : values) {
    if (!(value < median)) continue;
    const double quantile = 0.5 * (rank_of(value) + 0.5) / (below + 0.5);
    value = median + spread * truncated_normal_quantile(quantile, -HUGE_VAL, HUGE_VAL);
  }
}
}  // namespace

void warp(std::vector<double>& values) {
  constexpr double kOffset = 1.5;  // how much good values are drawn apart
  if (values.empty()) return;
  std::vector<double> sorted = values;
  std::ranges::sort(sorted);
  // Infinities count as the last finite value on their side.
  const auto finite = [](double value) { return std::isfinite(value); };
  const auto least = std::ranges::find_if(sorted, finite);
  if (least == sorted.end()) return;
  const auto most = std::find_if(sorted.rbegin(), sorted.rend(), finite);
  for (double& value : values) value = std::clamp(value, *least, *most);
  sorted = values;
  std::ranges::sort(sorted);

  const double median = sorted[sorted.size() / 2], best = sorted.back();
  const double spread = spread_above(values, median);
  if (!(spread > 0)) return;
  press_lower_half(values, sorted, median, spread);
  const double range = best - std::ranges::min(values);
  for (double& value : values)
    value = 0.5 - std::log1p((best - value) / range * (kOffset - 1)) / std::log(kOffset);
}

}  // namespace ivory::tuning
