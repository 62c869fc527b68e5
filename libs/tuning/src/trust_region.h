// How far from the best trial a search stays.
#pragma once
#include <cstddef>
#include <span>

namespace ivory::tuning {

// The side of a box around the best trial, as a share of each range, after these values (in the order of the
// trials, greater is better; the first `startup` count only for what is best). It begins at a half, doubles
// after two improvements in a row and halves after as many trials without one as the dimensions ask for;
// where it would become too small, it begins anew (Eriksson et al., Scalable Global Optimization via Local
// Bayesian Optimization, NeurIPS 2019).
[[nodiscard]] double trust_region_side(std::span<const double> values, std::size_t startup,
                                       std::size_t dimensions) noexcept;

}  // namespace ivory::tuning
