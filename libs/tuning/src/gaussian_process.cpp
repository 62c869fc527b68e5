#include "gaussian_process.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include <ivory/base/error.h>

#include "box_minimizer.h"
#include "gp_kernel.h"

namespace ivory::tuning {
namespace {
constexpr std::size_t kT = kTileWidth;
using Block = std::vector<double>;  // kT x kT

std::size_t padded(std::size_t n) { return (n + kT - 1) / kT * kT; }

MaternTile kernel_tile(const GpPoints& points, const GpParams& params) {
  return {.rows = points.rows(),
          .columns = nullptr,
          .weights = params.weights.data(),
          .choice = points.choice(),
          .row_stride = points.stride(),
          .dimensions = points.dimensions(),
          .begin = 0,
          .end = points.size(),
          .scale = params.scale,
          .value = nullptr,
          .slope = nullptr,
          .stride = kT};
}

// The points from `begin` on as the columns of a tile.
void copy_columns(const GpPoints& points, std::size_t begin, std::vector<double>& columns) {
  columns.resize(points.dimensions() * kT);
  for (std::size_t d = 0; d < points.dimensions(); ++d)
    std::copy_n(points.rows() + d * points.stride() + begin, kT,
                columns.begin() + static_cast<std::ptrdiff_t>(d * kT));
}

// Kernel values of all pairs, rows below the diagonal's tile; slopes too, if not null.
void fill_kernel(const GpPoints& points, const GpParams& params, std::vector<double>& values,
                 std::vector<double>* slopes) {
  const std::size_t n = points.size(), stride = padded(n);
  values.resize(n * stride);
  if (slopes) slopes->resize(n * stride);
  std::vector<double> columns;
  MaternTile tile = kernel_tile(points, params);
  tile.stride = stride;
  for (std::size_t begin = 0; begin < n; begin += kT) {
    copy_columns(points, begin, columns);
    tile.columns = columns.data();
    tile.begin = begin;
    tile.value = values.data() + begin * stride + begin;
    tile.slope = slopes ? slopes->data() + begin * stride + begin : nullptr;
    gp_kernels().matern(tile);
  }
}

// L and the inverse of a block on the diagonal of a matrix. False: not positive definite.
bool factor_block(double* a, std::size_t stride, std::size_t count, Block& inverse) {
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t i = j; i < count; ++i) {
      double sum = a[i * stride + j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i * stride + k] * a[j * stride + k];
      if (i > j) {
        a[i * stride + j] = sum / a[j * stride + j];
      } else if (!(sum > 0)) {
        return false;
      } else {
        a[j * stride + j] = std::sqrt(sum);
      }
    }
    std::fill_n(a + j * stride + j + 1, kT - j - 1, 0.0);
  }
  inverse.assign(kT * kT, 0.0);
  for (std::size_t j = 0; j < count; ++j) {
    inverse[j * kT + j] = 1 / a[j * stride + j];
    for (std::size_t i = j + 1; i < count; ++i) {
      double sum = 0;
      for (std::size_t k = j; k < i; ++k) sum -= a[i * stride + k] * inverse[k * kT + j];
      inverse[i * kT + j] = sum / a[i * stride + i];
    }
  }
  return true;
}

Block transposed(const Block& block) {
  Block result(kT * kT);
  for (std::size_t i = 0; i < kT; ++i) {
    for (std::size_t j = 0; j < kT; ++j) result[j * kT + i] = block[i * kT + j];
  }
  return result;
}

// Cholesky's factor in place, a panel of columns at a time; the inverses of its diagonal blocks.
bool factor_in_place(std::size_t n, std::size_t stride, std::vector<double>& a,
                     std::vector<Block>& inverses) {
  std::vector<double> packed(stride * kT);
  inverses.assign(stride / kT, {});
  for (std::size_t begin = 0; begin < n; begin += kT) {
    const std::size_t count = std::min(kT, n - begin);
    double* panel = a.data() + begin;
    if (begin > 0) {
      for (std::size_t k = 0; k < begin; ++k) {
        for (std::size_t t = 0; t < kT; ++t)
          packed[k * kT + t] = t < count ? a[(begin + t) * stride + k] : 0.0;
      }
      gp_kernels().multiply({.matrix = a.data(),
                             .matrix_stride = stride,
                             .row_begin = begin,
                             .row_end = n,
                             .inner_begin = 0,
                             .inner_end = begin,
                             .triangle = Triangle::kNone,
                             .in = packed.data(),
                             .in_stride = kT,
                             .start = panel,
                             .start_stride = stride,
                             .out = panel,
                             .out_stride = stride});
    }
    Block& inverse = inverses[begin / kT];
    if (!factor_block(panel + begin * stride, stride, count, inverse)) return false;
    if (begin + count >= n) break;
    const Block across = transposed(inverse);
    gp_kernels().multiply({.matrix = panel,
                           .matrix_stride = stride,
                           .row_begin = begin + count,
                           .row_end = n,
                           .inner_begin = 0,
                           .inner_end = count,
                           .triangle = Triangle::kNone,
                           .in = across.data(),
                           .in_stride = kT,
                           .start = nullptr,
                           .start_stride = 0,
                           .out = panel,
                           .out_stride = stride});
  }
  return true;
}

// The inverse of a triangle, by tiles of columns and blocks of rows.
void invert(GpFactor& factor, const std::vector<Block>& inverses) {
  const std::size_t n = factor.size, stride = factor.stride;
  if (factor.inverse.size() != n * stride) factor.inverse.assign(n * stride, 0.0);
  const Block zeros(kT * kT);
  Block work(kT * kT);
  for (std::size_t column = 0; column < n; column += kT) {
    double* tile = factor.inverse.data() + column;
    for (std::size_t row = column; row < n; row += kT) {
      const std::size_t count = std::min(kT, n - row);
      const Block& inverse = inverses[row / kT];
      if (row == column) {
        for (std::size_t i = 0; i < count; ++i)
          std::copy_n(inverse.begin() + static_cast<std::ptrdiff_t>(i * kT), kT, tile + (row + i) * stride);
        continue;
      }
      gp_kernels().multiply({.matrix = factor.lower.data() + row * stride,
                             .matrix_stride = stride,
                             .row_begin = 0,
                             .row_end = count,
                             .inner_begin = column,
                             .inner_end = row,
                             .triangle = Triangle::kNone,
                             .in = tile,
                             .in_stride = stride,
                             .start = zeros.data(),
                             .start_stride = kT,
                             .out = work.data(),
                             .out_stride = kT});
      gp_kernels().multiply({.matrix = inverse.data(),
                             .matrix_stride = kT,
                             .row_begin = 0,
                             .row_end = count,
                             .inner_begin = 0,
                             .inner_end = count,
                             .triangle = Triangle::kLower,
                             .in = work.data(),
                             .in_stride = kT,
                             .start = nullptr,
                             .start_stride = 0,
                             .out = tile + row * stride,
                             .out_stride = stride});
    }
  }
  if (factor.inverse_t.size() != n * stride) factor.inverse_t.assign(n * stride, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) factor.inverse_t[j * stride + i] = factor.inverse[i * stride + j];
  }
}

// Of a matrix whose rows below the diagonal are given in `factor.lower`.
bool factorize(GpFactor& factor) {
  std::vector<Block> inverses;
  if (!factor_in_place(factor.size, factor.stride, factor.lower, inverses)) return false;
  invert(factor, inverses);
  return true;
}

// matrix (rows up to or from the diagonal) times a vector.
std::vector<double> times(const std::vector<double>& matrix, std::size_t n, std::size_t stride, bool lower,
                          std::span<const double> vector) {
  std::vector<double> result(n);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t j = lower ? 0 : i; j < (lower ? i + 1 : n); ++j)
      sum += matrix[i * stride + j] * vector[j];
    result[i] = sum;
  }
  return result;
}

// What one evaluation of the posterior needs, kept for the next: fresh memory costs as much as the sums.
struct Work {
  std::vector<double> kernel, slopes;
  GpFactor factor;
};

// Of a tile of C^-1, columns from `begin` on, makes the derivative of the likelihood by the kernel's entries
// at and below the diagonal; adds the derivatives by the logarithm of the scale and by the noise.
void weigh_tile(const Work& work, const std::vector<double>& alpha, std::size_t begin,
                std::vector<double>& tile, double& by_scale, double& by_noise) {
  for (std::size_t i = begin; i < work.factor.size; ++i) {
    for (std::size_t t = 0; t < kT; ++t) {
      const std::size_t j = begin + t;
      double& entry = tile[i * kT + t];
      if (j > i) {
        entry = 0;
        continue;
      }
      entry = alpha[i] * alpha[j] - entry;
      if (i == j) {
        entry /= 2;
        by_noise += entry;
      }
      by_scale += entry * work.kernel[i * work.factor.stride + j];
    }
  }
}

// Adds the gradient of the likelihood by ln weights, ln scale and noise: of each entry of the matrix it is
// (alpha alpha' - C^-1) / 2.
void add_gradient(const GpPoints& points, const GpParams& params, const Work& work,
                  const std::vector<double>& alpha, std::span<double> gradient) {
  const GpFactor& factor = work.factor;
  const std::size_t n = factor.size, stride = factor.stride, dimensions = points.dimensions();
  std::vector<double> tile(n * kT), sums(dimensions), columns;
  double by_scale = 0, by_noise = 0;
  for (std::size_t begin = 0; begin < n; begin += kT) {
    gp_kernels().multiply({.matrix = factor.inverse_t.data(),
                           .matrix_stride = stride,
                           .row_begin = begin,
                           .row_end = n,
                           .inner_begin = begin,
                           .inner_end = n,
                           .triangle = Triangle::kUpper,
                           .in = factor.inverse.data() + begin,
                           .in_stride = stride,
                           .start = nullptr,
                           .start_stride = 0,
                           .out = tile.data(),
                           .out_stride = kT});
    weigh_tile(work, alpha, begin, tile, by_scale, by_noise);
    copy_columns(points, begin, columns);
    MaternTile kernel = kernel_tile(points, params);
    kernel.columns = columns.data();
    kernel.begin = begin;
    kernel.stride = stride;
    gp_kernels().scale_gradient({.kernel = kernel,
                                 .slope = work.slopes.data() + begin * stride + begin,
                                 .factor = tile.data() + begin * kT,
                                 .sums = sums.data()});
  }
  for (std::size_t d = 0; d < dimensions; ++d) gradient[d] += sums[d] * params.weights[d];
  gradient[dimensions] += by_scale;
  gradient[dimensions + 1] += by_noise;
}
}  // namespace

void GpPoints::reserve(std::size_t count) {
  const std::size_t wanted = padded(count) + kT;
  if (wanted <= stride_) return;
  std::vector<double> rows(wanted * dimensions());
  for (std::size_t d = 0; d < dimensions(); ++d)
    std::copy_n(rows_.begin() + static_cast<std::ptrdiff_t>(d * stride_), size_,
                rows.begin() + static_cast<std::ptrdiff_t>(d * wanted));
  rows_ = std::move(rows);
  stride_ = wanted;
}

void GpPoints::add(std::span<const double> point) {
  if (padded(size_ + 1) + kT > stride_) reserve(2 * size_ + kT);
  for (std::size_t d = 0; d < dimensions(); ++d) rows_[d * stride_ + size_] = point[d];
  ++size_;
}

namespace {
GpLogPosterior log_posterior(const GpPoints& points, std::span<const double> values, const GpParams& params,
                             std::span<double> gradient, Work& work) {
  const std::size_t n = points.size(), dimensions = points.dimensions();
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  fill_kernel(points, params, work.kernel, gradient.empty() ? nullptr : &work.slopes);
  GpFactor& factor = work.factor;
  factor.size = n;
  factor.stride = padded(n);
  factor.lower = work.kernel;
  for (std::size_t i = 0; i < n; ++i) factor.lower[i * factor.stride + i] += params.noise;
  if (!factorize(factor)) return {kNever, kNever};
  const std::vector<double> white = times(factor.inverse, n, factor.stride, true, values);
  double likelihood = 0, prior = 0;
  for (std::size_t i = 0; i < n; ++i)
    likelihood -= std::log(factor.lower[i * factor.stride + i]) + white[i] * white[i] / 2;
  for (const double weight : params.weights) prior -= 0.1 / weight + 0.1 * weight;
  prior += std::log(params.scale) - params.scale + 0.1 * std::log(params.noise) - 30 * params.noise;
  if (!gradient.empty()) {
    std::ranges::fill(gradient, 0.0);
    const std::vector<double> alpha = times(factor.inverse_t, n, factor.stride, false, white);
    add_gradient(points, params, work, alpha, gradient);
    for (std::size_t d = 0; d < dimensions; ++d)
      gradient[d] += 0.1 / params.weights[d] - 0.1 * params.weights[d];
    gradient[dimensions] += 1 - params.scale;
    gradient[dimensions + 1] += 0.1 / params.noise - 30;
  }
  return {likelihood, prior};
}
}  // namespace

GpLogPosterior gp_log_posterior(const GpPoints& points, std::span<const double> values,
                                const GpParams& params, std::span<double> gradient) {
  Work work;
  return log_posterior(points, values, params, gradient, work);
}

GpParams fit_gp(const GpPoints& points, std::span<const double> values, const GpParams& start,
                bool noiseless) {
  const std::size_t dimensions = points.dimensions();
  const auto params_at = [&](std::span<const double> raw) {
    GpParams params = GpParams::ones(dimensions);
    for (std::size_t d = 0; d < dimensions; ++d) params.weights[d] = std::exp(raw[d]);
    params.scale = std::exp(raw[dimensions]);
    params.noise = noiseless ? kLeastNoise : std::exp(raw[dimensions + 1]) + kLeastNoise;
    return params;
  };
  Work work;
  for (const GpParams& from : {start, GpParams::ones(dimensions)}) {
    std::vector<double> raw;
    for (const double weight : from.weights) raw.push_back(std::log(weight));
    raw.push_back(std::log(from.scale));
    raw.push_back(std::log(from.noise - 0.99 * kLeastNoise));
    BoxMinimizer minimizer(raw, {}, {});
    std::vector<double> gradient(dimensions + 2);
    while (!minimizer.is_done()) {
      const GpParams params = params_at(minimizer.point());
      const GpLogPosterior found = log_posterior(points, values, params, gradient, work);
      for (double& component : gradient) component = -component;
      gradient[dimensions + 1] *= noiseless ? 0 : params.noise - kLeastNoise;
      minimizer.feed(-found.likelihood - found.prior, gradient);
    }
    if (std::isfinite(minimizer.best_value())) return params_at(minimizer.best());
  }
  return GpParams::ones(dimensions);
}

GpModel::GpModel(GpPoints points, GpParams params, std::size_t exact_from)
    : points_(std::move(points)), params_(std::move(params)), exact_from_(exact_from) {
  const std::size_t n = points_.size(), stride = padded(n);
  std::vector<double> kernel;
  fill_kernel(points_, params_, kernel, nullptr);
  // Points that lie too close for the precision of doubles get a little noise.
  for (const double noise : {1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2}) {
    factor_ = {.size = n, .stride = stride, .lower = kernel, .inverse = {}, .inverse_t = {}};
    for (std::size_t i = 0; i < n; ++i)
      factor_.lower[i * stride + i] += i < exact_from_ ? std::max(params_.noise, noise) : noise;
    if (factorize(factor_)) return;
  }
  throw Error(ErrorCode::kInternal, "the kernel's matrix of " + std::to_string(n) + " points has no factor");
}

std::vector<double> GpModel::solve(std::span<const double> b) const {
  const std::vector<double> white = times(factor_.inverse, size(), factor_.stride, true, b);
  return times(factor_.inverse_t, size(), factor_.stride, false, white);
}

std::vector<double> GpModel::mean_of_exact(std::span<const double> values) const {
  const std::vector<double> white = times(factor_.inverse, exact_from_, factor_.stride, true, values);
  std::vector<double> means;
  for (std::size_t i = exact_from_; i < size(); ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < exact_from_; ++k) sum += factor_.lower[i * factor_.stride + k] * white[k];
    means.push_back(sum);
  }
  return means;
}

std::vector<double> GpModel::lower_of_exact() const {
  const std::size_t count = size() - exact_from_;
  std::vector<double> lower(count * count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j <= i; ++j)
      lower[i * count + j] = factor_.lower[(exact_from_ + i) * factor_.stride + exact_from_ + j];
  }
  return lower;
}

void GpModel::add_head(std::span<const double> weights) {
  assert(weights.size() == size() && "a head has a weight for each row");
  head_weights_.insert(head_weights_.end(), weights.begin(), weights.end());
  ++heads_;
  head_weights_t_.resize(head_weights_.size());
  for (std::size_t h = 0; h < heads_; ++h) {
    for (std::size_t i = 0; i < size(); ++i) head_weights_t_[i * heads_ + h] = head_weights_[h * size() + i];
  }
}

void GpModel::prepare(Tile& tile) const {
  tile.columns.resize(points_.dimensions() * kT);
  tile.heads.resize(heads_ * kT);
  tile.variance.resize(kT);
  tile.kernel.resize(size() * kT);
  tile.slope.resize(size() * kT);
  tile.white.resize(size() * kT);
  tile.factor.resize(size() * kT);
}

void GpModel::evaluate(Tile& tile, bool slopes) const {
  MaternTile kernel = kernel_tile(points_, params_);
  kernel.columns = tile.columns.data();
  kernel.value = tile.kernel.data();
  kernel.slope = slopes ? tile.slope.data() : nullptr;
  gp_kernels().matern(kernel);
  MultiplyTile multiply{.matrix = factor_.inverse.data(),
                        .matrix_stride = factor_.stride,
                        .row_begin = 0,
                        .row_end = size(),
                        .inner_begin = 0,
                        .inner_end = size(),
                        .triangle = Triangle::kLower,
                        .in = tile.kernel.data(),
                        .in_stride = kT,
                        .start = nullptr,
                        .start_stride = 0,
                        .out = tile.white.data(),
                        .out_stride = kT};
  gp_kernels().multiply(multiply);
  double explained[kT] = {};
  for (std::size_t i = 0; i < size(); ++i) {
    for (std::size_t t = 0; t < kT; ++t) explained[t] += tile.white[i * kT + t] * tile.white[i * kT + t];
  }
  for (std::size_t t = 0; t < kT; ++t) tile.variance[t] = std::max(0.0, params_.scale - explained[t]);
  multiply.matrix = head_weights_.data();
  multiply.matrix_stride = size();
  multiply.row_end = heads_;
  multiply.triangle = Triangle::kNone;
  multiply.out = tile.heads.data();
  gp_kernels().multiply(multiply);
}

void GpModel::pull_back(Tile& tile, const double* by_heads, const double* by_variance,
                        double* gradient) const {
  MultiplyTile multiply{.matrix = factor_.inverse_t.data(),
                        .matrix_stride = factor_.stride,
                        .row_begin = 0,
                        .row_end = size(),
                        .inner_begin = 0,
                        .inner_end = size(),
                        .triangle = Triangle::kUpper,
                        .in = tile.white.data(),
                        .in_stride = kT,
                        .start = nullptr,
                        .start_stride = 0,
                        .out = tile.factor.data(),
                        .out_stride = kT};
  gp_kernels().multiply(multiply);
  multiply.matrix = head_weights_t_.data();
  multiply.matrix_stride = heads_;
  multiply.inner_end = heads_;
  multiply.triangle = Triangle::kNone;
  multiply.in = by_heads;
  multiply.out = tile.kernel.data();  // its values are no longer needed
  gp_kernels().multiply(multiply);
  for (std::size_t i = 0; i < size(); ++i) {
    for (std::size_t t = 0; t < kT; ++t) {
      double& factor = tile.factor[i * kT + t];
      factor = tile.kernel[i * kT + t] - 2 * by_variance[t] * factor;
    }
  }
  MaternTile kernel = kernel_tile(points_, params_);
  kernel.columns = tile.columns.data();
  gp_kernels().pull_back(
      {.kernel = kernel, .slope = tile.slope.data(), .factor = tile.factor.data(), .gradient = gradient});
}

}  // namespace ivory::tuning
