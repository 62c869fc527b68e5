#include <ivory/tuning/history.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include <ivory/base/error.h>
#include <ivory/tuning/multi_objective.h>

#include "full_reports.h"
#include "json.h"
#include "published.h"

namespace ivory::tuning {
namespace {
constexpr std::size_t kDistributionsLookedAt = 16;  // ranges that change every trial are not all compared
constexpr std::string_view kConstraint = "constraints:";
}  // namespace

const double* TrialRecord::find_param(std::uint32_t name) const noexcept {
  for (const auto& param : params) {
    if (param.name == name) return &param.internal;
  }
  return nullptr;
}

const double* TrialRecord::find_report(std::int64_t step) const noexcept {
  const auto found = std::ranges::lower_bound(reports, step, {}, &std::pair<std::int64_t, double>::first);
  return found != reports.end() && found->first == step ? &found->second : nullptr;
}

namespace {
using FullPlace = std::pair<std::optional<std::int64_t>, std::int64_t>;
FullPlace place_of(const TrialReport& report) { return {report.fold, report.step}; }
}  // namespace

std::span<const double> TrialRecord::find_values(std::optional<std::int64_t> fold,
                                                 std::int64_t step) const noexcept {
  if (full) {
    const auto found = std::ranges::lower_bound(full->all, FullPlace{fold, step}, {}, place_of);
    if (found == full->all.end() || place_of(*found) != FullPlace{fold, step}) return {};
    return found->values;
  }
  const double* value = fold ? nullptr : find_report(step);
  return value ? std::span(value, 1) : std::span<const double>();
}

const Params* TrialRecord::find_system_attr(std::string_view key) const {
  return attrs ? attrs->system.find(key) : nullptr;
}

History::History(std::string study_name, std::vector<Direction> directions)
    : study_name_(std::move(study_name)), directions_(std::move(directions)) {
  for (const Direction direction : directions_) signs_.push_back(direction == Direction::kMaximize ? -1 : 1);
}

const TrialRecord& History::trial(std::int64_t number) const {
  if (number < 0 || number >= size()) {
    throw Error(ErrorCode::kNotFound, "the study '" + study_name_ + "' has no trial " +
                                          std::to_string(number) + "; it has " + std::to_string(size()));
  }
  return trials_[static_cast<std::size_t>(number)];
}

TrialRecord& History::open_trial(std::int64_t number) {
  static_cast<void>(trial(number));
  TrialRecord& found = trials_[static_cast<std::size_t>(number)];
  if (is_finished(found.state)) {
    throw Error(ErrorCode::kConflict, "trial " + std::to_string(number) + " has ended (" +
                                          std::string(to_text(found.state)) + ") and cannot be changed");
  }
  return found;
}

std::optional<std::int64_t> History::find_best() const {
  assert(is_single_objective());
  std::optional<std::int64_t> best;
  double best_value = 0;
  for (const auto& trial : trials_) {
    if (trial.state != TrialState::kComplete) continue;
    const double value = sign() * trial.values.front();
    if (best && !(value < best_value)) continue;
    if (trial.attrs && violation(trial) > 0) continue;
    best = trial.number;
    best_value = value;
  }
  return best;
}

std::vector<std::int64_t> History::best_trials() const {
  std::vector<std::int64_t> numbers;
  std::vector<std::vector<double>> points;
  for (const auto& trial : trials_) {
    if (trial.state != TrialState::kComplete || violation(trial) > 0) continue;
    numbers.push_back(trial.number);
    auto& point = points.emplace_back(trial.values);
    for (std::size_t i = 0; i < point.size(); ++i) point[i] *= signs_[i];
  }
  const std::vector<int> ranks = nondomination_ranks(points);
  std::vector<std::int64_t> best;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (ranks[i] == 0) best.push_back(numbers[i]);
  }
  return best;
}

std::optional<std::uint32_t> History::find_name(std::string_view name) const {
  const auto found = name_ids_.find(name);
  return found == name_ids_.end() ? std::nullopt : std::optional(found->second);
}

const Distribution* History::find_latest(std::uint32_t name) const {
  const auto& known = names_[name].distributions;
  return known.empty() ? nullptr : &distributions_[known.back()];
}

double History::violation(const TrialRecord& trial) {
  if (!trial.attrs) return 0;
  double sum = 0;
  const auto add = [&](const Params& value) {
    sum += value.is_number() ? std::max(0.0, value.as_real()) : 0;
  };
  for (const auto& [key, value] : trial.attrs->system.items()) {
    if (key.starts_with(kConstraint)) add(value);
    if (key == "constraints" && value.is_list()) std::ranges::for_each(value.elements(), add);
  }
  return sum;
}

FrozenTrial History::freeze(std::int64_t number) const {
  const TrialRecord& record = trial(number);
  FrozenTrial frozen{.number = record.number,
                     .trial_id = record.trial_id,
                     .state = record.state,
                     .values = record.values,
                     .datetime_start = record.start,
                     .datetime_complete = record.complete};
  for (const auto& param : record.params) {
    frozen.params.push_back({name(param.name), distribution(param.distribution), param.internal});
  }
  frozen.intermediate_values.insert(record.reports.begin(), record.reports.end());
  if (record.full) frozen.reports = record.full->all;
  if (record.attrs) {
    frozen.user_attrs = record.attrs->user;
    frozen.system_attrs = record.attrs->system;
  }
  return frozen;
}

std::uint32_t History::name_id(std::string_view name) {
  const auto found = name_ids_.find(name);
  if (found != name_ids_.end()) return found->second;
  const auto id = static_cast<std::uint32_t>(names_.size());
  names_.push_back({std::make_unique<std::string>(name), {}});
  name_ids_.emplace(*names_.back().name, id);
  return id;
}

std::uint32_t History::distribution_id(std::uint32_t name, const Distribution& distribution) {
  auto& known = names_[name].distributions;
  const std::size_t first = known.size() > kDistributionsLookedAt ? known.size() - kDistributionsLookedAt : 0;
  for (std::size_t i = known.size(); i > first; --i) {
    if (distributions_[known[i - 1]] == distribution) return known[i - 1];
  }
  if (!known.empty())
    check_compatible(*names_[name].name, distributions_[known.back()], distribution, choices_may_grow_);
  const auto id = static_cast<std::uint32_t>(distributions_.size());
  distributions_.push_back(distribution);
  known.push_back(id);
  return id;
}

void History::enter(TrialRecord& trial) {
  if (trial.state == TrialState::kRunning) running_.insert(trial.number);
  if (trial.state == TrialState::kWaiting) waiting_.insert(trial.number);
  if (is_finished(trial.state)) finished_.push_back(trial.number);
  if (trial.state == TrialState::kComplete) ++complete_;
  if (trial.state == TrialState::kPruned) ++pruned_;
}

void History::check_values(TrialState state, std::span<const double> values) const {
  if (state != TrialState::kComplete || values.size() == directions_.size()) return;
  throw Error(ErrorCode::kInvalidArgument, "a COMPLETE trial of '" + study_name_ + "' needs " +
                                               std::to_string(directions_.size()) + " value(s); got " +
                                               std::to_string(values.size()));
}

std::int64_t History::add(const FrozenTrial& frozen) {
  check_values(frozen.state, frozen.values);
  TrialRecord record;
  record.number = size();
  record.trial_id = frozen.trial_id;
  record.state = frozen.state;
  record.values = frozen.values;
  for (const auto& param : frozen.params) {
    const std::uint32_t name = name_id(param.name);
    record.params.push_back({name, distribution_id(name, param.distribution), param.internal});
  }
  record.reports.assign(frozen.intermediate_values.begin(), frozen.intermediate_values.end());
  for (const auto& report : frozen.reports) enter_report(record, report);
  if (!frozen.user_attrs.empty() || !frozen.system_attrs.empty()) {
    record.attrs =
        std::make_unique<TrialRecord::Attrs>(TrialRecord::Attrs{frozen.user_attrs, frozen.system_attrs});
    std::erase_if(record.attrs->system.items(), [&](const ParamsItem& item) {
      const auto report = find_report(item.key, item.value);
      if (report) enter_report(record, *report);
      return report.has_value();
    });
  }
  record.start = frozen.datetime_start;
  record.complete = frozen.datetime_complete;
  trials_.push_back(std::move(record));
  enter(trials_.back());
  return size() - 1;
}

std::int64_t History::add_running(std::int64_t trial_id, Time start) {
  TrialRecord record;
  record.number = size();
  record.trial_id = trial_id;
  record.start = start;
  trials_.push_back(std::move(record));
  enter(trials_.back());
  return size() - 1;
}

bool History::start(std::int64_t number, Time start) {
  static_cast<void>(trial(number));
  TrialRecord& record = trials_[static_cast<std::size_t>(number)];
  if (record.state != TrialState::kWaiting) return false;
  waiting_.erase(number);
  record.state = TrialState::kRunning;
  record.start = start;
  enter(record);
  return true;
}

void History::set_param(std::int64_t number, std::string_view name, const Distribution& distribution,
                        double internal) {
  TrialRecord& record = open_trial(number);
  const std::uint32_t id = name_id(name);
  const std::uint32_t distribution_key = distribution_id(id, distribution);
  const auto known = std::ranges::find(record.params, id, &ParamRecord::name);
  if (known == record.params.end()) {
    record.params.push_back({id, distribution_key, internal});
  } else {
    *known = {id, distribution_key, internal};
  }
}

void History::set_joint(std::int64_t number, const std::vector<TrialParam>& joint) {
  TrialRecord& record = open_trial(number);
  record.joint.clear();
  for (const auto& param : joint) {
    const std::uint32_t name = name_id(param.name);
    record.joint.push_back({name, distribution_id(name, param.distribution), param.internal});
  }
}

void History::report(std::int64_t number, std::int64_t step, double value) {
  enter_report(open_trial(number), step, value);
}

void History::report(std::int64_t number, const TrialReport& report) {
  enter_report(open_trial(number), report);
}

void History::enter_report(TrialRecord& trial, std::int64_t step, double value) {
  auto& reports = trial.reports;
  const auto place = std::ranges::lower_bound(reports, step, {}, &std::pair<std::int64_t, double>::first);
  if (place != reports.end() && place->first == step) {
    place->second = value;
  } else {
    reports.emplace(place, step, value);
  }
}

void History::enter_report(TrialRecord& trial, const TrialReport& report) {
  if (!trial.full) trial.full = std::make_unique<TrialRecord::FullReports>();
  auto& all = trial.full->all;
  const auto place = std::ranges::lower_bound(all, place_of(report), {}, place_of);
  if (place != all.end() && place_of(*place) == place_of(report)) {
    place->values = report.values;
  } else {
    all.insert(place, report);
  }
  trial.full->latest_fold = report.fold;
  enter_report(trial, report.fold.value_or(report.step), report.values.front());
}

void History::set_trial_attr(std::int64_t number, bool system, std::string_view key, const Params& value) {
  TrialRecord& record = open_trial(number);
  if (system) {
    if (const auto report = find_report(key, value)) {
      enter_report(record, *report);
      return;
    }
  }
  if (!record.attrs) record.attrs = std::make_unique<TrialRecord::Attrs>();
  (system ? record.attrs->system : record.attrs->user)[key] = value;
  if (!system) return;
  for (const std::string_view prefix : {kTpePublished, kGpPublished}) {
    if (key.starts_with(prefix)) read_published(record, prefix);
  }
}

// The joint proposal of a trial that runs elsewhere: a JSON object of external values, in pieces.
void History::read_published(TrialRecord& record, std::string_view prefix) {
  std::string text;
  for (int i = 0;; ++i) {
    const Params* piece = record.attrs->system.find(std::string(prefix) + std::to_string(i));
    if (!piece || !piece->is_string()) break;
    text += piece->as_string();
  }
  if (!text.ends_with('}')) return;  // more pieces will come
  std::vector<ParamRecord> joint;
  json::Reader reader(text);
  reader.object([&](const std::string& name) {
    const Params value = reader.value();
    const auto id = find_name(name);
    if (!id || names_[*id].distributions.empty()) return;  // not seen here: nothing to compare it with
    const std::uint32_t distribution_key = names_[*id].distributions.back();
    joint.push_back({*id, distribution_key, distributions_[distribution_key].to_internal(value)});
  });
  record.joint = std::move(joint);
}

void History::finish(std::int64_t number, TrialState state, std::span<const double> values, Time complete) {
  TrialRecord& record = open_trial(number);
  assert(is_finished(state));
  check_values(state, values);
  running_.erase(number);
  waiting_.erase(number);
  record.state = state;
  record.values.assign(values.begin(), values.end());
  record.complete = complete;
  std::vector<ParamRecord>().swap(record.joint);
  record.params.shrink_to_fit();
  record.reports.shrink_to_fit();
  enter(record);
}

void History::set_study_attr(bool system, std::string_view key, const Params& value) {
  (system ? system_attrs_ : user_attrs_)[key] = value;
  if (system && key == kGrowingChoicesAttr) choices_may_grow_ = value == Params(true);
}

}  // namespace ivory::tuning
