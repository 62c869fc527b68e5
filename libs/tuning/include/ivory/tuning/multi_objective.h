// Comparing points of several objectives. Everywhere less is better.
#pragma once
#include <span>
#include <vector>

namespace ivory::tuning {

// True if `a` is nowhere worse than `b` and somewhere better.
[[nodiscard]] bool dominates(std::span<const double> a, std::span<const double> b) noexcept;

// Rank 0: dominated by none; rank r: by none but those of lower ranks. Equal points share a rank. O(n log n)
// for one and two objectives (a sweep; Kung, Luccio, Preparata 1975), else O(n^2 m) (Deb et al., NSGA-II,
// 2002).
[[nodiscard]] std::vector<int> nondomination_ranks(std::span<const std::vector<double>> points);

// Volume between the points and the reference, of what lies below the reference. Exact: a sweep for two
// objectives, else the WFG recursion (While, Bradstreet, Barone 2012), exponential in the objectives at
// worst.
[[nodiscard]] double hypervolume(std::span<const std::vector<double>> points,
                                 std::span<const double> reference);

// Indexes of `count` points that cover much of the hypervolume, the greedy choice one after another, which is
// at least 1 - 1/e of the best (Guerreiro, Fonseca, Paquete 2016). In the order chosen.
[[nodiscard]] std::vector<std::size_t> select_by_hypervolume(std::span<const std::vector<double>> points,
                                                             std::span<const double> reference,
                                                             std::size_t count);

// Indexes of the `count` best points, sorted: whole ranks of non-domination, and of the rank that does not
// fit the members that select_by_hypervolume takes, with a reference somewhat beyond the worst of them.
[[nodiscard]] std::vector<std::size_t> select_best(std::span<const std::vector<double>> points,
                                                   std::size_t count);

}  // namespace ivory::tuning
