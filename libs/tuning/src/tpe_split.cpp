#include "tpe_split.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ivory/tuning/multi_objective.h>

namespace ivory::tuning {
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
  std::vector<std::vector<double>> points;
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
  std::vector<std::int64_t> chosen;
  const auto wanted = static_cast<std::size_t>(count);
  for (const std::size_t i : select_best(points, wanted)) chosen.push_back(numbers[i]);
  for (std::size_t i = 0; i < rest.size() && chosen.size() < wanted; ++i) chosen.push_back(rest[i]);
  return chosen;
}

}  // namespace ivory::tuning
