#include "trust_region.h"

#include <algorithm>
#include <limits>

namespace ivory::tuning {

double trust_region_side(std::span<const double> values, std::size_t startup,
                         std::size_t dimensions) noexcept {
  constexpr double kFirst = 0.5, kGreatest = 1, kLeast = 0x1p-8;
  constexpr std::size_t kEnough = 2;  // improvements
  const std::size_t patience = std::max<std::size_t>(6, 2 * dimensions / 3);
  double side = kFirst, best = -std::numeric_limits<double>::infinity();
  std::size_t failures = 0, successes = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool better = values[i] > best;
    best = std::max(best, values[i]);
    if (i < startup) continue;
    failures = better ? 0 : failures + 1;
    successes = better ? successes + 1 : 0;
    if (successes == kEnough) {
      side = std::min(kGreatest, 2 * side);
      successes = 0;
    }
    if (failures == patience) {
      side = side / 2 < kLeast ? kFirst : side / 2;
      failures = 0;
    }
  }
  return side;
}

}  // namespace ivory::tuning
