// How the front of a study of several objectives grew.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <ivory/tuning/study.h>

namespace ivory::tuning {

struct HypervolumePoint {
  std::int64_t number = 0;  // of a COMPLETE trial
  double volume = 0;        // of the feasible ones up to it
  friend bool operator==(const HypervolumePoint&, const HypervolumePoint&) = default;
};

// The hypervolume that the trials dominate up to a reference point, which is given as objectives are (not
// negated where they are maximized): one point a COMPLETE trial, by number; never falls. Trials that violate
// a constraint or lie beyond the reference add nothing. Costs one hypervolume of the front a trial that joins
// it. Errors: kInvalidArgument for a reference of another length than the objectives, or with a NaN.
[[nodiscard]] std::vector<HypervolumePoint> hypervolume_history(const Study& study,
                                                                std::span<const double> reference);

}  // namespace ivory::tuning
