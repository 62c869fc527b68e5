// Which trials a tree-structured Parzen estimator takes for good ones.
#pragma once
#include <compare>
#include <cstdint>
#include <vector>

#include <ivory/tuning/history.h>

namespace ivory::tuning {

// How many of n finished trials are good: a tenth, rounded up; of one objective at most 25.
[[nodiscard]] std::int64_t good_count(std::int64_t n, bool single_objective) noexcept;

// The finished trials in order of merit, kept as the history grows: of one objective feasible COMPLETE ones
// by value, PRUNED ones (later last step first, then value), infeasible ones by violation; of several, ranks
// of non-domination take the place of the value, and the last rank that is not taken whole is chosen from by
// hypervolume.
class TpeSplit {
 public:
  // Looks at what has finished since.
  void update(const History& history);
  [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(ranking_.size()); }
  // Numbers of the first `count` by merit, sorted.
  [[nodiscard]] std::vector<std::int64_t> best(const History& history, std::int64_t count) const;
  // All that were ranked, sorted by number.
  [[nodiscard]] const std::vector<std::int64_t>& numbers() const noexcept { return numbers_; }

 private:
  enum class Class : std::uint8_t { kFeasible, kPruned, kInfeasible };
  struct Merit {
    Class kind;
    double first, second;  // less is better
    std::int64_t number;
    friend auto operator<=>(const Merit&, const Merit&) = default;
  };
  static Merit merit_of(const History& history, const TrialRecord& trial);
  [[nodiscard]] std::vector<std::int64_t> best_of_several(const History& history, std::int64_t count) const;
  std::size_t seen_ = 0;
  std::vector<Merit> ranking_;  // sorted
  std::vector<std::int64_t> numbers_;
};

}  // namespace ivory::tuning
