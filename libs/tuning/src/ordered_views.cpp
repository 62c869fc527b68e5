#include "ordered_views.h"

#include <algorithm>
#include <cassert>

namespace ivory::tuning {
namespace {
bool is_own(std::string_view key) { return key == kStartAttr || key == kOwnerAttr || key == kStopAttr; }

// Without what differs from run to run.
FrozenTrial timeless(const History& real, std::int64_t number) {
  FrozenTrial trial = real.freeze(number);
  trial.trial_id = number;
  trial.datetime_start.reset();
  trial.datetime_complete.reset();
  std::erase_if(trial.system_attrs.items(), [](const ParamsItem& item) { return is_own(item.key); });
  return trial;
}
}  // namespace

bool OrderedViews::is_ready(std::int64_t number) const {
  const auto all_later = [&](const std::set<std::int64_t>& open) {
    return open.empty() || *open.begin() > number - lag_;
  };
  return all_later(real_.running()) && all_later(real_.waiting());
}

OrderedView& OrderedViews::at(std::int64_t number) {
  auto& slot = slots_[static_cast<std::size_t>(number % lag_)];
  // A view that has gone beyond its start, or beyond this trial, cannot go back.
  if (slot && (slot->number > number || (slot->number == number && slot->begun))) slot.reset();
  if (!slot) slot = std::make_unique<OrderedView>(real_);
  OrderedView& view = *slot;
  if (view.number != number) advance(view, number);
  if (view.sampled) return view;
  view.sampling = true;
  const std::vector<TrialParam> joint = sample_(view);
  view.sampling = false;
  view.sampled = true;
  view.history.set_joint(number, joint);
  if (!view.start_study_attrs.empty()) study_attrs_[number] = view.start_study_attrs;
  return view;
}

void OrderedViews::advance(OrderedView& view, std::int64_t number) {
  assert(number > view.number);
  History& seen = view.history;
  for (; view.settled <= number - lag_; ++view.settled) settle(seen, view.settled);
  while (seen.size() < number) {
    const std::int64_t other = seen.add_running(seen.size(), Time{});
    const Start start = start_of(other);
    for (const auto& [key, value] : start.attrs) seen.set_trial_attr(other, true, key, value);
    seen.set_joint(other, start.joint);
    take_study_attrs(seen, other);
  }
  seen.add_running(number, Time{});
  if (number < real_.size()) {
    const FrozenTrial known = timeless(real_, number);
    for (const auto& [key, value] : known.user_attrs.items()) seen.set_trial_attr(number, false, key, value);
    if (const Params* fixed = known.system_attrs.find("fixed_params"))
      seen.set_trial_attr(number, true, "fixed_params", *fixed);
  }
  view.number = number;
  view.sampled = view.begun = view.wants_stop = false;
  view.start_attrs.clear();
  view.start_study_attrs = Params::map();
}

void OrderedViews::take_study_attrs(History& seen, std::int64_t number) const {
  const auto known = study_attrs_.find(number);
  const Params* attrs = known != study_attrs_.end() ? &known->second : nullptr;
  const Params* kept = real_.trial(number).find_system_attr(kStartAttr);
  if (!attrs && kept) attrs = kept->find("study");
  if (!attrs) return;
  for (const auto& [key, value] : attrs->items()) seen.set_study_attr(true, key, value);
}

void OrderedViews::settle(History& seen, std::int64_t number) const {
  const FrozenTrial trial = timeless(real_, number);
  if (number == seen.size()) {
    seen.add(trial);
    take_study_attrs(seen, number);
    return;
  }
  for (const auto& param : trial.params)
    seen.set_param(number, param.name, param.distribution, param.internal);
  for (const auto& [step, value] : trial.intermediate_values) seen.report(number, step, value);
  for (const auto& report : trial.reports) seen.report(number, report);
  for (const auto& [key, value] : trial.user_attrs.items()) seen.set_trial_attr(number, false, key, value);
  for (const auto& [key, value] : trial.system_attrs.items()) seen.set_trial_attr(number, true, key, value);
  seen.finish(number, trial.state, trial.values, Time{});
}

OrderedViews::Start OrderedViews::start_of(std::int64_t number) {
  const TrialRecord& real = real_.trial(number);
  Start start;
  const auto take_attr = [&](std::string_view key) {
    if (const Params* value = real.find_system_attr(key)) start.attrs.push_back({std::string(key), *value});
  };
  take_attr("fixed_params");
  if (const Params* kept = real.find_system_attr(kStartAttr)) {
    for (const auto& param : kept->at("joint").elements()) {
      start.joint.push_back({param.at(std::size_t{0}).as_string(),
                             Distribution::from_json(param.at(std::size_t{1}).as_string()),
                             param.at(std::size_t{2}).as_real()});
    }
    for (const auto& key : kept->at("attrs").elements()) take_attr(key.as_string());
    return start;
  }
  // In memory nothing is kept, and a process may have died before it kept it: the same is found again.
  const auto& slot = slots_[static_cast<std::size_t>(number % lag_)];
  if (is_finished(real.state) && !(slot && slot->number == number)) return start;  // added as it is
  const OrderedView& view = slot && slot->number == number && slot->sampled ? *slot : at(number);
  for (const auto& param : view.history.trial(number).joint)
    start.joint.push_back(
        {view.history.name(param.name), view.history.distribution(param.distribution), param.internal});
  for (const auto& key : view.start_attrs)
    start.attrs.push_back({key, *view.history.trial(number).find_system_attr(key)});
  return start;
}

Params start_to_params(const OrderedView& view) {
  const History& seen = view.history;
  Params joint = Params::list(), attrs = Params::list();
  for (const auto& param : seen.trial(view.number).joint) {
    joint.push_back(Params::list(
        {seen.name(param.name), seen.distribution(param.distribution).to_json(), param.internal}));
  }
  for (const auto& key : view.start_attrs) attrs.push_back(key);
  Params start = Params::map();
  start["joint"] = joint;
  start["attrs"] = attrs;
  if (!view.start_study_attrs.empty()) start["study"] = view.start_study_attrs;
  return start;
}

}  // namespace ivory::tuning
