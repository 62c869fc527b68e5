#include "mixture_kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace ivory::tuning {
namespace {
#define IVORY_INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define IVORY_AVX512 __attribute__((target("avx512f,avx512dq")))
#else
#define IVORY_AVX512 __attribute__((target("avx512f,avx512dq,prefer-vector-width=512")))
#endif

// exp for x <= 0 to 1 ulp or two: x = n ln 2 + r, a Taylor polynomial in r, n into the exponent. Below -708:
// 3e-308.
IVORY_INLINE double exp_of_negative(double x) {
  constexpr double kRound = 0x1.8p52;
  // ln 2 in two parts: n times the first is exact.
  // NOLINTNEXTLINE(modernize-use-std-numbers)
  constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
  x = x > -708.0 ? x : -708.0;
  const double shifted = x * std::numbers::log2e + kRound;
  const double n = shifted - kRound;
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double p = 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const std::uint64_t exponent = (std::bit_cast<std::uint64_t>(shifted) + 1023U) << 52U;
  return p * std::bit_cast<double>(exponent);
}

constexpr std::size_t kTile = 32;  // as many kernels as stay in registers

// q of the tile's kernels, those from `begin` on.
IVORY_INLINE void work_out_exponents(const MixtureBlock& block, std::size_t begin, double (&q)[kTile]) {
  const std::size_t dimensions = block.centre.size();
  for (std::size_t k = 0; k < kTile; ++k) q[k] = block.base[begin + k];
  for (std::size_t d = 0; d < dimensions; ++d) {
    const double x = block.point[d];
    const double* __restrict centre = block.centre[d] + begin;
    const double* __restrict scale = block.scale[d] + begin;
    for (std::size_t k = 0; k < kTile; ++k) {
      const double z = (x - centre[k]) * scale[k];
      q[k] -= z * z;
    }
  }
  for (const double* __restrict term : block.terms) {
    for (std::size_t k = 0; k < kTile; ++k) q[k] += term[begin + k];
  }
}

IVORY_INLINE double greatest_of(const double (&q)[kTile]) {
  alignas(64) double lanes[8];
  for (std::size_t j = 0; j < 8; ++j) lanes[j] = q[j];
  for (std::size_t k = 8; k < kTile; k += 8) {
    for (std::size_t j = 0; j < 8; ++j) lanes[j] = lanes[j] > q[k + j] ? lanes[j] : q[k + j];
  }
  return *std::max_element(lanes, lanes + 8);
}

IVORY_INLINE void add_to_lanes(const double (&q)[kTile], MixtureSum& sum) {
  alignas(64) double lanes[8];
  for (std::size_t j = 0; j < 8; ++j) lanes[j] = sum.sums[j];
  for (std::size_t k = 0; k < kTile; k += 8) {
    for (std::size_t j = 0; j < 8; ++j) lanes[j] += q[k + j];
  }
  for (std::size_t j = 0; j < 8; ++j) sum.sums[j] = lanes[j];
}

IVORY_INLINE void add_block_body(const MixtureBlock& block, MixtureSum& sum) {
  constexpr double kNegligible =
      50;  // exp(-50) of the greatest: below a double's last bit, even 100,000 times
  for (std::size_t begin = 0; begin < kKernelBlock; begin += kTile) {
    alignas(64) double q[kTile];
    work_out_exponents(block, begin, q);
    const double most = greatest_of(q);
    if (most < sum.most - kNegligible) continue;
    if (most > sum.most) {
      const double shrink = std::exp(sum.most - most);
      for (double& lane : sum.sums) lane *= shrink;
      sum.most = most;
    }
    const double shift = sum.most;
    for (std::size_t k = 0; k < kTile; ++k) q[k] = exp_of_negative(q[k] - shift) * block.weight[begin + k];
    add_to_lanes(q, sum);
  }
}

void add_block_plain(const MixtureBlock& block, MixtureSum& sum) { add_block_body(block, sum); }
#if defined(__x86_64__)
__attribute__((target("avx2"))) void add_block_avx2(const MixtureBlock& block, MixtureSum& sum) {
  add_block_body(block, sum);
}
IVORY_AVX512 void add_block_avx512(const MixtureBlock& block, MixtureSum& sum) { add_block_body(block, sum); }
#endif

}  // namespace

std::vector<AddBlock> add_block_levels() {
  std::vector<AddBlock> levels;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0)
    levels.push_back(add_block_avx512);
  if (__builtin_cpu_supports("avx2") != 0) levels.push_back(add_block_avx2);
#endif
  levels.push_back(add_block_plain);
  return levels;
}

void add_block(const MixtureBlock& block, MixtureSum& sum) {
  static const AddBlock kBest = add_block_levels().front();
  kBest(block, sum);
}

double log_of(const MixtureSum& sum) {
  double total = 0;
  for (const double lane : sum.sums) total += lane;
  return sum.most + std::log(total);
}

}  // namespace ivory::tuning
