#include "sobol.h"

#include <bit>
#include <string>

#include <boost/random/sobol.hpp>

#include <ivory/base/error.h>
#include <ivory/base/rng.h>

namespace ivory::tuning {
namespace {
using Table = boost::random::default_sobol_table;
constexpr unsigned kBits = 52;
static_assert(SobolSequence::kMaxDimensions == Table::max_dimension);

// Direction numbers of one dimension, the first digit in the highest of kBits bits (Bratley and Fox 1988).
std::vector<std::uint64_t> directions_of(std::size_t dimension) {
  std::vector<std::uint64_t> numbers(kBits, 1);
  if (dimension > 0) {
    const std::uint64_t polynomial = Table::polynomial(dimension - 1);
    const auto degree = static_cast<unsigned>(std::bit_width(polynomial)) - 1;
    for (unsigned j = 0; j < degree; ++j) numbers[j] = Table::minit(dimension - 1, j);
    for (unsigned j = degree; j < kBits; ++j) {
      numbers[j] = numbers[j - degree];
      for (unsigned back = 1; back <= degree; ++back) {
        if (((polynomial >> (degree - back)) & 1U) != 0) numbers[j] ^= numbers[j - back] << back;
      }
    }
  }
  for (unsigned j = 0; j < kBits; ++j) numbers[j] <<= kBits - 1 - j;
  return numbers;
}

// Multiplies each number's digits by one random lower triangular matrix with ones on its diagonal.
void scramble_digits(std::vector<std::uint64_t>& numbers, Rng& rng) {
  std::vector<std::uint64_t> scrambled(numbers.size());
  for (unsigned bit = 0; bit < kBits; ++bit) {
    const std::uint64_t own = std::uint64_t{1} << bit;
    const std::uint64_t row = (rng.next64() & ~(own - 1)) | own;  // its own digit and those before it
    for (unsigned j = 0; j < kBits; ++j) {
      scrambled[j] |= static_cast<std::uint64_t>(std::popcount(numbers[j] & row) & 1) << bit;
    }
  }
  numbers = std::move(scrambled);
}
}  // namespace

SobolSequence::SobolSequence(std::size_t dimensions, bool scramble, std::uint64_t seed)
    : directions_(kBits * dimensions), shift_(dimensions) {
  if (dimensions > kMaxDimensions) {
    throw Error(ErrorCode::kInvalidArgument, "the Sobol sequence has at most " +
                                                 std::to_string(kMaxDimensions) + " dimensions; got " +
                                                 std::to_string(dimensions));
  }
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::vector<std::uint64_t> numbers = directions_of(d);
    if (scramble) {
      Rng rng({.seed = seed, .purpose = "sobol", .sample = d});
      scramble_digits(numbers, rng);
      shift_[d] = rng.next64() >> (64 - kBits);
    }
    for (unsigned j = 0; j < kBits; ++j) directions_[j * dimensions + d] = numbers[j];
  }
}

void SobolSequence::write_point(std::uint64_t index, std::span<double> point) const {
  const std::size_t dimensions = shift_.size();
  const std::uint64_t gray = index ^ (index >> 1U);
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::uint64_t digits = shift_[d];
    for (std::uint64_t rest = gray; rest != 0; rest &= rest - 1) {
      digits ^= directions_[static_cast<std::size_t>(std::countr_zero(rest)) * dimensions + d];
    }
    point[d] = static_cast<double>(digits) * 0x1p-52;
  }
}

}  // namespace ivory::tuning
