#include "halton.h"

#include <algorithm>
#include <cmath>

#include <ivory/base/rng.h>

namespace ivory::tuning {
namespace {
std::vector<std::uint64_t> first_primes(std::size_t count) {
  std::vector<std::uint64_t> primes;
  for (std::uint64_t candidate = 2; primes.size() < count; ++candidate) {
    const bool divisible =
        std::ranges::any_of(primes, [&](std::uint64_t prime) { return candidate % prime == 0; });
    if (!divisible) primes.push_back(candidate);
  }
  return primes;
}
}  // namespace

HaltonSequence::HaltonSequence(std::size_t dimensions, bool scramble, std::uint64_t seed)
    : bases_(first_primes(dimensions)) {
  if (!scramble) return;
  permutations_.resize(dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::uint64_t digit = 0;
    double weight = 1;
    while (weight > 1e-16) {
      weight /= static_cast<double>(bases_[d]);
      Rng rng({.seed = seed, .purpose = "halton", .epoch = d, .sample = digit++});
      const std::vector<std::int64_t> order = rng.permutation(static_cast<std::int64_t>(bases_[d]));
      permutations_[d].insert(permutations_[d].end(), order.begin(), order.end());
    }
  }
}

void HaltonSequence::write_point(std::uint64_t index, std::span<double> point) const {
  for (std::size_t d = 0; d < bases_.size(); ++d) {
    const std::uint64_t base = bases_[d];
    double weight = 1, sum = 0;
    std::uint64_t rest = index;
    if (permutations_.empty()) {
      for (; rest > 0; rest /= base) {
        weight /= static_cast<double>(base);
        sum += static_cast<double>(rest % base) * weight;
      }
    } else {  // the leading zeros are permuted too
      const std::vector<std::uint32_t>& permutation = permutations_[d];
      for (std::size_t begin = 0; begin < permutation.size(); begin += base, rest /= base) {
        weight /= static_cast<double>(base);
        sum += static_cast<double>(permutation[begin + rest % base]) * weight;
      }
    }
    point[d] = std::min(sum, std::nextafter(1.0, 0.0));
  }
}

}  // namespace ivory::tuning
