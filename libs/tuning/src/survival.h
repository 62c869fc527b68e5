// Who of a population brings up the next one.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <ivory/base/rng.h>
#include <ivory/tuning/history.h>

namespace ivory::tuning {

// Values to minimize, and by how much constraints are violated (0: feasible).
struct Individual {
  std::int64_t number = 0;
  std::vector<double> values;
  double violation = 0;
};
[[nodiscard]] Individual individual_of(const History& history, std::int64_t number);
// True if `a` should be taken before `b`: feasible before infeasible, then by domination or violation.
[[nodiscard]] bool constrained_dominates(const Individual& a, const Individual& b) noexcept;
// Indexes by rank: of the feasible ones by non-domination, behind them of the others by violation.
[[nodiscard]] std::vector<std::vector<std::size_t>> fronts_of(std::span<const Individual> population);
// Along each objective the gap between an individual's neighbours, as a share of the front's width, summed;
// infinite at the ends (Deb et al. 2002). One number an index of `front`.
[[nodiscard]] std::vector<double> crowding_distances(std::span<const Individual> population,
                                                     std::span<const std::size_t> front);
// Numbers of `count` individuals (all, if there are fewer), sorted: whole fronts, of the last one the least
// crowded.
[[nodiscard]] std::vector<std::int64_t> survive_by_crowding(std::span<const Individual> population,
                                                            std::size_t count);
// The same; of the last front those near reference directions that few are near to (Deb, Jain 2014).
[[nodiscard]] std::vector<std::int64_t> survive_by_niche(std::span<const Individual> population,
                                                         std::size_t count,
                                                         std::span<const std::vector<double>> references,
                                                         Rng& rng);
// All points of `objectives` whole numbers >= 0 with the sum `divisions` (Das, Dennis 1998).
[[nodiscard]] std::vector<std::vector<double>> simplex_grid(std::size_t objectives, std::int64_t divisions);

}  // namespace ivory::tuning
