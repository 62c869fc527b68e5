// Gradient descent in Rosenbrock's valley: easy to enter, slow to walk.
#pragma once
#include <cmath>
#include <limits>

struct Descent {
  double height = 0;  // above the end of the valley, after the last step; infinite if it flew off
  int steps = 0;
};

// From (-1.2, 1) at most `most_steps` steps, until the height is below `goal`.
inline Descent descend(double rate, double momentum, int most_steps, double goal = 0) {
  double x = -1.2, y = 1, dx = 0, dy = 0;
  Descent at;
  for (at.steps = 0; at.steps <= most_steps; ++at.steps) {
    const double ahead = y - x * x;
    at.height = (1 - x) * (1 - x) + 100 * ahead * ahead;
    if (!(at.height < 1e6)) return {std::numeric_limits<double>::infinity(), at.steps};
    if (at.height < goal || at.steps == most_steps) break;
    dx = momentum * dx - rate * (-2 * (1 - x) - 400 * x * ahead);
    dy = momentum * dy - rate * 200 * ahead;
    x += dx;
    y += dy;
  }
  return at;
}
