// Gaussian processes with a Matern 5/2 kernel and a length scale for each dimension.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ivory::tuning {

// Points in [0, 1] by dimension; along a choice two points are either equal or not.
class GpPoints {
 public:
  explicit GpPoints(std::vector<std::uint8_t> choice) : choice_(std::move(choice)) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t dimensions() const noexcept { return choice_.size(); }
  void reserve(std::size_t count);
  void add(std::span<const double> point);
  // By dimension, `stride` apart, with zeros to the end of the last tile.
  [[nodiscard]] const double* rows() const noexcept { return rows_.data(); }
  [[nodiscard]] std::size_t stride() const noexcept { return stride_; }
  [[nodiscard]] const std::uint8_t* choice() const noexcept { return choice_.data(); }

 private:
  std::vector<std::uint8_t> choice_;
  std::size_t size_ = 0, stride_ = 0;
  std::vector<double> rows_;
};

struct GpParams {
  std::vector<double> weights;  // inverse squared length scales
  double scale = 1, noise = 1;  // variances

  [[nodiscard]] static GpParams ones(std::size_t dimensions) {
    return {std::vector<double>(dimensions, 1.0), 1, 1};
  }
};

constexpr double kLeastNoise = 1e-6;

// ln of the marginal likelihood without its constant (Rasmussen and Williams, 2.30), and of the prior:
// Gamma(2, 1) on the scale, Gamma(1.1, 30) on the noise, exp(-0.1 / w - 0.1 w) on each weight. -infinity
// where the kernel's matrix is not positive definite. `gradient`, if not empty: by ln weights, ln scale,
// noise.
struct GpLogPosterior {
  double likelihood, prior;
};
[[nodiscard]] GpLogPosterior gp_log_posterior(const GpPoints& points, std::span<const double> values,
                                              const GpParams& params, std::span<double> gradient = {});

// The parameters with the greatest posterior, near `start`, or near ones() if that leads nowhere. With
// `noiseless` the noise stays at its least.
[[nodiscard]] GpParams fit_gp(const GpPoints& points, std::span<const double> values, const GpParams& start,
                              bool noiseless = false);

// A matrix C = L L' in rows with zeros up to whole tiles, and L's inverse.
struct GpFactor {
  std::size_t size = 0, stride = 0;
  std::vector<double> lower, inverse, inverse_t;
};

// The process given observations. What it says of a point are heads, linear in the kernel values k between
// the point and the observations (head h: weights_h . k), and the variance of the function there.
//
// Threads: const methods from several at once.
class GpModel {
 public:
  // Rows from `exact_from` on are observed without noise (trials that run, whose values are assumed).
  GpModel(GpPoints points, GpParams params, std::size_t exact_from);

  [[nodiscard]] const GpParams& params() const noexcept { return params_; }
  [[nodiscard]] std::size_t size() const noexcept { return factor_.size; }
  [[nodiscard]] std::size_t heads() const noexcept { return heads_; }
  // C^-1 b.
  [[nodiscard]] std::vector<double> solve(std::span<const double> b) const;
  // With values of the rows before exact_from: the mean of the others given those.
  [[nodiscard]] std::vector<double> mean_of_exact(std::span<const double> values) const;
  // L of the covariance of the exact rows given the others, [row][column] of exact rows.
  [[nodiscard]] std::vector<double> lower_of_exact() const;
  // Adds a head.
  void add_head(std::span<const double> weights);

  // Work and results of one tile of points.
  struct Tile {
    std::vector<double> columns;                       // in: [dimension][column]
    std::vector<double> heads, variance;               // out: [head][column], [column]
    std::vector<double> kernel, slope, white, factor;  // [row][column]
  };
  void prepare(Tile& tile) const;
  // `slopes`: a pull_back will follow.
  void evaluate(Tile& tile, bool slopes) const;
  // Adds to gradient [dimension][column] what follows from derivatives by heads and variance.
  void pull_back(Tile& tile, const double* by_heads, const double* by_variance, double* gradient) const;

 private:
  GpPoints points_;
  GpParams params_;
  std::size_t exact_from_, heads_ = 0;
  GpFactor factor_;
  std::vector<double> head_weights_;    // [head][row]
  std::vector<double> head_weights_t_;  // [row][head]
};

}  // namespace ivory::tuning
