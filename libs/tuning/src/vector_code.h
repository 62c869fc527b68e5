// Vector code for several levels of a processor. For units that CMakeLists.txt compiles without fused
// operations: then every level gives the same bits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numbers>

namespace ivory::tuning {

#define IVORY_INLINE inline __attribute__((always_inline))
#define IVORY_AVX512 __attribute__((target("avx512f,avx512dq")))

// A register of W doubles. Written out, since compilers find them in loops only now and then.
template <std::size_t W>
struct Register {
  // NOLINTBEGIN(modernize-use-using)
  typedef double Reals __attribute__((vector_size(W * sizeof(double))));
  typedef std::int64_t Integers __attribute__((vector_size(W * sizeof(double))));
  // NOLINTEND(modernize-use-using)
};
template <std::size_t W>
using Reals = typename Register<W>::Reals;

template <class T>
IVORY_INLINE void load(const double* from, T& into) {
  std::memcpy(&into, from, sizeof into);
}
template <class T>
IVORY_INLINE void store(const T& from, double* into) {
  std::memcpy(into, &from, sizeof from);
}

// Replaces x <= 0 by exp(x) to 1 ulp or two: x = n ln 2 + r, a Taylor polynomial in r, n into the exponent.
// Below -708: 3e-308.
template <std::size_t W>
IVORY_INLINE void exp_of_negative(Reals<W>& x) {
  constexpr double kRound = 0x1.8p52;
  // ln 2 in two parts: n times the first is exact.
  // NOLINTNEXTLINE(modernize-use-std-numbers)
  constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
  const Reals<W> least = Reals<W>{} - 708.0;
  x = x > least ? x : least;
  const Reals<W> shifted = x * std::numbers::log2e + kRound;
  const Reals<W> n = shifted - kRound;
  const Reals<W> r = (x - n * kLn2High) - n * kLn2Low;
  // Even and odd powers apart: half as long a chain of operations that wait for each other.
  const Reals<W> s = r * r;
  Reals<W> even = s * (1.0 / 3628800) + 1.0 / 40320, odd = s * (1.0 / 362880) + 1.0 / 5040;
  even = even * s + 1.0 / 720;
  odd = odd * s + 1.0 / 120;
  even = even * s + 1.0 / 24;
  odd = odd * s + 1.0 / 6;
  even = even * s + 0.5;
  odd = odd * s + 1.0;
  even = even * s + 1.0;
  typename Register<W>::Integers exponent;
  std::memcpy(&exponent, &shifted, sizeof exponent);
  exponent = (exponent + 1023) << 52;
  Reals<W> power;
  std::memcpy(&power, &exponent, sizeof power);
  x = (even + odd * r) * power;
}

}  // namespace ivory::tuning
