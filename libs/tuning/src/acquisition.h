// How much a point promises, in the light of Gaussian processes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "gaussian_process.h"

namespace ivory::tuning {

// ln E max(0, z + N(0, 1)) (Ament et al., Unexpected Improvements to Expected Improvement, arXiv 2310.20708).
[[nodiscard]] double log_expected_improvement(double z) noexcept;

// Boxes, disjoint, that cover what no point of the front dominates and the reference does; less is better.
struct HypervolumeBoxes {
  std::size_t objectives = 0;
  std::vector<double> upper, size;  // [box][objective]; a size may be infinite
};
[[nodiscard]] HypervolumeBoxes non_dominated_boxes(const std::vector<std::vector<double>>& front,
                                                   const std::vector<double>& reference);

// What is known when the acquisition function is made. Values are standardized, and greater is better.
struct AcquisitionInputs {
  const GpPoints& points;                               // of the finished trials
  const GpPoints& running;                              // of those that run
  const std::vector<std::vector<double>>& objectives;   // [objective][trial]
  const std::vector<GpParams>& params;                  // of each objective
  const std::vector<std::vector<double>>& constraints;  // [constraint][trial]
  const std::vector<GpParams>& constraint_params;
  const std::vector<double>& thresholds;  // a constraint holds from there on
  const std::vector<bool>& feasible;      // [trial]
  std::uint64_t seed;                     // of the samples that stand for a distribution
};

// ln of: the expected improvement over the best feasible value, for one objective; its mean over fantasies of
// the running trials, if there are any (qEI, one more point to those that run); the expected hypervolume
// improvement (Daulton, Balandat, Bakshy, arXiv 2006.05078) for several, with running trials taken at their
// means (Ginsbourger et al. 2010). Plus ln of the probability that the constraints hold (Gardner et al., ICML
// 2014), which is all there is while no trial is feasible.
//
// Threads: one at a time.
class Acquisition {
 public:
  explicit Acquisition(const AcquisitionInputs& inputs);

  // True: where samples stand for a distribution, the first quarter of them will do.
  void set_rough(bool rough) noexcept { samples_ = rough ? kSamples / 4 : kSamples; }
  // Of up to kTileWidth points, [point][dimension]; with gradients, [point][dimension], unless empty.
  void evaluate(std::span<const double> points, std::span<double> values, std::span<double> gradients = {});
  // Mean length scales of the objectives' kernels.
  [[nodiscard]] std::vector<double> length_scales() const;

 private:
  static constexpr std::size_t kSamples = 128;
  struct Process {
    GpModel model;
    GpModel::Tile tile;
    std::vector<double> by_heads, by_variance;  // [head][column], [column]
  };
  void add_process(const AcquisitionInputs& inputs, const std::vector<double>& values, const GpParams& params,
                   std::vector<Process>& processes);
  void imagine_running(const AcquisitionInputs& inputs, const std::vector<double>& values);
  void decompose(const AcquisitionInputs& inputs);
  void fill_tile(Process& process, std::span<const double> points, std::size_t count, bool gradients) const;
  [[nodiscard]] double value_of(std::size_t column);
  double add_improvement(std::size_t column);
  double add_fantasies(std::size_t column);
  double add_hypervolume(std::size_t column);
  double add_feasibility(Process& process, double threshold, std::size_t column);

  std::size_t dimensions_, samples_ = kSamples;
  std::vector<Process> objectives_, constraints_;
  std::vector<double> thresholds_;
  double best_ = -std::numeric_limits<double>::infinity();
  // Of each sample: what the running trials improve, their distances from their means, and a normal number.
  std::vector<double> improved_, fantasies_, normals_;
  HypervolumeBoxes boxes_;
  std::vector<double> normal_points_;  // [sample][objective]
  std::vector<double> work_;
};

}  // namespace ivory::tuning
