#include "gp_kernel.h"

#include <algorithm>
#include <cmath>

#include "vector_code.h"

namespace ivory::tuning {
namespace {
template <std::size_t W>
constexpr std::size_t kParts = kTileWidth / W;

template <std::size_t W>
IVORY_INLINE void root_of(Reals<W>& x) {
  for (std::size_t i = 0; i < W; ++i) x[i] = __builtin_sqrt(x[i]);
}

// Matern 5/2 of the squared distance: (1 + r + r^2 / 3) exp(-r), r = sqrt(5 q).
template <std::size_t W>
IVORY_INLINE void matern_body(const MaternTile& tile) {
  for (std::size_t row = tile.begin; row < tile.end; ++row) {
    Reals<W> q[kParts<W>] = {};
    for (std::size_t d = 0; d < tile.dimensions; ++d) {
      const double at = tile.rows[d * tile.row_stride + row], weight = tile.weights[d];
      for (std::size_t h = 0; h < kParts<W>; ++h) {
        Reals<W> z;
        load(tile.columns + d * kTileWidth + h * W, z);
        z -= at;
        const Reals<W> other = z != 0 ? Reals<W>{} + 1.0 : Reals<W>{};
        q[h] += weight * (tile.choice[d] != 0 ? other : z * z);
      }
    }
    const std::size_t place = (row - tile.begin) * tile.stride;
    for (std::size_t h = 0; h < kParts<W>; ++h) {
      Reals<W> r = q[h] * 5.0;
      root_of<W>(r);
      Reals<W> power = -r;
      exp_of_negative<W>(power);
      power *= tile.scale;
      store(power * (q[h] * (5.0 / 3.0) + r + 1.0), tile.value + place + h * W);
      if (tile.slope) store(power * (r + 1.0) * (-5.0 / 6.0), tile.slope + place + h * W);
    }
  }
}

template <std::size_t W, std::size_t kRows>
IVORY_INLINE void multiply_rows(const MultiplyTile& tile, std::size_t row) {
  std::size_t begin = tile.inner_begin, end = tile.inner_end;
  if (tile.triangle == Triangle::kLower) end = end < row + kRows ? end : row + kRows;
  if (tile.triangle == Triangle::kUpper) begin = begin > row ? begin : row;
  Reals<W> sums[kRows][kParts<W>] = {};
  for (std::size_t k = begin; k < end; ++k) {
    Reals<W> in[kParts<W>];
    for (std::size_t h = 0; h < kParts<W>; ++h) load(tile.in + k * tile.in_stride + h * W, in[h]);
    for (std::size_t r = 0; r < kRows; ++r) {
      const double factor = tile.matrix[(row + r) * tile.matrix_stride + k];
      for (std::size_t h = 0; h < kParts<W>; ++h) sums[r][h] += factor * in[h];
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t h = 0; h < kParts<W>; ++h) {
      if (tile.start) {
        Reals<W> start;
        load(tile.start + (row + r) * tile.start_stride + h * W, start);
        sums[r][h] = start - sums[r][h];
      }
      store(sums[r][h], tile.out + (row + r) * tile.out_stride + h * W);
    }
  }
}

template <std::size_t W>
IVORY_INLINE void multiply_body(const MultiplyTile& tile) {
  std::size_t row = tile.row_begin;
  for (; row + 2 <= tile.row_end; row += 2) multiply_rows<W, 2>(tile, row);
  if (row < tile.row_end) multiply_rows<W, 1>(tile, row);
}

template <std::size_t W>
IVORY_INLINE void pull_back_body(const PullbackTile& tile) {
  const MaternTile& kernel = tile.kernel;
  for (std::size_t row = kernel.begin; row < kernel.end; ++row) {
    const std::size_t place = row - kernel.begin;
    Reals<W> factor[kParts<W>];
    for (std::size_t h = 0; h < kParts<W>; ++h) {
      Reals<W> slope;
      load(tile.factor + place * kTileWidth + h * W, factor[h]);
      load(tile.slope + place * kernel.stride + h * W, slope);
      factor[h] *= slope * 2.0;
    }
    for (std::size_t d = 0; d < kernel.dimensions; ++d) {
      if (kernel.choice[d] != 0) continue;
      const double at = kernel.rows[d * kernel.row_stride + row], weight = kernel.weights[d];
      for (std::size_t h = 0; h < kParts<W>; ++h) {
        const std::size_t lane = d * kTileWidth + h * W;
        Reals<W> z, gradient;
        load(kernel.columns + lane, z);
        load(tile.gradient + lane, gradient);
        store(gradient + factor[h] * (z - at) * weight, tile.gradient + lane);
      }
    }
  }
}

template <std::size_t W>
IVORY_INLINE void scale_gradient_body(const ScaleGradientTile& tile) {
  const MaternTile& kernel = tile.kernel;
  for (std::size_t d = 0; d < kernel.dimensions; ++d) {
    Reals<W> sums[kParts<W>] = {};
    for (std::size_t row = kernel.begin; row < kernel.end; ++row) {
      const std::size_t place = row - kernel.begin;
      const double at = kernel.rows[d * kernel.row_stride + row];
      for (std::size_t h = 0; h < kParts<W>; ++h) {
        Reals<W> z, factor, slope;
        load(kernel.columns + d * kTileWidth + h * W, z);
        load(tile.factor + place * kTileWidth + h * W, factor);
        load(tile.slope + place * kernel.stride + h * W, slope);
        z -= at;
        const Reals<W> other = z != 0 ? Reals<W>{} + 1.0 : Reals<W>{};
        sums[h] += factor * slope * (kernel.choice[d] != 0 ? other : z * z);
      }
    }
    double total = 0;
    for (std::size_t lane = 0; lane < kTileWidth; ++lane) total += sums[lane / W][lane % W];
    tile.sums[d] += total;
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): an attribute stands alone
#define IVORY_GP_LEVEL(suffix, width, attribute)                                               \
  attribute void matern_##suffix(const MaternTile& tile) { matern_body<width>(tile); }         \
  attribute void multiply_##suffix(const MultiplyTile& tile) { multiply_body<width>(tile); }   \
  attribute void pull_back_##suffix(const PullbackTile& tile) { pull_back_body<width>(tile); } \
  attribute void scale_gradient_##suffix(const ScaleGradientTile& tile) {                      \
    scale_gradient_body<width>(tile);                                                          \
  }                                                                                            \
  constexpr GpKernels kLevel_##suffix{matern_##suffix, multiply_##suffix, pull_back_##suffix,  \
                                      scale_gradient_##suffix};
IVORY_GP_LEVEL(plain, 2, )
#if defined(__x86_64__)
IVORY_GP_LEVEL(avx2, 4, __attribute__((target("avx2"))))
IVORY_GP_LEVEL(avx512, 8, IVORY_AVX512)
#endif
#undef IVORY_GP_LEVEL
// NOLINTEND(bugprone-macro-parentheses)
}  // namespace

std::vector<GpKernels> gp_kernel_levels() {
  std::vector<GpKernels> levels;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0)
    levels.push_back(kLevel_avx512);
  if (__builtin_cpu_supports("avx2") != 0) levels.push_back(kLevel_avx2);
#endif
  levels.push_back(kLevel_plain);
  return levels;
}

const GpKernels& gp_kernels() {
  static const GpKernels kBest = gp_kernel_levels().front();
  return kBest;
}

}  // namespace ivory::tuning
