#include <algorithm>
#include <cmath>

#include <ivory/tuning/samplers.h>

#include "space.h"

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

class HaltonSampler final : public Sampler {
 public:
  explicit HaltonSampler(const HaltonOptions& options)
      : scramble_(options.scramble), seed_(seed_or_random(options.seed)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "halton"; }

  [[nodiscard]] std::vector<TrialParam> sample_joint(TrialContext& context) const override {
    const History& history = context.history();
    const auto& space = context.memory<IntersectionSpace>(this).update(history, false);
    const std::vector<double> point =
        halton_point(static_cast<std::uint64_t>(context.number()), space.size(), scramble_, seed_);
    std::vector<TrialParam> proposal;
    for (std::size_t d = 0; d < space.size(); ++d) {
      const Distribution& distribution = history.distribution(space[d].distribution);
      const auto [low, high] = interval_of(distribution);
      proposal.push_back({history.name(space[d].name), distribution,
                          from_interval(distribution, low + (high - low) * point[d])});
    }
    return proposal;
  }
  [[nodiscard]] double sample_independent(TrialContext& context, std::string_view name,
                                          const Distribution& distribution) const override {
    Rng rng = context.rng(seed_, name);
    return sample_uniform(distribution, rng);
  }

 private:
  bool scramble_;
  std::uint64_t seed_;
};
}  // namespace

std::vector<double> halton_point(std::uint64_t index, std::size_t dimensions, bool scramble,
                                 std::uint64_t seed) {
  std::vector<double> point(dimensions);
  const std::vector<std::uint64_t> bases = first_primes(dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) {
    const std::uint64_t base = bases[d];
    double weight = 1;
    std::uint64_t rest = index;
    // Scrambled, each digit has a permutation of its own, the leading zeros too; so many digits as a double
    // holds.
    for (std::uint64_t digit = 0; scramble ? weight > 1e-16 : rest > 0; ++digit, rest /= base) {
      weight /= static_cast<double>(base);
      std::uint64_t value = rest % base;
      if (scramble) {
        Rng rng({.seed = seed, .purpose = "halton", .epoch = d, .sample = digit});
        value = static_cast<std::uint64_t>(rng.permutation(static_cast<std::int64_t>(base))[value]);
      }
      point[d] += static_cast<double>(value) * weight;
    }
    point[d] = std::min(point[d], std::nextafter(1.0, 0.0));
  }
  return point;
}

std::unique_ptr<Sampler> make_halton_sampler(const HaltonOptions& options) {
  return std::make_unique<HaltonSampler>(options);
}

}  // namespace ivory::tuning
