// The inner loops of Gaussian processes, for kTileWidth columns at a time: vector code, chosen when the
// program starts. Every level adds in the same order without fused operations, so that all machines give the
// same bits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ivory::tuning {

constexpr std::size_t kTileWidth = 16;

// Kernel values between rows (observations) and the tile's columns.
struct MaternTile {
  const double* rows;          // [dimension][row], `row_stride` apart
  const double* columns;       // [dimension][column], kTileWidth apart
  const double* weights;       // inverse squared length scale of each dimension
  const std::uint8_t* choice;  // of each dimension: 1 where values are equal or not, nothing between
  std::size_t row_stride, dimensions, begin, end;  // rows [begin, end)
  double scale;
  double* value;  // [row][column], `stride` apart; row `begin` first
  double* slope;  // the derivative by the squared distance, if not null
  std::size_t stride;
};

enum class Triangle : std::uint8_t { kNone, kLower, kUpper };
// out[row][c] = (start[row][c] if not null) +- sum over inner of matrix[row][inner] in[inner][c]; with a
// triangle, only where inner <= row, or >= row; the rest of the matrix is then to be zero.
struct MultiplyTile {
  const double* matrix;
  std::size_t matrix_stride;
  std::size_t row_begin, row_end, inner_begin, inner_end;
  Triangle triangle;
  const double* in;  // row 0 is inner 0
  std::size_t in_stride;
  const double* start;  // subtracted from, if not null; row 0 is row 0, as of out
  std::size_t start_stride;
  double* out;
  std::size_t out_stride;
};

// gradient[d][c] += sum over rows of factor[row][c] slope[row][c] 2 weight_d (column_d - row_d).
struct PullbackTile {
  MaternTile kernel;     // value and slope are not looked at
  const double* slope;   // of the kernel, its stride apart
  const double* factor;  // [row][column], kTileWidth apart
  double* gradient;      // [dimension][column], kTileWidth apart
};

// sums[d] += sum over rows and columns of factor slope distance_d^2, a distance of choices being 0 or 1.
struct ScaleGradientTile {
  MaternTile kernel;
  const double* slope;
  const double* factor;
  double* sums;
};

struct GpKernels {
  void (*matern)(const MaternTile&);
  void (*multiply)(const MultiplyTile&);
  void (*pull_back)(const PullbackTile&);
  void (*scale_gradient)(const ScaleGradientTile&);
};
// At each level of vector code that this machine has, the best first.
[[nodiscard]] std::vector<GpKernels> gp_kernel_levels();
[[nodiscard]] const GpKernels& gp_kernels();

}  // namespace ivory::tuning
