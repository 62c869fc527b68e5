#include "engine.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <unordered_map>

#include <ivory/base/error.h>
#include <ivory/base/log.h>

#include "mixture_kernel.h"
#include "process_token.h"

namespace ivory::tuning {

std::string values_to_text(std::span<const double> values) {
  std::vector<std::string> words;
  for (const double value : values) words.push_back(real_to_text(value));
  return "[" + join(words) + "]";
}

namespace {
using std::chrono::milliseconds;

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

Time now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

bool all_numbers(std::span<const double> values) {
  return std::ranges::none_of(values, [](double value) { return std::isnan(value); });
}

std::string trial_name(std::int64_t number) { return "trial " + std::to_string(number); }

// The value that a pruned trial keeps: its last report, with folds the mean of each fold's last.
std::vector<double> last_values(const TrialRecord& trial) {
  if (!trial.full) {
    if (trial.reports.empty()) return {};
    return {trial.reports.back().second};
  }
  const auto& all = trial.full->all;
  if (!all.back().fold) return all.back().values;
  std::vector<double> sums(all.back().values.size());
  double folds = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size() && all[i + 1].fold == all[i].fold) continue;
    ++folds;
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += all[i].values[k];
  }
  for (double& sum : sums) sum /= folds;
  return sums;
}

// Trials by their parameters.
struct DuplicateIndex {
  std::size_t seen = 0;
  std::unordered_multimap<std::uint64_t, std::int64_t> by_params;  // COMPLETE ones

  static std::uint64_t hash(std::span<const ParamRecord> params) {
    std::uint64_t sum = 0;  // whatever their order
    for (const auto& param : params) {
      std::uint64_t bits =
          std::bit_cast<std::uint64_t>(param.internal) + 0x9E3779B97F4A7C15U * (param.name + 1U);
      bits = (bits ^ (bits >> 30U)) * 0xBF58476D1CE4E5B9U;
      sum += (bits ^ (bits >> 27U)) * 0x94D049BB133111EBU;
    }
    return sum;
  }
  void update(const History& history) {
    for (; seen < history.finished().size(); ++seen) {
      const TrialRecord& trial = history.trial(history.finished()[seen]);
      if (trial.state == TrialState::kComplete && !trial.params.empty())
        by_params.emplace(hash(trial.params), trial.number);
    }
  }
  // The first complete trial with all of these parameters and no others.
  [[nodiscard]] std::optional<std::int64_t> find(const History& history,
                                                 std::span<const ParamRecord> params) const {
    std::optional<std::int64_t> first;
    const auto [begin, end] = by_params.equal_range(hash(params));
    for (auto it = begin; it != end; ++it) {
      const TrialRecord& other = history.trial(it->second);
      const bool same =
          other.params.size() == params.size() && std::ranges::all_of(params, [&](const ParamRecord& param) {
            const double* value = other.find_param(param.name);
            return value && *value == param.internal;
          });
      if (same) first = std::min(first.value_or(other.number), other.number);
    }
    return first;
  }
};
}  // namespace

// The owner comes first: a trial that runs and has none would never be taken up.
std::optional<std::int64_t> Study::Engine::start_waiting(std::int64_t number, bool owned) {
  try {
    if (owned) backend->set_trial_attr(history, number, true, kOwnerAttr, token_);
    if (!backend->start(history, number, now())) return {};
    if (owned) backend->set_trial_attr(history, number, true, kOwnerAttr, token_);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kConflict) throw;  // another process has run it meanwhile
    backend->refresh(history);
    return {};
  }
  return number;
}

std::int64_t Study::Engine::take_trial_locked(bool owned) {
  backend->refresh(history);
  std::optional<std::int64_t> number;
  while (!number && !history.waiting().empty()) number = start_waiting(*history.waiting().begin(), owned);
  if (!number && owned) {
    FrozenTrial trial{.state = TrialState::kRunning, .datetime_start = now()};
    trial.system_attrs[kOwnerAttr] = token_;
    number = backend->add(history, trial);
  }
  if (!number) number = backend->add_running(history, now());
  if (owned) active_.insert(*number);
  Context context(*this, nullptr, *number);
  history.set_joint(*number, sampler->sample_joint(context));
  return *number;
}

void Study::Engine::prepare_token() {
  if (token_.empty()) token_ = own_process_token() + "/" + std::to_string(std::random_device()());
}

std::optional<std::int64_t> Study::Engine::find_orphan() const {
  const auto orphan = std::ranges::find_if(
      history.running(), [&](std::int64_t number) { return is_orphan(history.trial(number)); });
  return orphan == history.running().end() ? std::nullopt : std::optional(*orphan);
}

bool Study::Engine::take_over(std::int64_t number) {
  const Params owner = *history.trial(number).find_system_attr(kOwnerAttr);
  return backend->exchange_trial_attr(history, number, kOwnerAttr, owner, token_);
}

bool Study::Engine::release(std::int64_t number) {
  const std::scoped_lock lock(mutex);
  const Params* owner = history.trial(number).find_system_attr(kOwnerAttr);
  if (!owner || *owner != Params(token_)) return false;
  backend->set_trial_attr(history, number, true, kOwnerAttr, kNobody);
  active_.erase(number);
  ended_.notify_all();
  return true;
}

std::optional<Study::Taken> Study::Engine::take_trial(std::optional<std::int64_t> n_total, bool take_up) {
  const std::scoped_lock lock(mutex);
  if (take_up || n_total) backend->refresh(history);
  if (take_up) {
    prepare_token();
    while (const auto orphan = find_orphan()) {
      if (!take_over(*orphan)) continue;
      active_.insert(*orphan);
      Context context(*this, nullptr, *orphan);
      history.set_joint(*orphan, sampler->sample_joint(context));
      return Taken{*orphan, nullptr};
    }
  }
  if (n_total) {
    const std::int64_t next = history.waiting().empty() ? history.size() : *history.waiting().begin();
    if (next >= *n_total) return {};
  }
  return Taken{take_trial_locked(take_up), nullptr};
}

std::vector<FrozenTrial> Study::Engine::fail_stale() {
  const std::scoped_lock lock(mutex);
  const auto grace = heartbeat.grace.count() > 0 ? heartbeat.grace : 2 * heartbeat.interval;
  std::vector<FrozenTrial> failed;
  for (const std::int64_t number : backend->stale(grace)) {
    if (number >= history.size()) backend->refresh(history);
    try {
      backend->finish(history, number, TrialState::kFail, {}, now());
      failed.push_back(history.freeze(number));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kConflict) throw;  // it has ended, or another process was first
    }
  }
  return failed;
}

void Study::Engine::prepare_order(std::int64_t lag) {
  if (lag < 1) fail("the lag of a deterministic study is at least 1; got " + std::to_string(lag));
  const std::scoped_lock lock(mutex);
  backend->refresh(history);
  const std::string level(vector_level());
  if (const Params* kept = history.system_attrs().find(kOrderAttr)) {
    const std::int64_t lag_before = kept->at("lag").as_int();
    if (lag_before != lag) {
      throw Error(ErrorCode::kConflict,
                  "the study '" + history.study_name() + "' was begun with a lag of " +
                      std::to_string(lag_before) + "; with " + std::to_string(lag) +
                      " it would become another one: give lag = " + std::to_string(lag_before));
    }
    if (const std::string before = kept->at("vector_level").as_string(); before != level) {
      log_warning("the study '" + history.study_name() + "' was begun with vector code of level " + before +
                  ", this machine has " + level + ": it may not go on bit by bit the same");
    }
  } else {
    Params order = Params::map();
    order["lag"] = lag;
    order["vector_level"] = level;
    backend->set_study_attr(history, true, kOrderAttr, order);
  }
  prepare_token();
  if (ordered_ && ordered_->lag() == lag) return;
  ordered_ = std::make_unique<OrderedViews>(history, lag, [this](OrderedView& view) {
    Context context(*this, &view, view.number);
    return sampler->sample_joint(context);
  });
}

// Of trials that run, those of this engine are known; of others the owner tells whether they go on.
bool Study::Engine::is_orphan(const TrialRecord& trial) const {
  const Params* owner = trial.find_system_attr(kOwnerAttr);
  if (!owner || !owner->is_string() || active_.contains(trial.number)) return false;
  const std::string& text = owner->as_string();
  return text == kNobody || text == token_ ||
         is_alive(std::string_view(text).substr(0, text.find('/'))) == false;
}

bool Study::Engine::others_run() const {
  return std::ranges::any_of(history.running(), [&](std::int64_t number) {
    return !active_.contains(number) && history.trial(number).find_system_attr(kOwnerAttr);
  });
}

std::optional<Study::Engine::Candidate> Study::Engine::next_in_order(
    std::optional<std::int64_t> n_total) const {
  if (const auto orphan = find_orphan()) return Candidate{*orphan, Kind::kOrphan};
  Candidate next{history.size(), Kind::kNew};
  if (!history.waiting().empty()) next = {*history.waiting().begin(), Kind::kWaiting};
  if (n_total && next.number >= *n_total) return {};
  return next;
}

bool Study::Engine::is_past_stop(std::int64_t number) {
  for (; stop_seen_ <= number - ordered_->lag(); ++stop_seen_) {
    if (!first_stop_ && history.trial(stop_seen_).find_system_attr(kStopAttr)) first_stop_ = stop_seen_;
  }
  return first_stop_ && *first_stop_ <= number - ordered_->lag();
}

bool Study::Engine::claim(const Candidate& candidate, const OrderedView& view) {
  if (candidate.kind != Kind::kNew) return claim_known(candidate, view);
  FrozenTrial trial{.state = TrialState::kRunning, .datetime_start = now()};
  for (const auto& key : view.start_attrs)
    trial.system_attrs[key] = *view.history.trial(view.number).find_system_attr(key);
  if (backend->is_shared()) {
    trial.system_attrs[kStartAttr] = start_to_params(view);
    trial.system_attrs[kOwnerAttr] = token_;
  }
  return backend->add_as(history, candidate.number, trial);
}

bool Study::Engine::claim_known(const Candidate& candidate, const OrderedView& view) {
  const auto set = [&](std::string_view key, const Params& value) {
    backend->set_trial_attr(history, candidate.number, true, key, value);
  };
  try {
    // The owner comes first: a trial that runs and has none would never be taken up again.
    if (candidate.kind == Kind::kOrphan && !take_over(candidate.number)) return false;
    if (candidate.kind == Kind::kWaiting && backend->is_shared()) set(kOwnerAttr, token_);
    if (candidate.kind == Kind::kWaiting && !backend->start(history, candidate.number, now())) return false;
    if (backend->is_shared()) {
      backend->refresh(history);
      const Params* owner = history.trial(candidate.number).find_system_attr(kOwnerAttr);
      if (!owner || *owner != Params(token_)) set(kOwnerAttr, token_);
      set(kStartAttr, start_to_params(view));
    }
    for (const auto& key : view.start_attrs) set(key, *view.history.trial(view.number).find_system_attr(key));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kConflict) return false;  // another process has ended it
    throw;
  }
  return true;
}

std::optional<Study::Taken> Study::Engine::start_in_order(const Candidate& candidate, bool& is_last) {
  if (!ordered_->is_ready(candidate.number)) return {};
  if (is_past_stop(candidate.number)) {
    is_last = true;
    return {};
  }
  OrderedView& view = ordered_->at(candidate.number);
  if (view.wants_stop) {
    is_last = true;
    return {};
  }
  if (!claim(candidate, view)) return {};
  view.begun = true;
  active_.insert(candidate.number);
  return Taken{candidate.number, &view};
}

std::optional<Study::Taken> Study::Engine::take_in_order(const std::function<bool()>& is_over,
                                                         std::optional<std::int64_t> n_total) {
  constexpr milliseconds kShortest{1}, kLongest{20}, kPatience{10'000};
  std::unique_lock lock(mutex);
  milliseconds pause = kShortest, waited{0};
  for (;;) {
    if (is_over()) return {};
    backend->refresh(history);
    const auto candidate = next_in_order(n_total);
    bool is_last = !candidate;
    if (candidate) {
      const auto taken = start_in_order(*candidate, is_last);
      if (taken) return taken;
    }
    // The last trials of others are waited for: should their process die, they are taken up here.
    if (is_last && !others_run()) return {};
    ended_.wait_for(lock, pause);
    waited += pause;
    pause = std::min(2 * pause, kLongest);
    if (waited < kPatience || history.running().empty()) continue;
    log_info("a deterministic study waits for trial " + std::to_string(*history.running().begin()) +
             ", which runs elsewhere");
    waited = milliseconds(0);
  }
}

bool Study::Engine::has_ended(std::int64_t number) {
  const std::scoped_lock lock(mutex);
  backend->refresh(history);
  return is_finished(history.trial(number).state);
}

double Study::Engine::choose(OrderedView* view, const TrialRecord& trial, std::string_view name,
                             std::uint32_t id, const Distribution& distribution) {
  const Params* fixed = trial.find_system_attr("fixed_params");
  if (const Params* value = fixed ? fixed->find(name) : nullptr) {
    const double internal = distribution.to_internal(*value);
    if (!distribution.contains(internal)) {
      log_warning("the enqueued value " + value->to_text() + " of '" + std::string(name) +
                  "' lies outside its " + distribution.to_text());
    }
    return internal;
  }
  if (distribution.is_single()) return distribution.low();
  if (const auto joint = std::ranges::find(trial.joint, id, &ParamRecord::name);
      joint != trial.joint.end() && distribution.contains(joint->internal)) {
    return joint->internal;
  }
  Context context(*this, view, trial.number);
  return sampler->sample_independent(context, name, distribution);
}

double Study::Engine::suggest_locked(OrderedView* view, std::int64_t number, std::string_view name,
                                     const Distribution& distribution) {
  History& own = view ? view->history : history;
  const TrialRecord& trial = own.trial(number);
  const std::uint32_t id = own.name_id(name);
  if (const auto known = std::ranges::find(trial.params, id, &ParamRecord::name);
      known != trial.params.end()) {
    check_compatible(name, own.distribution(known->distribution), distribution, own.choices_may_grow());
    if (distribution.contains(known->internal)) return known->internal;
    // Asked again with other bounds, it stays what it was.
    log_warning("the parameter '" + std::string(name) + "' was suggested as " +
                real_to_text(known->internal) + " before, outside its new " + distribution.to_text());
    return known->internal;
  }
  // Choices that have grown do not go again: samplers count on all that they have seen.
  if (const Distribution* latest = own.find_latest(id); latest && own.choices_may_grow())
    check_compatible(name, *latest, distribution, true);
  static_cast<void>(own.distribution_id(id, distribution));
  const double internal = choose(view, trial, name, id, distribution);
  backend->set_param(history, number, name, distribution, internal);
  if (view) view->history.set_param(number, name, distribution, internal);
  if (duplicates != Duplicates::kAllow) check_duplicate(view, number);
  return internal;
}

void Study::Engine::check_duplicate(OrderedView* view, std::int64_t number) {
  const History& known = seen(view);
  Context context(*this, view, number);
  auto& index = context.memory<DuplicateIndex>(&duplicates);
  index.update(known);
  if (const auto earlier = index.find(known, known.trial(number).params)) throw DuplicateFound(*earlier);
}

FrozenTrial Study::Engine::tell_duplicate(OrderedView* view, std::int64_t number, std::int64_t earlier) {
  std::vector<double> values;
  {
    const std::scoped_lock lock(mutex);
    const TrialRecord& first = seen(view).trial(earlier);
    set_attr_locked(view, number, true, "ivory:duplicate_of", earlier);
    if (duplicates == Duplicates::kReuse) {
      values = first.values;
      const Params attrs = first.attrs ? first.attrs->system : Params::map();
      for (const auto& [key, value] : attrs.items()) {
        if (key.starts_with("constraints")) set_attr_locked(view, number, true, key, value);
      }
    }
  }
  if (values.empty()) return tell(view, number, {}, {.state = TrialState::kFail});
  return tell(view, number, values, {});
}

void Study::Engine::check_report(const TrialRecord& trial, const TrialReport& report) const {
  const std::size_t objectives = history.directions().size();
  if (report.values.size() != objectives) {
    fail(trial_name(trial.number) + " reported " + std::to_string(report.values.size()) +
         " value(s) at step " + std::to_string(report.step) + " where the study has " +
         std::to_string(objectives) + " objective(s); give one value each");
  }
  const bool had_folds = trial.full && trial.full->latest_fold;
  if (!trial.reports.empty() && had_folds != report.fold.has_value()) {
    fail(trial_name(trial.number) + " reported step " + std::to_string(report.step) +
         (had_folds ? " without a fold after steps of folds" : " of a fold after steps without one") +
         "; report all of a trial's steps with a fold, or none");
  }
}

void Study::Engine::report_locked(OrderedView* view, std::int64_t number, const TrialReport& report) {
  const TrialRecord& trial = seen(view).trial(number);
  check_report(trial, report);
  if (!trial.find_values(report.fold, report.step).empty()) {
    log_warning(trial_name(number) + " has reported step " + std::to_string(report.step) +
                (report.fold ? " of fold " + std::to_string(*report.fold) : "") +
                " before; the second report is ignored");
    return;
  }
  if (report.fold || report.values.size() > 1) {
    backend->report_full(history, number, report);
    if (view) view->history.report(number, report);
  } else {
    backend->report(history, number, report.step, report.values.front());
    if (view) view->history.report(number, report.step, report.values.front());
  }
}

bool Study::Engine::should_prune_locked(OrderedView* view, std::int64_t number) {
  Context context(*this, view, number);
  return pruner->should_prune(context);
}

void Study::Engine::set_attr_locked(OrderedView* view, std::int64_t number, bool system, std::string_view key,
                                    const Params& value) {
  backend->set_trial_attr(history, number, system, key, value);
  if (view) view->history.set_trial_attr(number, system, key, value);
}

std::pair<TrialState, std::vector<double>> Study::Engine::outcome_locked(const OrderedView* view,
                                                                         std::int64_t number,
                                                                         std::span<const double> values,
                                                                         const TellOptions& options) const {
  const bool good = values.size() == history.directions().size() && all_numbers(values);
  const std::string found = trial_name(number) + " gave " + values_to_text(values) + " where " +
                            std::to_string(history.directions().size()) +
                            " number(s) other than NaN were expected";
  if (!options.state) {
    if (good) return {TrialState::kComplete, {values.begin(), values.end()}};
    log_warning(found + "; it is FAIL");
    return {TrialState::kFail, {}};
  }
  switch (*options.state) {
    case TrialState::kComplete:
      if (!good) fail(found);
      return {TrialState::kComplete, {values.begin(), values.end()}};
    case TrialState::kPruned: {
      if (!values.empty()) fail("a pruned trial takes no values: its last report is its value");
      std::vector<double> last = last_values(seen(view).trial(number));
      if (!all_numbers(last)) last.clear();
      return {TrialState::kPruned, last};
    }
    case TrialState::kFail:
      if (!values.empty()) fail("a failed trial takes no values");
      return {TrialState::kFail, {}};
    default:
      fail("a trial ends COMPLETE, PRUNED or FAIL, not " + std::string(to_text(*options.state)));
  }
}

FrozenTrial Study::Engine::tell(OrderedView* view, std::int64_t number, std::span<const double> values,
                                const TellOptions& options) {
  const std::scoped_lock lock(mutex);
  // Whatever comes of it, the trial no longer runs here.
  active_.erase(number);
  ended_.notify_all();
  if (number >= history.size()) backend->refresh(history);  // another process asked for it
  const TrialState state = history.trial(number).state;
  if (is_finished(state) && options.skip_if_finished) return history.freeze(number);
  if (state != TrialState::kRunning) {
    throw Error(ErrorCode::kConflict, trial_name(number) + " is " + std::string(to_text(state)) +
                                          "; only a RUNNING one can be told its values");
  }
  const auto [end, kept] = outcome_locked(view, number, values, options);
  Context context(*this, view, number);
  sampler->after_trial(context, end, kept);
  backend->finish(history, number, end, kept, now());
  return history.freeze(number);
}

void Study::Context::set_trial_attr(std::string_view key, const Params& value) {
  if (view_ && view_->sampling) {  // kept when the trial is claimed
    view_->history.set_trial_attr(number(), true, key, value);
    view_->start_attrs.emplace(key);
  } else {
    engine_.set_attr_locked(view_, number(), true, key, value);
  }
}

void Study::Context::set_study_attr(std::string_view key, const Params& value) {
  if (view_ && view_->sampling) {  // for the trials that come later, wherever they run
    view_->history.set_study_attr(true, key, value);
    view_->start_study_attrs[std::string(key)] = value;
  } else {
    engine_.backend->set_study_attr(engine_.history, true, key, value);
  }
}

void Study::Context::stop() {
  if (!view_) {
    engine_.stopping = true;
  } else if (view_->sampling) {
    view_->wants_stop = true;
  } else {
    engine_.backend->set_trial_attr(engine_.history, number(), true, kStopAttr, true);
  }
}

bool Study::StudyTrial::should_prune() {
  const std::scoped_lock lock(engine_.mutex);
  check_open();
  return engine_.should_prune_locked(view_, number_);
}

void Study::StudyTrial::set_constraint(std::string_view key, double value) {
  if (std::isnan(value)) fail("the constraint '" + std::string(key) + "' is NaN");
  set_attr(true, "constraints:" + std::string(key), value);
}

std::vector<std::pair<std::string, Distribution>> Study::StudyTrial::distributions() const {
  std::vector<std::pair<std::string, Distribution>> found;
  for (const auto& param : frozen().params) found.emplace_back(param.name, param.distribution);
  return found;
}

double Study::StudyTrial::do_suggest(std::string_view name, const Distribution& distribution) {
  const std::scoped_lock lock(engine_.mutex);
  check_open();
  return engine_.suggest_locked(view_, number_, name, distribution);
}

void Study::StudyTrial::do_report(const TrialReport& report) {
  const std::scoped_lock lock(engine_.mutex);
  check_open();
  engine_.report_locked(view_, number_, report);
}

void Study::StudyTrial::check_open() const {
  const TrialState state = engine_.history.trial(number_).state;
  if (state != TrialState::kRunning)
    throw Error(ErrorCode::kConflict, trial_name(number_) + " has ended (" + std::string(to_text(state)) +
                                          ") and cannot be changed");
}

void Study::StudyTrial::set_attr(bool system, std::string_view key, const Params& value) {
  const std::scoped_lock lock(engine_.mutex);
  engine_.set_attr_locked(view_, number_, system, key, value);
}

FrozenTrial Study::StudyTrial::frozen() const {
  const std::scoped_lock lock(engine_.mutex);
  return engine_.seen(view_).freeze(number_);
}

}  // namespace ivory::tuning
