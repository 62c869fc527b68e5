// The inner loop of a mixture of products: vector code, chosen when the program starts; every level adds in
// the same order without fused operations, so that all machines give the same bits.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace ivory::tuning {

constexpr std::size_t kKernelBlock =
    128;  // kernels of one call: a dozen dimensions of them stay in the first cache

// Of one point: ln sum_k weight_k exp(q_k), gathered block by block.
struct MixtureSum {
  double most = -1e300;          // the greatest q so far
  std::array<double, 8> sums{};  // of weight * exp(q - most), by k mod 8
};

struct MixtureBlock {
  // By dimension, each kKernelBlock long: centres, and 1 / (sqrt(2) sigma).
  const std::vector<const double*>& centre;
  const std::vector<const double*>& scale;
  const double* base;    // of each kernel, what does not depend on the point
  const double* weight;  // of each kernel
  const double* point;   // one coordinate a dimension
  // Terms of other dimensions, already worked out for this point.
  const std::vector<const double*>& terms;
};

// Adds the block's kernels to the sum: q_k = base_k - sum_d ((point_d - centre_dk) scale_dk)^2 + sum_t
// terms_tk.
void add_block(const MixtureBlock& block, MixtureSum& sum);
// The same at each level of vector code that this machine has, the best first.
using AddBlock = void (*)(const MixtureBlock&, MixtureSum&);
[[nodiscard]] std::vector<AddBlock> add_block_levels();
// Which one this machine takes: "avx512", "avx2" or "plain".
[[nodiscard]] std::string_view vector_level() noexcept;
[[nodiscard]] double log_of(const MixtureSum& sum);

}  // namespace ivory::tuning
