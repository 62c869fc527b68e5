// From distributions to boxes and back.
#pragma once
#include <cstdint>
#include <vector>

#include <ivory/base/rng.h>
#include <ivory/tuning/history.h>

namespace ivory::tuning {

// The interval that a numeric parameter is drawn from: [low, high], with half a step more at both ends where
// there are steps, in the logarithm where there is one. Of choices: [0, n).
struct Interval {
  double low, high;
};
[[nodiscard]] Interval interval_of(const Distribution& distribution);
// The internal value at a point of the interval, inside the distribution.
[[nodiscard]] double from_interval(const Distribution& distribution, double point);
// Where an internal value lies in the interval.
[[nodiscard]] double to_interval(const Distribution& distribution, double internal);
[[nodiscard]] double sample_uniform(const Distribution& distribution, Rng& rng);

// A seed from the system where none is given.
[[nodiscard]] std::uint64_t seed_or_random(const std::optional<std::uint64_t>& seed);

// The parameters that each COMPLETE trial (with `pruned`: PRUNED ones too) has with the same distribution, by
// name, without those of one value. Follows the history as it grows.
class IntersectionSpace {
 public:
  struct Entry {
    std::uint32_t name, distribution;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  [[nodiscard]] const std::vector<Entry>& update(const History& history, bool pruned);

 private:
  std::size_t seen_ = 0;
  bool begun_ = false;
  std::vector<Entry> entries_;
};

}  // namespace ivory::tuning
