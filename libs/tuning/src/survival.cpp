#include "survival.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include <Eigen/Dense>

#include <ivory/tuning/multi_objective.h>

namespace ivory::tuning {
namespace {
using Indexes = std::vector<std::size_t>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void append_by_violation(std::span<const Individual> population, Indexes infeasible,
                         std::vector<Indexes>& fronts) {
  std::ranges::stable_sort(infeasible, {}, [&](std::size_t i) { return population[i].violation; });
  const Individual* last = nullptr;
  for (const std::size_t i : infeasible) {
    if (!last || population[i].violation != last->violation) fronts.emplace_back();
    fronts.back().push_back(i);
    last = &population[i];
  }
}

// The whole fronts that fit; returns the one that does not, empty if all did.
Indexes take_whole_fronts(std::span<const Individual> population, std::size_t count, Indexes& taken) {
  for (auto& front : fronts_of(population)) {
    if (taken.size() + front.size() > count) return std::move(front);
    taken.insert(taken.end(), front.begin(), front.end());
    if (taken.size() == count) break;
  }
  return {};
}

std::vector<std::int64_t> numbers_of(std::span<const Individual> population, const Indexes& taken) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(taken.size());
  for (const std::size_t i : taken) numbers.push_back(population[i].number);
  std::ranges::sort(numbers);
  return numbers;
}

// ---- NSGA-III

// The values of these individuals with infinities three ranges away, from the ideal point on.
Eigen::MatrixXd values_of(std::span<const Individual> population, const Indexes& members) {
  constexpr double kFar = 3;
  const auto rows = static_cast<Eigen::Index>(members.size());
  const auto objectives = static_cast<Eigen::Index>(population[members.front()].values.size());
  Eigen::MatrixXd matrix(rows, objectives);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const auto& values = population[members[static_cast<std::size_t>(i)]].values;
    for (Eigen::Index k = 0; k < objectives; ++k) matrix(i, k) = values[static_cast<std::size_t>(k)];
  }
  for (Eigen::Index k = 0; k < objectives; ++k) {
    double least = kInfinity, most = -kInfinity;
    for (const double value : matrix.col(k)) {
      if (!std::isfinite(value)) continue;
      least = std::min(least, value);
      most = std::max(most, value);
    }
    if (least > most) least = most = 0;  // nothing finite
    const double margin = kFar * (most - least);
    for (double& value : matrix.col(k)) value = std::clamp(value, least - margin, most + margin);
    matrix.col(k).array() -= matrix.col(k).minCoeff();
  }
  return matrix;
}

// Scales the columns so that the plane through the extreme points meets each axis at 1.
void normalize(Eigen::MatrixXd& matrix) {
  constexpr double kOffAxis = 1e6;  // of the achievement scalarizing function
  const Eigen::Index objectives = matrix.cols();
  Eigen::MatrixXd extremes(objectives, objectives);
  for (Eigen::Index axis = 0; axis < objectives; ++axis) {
    Eigen::VectorXd weights = Eigen::VectorXd::Constant(objectives, kOffAxis);
    weights(axis) = 1;
    Eigen::Index best = 0;
    (matrix * weights.asDiagonal()).rowwise().maxCoeff().minCoeff(&best);
    extremes.row(axis) = matrix.row(best);
  }
  const Eigen::FullPivLU<Eigen::MatrixXd> solver(extremes);
  Eigen::VectorXd inverse(objectives);
  if (solver.isInvertible()) {
    inverse = solver.solve(Eigen::VectorXd::Ones(objectives));
  } else {
    for (Eigen::Index k = 0; k < objectives; ++k) {
      const double most = matrix.col(k).maxCoeff();
      inverse(k) = most == 0 ? 1 : 1 / most;
    }
  }
  for (Eigen::Index k = 0; k < objectives; ++k) {
    if (std::isfinite(inverse(k))) matrix.col(k) *= inverse(k);
  }
}

struct Nearest {
  std::size_t reference = 0;
  double distance = kInfinity;
};

Nearest nearest_direction(const Eigen::RowVectorXd& point, std::span<const std::vector<double>> references) {
  Nearest nearest;
  for (std::size_t r = 0; r < references.size(); ++r) {
    const Eigen::Map<const Eigen::RowVectorXd> direction(references[r].data(), point.size());
    const double along = point.dot(direction) / direction.squaredNorm();
    const double distance = (point - along * direction).norm();
    if (distance < nearest.distance) nearest = {r, distance};
  }
  return nearest;
}

// Members of the last front by the direction they are nearest to, and how many others each direction has.
class Niches {
 public:
  // The first `taken` of the associations belong to those that were taken whole.
  Niches(std::span<const Nearest> nearest, std::size_t taken) {
    for (std::size_t i = taken; i < nearest.size(); ++i)
      niches_[nearest[i].reference].waiting.emplace_back(nearest[i].distance, i - taken);
    for (std::size_t i = 0; i < taken; ++i) {
      const auto found = niches_.find(nearest[i].reference);
      if (found != niches_.end()) ++found->second.count;
    }
  }
  // A member of the direction with the fewest: its nearest while there is none, then any.
  [[nodiscard]] std::size_t take(Rng& rng) {
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (const auto& [reference, niche] : niches_) least = std::min(least, niche.count);
    std::vector<std::size_t> candidates;
    for (const auto& [reference, niche] : niches_) {
      if (niche.count == least) candidates.push_back(reference);
    }
    const std::size_t reference = candidates[rng.below(candidates.size())];
    auto& niche = niches_.at(reference);
    const auto place = niche.count == 0 ? std::ranges::min_element(niche.waiting)
                                        : niche.waiting.begin() +
                                              static_cast<std::ptrdiff_t>(rng.below(niche.waiting.size()));
    const std::size_t member = place->second;
    niche.waiting.erase(place);
    ++niche.count;
    if (niche.waiting.empty()) niches_.erase(reference);
    return member;
  }

 private:
  struct Niche {
    std::size_t count = 0;
    std::vector<std::pair<double, std::size_t>> waiting;  // (distance, member)
  };
  std::map<std::size_t, Niche> niches_;
};
}  // namespace

Individual individual_of(const History& history, std::int64_t number) {
  const TrialRecord& trial = history.trial(number);
  Individual individual{number, trial.values, History::violation(trial)};
  for (std::size_t k = 0; k < individual.values.size(); ++k) individual.values[k] *= history.sign(k);
  return individual;
}

bool constrained_dominates(const Individual& a, const Individual& b) noexcept {
  if (a.violation > 0 || b.violation > 0) return a.violation < b.violation;
  return dominates(a.values, b.values);
}

std::vector<Indexes> fronts_of(std::span<const Individual> population) {
  std::vector<std::vector<double>> points;
  Indexes feasible, infeasible;
  for (std::size_t i = 0; i < population.size(); ++i) {
    if (population[i].violation > 0) {
      infeasible.push_back(i);
    } else {
      feasible.push_back(i);
      points.push_back(population[i].values);
    }
  }
  std::vector<Indexes> fronts;
  const std::vector<int> ranks = nondomination_ranks(points);
  for (std::size_t i = 0; i < feasible.size(); ++i) {
    const auto rank = static_cast<std::size_t>(ranks[i]);
    if (rank >= fronts.size()) fronts.resize(rank + 1);
    fronts[rank].push_back(feasible[i]);
  }
  append_by_violation(population, std::move(infeasible), fronts);
  return fronts;
}

std::vector<double> crowding_distances(std::span<const Individual> population,
                                       std::span<const std::size_t> front) {
  std::vector<double> distances(front.size());
  if (front.empty()) return distances;
  Indexes order(front.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t k = 0; k < population[front[0]].values.size(); ++k) {
    const auto value = [&](std::size_t i) { return population[front[i]].values[k]; };
    std::ranges::stable_sort(order, {}, value);
    if (value(order.front()) == value(order.back())) continue;
    double least = kInfinity, most = -kInfinity;  // of the finite ones, or of the infinity that remains
    for (const std::size_t i : order) {
      if (value(i) != -kInfinity) least = std::min(least, value(i));
      if (value(i) != kInfinity) most = std::max(most, value(i));
    }
    const double width = most > least ? most - least : 1;
    for (std::size_t j = 0; j < order.size(); ++j) {
      const double below = j == 0 ? -kInfinity : value(order[j - 1]);
      const double above = j + 1 == order.size() ? kInfinity : value(order[j + 1]);
      if (below != above) distances[order[j]] += (above - below) / width;
    }
  }
  return distances;
}

std::vector<std::int64_t> survive_by_crowding(std::span<const Individual> population, std::size_t count) {
  Indexes taken;
  const Indexes last = take_whole_fronts(population, count, taken);
  const std::vector<double> distances = crowding_distances(population, last);
  Indexes order(last.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return distances[i]; });
  for (std::size_t i = 0; i < order.size() && taken.size() < count; ++i) taken.push_back(last[order[i]]);
  return numbers_of(population, taken);
}

std::vector<std::int64_t> survive_by_niche(std::span<const Individual> population, std::size_t count,
                                           std::span<const std::vector<double>> references, Rng& rng) {
  Indexes taken;
  const Indexes last = take_whole_fronts(population, count, taken);
  if (last.empty()) return numbers_of(population, taken);
  Indexes members = taken;
  members.insert(members.end(), last.begin(), last.end());
  Eigen::MatrixXd values = values_of(population, members);
  normalize(values);
  std::vector<Nearest> nearest;
  for (const auto& row : values.rowwise()) nearest.push_back(nearest_direction(row, references));
  Niches niches(nearest, taken.size());
  while (taken.size() < count) taken.push_back(last[niches.take(rng)]);
  return numbers_of(population, taken);
}

std::vector<std::vector<double>> simplex_grid(std::size_t objectives, std::int64_t divisions) {
  if (objectives == 1) return {{static_cast<double>(divisions)}};
  std::vector<std::vector<double>> points;
  for (std::int64_t first = divisions; first >= 0; --first) {
    for (const auto& rest : simplex_grid(objectives - 1, divisions - first)) {
      auto& point = points.emplace_back(1, static_cast<double>(first));
      point.insert(point.end(), rest.begin(), rest.end());
    }
  }
  return points;
}

}  // namespace ivory::tuning
