#include "mixture_kernel.h"

#include <cmath>

#include "vector_code.h"

namespace ivory::tuning {
namespace {
constexpr std::size_t kLanes = 8;  // of the sum
constexpr std::size_t kTile = 32;  // as many kernels stay in registers

// q of the tile's kernels, those from `begin` on.
template <std::size_t W>
IVORY_INLINE void work_out_exponents(const MixtureBlock& block, std::size_t begin, Reals<W> (&q)[kTile / W]) {
  const std::size_t dimensions = block.centre.size();
  for (std::size_t k = 0; k < kTile / W; ++k) load(block.base + begin + k * W, q[k]);
  for (std::size_t d = 0; d < dimensions; ++d) {
    const double x = block.point[d];
    const double *centres = block.centre[d] + begin, *scales = block.scale[d] + begin;
    for (std::size_t k = 0; k < kTile / W; ++k) {
      Reals<W> centre, scale;
      load(centres + k * W, centre);
      load(scales + k * W, scale);
      const Reals<W> z = (x - centre) * scale;
      q[k] -= z * z;
    }
  }
  for (const double* terms : block.terms) {
    for (std::size_t k = 0; k < kTile / W; ++k) {
      Reals<W> term;
      load(terms + begin + k * W, term);
      q[k] += term;
    }
  }
}

template <std::size_t W>
IVORY_INLINE double greatest_of(const Reals<W> (&q)[kTile / W]) {
  Reals<W> most = q[0];
  for (std::size_t k = 1; k < kTile / W; ++k) most = most > q[k] ? most : q[k];
  double lanes[W];
  std::memcpy(lanes, &most, sizeof lanes);
  for (std::size_t half = W / 2; half > 0; half /= 2) {
    for (std::size_t j = 0; j < half; ++j) lanes[j] = lanes[j] > lanes[j + half] ? lanes[j] : lanes[j + half];
  }
  return lanes[0];
}

template <std::size_t W>
IVORY_INLINE void add_block_body(const MixtureBlock& block, MixtureSum& sum) {
  constexpr double kNegligible =
      50;  // exp(-50) of the greatest: below a double's last bit, even 100,000 times
  constexpr double kNothing = -1e299;  // nothing was added yet
  Reals<W> sums[kLanes / W];
  std::memcpy(&sums, sum.sums.data(), sizeof sums);
  for (std::size_t begin = 0; begin < kKernelBlock; begin += kTile) {
    Reals<W> q[kTile / W];
    work_out_exponents<W>(block, begin, q);
    const double most = greatest_of<W>(q);
    if (most < sum.most - kNegligible) continue;
    if (most > sum.most) {
      const double shrink = sum.most > kNothing ? std::exp(sum.most - most) : 0;
      for (auto& lanes : sums) lanes *= shrink;
      sum.most = most;
    }
    for (std::size_t k = 0; k < kTile / W; ++k) {
      Reals<W> weight;
      load(block.weight + begin + k * W, weight);
      Reals<W> value = q[k] - sum.most;
      exp_of_negative<W>(value);
      sums[k % (kLanes / W)] += value * weight;
    }
  }
  std::memcpy(sum.sums.data(), &sums, sizeof sums);
}

void add_block_plain(const MixtureBlock& block, MixtureSum& sum) { add_block_body<2>(block, sum); }
#if defined(__x86_64__)
__attribute__((target("avx2"))) void add_block_avx2(const MixtureBlock& block, MixtureSum& sum) {
  add_block_body<4>(block, sum);
}
IVORY_AVX512 void add_block_avx512(const MixtureBlock& block, MixtureSum& sum) {
  add_block_body<8>(block, sum);
}
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

std::string_view vector_level() noexcept {
  constexpr std::array<std::string_view, 3> kNames{"plain", "avx2", "avx512"};
  return kNames[add_block_levels().size() - 1];
}

double log_of(const MixtureSum& sum) {
  double total = 0;
  for (const double lane : sum.sums) total += lane;
  return sum.most + std::log(total);
}

}  // namespace ivory::tuning
