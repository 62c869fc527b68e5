#include "tpe_split.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ivory/tuning/multi_objective.h>

namespace ivory::tuning {
namespace {
using Points = std::vector<std::vector<double>>;

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

std::vector<std::size_t> members_of(const std::vector<int>& ranks, int rank) {
  std::vector<std::size_t> members;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (ranks[i] == rank) members.push_back(i);
  }
  return members;
}

// The `count` members of a rank that together dominate most.
std::vector<std::size_t> widest(const std::vector<std::size_t>& members, const Points& points,
                                std::size_t count) {
  Points front;
  for (const std::size_t i : members) front.push_back(points[i]);
  std::vector<std::size_t> taken;
  for (const std::size_t i : select_by_hypervolume(front, reference_of(front), count))
    taken.push_back(members[i]);
  return taken;
}
}  // namespace

std::int64_t good_count(std::int64_t n, bool single_objective) noexcept {
  const std::int64_t tenth = (n + 9) / 10;
  return single_objective ? std::min<std::int64_t>(tenth, 25) : tenth;
}

TpeSplit::Merit TpeSplit::merit_of(const History& history, const TrialRecord& trial) {
  if (const double violation = History::violation(trial); violation > 0)
    return {Class::kInfeasible, violation, 0, trial.number};
  if (trial.state == TrialState::kComplete) {
    const double value = history.is_single_objective() ? history.sign() * trial.values.front() : 0;
    return {Class::kFeasible, value, 0, trial.number};
  }
  if (trial.reports.empty()) return {Class::kPruned, 1, 0, trial.number};
  const auto [step, value] = trial.reports.back();
  const double merit = std::isnan(value) ? std::numeric_limits<double>::infinity() : history.sign() * value;
  return {Class::kPruned, -static_cast<double>(step), merit, trial.number};
}

void TpeSplit::update(const History& history) {
  const auto finished = history.finished();
  for (; seen_ < finished.size(); ++seen_) {
    const TrialRecord& trial = history.trial(finished[seen_]);
    if (trial.state == TrialState::kFail) continue;
    const Merit merit = merit_of(history, trial);
    ranking_.insert(std::ranges::upper_bound(ranking_, merit,
                                             [](const Merit& a, const Merit& b) { return (a <=> b) < 0; }),
                    merit);
    numbers_.insert(std::ranges::upper_bound(numbers_, trial.number), trial.number);
  }
}

std::vector<std::int64_t> TpeSplit::best(const History& history, std::int64_t count) const {
  std::vector<std::int64_t> numbers;
  if (history.is_single_objective()) {
    for (std::int64_t i = 0; i < std::min(count, size()); ++i)
      numbers.push_back(ranking_[static_cast<std::size_t>(i)].number);
  } else {
    numbers = best_of_several(history, count);
  }
  std::ranges::sort(numbers);
  return numbers;
}

std::vector<std::int64_t> TpeSplit::best_of_several(const History& history, std::int64_t count) const {
  std::vector<std::int64_t> numbers;
  Points points;
  std::vector<std::int64_t> rest;  // the others, by merit
  for (const Merit& merit : ranking_) {
    if (merit.kind != Class::kFeasible) {
      rest.push_back(merit.number);
      continue;
    }
    numbers.push_back(merit.number);
    auto& point = points.emplace_back(history.trial(merit.number).values);
    for (std::size_t k = 0; k < point.size(); ++k) point[k] *= history.sign(k);
  }
  const std::vector<int> ranks = nondomination_ranks(points);
  std::vector<std::int64_t> chosen;
  const auto wanted = static_cast<std::size_t>(count);
  for (int rank = 0; chosen.size() < std::min(wanted, numbers.size()); ++rank) {
    std::vector<std::size_t> members = members_of(ranks, rank);
    if (chosen.size() + members.size() > wanted) members = widest(members, points, wanted - chosen.size());
    for (const std::size_t i : members) chosen.push_back(numbers[i]);
  }
  for (std::size_t i = 0; i < rest.size() && chosen.size() < wanted; ++i) chosen.push_back(rest[i]);
  return chosen;
}

}  // namespace ivory::tuning
