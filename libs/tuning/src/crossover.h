// Children from parents, in the box of the numeric parameters (see space.h).
#pragma once
#include <span>
#include <vector>

#include <ivory/base/rng.h>
#include <ivory/tuning/nsga_samplers.h>

#include "space.h"

namespace ivory::tuning {

// Errors: kInvalidArgument for a probability outside [0, 1] or an eta below 0.
void check(const CrossoverOptions& options);
[[nodiscard]] std::size_t parent_count(CrossoverKind kind) noexcept;
// A child of parent_count(kind) parents, each with one coordinate a bound; it may lie outside the bounds.
[[nodiscard]] std::vector<double> cross(const CrossoverOptions& options,
                                        std::span<const std::span<const double>> parents,
                                        std::span<const Interval> bounds, bool several_objectives, Rng& rng);

}  // namespace ivory::tuning
