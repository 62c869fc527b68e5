// The Sobol sequence: points that fill a box more evenly than chance.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace ivory::tuning {

// Sobol (1967) with the direction numbers of Joe and Kuo (2008), in the order of the Gray code (Antonov and
// Saleev 1979): each block of 2^k points from a multiple of 2^k on has one point in every one of 2^k equal
// slices of each coordinate. Scrambled: by a random lower triangular matrix and a shift of the digits
// (Matousek 1998), which keeps that and takes the points off the corners.
//
// A value type. Threads: as a standard container.
// Errors: kInvalidArgument for more than kMaxDimensions.
class SobolSequence {
 public:
  static constexpr std::size_t kMaxDimensions = 3667;
  SobolSequence(std::size_t dimensions, bool scramble, std::uint64_t seed);

  [[nodiscard]] std::size_t dimensions() const noexcept { return shift_.size(); }
  // Writes point `index` (< 2^52), in [0, 1)^dimensions.
  void write_point(std::uint64_t index, std::span<double> point) const;

 private:
  std::vector<std::uint64_t> directions_;  // [bit of the index][dimension]
  std::vector<std::uint64_t> shift_;       // one a dimension
};

}  // namespace ivory::tuning
