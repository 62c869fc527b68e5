#include "regression_forest.h"

#include <algorithm>
#include <numeric>

namespace ivory::tuning {
namespace {
constexpr double kSameValue = 1e-7;  // values nearer than this are not told apart
// What is left of the error of equal targets by rounding, per squared target.
constexpr double kSameTarget = 1e-14;

// What splitting a sum in two gains, but for a constant: the greater, the better.
double gain_of(double target, double weight, double all_target, double all_weight) noexcept {
  const double rest = all_target - target;
  return target * target / weight + rest * rest / (all_weight - weight);
}
}  // namespace

ForestGrower::ForestGrower(std::vector<ForestColumn> columns, std::vector<double> targets)
    : columns_(std::move(columns)), targets_(std::move(targets)), goes_left_(targets_.size()) {
  // Centred, so that squares keep their digits.
  const double mean =
      std::accumulate(targets_.begin(), targets_.end(), 0.0) / static_cast<double>(targets_.size());
  for (double& target : targets_) target -= mean;
  for (const auto& column : columns_) {
    auto& order = sorted_.emplace_back(targets_.size());
    std::iota(order.begin(), order.end(), Row{0});
    std::ranges::stable_sort(order, {}, [&](Row row) { return column.values[row]; });
  }
}

void ForestGrower::draw(Rng& rng) {
  weights_.assign(targets_.size(), 0.0);
  for (std::size_t i = 0; i < targets_.size(); ++i) weights_[rng.below(targets_.size())] += 1;
  orders_.clear();
  for (const auto& sorted : sorted_) {
    auto& order = orders_.emplace_back();
    std::ranges::copy_if(sorted, std::back_inserter(order), [&](Row row) { return weights_[row] > 0; });
  }
}

ForestGrower::Sum ForestGrower::sum_of(std::size_t begin, std::size_t end) const {
  Sum sum;
  for (std::size_t i = begin; i < end; ++i) {
    const Row row = orders_.front()[i];
    sum.add(weights_[row], targets_[row]);
  }
  return sum;
}

void ForestGrower::try_thresholds(std::size_t column, const Open& open, const Sum& all, Split& best) const {
  const auto& order = orders_[column];
  const auto& values = columns_[column].values;
  double weight = 0, target = 0;
  for (std::size_t i = open.begin; i + 1 < open.end; ++i) {
    const Row row = order[i];
    weight += weights_[row];
    target += weights_[row] * targets_[row];
    const double here = values[row], next = values[order[i + 1]];
    if (next <= here + kSameValue) continue;
    const double gain = gain_of(target, weight, all.target, all.weight);
    if (gain <= best.gain) continue;
    const double middle = here / 2 + next / 2;
    best = {static_cast<int>(column), middle < next ? middle : here, gain, i + 1 - open.begin};
  }
}

void ForestGrower::try_choices(std::size_t column, const Open& open, const Sum& all, Split& best) const {
  const auto& order = orders_[column];
  const auto& values = columns_[column].values;
  for (std::size_t i = open.begin; i < open.end;) {
    const double choice = values[order[i]];
    const std::size_t first = i;
    double weight = 0, target = 0;
    for (; i < open.end && values[order[i]] == choice; ++i) {
      weight += weights_[order[i]];
      target += weights_[order[i]] * targets_[order[i]];
    }
    if (i - first == open.end - open.begin) return;  // all have it
    const double gain = gain_of(target, weight, all.target, all.weight);
    if (gain > best.gain) best = {static_cast<int>(column), choice, gain, i - first};
  }
}

ForestGrower::Split ForestGrower::best_split(const Open& open, const Sum& all, Rng& rng) const {
  Split best;
  for (const std::int64_t i : rng.permutation(static_cast<std::int64_t>(columns_.size()))) {
    const auto column = static_cast<std::size_t>(i);
    if (columns_[column].choices) {
      try_choices(column, open, all, best);
    } else {
      try_thresholds(column, open, all, best);
    }
  }
  return best;
}

void ForestGrower::partition(const Open& open, const Split& split) {
  const auto& column = columns_[static_cast<std::size_t>(split.column)];
  for (std::size_t i = open.begin; i < open.end; ++i) {
    const Row row = orders_.front()[i];
    const double value = column.values[row];
    goes_left_[row] = (column.choices ? value == split.threshold : value <= split.threshold) ? 1 : 0;
  }
  for (auto& order : orders_) {
    right_.clear();
    std::size_t to = open.begin;
    for (std::size_t i = open.begin; i < open.end; ++i) {
      const Row row = order[i];
      if (goes_left_[row] != 0) {
        order[to++] = row;
      } else {
        right_.push_back(row);
      }
    }
    std::ranges::copy(right_, order.begin() + static_cast<std::ptrdiff_t>(to));
  }
}

RegressionTree ForestGrower::grow(int max_depth, Rng& rng) {
  draw(rng);
  RegressionTree tree{.nodes = {TreeNode{}}, .reductions = std::vector<double>(columns_.size())};
  std::vector<Open> open{{0, 0, orders_.front().size(), 0}};
  while (!open.empty()) {
    const Open node = open.back();
    open.pop_back();
    const Sum sum = sum_of(node.begin, node.end);
    tree.nodes[node.node].value = sum.target / sum.weight;
    if (node.depth >= max_depth || sum.error() <= kSameTarget * sum.square) continue;
    const Split split = best_split(node, sum, rng);
    if (split.column < 0) continue;
    partition(node, split);
    tree.reductions[static_cast<std::size_t>(split.column)] +=
        std::max(0.0, split.gain - sum.target * sum.target / sum.weight);
    const std::size_t left = tree.nodes.size(), middle = node.begin + split.size;
    TreeNode& parent = tree.nodes[node.node];
    parent.column = split.column;
    parent.threshold = split.threshold;
    parent.left = left;
    parent.right = left + 1;
    tree.nodes.resize(left + 2);
    open.push_back({left, node.begin, middle, node.depth + 1});
    open.push_back({left + 1, middle, node.end, node.depth + 1});
  }
  return tree;
}

}  // namespace ivory::tuning
