// Finds the point that promises most.
#pragma once
#include <cstddef>
#include <vector>

#include <ivory/base/rng.h>
#include <ivory/tuning/distributions.h>

#include "acquisition.h"
#include "space.h"

namespace ivory::tuning {

// Parameters as coordinates: numbers in [0, 1] over their interval (see interval_of), choices as their index.
class UnitSpace {
 public:
  explicit UnitSpace(std::vector<Distribution> distributions);

  [[nodiscard]] std::size_t size() const noexcept { return distributions_.size(); }
  [[nodiscard]] const Distribution& distribution(std::size_t d) const { return distributions_[d]; }
  [[nodiscard]] std::vector<std::uint8_t> choices() const;
  [[nodiscard]] bool is_discrete(std::size_t d) const { return levels_[d] > 0; }
  // Number of values of a discrete parameter; 0: not one.
  [[nodiscard]] std::size_t levels(std::size_t d) const { return levels_[d]; }
  [[nodiscard]] double to_unit(std::size_t d, double internal) const;
  [[nodiscard]] double from_unit(std::size_t d, double unit) const;
  [[nodiscard]] double level_to_unit(std::size_t d, std::size_t level) const;
  [[nodiscard]] std::size_t unit_to_level(std::size_t d, double unit) const;
  // The point of a parameter for a number in [0, 1).
  [[nodiscard]] double at_fraction(std::size_t d, double fraction) const;

 private:
  std::vector<Distribution> distributions_;
  std::vector<Interval> intervals_;
  std::vector<std::size_t> levels_;
};

// Where to look: of each parameter an interval of its coordinates. Empty: everywhere. Choices are not bound.
struct UnitBox {
  std::vector<double> lower, upper;
};

// Looks at 2,048 points of a Sobol sequence, starts from the best one, others drawn by their promise, and
// `known` (good points of the past; at most 9), ten in all; then by turns climbs along the gradient and tries
// the values of each discrete parameter, until neither helps.
[[nodiscard]] std::vector<double> maximize_acquisition(Acquisition& acquisition, const UnitSpace& space,
                                                       const std::vector<std::vector<double>>& known,
                                                       Rng& rng, const UnitBox& box = {});

}  // namespace ivory::tuning
