// Finds a minimum of a smooth function in a box, from values and gradients that the caller works out.
#pragma once
#include <cstddef>
#include <deque>
#include <span>
#include <vector>

namespace ivory::tuning {

struct BoxMinimizerOptions {
  double gradient_tolerance = 1e-2;  // greatest component of the projected gradient at the end
  int max_iterations = 200;
};

// Limited-memory BFGS (Liu and Nocedal 1989) on the coordinates that no bound holds, with a search along the
// projected path (Bertsekas 1982). Turned inside out, so that many run side by side on one batch of points:
//   while (!minimizer.is_done()) minimizer.feed(value at minimizer.point(), gradient there);
//
// Threads: one at a time.
class BoxMinimizer {
 public:
  // `lower` and `upper` may be infinite; empty: no bounds.
  BoxMinimizer(std::vector<double> start, std::vector<double> lower, std::vector<double> upper,
               const BoxMinimizerOptions& options = {});

  [[nodiscard]] bool is_done() const noexcept { return done_; }
  // Where it wants to know value and gradient.
  [[nodiscard]] std::span<const double> point() const noexcept { return trial_; }
  // A value that is not finite sends it back.
  void feed(double value, std::span<const double> gradient);
  [[nodiscard]] const std::vector<double>& best() const noexcept { return x_; }
  [[nodiscard]] double best_value() const noexcept { return value_; }

 private:
  struct Pair {
    std::vector<double> step, change;
    double curvature;
  };
  [[nodiscard]] double clamp(std::size_t i, double x) const;
  [[nodiscard]] bool is_held(std::size_t i) const;
  [[nodiscard]] double projected_gradient() const;
  void accept(double value, std::span<const double> gradient);
  void choose_direction();
  void try_step(double length);

  std::vector<double> lower_, upper_;
  BoxMinimizerOptions options_;
  std::vector<double> x_, gradient_, direction_, trial_;
  double value_ = 0, length_ = 1;
  int iterations_ = 0, shrinks_ = 0;
  bool begun_ = false, done_ = false;
  std::deque<Pair> memory_;
};

}  // namespace ivory::tuning
