#include <algorithm>
#include <cmath>

#include <ivory/base/error.h>
#include <ivory/tuning/importance.h>

#include "common_space.h"
#include "regression_forest.h"

namespace ivory::tuning {
namespace {
using Space = std::vector<TrialParam>;  // name and distribution

// Those of `names`, as the trials that have all of them agree on.
Space given_space(const std::vector<FrozenTrial>& trials, const std::vector<std::string>& names) {
  const auto lacks = [](const FrozenTrial& trial) {
    return [&trial](const std::string& name) { return !trial.find_param(name); };
  };
  Space space;
  for (const auto& trial : trials) {
    if (std::ranges::any_of(names, lacks(trial))) continue;
    if (space.empty()) {
      for (const auto& name : names) space.push_back(*trial.find_param(name));
    }
    for (const auto& param : space) {
      if (has_param(trial, param)) continue;
      throw Error(ErrorCode::kInvalidArgument, "the range of '" + param.name +
                                                   "' changes from trial to trial (" +
                                                   param.distribution.to_text() + ", " +
                                                   trial.find_param(param.name)->distribution.to_text() +
                                                   "): its importance needs the PED-ANOVA evaluator");
    }
  }
  if (space.size() < names.size())
    throw Error(ErrorCode::kNotFound, "no complete trial has all of the parameters " + join(names));
  return space;
}

// The trials as a table: a column a parameter of more than one value.
struct Table {
  std::vector<const TrialParam*> params;
  std::vector<ForestColumn> columns;
  std::vector<double> targets;
};

Table table_of(const std::vector<FrozenTrial>& trials, const Space& space, const ImportanceTarget& target) {
  Table table;
  for (const auto& param : space) {
    if (!param.distribution.is_single()) table.params.push_back(&param);
  }
  table.columns.resize(table.params.size());
  for (std::size_t c = 0; c < table.params.size(); ++c)
    table.columns[c].choices = table.params[c]->distribution.is_categorical();
  for (const auto& trial : trials) {
    if (!std::ranges::all_of(space, [&](const TrialParam& param) { return has_param(trial, param); }))
      continue;
    const double value = target ? target(trial) : trial.value();
    if (!std::isfinite(value)) continue;
    table.targets.push_back(value);
    for (std::size_t c = 0; c < table.params.size(); ++c)
      table.columns[c].values.push_back(trial.find_param(table.params[c]->name)->internal);
  }
  return table;
}

// What both share: from a study to a forest, and from its trees to an average.
class ForestEvaluator : public ImportanceEvaluator {
 public:
  explicit ForestEvaluator(const ForestOptions& options) : options_(options) {
    if (options.n_trees < 1 || options.max_depth < 1) {
      throw Error(ErrorCode::kInvalidArgument,
                  "a forest has at least one tree of at least one split; got n_trees " +
                      std::to_string(options.n_trees) + ", max_depth " + std::to_string(options.max_depth));
    }
  }
  [[nodiscard]] std::vector<ParamImportance> evaluate(const Study& study,
                                                      const std::optional<std::vector<std::string>>& params,
                                                      const ImportanceTarget& target) const final;

 private:
  // The shares of the columns in one tree; empty if it has no split.
  [[nodiscard]] virtual std::vector<double> shares(const RegressionTree& tree, const Table& table) const = 0;
  [[nodiscard]] std::vector<double> average(const Table& table) const;
  ForestOptions options_;
};

std::vector<double> ForestEvaluator::average(const Table& table) const {
  std::vector<double> sums(table.columns.size());
  if (table.targets.size() < 2 || table.columns.empty()) return sums;
  ForestGrower grower(table.columns, table.targets);
  int counted = 0;
  for (int i = 0; i < options_.n_trees; ++i) {
    Rng rng({.seed = options_.seed, .purpose = "importance", .sample = static_cast<std::uint64_t>(i)});
    const std::vector<double> of_tree = shares(grower.grow(options_.max_depth, rng), table);
    if (of_tree.empty()) continue;
    ++counted;
    for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += of_tree[c];
  }
  for (double& sum : sums) sum /= std::max(1, counted);
  return sums;
}

std::vector<ParamImportance> ForestEvaluator::evaluate(const Study& study,
                                                       const std::optional<std::vector<std::string>>& params,
                                                       const ImportanceTarget& target) const {
  if (!target && study.directions().size() > 1) {
    throw Error(ErrorCode::kInvalidArgument, "the study has " + std::to_string(study.directions().size()) +
                                                 " objectives; the evaluator '" + std::string(name()) +
                                                 "' needs a target, one number of a trial");
  }
  const std::vector<FrozenTrial> trials = study.trials(std::vector{TrialState::kComplete});
  const Space space = params ? given_space(trials, *params) : common_space(trials);
  const Table table = table_of(trials, space, target);
  const std::vector<double> averages = average(table);
  std::vector<ParamImportance> importances;
  for (const auto& param : space) {
    const auto at = std::ranges::find(table.params, &param);
    importances.push_back({param.name, at == table.params.end()
                                           ? 0
                                           : averages[static_cast<std::size_t>(at - table.params.begin())]});
  }
  return importances;
}

class MeanDecreaseImpurity final : public ForestEvaluator {
 public:
  using ForestEvaluator::ForestEvaluator;
  [[nodiscard]] std::string_view name() const noexcept override { return "mdi"; }

 private:
  [[nodiscard]] std::vector<double> shares(const RegressionTree& tree, const Table&) const override {
    double sum = 0;
    for (const double reduction : tree.reductions) sum += reduction;
    if (sum == 0) return {};
    std::vector<double> shares = tree.reductions;
    for (double& share : shares) share /= sum;
    return shares;
  }
};

// The part of a column's range that leads to a node.
struct Side {
  double low = 0, high = 1;   // of the range, as fractions of it; numbers
  std::vector<bool> allowed;  // choices
  double size = 1;            // as a fraction of the range
};

// A step of a piecewise constant function: from here on, this much more.
struct Step {
  double at, change;
};

// A tree as a function over the whole space, where every point weighs the same.
class TreeFunction {
 public:
  TreeFunction(const RegressionTree& tree, const Table& table);
  [[nodiscard]] double variance() const noexcept { return variance_; }
  // Of the mean over all other columns.
  [[nodiscard]] double marginal_variance(std::size_t column) const;

 private:
  struct Leaf {
    double value, size;
    std::vector<Side> sides;
  };
  [[nodiscard]] Side whole(std::size_t column) const;
  [[nodiscard]] Side part(const Side& side, const TreeNode& node, bool left) const;
  [[nodiscard]] double variance_over_numbers(std::size_t column) const;
  [[nodiscard]] double variance_over_choices(std::size_t column) const;

  const Table& table_;
  std::vector<Leaf> leaves_;
  double mean_ = 0, variance_ = 0;
};

Side TreeFunction::whole(std::size_t column) const {
  Side side;
  if (table_.columns[column].choices)
    side.allowed.assign(table_.params[column]->distribution.choices().size(), true);
  return side;
}

Side TreeFunction::part(const Side& side, const TreeNode& node, bool left) const {
  const auto column = static_cast<std::size_t>(node.column);
  const Distribution& distribution = table_.params[column]->distribution;
  Side part = side;
  if (table_.columns[column].choices) {
    const auto choice = static_cast<std::size_t>(node.threshold);
    if (left) part.allowed.assign(part.allowed.size(), false);
    part.allowed[choice] = left;
    part.size = static_cast<double>(std::ranges::count(part.allowed, true)) /
                static_cast<double>(part.allowed.size());
    return part;
  }
  const double range = distribution.high() - distribution.low();
  (left ? part.high : part.low) = (node.threshold - distribution.low()) / range;
  part.size = part.high - part.low;
  return part;
}

TreeFunction::TreeFunction(const RegressionTree& tree, const Table& table) : table_(table) {
  std::vector<Side> all;
  for (std::size_t c = 0; c < table.columns.size(); ++c) all.push_back(whole(c));
  std::vector<std::pair<std::size_t, std::vector<Side>>> open{{0, std::move(all)}};
  while (!open.empty()) {
    auto [index, sides] = std::move(open.back());
    open.pop_back();
    const TreeNode& node = tree.nodes[index];
    if (node.column < 0) {
      double size = 1;
      for (const auto& side : sides) size *= side.size;
      leaves_.push_back({node.value, size, std::move(sides)});
      continue;
    }
    auto& side = sides[static_cast<std::size_t>(node.column)];
    const Side right = part(side, node, false);
    side = part(side, node, true);
    open.emplace_back(node.left, sides);
    open.emplace_back(node.right, std::move(sides)).second[static_cast<std::size_t>(node.column)] = right;
  }
  for (const auto& leaf : leaves_) mean_ += leaf.size * leaf.value;
  for (const auto& leaf : leaves_) variance_ += leaf.size * (leaf.value - mean_) * (leaf.value - mean_);
}

double TreeFunction::marginal_variance(std::size_t column) const {
  return table_.columns[column].choices ? variance_over_choices(column) : variance_over_numbers(column);
}

double TreeFunction::variance_over_choices(std::size_t column) const {
  std::vector<double> means(leaves_.front().sides[column].allowed.size());
  for (const auto& leaf : leaves_) {
    const Side& side = leaf.sides[column];
    for (std::size_t choice = 0; choice < means.size(); ++choice) {
      if (side.allowed[choice]) means[choice] += leaf.value * leaf.size / side.size;
    }
  }
  double variance = 0;
  for (const double mean : means)
    variance += (mean - mean_) * (mean - mean_) / static_cast<double>(means.size());
  return variance;
}

double TreeFunction::variance_over_numbers(std::size_t column) const {
  double everywhere = 0;  // of leaves that do not look at the column
  std::vector<Step> steps;
  for (const auto& leaf : leaves_) {
    const Side& side = leaf.sides[column];
    if (side.low == 0 && side.high == 1) {
      everywhere += leaf.value * leaf.size;
    } else if (side.size > 0) {
      const double height = leaf.value * leaf.size / side.size;
      steps.push_back({side.low, height});
      steps.push_back({side.high, -height});
    }
  }
  std::ranges::sort(steps, {}, &Step::at);
  double variance = 0, here = everywhere - mean_, from = 0;
  for (const auto& [at, change] : steps) {
    variance += (at - from) * here * here;
    here += change;
    from = at;
  }
  return variance;
}

class Fanova final : public ForestEvaluator {
 public:
  using ForestEvaluator::ForestEvaluator;
  [[nodiscard]] std::string_view name() const noexcept override { return "fanova"; }

 private:
  [[nodiscard]] std::vector<double> shares(const RegressionTree& tree, const Table& table) const override {
    const TreeFunction function(tree, table);
    if (!(function.variance() > 0)) return {};
    std::vector<double> shares;
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      shares.push_back(function.marginal_variance(c) / function.variance());
    return shares;
  }
};
}  // namespace

std::unique_ptr<ImportanceEvaluator> make_fanova_evaluator(const ForestOptions& options) {
  return std::make_unique<Fanova>(options);
}

std::unique_ptr<ImportanceEvaluator> make_mdi_evaluator(const ForestOptions& options) {
  return std::make_unique<MeanDecreaseImpurity>(options);
}

}  // namespace ivory::tuning
