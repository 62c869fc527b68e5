// Values as a model should see them.
#pragma once
#include <vector>

namespace ivory::tuning {

// Of values of which greater is better, in place: those below the median become quantiles of a normal
// distribution by their ranks, as wide as those above it are; then all become the logarithm of their distance
// from the best, from -0.5 to 0.5. So a few very bad values do not flatten the model, and it tells good ones
// apart. The order stays. (The half-rank and log warpings of Song et al., The Vizier Gaussian Process Bandit
// Algorithm, arXiv 2408.11527.) Values are left alone where a half of them or more is equal to the best.
void warp(std::vector<double>& values);

}  // namespace ivory::tuning
