#include "crossover.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include <ivory/base/error.h>

namespace ivory::tuning {
namespace {
using Parents = std::span<const std::span<const double>>;
constexpr double kTiny = 1e-10;
constexpr std::array<std::string_view, 6> kNames{"uniform", "blxalpha", "spx", "sbx", "vsbx", "undx"};

void check_probability(double value, std::string_view what) {
  if (value >= 0 && value <= 1) return;
  throw Error(ErrorCode::kInvalidArgument,
              std::string(what) + " is a probability in [0, 1]; got " + real_to_text(value));
}

double eta_of(const CrossoverOptions& options, bool several_objectives) {
  return options.eta.value_or(several_objectives ? 20 : 2);
}

std::vector<double> cross_uniform(const CrossoverOptions& options, Parents parents, Rng& rng) {
  std::vector<double> child(parents[0].size());
  for (std::size_t d = 0; d < child.size(); ++d)
    child[d] = parents[rng.uniform() < options.swapping_prob ? 0 : 1][d];
  return child;
}

std::vector<double> cross_blx(const CrossoverOptions& options, Parents parents, Rng& rng) {
  std::vector<double> child(parents[0].size());
  for (std::size_t d = 0; d < child.size(); ++d) {
    const auto [low, high] = std::minmax(parents[0][d], parents[1][d]);
    const double margin = options.alpha * (high - low);
    child[d] = low - margin + (high - low + 2 * margin) * rng.uniform();
  }
  return child;
}

std::vector<double> cross_simplex(const CrossoverOptions& options, Parents parents, Rng& rng) {
  const std::size_t width = parents[0].size(), count = parents.size();
  const double epsilon = options.epsilon.value_or(std::sqrt(static_cast<double>(width) + 2));
  std::vector<double> shares;
  for (std::size_t k = 1; k < count; ++k)
    shares.push_back(std::pow(rng.uniform(), 1 / static_cast<double>(k)));
  std::vector<double> child(width);
  for (std::size_t d = 0; d < width; ++d) {
    double centre = 0;
    for (const auto& parent : parents) centre += parent[d] / static_cast<double>(count);
    const auto corner = [&](std::size_t k) { return centre + epsilon * (parents[k][d] - centre); };
    double offset = 0;
    for (std::size_t k = 1; k < count; ++k) offset = shares[k - 1] * (corner(k - 1) - corner(k) + offset);
    child[d] = corner(count - 1) + offset;
  }
  return child;
}

// One of the two children whose coordinates are `first` and `second`, with some of the parents' own.
std::vector<double> one_of_two(const CrossoverOptions& options, Parents parents,
                               const std::vector<double>& first, const std::vector<double>& second,
                               Rng& rng) {
  const bool take_second = rng.uniform() >= 0.5;
  std::vector<double> child(first.size());
  for (std::size_t d = 0; d < child.size(); ++d) {
    const bool own = rng.uniform() < options.use_child_gene_prob;
    const bool swapped = rng.uniform() < options.uniform_crossover_prob;
    const double a = own ? first[d] : parents[0][d], b = own ? second[d] : parents[1][d];
    child[d] = swapped == take_second ? a : b;
  }
  return child;
}

std::vector<double> cross_sbx(const CrossoverOptions& options, Parents parents,
                              std::span<const Interval> bounds, double eta, Rng& rng) {
  const std::size_t width = bounds.size();
  const auto spread = [eta](double u, double room) {
    const double alpha = 2 - std::pow(1 + room, -(eta + 1));
    const double power = u <= 1 / alpha ? u * alpha : 1 / (2 - u * alpha);
    return std::pow(power, 1 / (eta + 1));
  };
  std::vector<double> first(width), second(width);
  for (std::size_t d = 0; d < width; ++d) {
    const auto [low, high] = std::minmax(parents[0][d], parents[1][d]);
    const double gap = std::max(high - low, kTiny), u = rng.uniform();
    first[d] = 0.5 * (low + high - spread(u, 2 * (low - bounds[d].low) / gap) * gap);
    second[d] = 0.5 * (low + high + spread(u, 2 * (bounds[d].high - high) / gap) * gap);
  }
  return one_of_two(options, parents, first, second, rng);
}

std::vector<double> cross_vsbx(const CrossoverOptions& options, Parents parents, double eta, Rng& rng) {
  const std::size_t width = parents[0].size();
  const bool inner_first = rng.uniform() <= 0.5, inner_second = rng.uniform() <= 0.5;
  std::vector<double> first(width), second(width);
  for (std::size_t d = 0; d < width; ++d) {
    const double u = rng.uniform(), p = parents[0][d], q = parents[1][d];
    const double one = std::pow(1 / std::max(2 * u, kTiny), 1 / (eta + 1));
    const double two = std::pow(1 / std::max(2 * (1 - u), kTiny), 1 / (eta + 1));
    first[d] = 0.5 * (inner_first ? (1 + one) * p + (1 - two) * q : (1 - one) * p + (1 + two) * q);
    second[d] = 0.5 * (inner_second ? (3 - one) * p - (1 - two) * q : -(1 - one) * p + (3 - two) * q);
  }
  return one_of_two(options, parents, first, second, rng);
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t d = 0; d < a.size(); ++d) sum += a[d] * b[d];
  return sum;
}

// `vector` less its part along the unit vector.
void project_out(std::vector<double>& vector, const std::vector<double>& unit) {
  const double along = dot(vector, unit);
  for (std::size_t d = 0; d < vector.size(); ++d) vector[d] -= along * unit[d];
}

// The normal deviations across the line are one isotropic normal without its part along the line: no basis
// is needed.
std::vector<double> cross_undx(const CrossoverOptions& options, Parents parents, Rng& rng) {
  const std::size_t width = parents[0].size();
  const double across = options.sigma_eta.value_or(0.35 / std::sqrt(static_cast<double>(width)));
  std::vector<double> line(width), third(width), child(width), deviation(width);
  for (std::size_t d = 0; d < width; ++d) {
    line[d] = parents[1][d] - parents[0][d];
    third[d] = parents[2][d] - parents[0][d];
    child[d] = (parents[0][d] + parents[1][d]) / 2;
  }
  const double along = rng.normal() * options.sigma_xi * options.sigma_xi;
  for (std::size_t d = 0; d < width; ++d) child[d] += along * line[d];
  if (width == 1) return child;
  const double length = std::max(std::sqrt(dot(line, line)), kTiny);
  for (double& value : line) value /= length;
  project_out(third, line);
  const double distance = std::sqrt(dot(third, third));
  for (double& value : deviation) value = rng.normal() * across * across;
  project_out(deviation, line);
  for (std::size_t d = 0; d < width; ++d) child[d] += distance * deviation[d];
  return child;
}
}  // namespace

std::string_view to_text(CrossoverKind kind) noexcept { return kNames[static_cast<std::size_t>(kind)]; }

CrossoverKind parse_crossover_kind(std::string_view text) {
  const auto found = std::ranges::find(kNames, text);
  if (found != kNames.end()) return static_cast<CrossoverKind>(found - kNames.begin());
  const std::vector<std::string> names(kNames.begin(), kNames.end());
  throw Error(ErrorCode::kInvalidArgument, "no crossover '" + std::string(text) + "'; there are " +
                                               join(names) + did_you_mean(text, names));
}

void check(const CrossoverOptions& options) {
  check_probability(options.swapping_prob, "swapping_prob");
  check_probability(options.uniform_crossover_prob, "uniform_crossover_prob");
  check_probability(options.use_child_gene_prob, "use_child_gene_prob");
  if (options.eta && !(*options.eta >= 0))
    throw Error(ErrorCode::kInvalidArgument, "eta should be 0 or more; got " + real_to_text(*options.eta));
}

std::size_t parent_count(CrossoverKind kind) noexcept {
  return kind == CrossoverKind::kSpx || kind == CrossoverKind::kUndx ? 3 : 2;
}

std::vector<double> cross(const CrossoverOptions& options, Parents parents, std::span<const Interval> bounds,
                          bool several_objectives, Rng& rng) {
  switch (options.kind) {
    case CrossoverKind::kUniform:
      return cross_uniform(options, parents, rng);
    case CrossoverKind::kBlxAlpha:
      return cross_blx(options, parents, rng);
    case CrossoverKind::kSpx:
      return cross_simplex(options, parents, rng);
    case CrossoverKind::kSbx:
      return cross_sbx(options, parents, bounds, eta_of(options, several_objectives), rng);
    case CrossoverKind::kVsbx:
      return cross_vsbx(options, parents, eta_of(options, several_objectives), rng);
    case CrossoverKind::kUndx:
      break;
  }
  return cross_undx(options, parents, rng);
}

}  // namespace ivory::tuning
