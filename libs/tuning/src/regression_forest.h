// Regression trees over the columns of a table, grown as for a random forest.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <ivory/base/rng.h>

namespace ivory::tuning {

// One column: numbers, or indexes of choices. One value a row.
struct ForestColumn {
  std::vector<double> values;
  bool choices = false;
};

struct TreeNode {
  // The column that is split; -1: a leaf. Rows with a value <= threshold, or with this choice, go left.
  int column = -1;
  double threshold = 0;
  std::size_t left = 0, right = 0;  // the children
  double value = 0;                 // mean of the targets that came here
};

struct RegressionTree {
  std::vector<TreeNode> nodes;     // the root first, parents before their children
  std::vector<double> reductions;  // of the summed squared error, by column
};

// Classification and regression trees (Breiman et al. 1984), each on a bootstrap sample (Breiman, Random
// Forests, 2001), all columns tried at each split: the one that reduces the squared error most, of equals one
// at random. Splits until a node's targets are the same or its rows cannot be told apart, at most `max_depth`
// times. Columns are sorted once; a level of a tree costs rows times columns.
class ForestGrower {
 public:
  ForestGrower(std::vector<ForestColumn> columns, std::vector<double> targets);
  [[nodiscard]] RegressionTree grow(int max_depth, Rng& rng);

 private:
  using Row = std::uint32_t;
  // Rows [begin, end) of each of `orders_` have come to this node.
  struct Open {
    std::size_t node, begin, end;
    int depth;
  };
  struct Sum {
    double weight = 0, target = 0, square = 0;
    void add(double w, double y) noexcept {
      weight += w;
      target += w * y;
      square += w * y * y;
    }
    // Summed squared distance from the mean.
    [[nodiscard]] double error() const noexcept { return square - target * target / weight; }
  };
  struct Split {
    int column = -1;
    double threshold = 0, gain = -1;
    std::size_t size = 0;  // rows that go left
  };
  void draw(Rng& rng);
  [[nodiscard]] Sum sum_of(std::size_t begin, std::size_t end) const;
  [[nodiscard]] Split best_split(const Open& open, const Sum& all, Rng& rng) const;
  void try_thresholds(std::size_t column, const Open& open, const Sum& all, Split& best) const;
  void try_choices(std::size_t column, const Open& open, const Sum& all, Split& best) const;
  void partition(const Open& open, const Split& split);

  std::vector<ForestColumn> columns_;
  std::vector<double> targets_;
  std::vector<std::vector<Row>> sorted_;  // all rows by each column
  std::vector<std::vector<Row>> orders_;  // those of the sample, node by node
  std::vector<double> weights_;           // how often a row was drawn
  std::vector<char> goes_left_;
  std::vector<Row> right_;  // to work with
};

}  // namespace ivory::tuning
