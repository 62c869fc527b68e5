// Covariance matrix adaptation: a normal distribution that learns the shape of a function.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include <ivory/base/rng.h>

namespace ivory::tuning {

struct CmaSetup {
  std::vector<double> mean;             // in the unit box
  double sigma = 1.0 / 6;               // > 0
  std::vector<double> covariance = {};  // dimensions^2; empty: the identity
  std::size_t population = 0;           // 0: 4 + floor(3 ln dimensions)
  bool separable = false;               // a diagonal covariance, which learns faster in many dimensions
  // One a dimension: the distance of the values that a dimension can take, 0, step, 2 step … 1, which get a
  // margin; 0: any value. Empty: none.
  std::vector<double> steps = {};
};

// CMA-ES on the unit box (Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772, with weights of
// both signs); separable: Ros and Hansen, A Simple Modification in CMA-ES …, PPSN 2008; with margin, which
// keeps discrete values from dying out: Hamano, Saito, Nomura, Shirakawa, CMA-ES with Margin, GECCO 2022.
//
// Threads: one at a time.
class CmaEs {
 public:
  // `position` is the point of the box to evaluate; `told` what tell() wants to see of it, which differs
  // where there are steps.
  struct Draw {
    std::vector<double> position, told;
  };

  explicit CmaEs(const CmaSetup& setup);

  [[nodiscard]] std::size_t dimensions() const noexcept { return mean_.size(); }
  [[nodiscard]] std::size_t population() const noexcept { return population_; }
  [[nodiscard]] const std::vector<double>& mean() const noexcept { return mean_; }
  [[nodiscard]] double sigma() const noexcept { return sigma_; }
  // Drawn again, up to ten times the dimensions, while it lies outside the box; then moved onto its faces.
  [[nodiscard]] Draw draw(Rng& rng) const;
  // Moves on by one generation: `population` points, the best first.
  void tell(std::span<const std::vector<double>> points);

 private:
  void set_weights();
  void set_separable_weights();
  void decompose();
  [[nodiscard]] std::vector<double> whiten(std::span<const double> step) const;
  void update_covariance(const std::vector<std::vector<double>>& steps, double h);
  [[nodiscard]] bool is_discrete(std::size_t d) const { return !steps_.empty() && steps_[d] > 0; }
  [[nodiscard]] double variance(std::size_t d) const;
  [[nodiscard]] double level(std::size_t d, double value) const;
  void correct_margin();
  void correct_margin(std::size_t d, double margin);

  bool separable_;
  std::size_t population_, parents_ = 0;
  std::vector<double> weights_;
  double mu_eff_ = 0, c1_ = 0, c_mu_ = 0, c_c_ = 0, c_sigma_ = 0, d_sigma_ = 0, chi_ = 0;

  std::vector<double> mean_;
  double sigma_;
  std::vector<double> covariance_;  // dimensions^2, separable: dimensions
  std::vector<double> path_sigma_, path_c_;
  std::size_t generation_ = 0;
  // Of the covariance: unit vectors by column, the roots of its eigenvalues, and columns times roots.
  std::vector<double> axes_, lengths_, scaled_axes_;
  std::vector<double> steps_;
  std::vector<double> stretch_;  // by which a discrete coordinate lies farther from the mean than drawn
};

// A distribution to begin with, from points of a related problem, best first: of the best tenth, widened
// (WS-CMA-ES: Nomura, Watanabe, Akimoto, Ozaki, Onishi, AAAI 2021). Sets mean, sigma and covariance. `points`
// is not empty.
void start_from(std::span<const std::vector<double>> points, CmaSetup& setup);

}  // namespace ivory::tuning
