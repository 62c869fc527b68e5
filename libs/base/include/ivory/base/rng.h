// Counter-based random numbers: the same key gives the same numbers, whoever asks and in whatever order.
#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace ivory {

// What a stream of numbers is for. Never a clock, a worker or a run's number.
struct RngKey {
  std::uint64_t seed = 0;
  std::uint64_t repeat = 0;
  std::string_view purpose = {};  // "shuffle", "folds", "init" …
  std::uint64_t epoch = 0;
  std::uint64_t sample = 0;
};

// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011).
// A UniformRandomBitGenerator; prefer its own methods, whose results do not depend on the standard library.
// Threads: one stream belongs to one thread.
class Rng {
 public:
  using result_type = std::uint32_t;
  explicit Rng(const RngKey& key) noexcept;
  // The raw generator: block `counter` under `key`.
  [[nodiscard]] static std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                           std::array<std::uint32_t, 2> key) noexcept;

  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }
  result_type operator()() noexcept;
  std::uint64_t next64() noexcept;
  double uniform() noexcept;                         // [0, 1), 53 bits
  double uniform(double low, double high) noexcept;  // [low, high)
  double normal() noexcept;                          // standard normal (Box-Muller)
  std::uint64_t below(std::uint64_t n) noexcept;     // [0, n), unbiased; n > 0
  void shuffle(std::span<std::int64_t> values) noexcept;
  [[nodiscard]] std::vector<std::int64_t> permutation(std::int64_t n);

 private:
  std::array<std::uint32_t, 2> key_{};
  std::array<std::uint32_t, 4> counter_{};
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
};

// A 64-bit seed for a generator of another library, drawn from a key.
[[nodiscard]] std::uint64_t derive_seed(const RngKey& key) noexcept;

}  // namespace ivory
