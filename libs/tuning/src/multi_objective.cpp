#include <ivory/tuning/multi_objective.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ivory::tuning {
namespace {
using Points = std::vector<std::vector<double>>;

std::vector<int> ranks_of_two(std::span<const std::vector<double>> points, std::size_t second) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(points[i][0], points[i][second]); });
  std::vector<int> ranks(points.size());
  std::vector<double> least;  // of each rank the least second value so far: falls from rank to rank never
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& point = points[order[i]];
    if (i > 0 && points[order[i - 1]][0] == point[0] && points[order[i - 1]][second] == point[second]) {
      ranks[order[i]] = ranks[order[i - 1]];
      continue;
    }
    // The first rank whose points all have a greater second value.
    const auto place = std::ranges::upper_bound(least, point[second]);
    ranks[order[i]] = static_cast<int>(place - least.begin());
    if (place == least.end()) {
      least.push_back(point[second]);
    } else {
      *place = point[second];
    }
  }
  return ranks;
}

std::vector<int> ranks_of_many(std::span<const std::vector<double>> points) {
  const std::size_t n = points.size();
  std::vector<int> ranks(n, -1);
  std::vector<std::size_t> left(n);
  std::iota(left.begin(), left.end(), std::size_t{0});
  for (int rank = 0; !left.empty(); ++rank) {
    std::vector<std::size_t> rest;
    for (const std::size_t i : left) {
      const bool dominated =
          std::ranges::any_of(left, [&](std::size_t j) { return dominates(points[j], points[i]); });
      if (dominated) {
        rest.push_back(i);
      } else {
        ranks[i] = rank;
      }
    }
    left.swap(rest);
  }
  return ranks;
}

double box(std::span<const double> point, std::span<const double> reference) {
  double volume = 1;
  for (std::size_t i = 0; i < point.size(); ++i) volume *= std::max(0.0, reference[i] - point[i]);
  return volume;
}

double volume_of_two(Points points, std::span<const double> reference) {
  std::ranges::sort(points);
  double volume = 0, ceiling = reference[1];
  for (const auto& point : points) {
    if (point[0] >= reference[0] || point[1] >= ceiling) continue;
    volume += (reference[0] - point[0]) * (ceiling - point[1]);
    ceiling = point[1];
  }
  return volume;
}

Points front_of(const Points& points) {
  Points front;
  for (std::size_t i = 0; i < points.size(); ++i) {
    bool kept = true;
    for (std::size_t j = 0; j < points.size() && kept; ++j) {
      kept = !dominates(points[j], points[i]) && !(j < i && points[j] == points[i]);
    }
    if (kept) front.push_back(points[i]);
  }
  return front;
}

double volume_of(Points points, std::span<const double> reference) {
  if (points.empty()) return 0;
  if (reference.size() == 2) return volume_of_two(std::move(points), reference);
  // Each point adds its box less what the later ones cover of it.
  std::ranges::sort(points, std::greater<>());
  double volume = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    Points limited;
    for (std::size_t j = i + 1; j < points.size(); ++j) {
      auto& point = limited.emplace_back(points[j]);
      for (std::size_t k = 0; k < point.size(); ++k) point[k] = std::max(point[k], points[i][k]);
    }
    volume += box(points[i], reference) - volume_of(front_of(limited), reference);
  }
  return volume;
}

// Somewhat beyond the worst of each objective.
std::vector<double> reference_of(const Points& front) {
  std::vector<double> reference = front.front();
  for (const auto& point : front) {
    for (std::size_t k = 0; k < point.size(); ++k) reference[k] = std::max(reference[k], point[k]);
  }
  for (double& worst : reference) {
    worst = std::max(1.1 * worst, 0.9 * worst);
    if (worst == 0) worst = 1e-12;
  }
  return reference;
}

// The `count` members of a rank that together dominate most.
std::vector<std::size_t> widest(const std::vector<std::size_t>& members,
                                std::span<const std::vector<double>> points, std::size_t count) {
  Points front;
  for (const std::size_t i : members) front.push_back(points[i]);
  std::vector<std::size_t> taken;
  for (const std::size_t i : select_by_hypervolume(front, reference_of(front), count))
    taken.push_back(members[i]);
  return taken;
}
}  // namespace

bool dominates(std::span<const double> a, std::span<const double> b) noexcept {
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

std::vector<int> nondomination_ranks(std::span<const std::vector<double>> points) {
  if (points.empty()) return {};
  const std::size_t m = points.front().size();
  return m <= 2 ? ranks_of_two(points, m - 1) : ranks_of_many(points);
}

double hypervolume(std::span<const std::vector<double>> points, std::span<const double> reference) {
  Points inside;
  for (const auto& point : points) {
    bool below = true;
    for (std::size_t i = 0; i < point.size(); ++i) below = below && point[i] < reference[i];
    if (below) inside.push_back(point);
  }
  if (reference.size() == 1) {
    const auto least = std::ranges::min_element(inside);
    return least == inside.end() ? 0 : reference[0] - least->front();
  }
  return volume_of(front_of(inside), reference);
}

std::vector<std::size_t> select_by_hypervolume(std::span<const std::vector<double>> points,
                                               std::span<const double> reference, std::size_t count) {
  std::vector<std::size_t> chosen;
  Points covered;
  double volume = 0;
  // What a point adds only falls as more are chosen, so a bound from an earlier round saves most
  // computations.
  std::vector<double> bound(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) bound[i] = box(points[i], reference);
  std::vector<bool> taken(points.size());
  while (chosen.size() < std::min(count, points.size())) {
    std::size_t best = points.size();
    double best_gain = -1;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (taken[i] || bound[i] <= best_gain) continue;
      if (!chosen.empty()) {
        covered.push_back(points[i]);
        bound[i] = hypervolume(covered, reference) - volume;
        covered.pop_back();
      }
      if (bound[i] > best_gain) {
        best_gain = bound[i];
        best = i;
      }
    }
    if (best == points.size()) {  // gains that are not comparable (infinite points): take them as they come
      best = static_cast<std::size_t>(std::ranges::find(taken, false) - taken.begin());
      best_gain = 0;
    }
    taken[best] = true;
    chosen.push_back(best);
    covered.push_back(points[best]);
    volume += best_gain;
  }
  return chosen;
}

std::vector<std::size_t> select_best(std::span<const std::vector<double>> points, std::size_t count) {
  const std::vector<int> ranks = nondomination_ranks(points);
  const std::size_t wanted = std::min(count, points.size());
  std::vector<std::size_t> chosen;
  for (int rank = 0; chosen.size() < wanted; ++rank) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      if (ranks[i] == rank) members.push_back(i);
    }
    if (chosen.size() + members.size() > wanted) members = widest(members, points, wanted - chosen.size());
    chosen.insert(chosen.end(), members.begin(), members.end());
  }
  std::ranges::sort(chosen);
  return chosen;
}

}  // namespace ivory::tuning
