// The Halton sequence: points that fill a box more evenly than chance.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace ivory::tuning {

// Halton (1960): coordinate d of point k has the digits of k in the d-th prime base, mirrored at the point.
// Scrambled: each digit by a permutation of its own (Owen, arXiv 1706.02808).
//
// A value type. Threads: as a standard container.
class HaltonSequence {
 public:
  HaltonSequence(std::size_t dimensions, bool scramble, std::uint64_t seed);

  [[nodiscard]] std::size_t dimensions() const noexcept { return bases_.size(); }
  // Writes point `index`, in [0, 1)^dimensions.
  void write_point(std::uint64_t index, std::span<double> point) const;

 private:
  std::vector<std::uint64_t> bases_;
  // By dimension, the permutations of its digits one after another, so many as a double holds; empty: not
  // scrambled.
  std::vector<std::vector<std::uint32_t>> permutations_;
};

}  // namespace ivory::tuning
