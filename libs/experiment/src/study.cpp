#include <ivory/experiment/study.h>

#include <algorithm>
#include <array>
#include <exception>
#include <set>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/tracking.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/liveness.h>

#include "crew.h"
#include "study_work.h"
#include "trial_tags.h"
#include "worker_messages.h"

namespace ivory {
namespace {

using tracking::RunRecord;
using tracking::RunStatus;

constexpr std::string_view kFold = "fold";
constexpr std::size_t kLongestTag = 8000;  // in characters, which are bytes at most

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

// ---- what was asked for, as data

Params to_params(const NamedRange& item) {
  Params map{{"name", item.name}};
  if (const Range* range = item.range.find_range()) {
    map.set("range", {{"start", range->start()},
                      {"stop", range->stop()},
                      {"step", range->step()},
                      {"num", range->num()},
                      {"log", range->log()}});
  } else {
    map.set("value", *item.range.find_params());
  }
  return map;
}

NamedRange to_named_range(const Params& map) {
  const std::string& name = map.at("name").as_string();
  const Params* range = map.find("range");
  if (range == nullptr) return {name, map.at("value")};
  return {name, Range(range->at("start"), range->at("stop"), range->at("step"), range->at("num").as_int(),
                      range->at("log").as_bool())};
}

Params to_params(const Ranges& ranges) {
  Params list = Params::list();
  for (const NamedRange& item : ranges.items()) list.push_back(to_params(item));
  return list;
}

Ranges to_ranges(const Params& list) {
  Ranges ranges;
  for (const Params& map : list.elements()) ranges.add(to_named_range(map));
  return ranges;
}

Params number_or_null(const std::optional<std::int64_t>& number) {
  return number ? Params(*number) : Params();
}

// ---- what the parameters are for

struct Parts {
  Ranges tuned;
  Params fixed = Params::map();
  Ranges swept;
};

Parts split(const Ranges& params, const Ranges& each) {
  Parts parts;
  for (const NamedRange& item : params.items()) {
    if (item.range.is_fixed()) {
      if (parts.fixed.contains(item.name)) refuse("the parameter '" + item.name + "' is given twice");
      parts.fixed.set(item.name, *item.range.find_params());
    } else if (item.name == kFold || item.name.ends_with(".fold")) {
      parts.swept.add(item);
    } else {
      parts.tuned.add(item);
    }
  }
  parts.swept.add(each);
  return parts;
}

// A `fold` of one value is fixed.
std::vector<Axis> take_axes(Parts& parts) {
  auto [axes, fixed] = parts.swept.split();
  for (const auto& [name, value] : fixed.items()) parts.fixed.set(name, value);
  std::vector<Axis> several;
  for (Axis& axis : axes) {
    if (axis.values.size() == 1) {
      parts.fixed.set(axis.name, axis.values.front());
    } else {
      several.push_back(std::move(axis));
    }
  }
  return several;
}

void check_names(const Parts& parts) {
  std::set<std::string> seen;
  const auto check = [&](const std::string& name) {
    if (!seen.insert(name).second) refuse("the parameter '" + name + "' is given twice");
  };
  for (const auto& [name, value] : parts.fixed.items()) check(name);
  for (const NamedRange& item : parts.tuned.items()) check(item.name);
  for (const NamedRange& item : parts.swept.items()) check(item.name);
}

// Names and kinds of what is tuned; elements of lists (hidden_sizes:0) come together only in a trial.
void check_tuned(const Experiment& experiment, const Parts& parts) {
  for (const NamedRange& item : parts.tuned.items()) {
    if (item.name.find(':') != std::string::npos) {
      static_cast<void>(experiment.present_value(item.name.substr(0, item.name.find(':'))));
      continue;
    }
    const Range* range = item.range.find_range();
    const std::vector<Params> values =
        range != nullptr ? std::vector<Params>{range->start(), range->stop()} : item.range.values();
    for (const Params& value : values) {
      Params arguments = parts.fixed;
      arguments.set(item.name, value);
      static_cast<void>(experiment.create_params(arguments));
    }
  }
}

// One direction a metric of the monitor.
std::vector<tuning::Direction> directions_of(const Monitor& monitor) {
  const auto direction = [](bool maximize) {
    return maximize ? tuning::Direction::kMaximize : tuning::Direction::kMinimize;
  };
  std::vector<tuning::Direction> directions{direction(monitor.mode() == "max")};
  for (const Monitor::Watched& watched : monitor.further()) directions.push_back(direction(watched.maximize));
  return directions;
}

std::shared_ptr<Monitor> monitor_of(const Experiment& experiment, const Params& arguments) {
  const Params* section = experiment.params().find("run");
  if (section == nullptr || !section->contains("monitor"))
    refuse("the runs of " + experiment.name() +
           " have no monitor, by whose score trials are compared; expected a member `monitor`");
  return experiment.create_instance("monitor", arguments).share<Monitor>();
}

std::vector<std::string> metric_names(const Monitor& monitor) {
  std::vector<std::string> names{monitor.metric()};
  for (const Monitor::Watched& watched : monitor.further()) names.push_back(watched.metric);
  return names;
}

// The process of a trial that runs elsewhere, if there is any.
std::optional<std::string> other_process(const tracking::TrackingStore& store, const tuning::Study& study) {
  const std::string self = tracking::this_process().to_text();
  constexpr std::array kRunning{tuning::TrialState::kRunning};
  for (const tuning::FrozenTrial& trial : study.trials(kRunning)) {
    const Params* id = trial.user_attrs.find(detail::kRunIdAttr);
    const auto run = id == nullptr ? std::nullopt : store.find_run(id->as_string());
    const std::string* tag = run ? run->find_tag(tracking::kProcessTag) : nullptr;
    const auto process = tag == nullptr ? std::nullopt : tracking::ProcessIdentity::parse(*tag);
    if (process && *tag != self && tracking::liveness_of(*process) == tracking::Liveness::kAlive) return *tag;
  }
  return std::nullopt;
}

}  // namespace

struct Study::Request {
  std::string suggest_name;  // empty: parametric
  Suggest suggest;           // null: the one of that name of the objective, or parametric
  Ranges params;
};

Study::Study(std::shared_ptr<const Workshop> workshop, Params params, NamedValues instances)
    : Task(std::move(workshop), std::move(params), std::move(instances), "study") {
  if (workshop_ != nullptr) tuner().set_directory(workshop_->directory);
}

Study::Study(Params params, NamedValues instances)
    : Study(nullptr, std::move(params), std::move(instances)) {}

Params recorded_request(const RunRecord& run, std::string_view tracking_uri) {
  const std::string* tag = run.find_tag(detail::kStudyTag);
  if (tag == nullptr) return {};
  if (*tag != detail::kStudyFile) return Params::from_json(*tag);
  const auto artifacts = tracking::open_artifact_store(run.artifact_uri, Durability::kProcess, tracking_uri);
  return Params::from_json(artifacts->read(detail::kStudyFile));
}

void Study::set_tracker(std::shared_ptr<Tracker> tracker, std::string_view name, const RunOrigin& origin) {
  Task::set_tracker(std::move(tracker), name, origin);
  recorded_ = recorded_request(find_store()->get_run(id_), this->tracker()->tracking_uri());
}

Tuner& Study::tuner() {
  auto tuner = find<Tuner>();
  if (tuner == nullptr) {
    tuner = std::make_shared<Tuner>();
    set("tuner", Value::object(tuner));
  }
  return *tuner;
}

void Study::set_tuner(std::shared_ptr<Tuner> tuner) {
  if (workshop_ != nullptr) tuner->set_directory(workshop_->directory);
  set("tuner", Value::object(std::move(tuner)));
}

Objective& Study::objective() {
  auto objective = find<Objective>();
  if (objective == nullptr) {
    objective = std::make_shared<Objective>();
    set("objective", Value::object(objective));
  }
  return *objective;
}

Params Study::arguments_of(const Params& trial_params) const {
  return run_arguments(Experiment(workshop_, params_), trial_params);
}

// ---- optimizing

tuning::Study Study::optimize(std::string_view suggest_name, const Ranges& params,
                              const StudyRunOptions& options) {
  static_cast<void>(objective().get(suggest_name));
  return run({.suggest_name = std::string(suggest_name), .suggest = nullptr, .params = params}, options);
}

tuning::Study Study::optimize_function(const std::string& name, const Suggest& suggest, const Ranges& params,
                                       const StudyRunOptions& options) {
  return run({.suggest_name = name, .suggest = suggest, .params = params}, options);
}

tuning::Study Study::optimize(const Ranges& params, const StudyRunOptions& options) {
  return run({.suggest_name = {}, .suggest = nullptr, .params = params}, options);
}

tuning::Study Study::resume(const StudyRunOptions& options) {
  if (recorded_.is_null())
    throw Error(ErrorCode::kConflict,
                name_ + " was ended before it was asked for anything: there is nothing to resume");
  const Params& suggest = recorded_.at("suggest");
  if (recorded_.at("is_function").as_bool())
    throw Error(ErrorCode::kConflict, name_ + " tunes '" + suggest.as_string() +
                                          "', a function of the program that began it; only that can go on");
  StudyRunOptions again = options;
  again.each = to_ranges(recorded_.at("each"));
  again.study_name = recorded_.at("study_name").as_string();
  again.mode = recorded_.at("mode").as_string();
  if (!again.n_trials && !again.n_total && !again.timeout) {
    if (const Params& total = recorded_.at("n_total"); !total.is_null()) again.n_total = total.as_int();
    if (const Params& seconds = recorded_.at("timeout"); !again.n_total && !seconds.is_null())
      again.timeout = std::chrono::duration<double>(seconds.as_real());
  }
  const Ranges params = to_ranges(recorded_.at("params"));
  return suggest.is_null() ? optimize(params, again) : optimize(suggest.as_string(), params, again);
}

std::string Study::study_name(const Request& request, const Ranges& tuned) const {
  const std::string what = request.suggest_name.empty() ? Objective::name_of(tuned) : request.suggest_name;
  const Params* experiment = params_.find("experiment");
  const Params* name = experiment == nullptr ? nullptr : experiment->find("name");
  return (name == nullptr ? "" : name->as_string() + ".") + what + "." + (name_.empty() ? "study#0" : name_);
}

void Study::record(const Params& asked) {
  recorded_ = asked;
  tracking::TrackingStore* const store = find_store();
  if (store == nullptr) return;
  const std::string text = asked.to_json();
  find<Tracking>()->log_file(detail::kStudyFile, text + "\n");
  tracking::RunUpdate update{.status = RunStatus::kRunning};
  const auto tag = [&](std::string_view key, std::string value) {
    update.tags.push_back({std::string(key), std::move(value)});
  };
  tag(detail::kStudyNameTag, asked.at("study_name").as_string());
  tag(detail::kStudyTag, text.size() <= kLongestTag ? text : detail::kStudyFile);
  tag(tracking::kProcessTag, tracking::this_process().to_text());
  store->update_run(id_, update);
}

tuning::Study Study::open(const std::string& name, const std::vector<tuning::Direction>& directions,
                          const std::vector<std::string>& metrics) {
  // What this study has begun it may go on with.
  bool is_own = std::ranges::find(begun_, name) != begun_.end();
  if (const auto found = is_own ? std::nullopt : tuner().find_study(name)) {
    const Params attrs = found->user_attrs();
    const Params* run = attrs.find(detail::kRunIdAttr);
    is_own = run != nullptr && !id_.empty() && *run == Params(id_);
    if (!is_own && !tuner().options().load_if_exists)
      throw Error(ErrorCode::kConflict, "there is a study '" + name + "' in " + tuner().storage() +
                                            (run == nullptr ? "" : " already, of the run " + run->to_text()) +
                                            "; go on with it (load_if_exists: true), or give another name");
  }
  tuning::Study study = tuner().create_study(name, directions, is_own);
  begun_.push_back(name);
  if (!id_.empty() && !study.user_attrs().contains(detail::kRunIdAttr))
    study.set_user_attr(detail::kRunIdAttr, id_);
  if (metrics.size() > 1 && study.metric_names().empty()) study.set_metric_names(metrics);
  return study;
}

tuning::Study Study::run(const Request& request, const StudyRunOptions& options) {
  if (!options.n_trials && !options.n_total && !options.timeout)
    refuse("a study needs a number of trials or a timeout");
  if (options.n_jobs < 1) refuse("expected 1 job or more, found " + std::to_string(options.n_jobs));
  const Experiment experiment(workshop_, params_);
  Parts parts = split(request.params, options.each);
  StudySetup setup(experiment);
  setup.parent_run_id = id_;
  setup.tracker = tracker();
  check_names(parts);
  setup.folds = take_axes(parts);
  setup.fixed = parts.fixed;
  const Suggest ranges = Objective::make_suggest(parts.tuned);
  const bool is_parametric = request.suggest_name.empty();
  if (is_parametric && parts.tuned.empty())
    refuse("there is nothing to tune: no parameter has a range or choices");
  const Suggest function = is_parametric                ? Suggest()
                           : request.suggest == nullptr ? objective().get(request.suggest_name)
                                                        : request.suggest;
  setup.suggest = [function, ranges](tuning::Trial& trial) {
    if (function != nullptr) function(trial);
    ranges(trial);
  };
  check_tuned(experiment, parts);
  const RunPlan runs = RunPlan::product(setup.folds, 1, setup.fixed);
  const Params first = runs.arguments(0);
  const auto monitor = monitor_of(experiment, first);
  for (std::size_t i = 0; i < runs.size(); ++i) experiment.check(runs.arguments(i), options.mode);
  setup.mode = options.mode;
  setup.deterministic = tuner().deterministic();
  setup.engine = choose_engine(experiment, static_cast<std::size_t>(options.n_jobs), options.engine);
  setup.worker_command = options.worker_command;
  setup.events = options.events;
  if (setup.engine == Engine::kProcess) {
    if (options.worker_command.empty())
      throw Error(ErrorCode::kUnsupported, "this program cannot start worker processes");
    setup.opening = open_message({.directory = workshop_->directory,
                                  .tracked = tracker() != nullptr,
                                  .experiment = experiment.name(),
                                  .params = experiment.params()});
  }
  const std::string name = options.study_name.empty() ? study_name(request, parts.tuned) : options.study_name;
  tuning::Study study = open(name, directions_of(*monitor), metric_names(*monitor));

  std::optional<std::int64_t> n_total = options.n_total;
  if (!n_total && options.n_trials) n_total = study.size() + *options.n_trials;
  Params asked{{"study_name", name}};
  asked.set("suggest", is_parametric ? Params() : Params(request.suggest_name));
  asked.set("is_function", request.suggest != nullptr);
  asked.set("params", to_params(request.params));
  asked.set("each", to_params(options.each));
  asked.set("mode", options.mode);
  asked.set("n_total", number_or_null(n_total));
  asked.set("timeout", options.timeout ? Params(options.timeout->count()) : Params());
  record(asked);
  perform(std::move(setup), study, options);
  return study;
}

void Study::perform(StudySetup setup, tuning::Study& study, const StudyRunOptions& options) {
  tuning::OptimizeOptions tuned{.n_trials = options.n_trials,
                                .n_total = options.n_total,
                                .n_jobs = static_cast<int>(options.n_jobs),
                                .timeout = options.timeout,
                                .catch_exceptions = options.catch_exceptions,
                                .callbacks = options.callbacks,
                                .show_progress_bar = options.show_progress_bar};
  tuned.take_up = true;
  tuned.deterministic = tuner().deterministic();
  tuned.lag = tuner().options().lag;
  try {
    StudyWork work(std::move(setup), study);
    tuned.callbacks.insert(
        tuned.callbacks.begin(),
        [&](tuning::Study& /*study*/, const tuning::FrozenTrial& trial) { work.take_end(trial); });
    if (options.events != nullptr) options.events->on_study_begin(study);
    try {
      study.optimize([&](tuning::Trial& trial) { return work.evaluate(trial); }, tuned);
    } catch (...) {
      work.take_ends();
      throw;
    }
  } catch (const Interrupted&) {
    end(study, RunStatus::kKilled, {});
    throw;
  } catch (const std::exception& error) {
    end(study, RunStatus::kFailed, error.what());
    throw;
  }
  end(study, RunStatus::kFinished, {});
}

// Others may still be at work on it: then its end is theirs.
void Study::end(const tuning::Study& study, RunStatus status, const std::string& error) {
  tracking::TrackingStore* const store = find_store();
  if (store == nullptr) return;
  try {
    log_best(*store, id_, study);
    if (const auto other = other_process(*store, study)) {
      store->set_tag(id_, {std::string(tracking::kProcessTag), *other});
      find<Tracking>()->leave();
      return;
    }
    find<Tracking>()->end(status, error);
  } catch (const std::exception& failure) {
    if (status == RunStatus::kFinished) throw;
    // The failure that ended the study is the one to report.
    log_warning("the end of " + name_ + " could not be recorded: " + failure.what());
  }
}

}  // namespace ivory
