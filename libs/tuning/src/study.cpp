#include <ivory/tuning/study.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include <ivory/base/error.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/base/progress.h>
#include <ivory/tuning/pruners.h>
#include <ivory/tuning/samplers.h>

#include "engine.h"
#include "store.h"

namespace ivory::tuning {
namespace {
[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kInvalidArgument, message); }

Time now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string random_uuid() {
  std::random_device device;
  std::string text;
  for (const int group : {8, 4, 4, 4, 12}) {
    if (!text.empty()) text += '-';
    for (int i = 0; i < group; ++i) text += "0123456789abcdef"[device() & 15U];
  }
  text[14] = '4';  // version and variant
  text[19] = "89ab"[device() & 3U];
  return text;
}

std::vector<Direction> directions_of(const StudyOptions& options) {
  std::vector<Direction> directions = options.directions;
  if (directions.empty()) directions.push_back(options.direction);
  for (const Direction direction : directions) {
    if (direction == Direction::kNotSet)
      fail("each objective needs a direction, minimize or maximize; got NOT_SET");
  }
  return directions;
}

// Lowers a flag when the scope ends.
class FlagLowerer {
 public:
  explicit FlagLowerer(std::atomic<bool>& flag) noexcept : flag_(flag) {}
  FlagLowerer(const FlagLowerer&) = delete;
  FlagLowerer& operator=(const FlagLowerer&) = delete;
  ~FlagLowerer() { flag_ = false; }

 private:
  std::atomic<bool>& flag_;
};

}  // namespace

// Trials left to start, the first failure, the callbacks' turn: what the threads of one optimize() share.
class Study::Campaign {
 public:
  explicit Campaign(const OptimizeOptions& options)
      : options_(options), begun_(std::chrono::steady_clock::now()) {
    if (options.show_progress_bar) progress_.emplace("study", options.n_trials.value_or(0));
  }

  [[nodiscard]] bool take_ticket() {
    const std::scoped_lock lock(mutex_);
    if (is_over_locked() || (options_.n_trials && started_ >= *options_.n_trials)) return false;
    ++started_;
    return true;
  }
  // True if no further trial should start, whatever their number.
  [[nodiscard]] bool is_over() {
    const std::scoped_lock lock(mutex_);
    return is_over_locked();
  }
  void record_failure(const std::exception_ptr& failure) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = failure;
  }
  void call_back(Study& study, const FrozenTrial& trial) {
    const std::scoped_lock lock(callback_mutex_);
    ++ended_;
    if (progress_)
      progress_->update(ended_, "trial " + std::to_string(trial.number) + " " + values_to_text(trial.values));
    for (const auto& callback : options_.callbacks) callback(study, trial);
  }
  [[nodiscard]] const OptimizeOptions& options() const noexcept { return options_; }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  bool is_over_locked() {
    if (failure_) return true;
    if (interrupted()) failure_ = std::make_exception_ptr(Interrupted{});
    return failure_ || (options_.timeout && std::chrono::steady_clock::now() - begun_ >= *options_.timeout);
  }

  const OptimizeOptions& options_;
  std::chrono::steady_clock::time_point begun_;
  std::mutex mutex_, callback_mutex_;
  std::int64_t started_ = 0, ended_ = 0;
  std::exception_ptr failure_;
  std::optional<Progress> progress_;
};

namespace {
int thread_count(const OptimizeOptions& options) {
  if (options.n_jobs == -1) return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  if (options.n_jobs < 1)
    fail("n_jobs is a number of threads, or -1 for as many as processors; got " +
         std::to_string(options.n_jobs));
  return options.n_jobs;
}

// What became of the objective: its values, its state when it has none, the earlier trial with the same
// parameters, the exception to throw on.
struct Outcome {
  std::vector<double> values = {};
  std::optional<TrialState> state = {};
  std::optional<std::int64_t> earlier = {};
  std::exception_ptr failure = {};
  bool interrupted = false;
};

Outcome evaluate(const Objective& objective, Trial& trial, const OptimizeOptions& options) {
  try {
    return {.values = objective(trial)};
  } catch (const TrialPruned&) {
    return {.state = TrialState::kPruned};
  } catch (const DuplicateFound& found) {
    return {.earlier = found.earlier};
  } catch (const Interrupted&) {
    return {.state = TrialState::kFail, .failure = std::current_exception(), .interrupted = true};
  } catch (const std::exception& error) {
    log_warning("trial " + std::to_string(trial.number()) + " failed: " + error.what());
    const bool caught = options.catch_exceptions && options.catch_exceptions(error);
    return {.state = TrialState::kFail, .failure = caught ? nullptr : std::current_exception()};
  } catch (...) {
    return {.state = TrialState::kFail, .failure = std::current_exception()};
  }
}
}  // namespace

Study::Study(std::unique_ptr<Engine> engine) noexcept : engine_(std::move(engine)) {}
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;
Study::~Study() = default;

void Study::run_trial(const Objective& objective, const OptimizeOptions& options, Campaign& campaign,
                      Taken taken) {
  StudyTrial trial(*engine_, taken.view, taken.number);
  const Heart::Beat beat(engine_->heart.get(), engine_->heart ? this->trial(taken.number).trial_id : -1);
  const Outcome outcome = evaluate(objective, trial, options);
  if (outcome.interrupted && engine_->release(taken.number)) std::rethrow_exception(outcome.failure);
  // A process that was taken for dead may have gone on, and another ended the trial as this one would have.
  const bool lost = taken.view && engine_->has_ended(taken.number);
  const TellOptions tell{.state = outcome.state, .skip_if_finished = true};
  const FrozenTrial ended = outcome.earlier && !lost
                                ? engine_->tell_duplicate(taken.view, taken.number, *outcome.earlier)
                                : engine_->tell(taken.view, taken.number, outcome.values, tell);
  if (outcome.failure && !lost) std::rethrow_exception(outcome.failure);
  campaign.call_back(*this, ended);
}

void Study::run(const Objective& objective, const OptimizeOptions& options) {
  const int threads = thread_count(options);
  if (engine_->optimizing.exchange(true))
    throw Error(ErrorCode::kConflict,
                "optimize is running on this study already: it cannot be called from its objective");
  const FlagLowerer lowerer(engine_->optimizing);
  engine_->stopping = false;
  const HeartbeatOptions& heartbeat = engine_->heartbeat;
  if (heartbeat.interval.count() > 0)
    engine_->heart = std::make_unique<Heart>(*engine_->backend, heartbeat.interval);
  engine_->duplicates = options.duplicates;
  if (options.deterministic) engine_->prepare_order(options.lag);
  Campaign campaign(options);
  const auto is_over = [&] { return engine_->stopping || campaign.is_over(); };
  const auto take = [&]() -> std::optional<Taken> {
    if (is_over() || !campaign.take_ticket()) return {};
    if (engine_->heart && !options.deterministic) {  // which has its own way with trials whose process died
      for (const FrozenTrial& stale : engine_->fail_stale()) {
        log_warning("trial " + std::to_string(stale.number) + " gave no sign of life; it is FAIL");
        if (heartbeat.on_stale) heartbeat.on_stale(*this, stale);
      }
    }
    return options.deterministic ? engine_->take_in_order(is_over, options.n_total)
                                 : engine_->take_trial(options.n_total, options.take_up);
  };
  const auto work = [&] {
    try {
      while (const auto taken = take()) run_trial(objective, options, campaign, *taken);
    } catch (...) {
      campaign.record_failure(std::current_exception());
    }
  };
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  engine_->heart.reset();
  campaign.rethrow();
}

void Study::stop() { engine_->stopping = true; }

std::unique_ptr<Trial> Study::ask(const std::vector<std::pair<std::string, Distribution>>& fixed) {
  const std::scoped_lock lock(engine_->mutex);
  const std::int64_t number = engine_->take_trial_locked();
  for (const auto& [name, distribution] : fixed) engine_->suggest_locked(nullptr, number, name, distribution);
  return std::make_unique<StudyTrial>(*engine_, nullptr, number);
}

FrozenTrial Study::tell(const Trial& trial, std::span<const double> values, const TellOptions& options) {
  return engine_->tell(nullptr, trial.number(), values, options);
}

FrozenTrial Study::tell(std::int64_t number, std::span<const double> values, const TellOptions& options) {
  return engine_->tell(nullptr, number, values, options);
}

std::optional<std::int64_t> Study::enqueue_trial(const Params& params, const Params& user_attrs,
                                                 bool skip_if_exists) {
  if (!params.is_map()) fail("enqueued parameters are a map, found " + params.to_text());
  for (const auto& [name, value] : params.items()) {
    if (!value.is_scalar())
      fail("the enqueued value of '" + name + "' should be a scalar, found " + value.to_text());
  }
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->refresh(engine_->history);
  const auto has_same = [&](const TrialRecord& trial) {
    const Params* fixed = trial.find_system_attr("fixed_params");
    return (fixed && *fixed == params) || engine_->history.freeze(trial.number).params_map() == params;
  };
  if (skip_if_exists && std::ranges::any_of(engine_->history.trials(), has_same)) {
    log_info("a trial with the parameters " + params.to_text() + " exists; none is enqueued");
    return {};
  }
  FrozenTrial trial{.state = TrialState::kWaiting};
  if (!user_attrs.is_null()) trial.user_attrs = user_attrs;
  trial.system_attrs["fixed_params"] = params;
  return engine_->backend->add(engine_->history, trial);
}

std::int64_t Study::add_trial(const FrozenTrial& trial) {
  trial.validate();
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->refresh(engine_->history);
  if (!trial.values.empty() && trial.values.size() != engine_->history.directions().size())
    fail("the trial has " + std::to_string(trial.values.size()) + " values, the study " +
         std::to_string(engine_->history.directions().size()) + " objectives");
  return engine_->backend->add(engine_->history, trial);
}

void Study::add_trials(std::span<const FrozenTrial> trials) {
  for (const auto& trial : trials) add_trial(trial);
}

FrozenTrial Study::best_trial() const {
  const std::scoped_lock lock(engine_->mutex);
  if (!engine_->history.is_single_objective())
    fail("a study of " + std::to_string(engine_->history.directions().size()) +
         " objectives has no single best trial; ask for best_trials");
  engine_->backend->refresh(engine_->history);
  const auto best = engine_->history.find_best();
  if (!best) {
    throw Error(
        ErrorCode::kConflict,
        "the study '" + engine_->history.study_name() + "' has no best trial: " +
            (engine_->history.complete_count() == 0 ? "none is complete" : "each violates a constraint"));
  }
  return engine_->history.freeze(*best);
}

std::vector<FrozenTrial> Study::best_trials() const {
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->refresh(engine_->history);
  std::vector<FrozenTrial> best;
  for (const auto number : engine_->history.best_trials()) best.push_back(engine_->history.freeze(number));
  return best;
}

std::vector<FrozenTrial> Study::trials() const {
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->refresh(engine_->history);
  std::vector<FrozenTrial> all;
  for (std::int64_t number = 0; number < engine_->history.size(); ++number)
    all.push_back(engine_->history.freeze(number));
  return all;
}

std::vector<FrozenTrial> Study::trials(std::span<const TrialState> states) const {
  std::vector<FrozenTrial> found = trials();
  std::erase_if(found, [&](const FrozenTrial& trial) {
    return std::ranges::find(states, trial.state) == states.end();
  });
  return found;
}

FrozenTrial Study::trial(std::int64_t number) const {
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->refresh(engine_->history);
  return engine_->history.freeze(number);
}

std::int64_t Study::size() const {
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->refresh(engine_->history);
  return engine_->history.size();
}

std::string Study::study_name() const { return engine_->history.study_name(); }
std::vector<Direction> Study::directions() const { return engine_->history.directions(); }

Direction Study::direction() const {
  if (!engine_->history.is_single_objective()) fail("the study has several directions; ask for directions");
  return engine_->history.directions().front();
}

Params Study::user_attrs() const {
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->refresh(engine_->history);
  return engine_->history.user_attrs();
}

Params Study::system_attrs() const {
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->refresh(engine_->history);
  return engine_->history.system_attrs();
}

void Study::set_user_attr(std::string_view key, const Params& value) {
  const std::scoped_lock lock(engine_->mutex);
  engine_->backend->set_study_attr(engine_->history, false, key, value);
}

void Study::set_metric_names(const std::vector<std::string>& names) {
  const std::scoped_lock lock(engine_->mutex);
  if (names.size() != engine_->history.directions().size())
    fail("the study has " + std::to_string(engine_->history.directions().size()) + " objectives; got " +
         std::to_string(names.size()) + " names");
  engine_->backend->set_study_attr(engine_->history, true, "study:metric_names", names);
}

std::vector<std::string> Study::metric_names() const {
  std::vector<std::string> names;
  const Params attrs = system_attrs();
  if (const Params* found = attrs.find("study:metric_names")) {
    for (const auto& name : found->elements()) names.push_back(name.as_string());
  }
  return names;
}

namespace {
StoredStudy get_study(TrialStore& store, const std::string& name, const std::string& url) {
  std::vector<StoredStudy> all = store.studies();
  if (name.empty() && all.size() == 1) return all.front();
  std::vector<std::string> names;
  for (const auto& study : all) {
    if (study.name == name) return study;
    names.push_back(study.name);
  }
  if (name.empty())
    fail(url + " holds " + std::to_string(all.size()) + " studies; say which" + did_you_mean("", names));
  throw Error(ErrorCode::kNotFound, "no study '" + name + "' in " + url + did_you_mean(name, names));
}
}  // namespace

std::unique_ptr<Study::Engine> Study::make_engine(const StoredStudy& study, std::unique_ptr<Backend> backend,
                                                  std::shared_ptr<const Sampler> sampler,
                                                  std::shared_ptr<const Pruner> pruner,
                                                  const HeartbeatOptions& heartbeat) {
  if (heartbeat.interval.count() < 0 || heartbeat.grace.count() < 0)
    fail("a heartbeat's interval and grace are seconds, 0 or more");
  if (heartbeat.interval.count() > 0 && !backend->has_heartbeats()) {
    throw Error(ErrorCode::kUnsupported,
                "heartbeats need a storage of sqlite:/// or postgresql://: memory and journals keep none");
  }
  if (!sampler) sampler = make_tpe_sampler();
  if (!pruner) pruner = make_median_pruner();
  auto engine = std::make_unique<Engine>(study.name, study.directions, std::move(backend), std::move(sampler),
                                         std::move(pruner));
  engine->heartbeat = heartbeat;
  engine->backend->refresh(engine->history);
  return engine;
}

Study Study::make(const StoredStudy& stored, std::unique_ptr<Backend> backend, const StudyOptions& options) {
  Study study(make_engine(stored, std::move(backend), options.sampler, options.pruner, options.heartbeat));
  History& history = study.engine_->history;
  if (options.choices_may_grow && !history.choices_may_grow())
    study.engine_->backend->set_study_attr(history, true, kGrowingChoicesAttr, true);
  return study;
}

Study create_study(const StudyOptions& options) {
  StoredStudy study{.name = options.study_name.empty() ? "no-name-" + random_uuid() : options.study_name,
                    .directions = directions_of(options)};
  if (options.storage.empty()) {
    return Study::make(study, std::make_unique<MemoryBackend>(), options);
  }
  const std::unique_ptr<TrialStore> store = open_store(options.storage, options.durability);
  try {
    store->create_study(study.name, study.directions);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kConflict || !options.load_if_exists) throw;
  }
  study = get_study(*store, study.name, options.storage);
  return Study::make(study, store->open(study), options);
}

Study load_study(const LoadOptions& options) {
  const std::unique_ptr<TrialStore> store = open_store(options.storage, options.durability);
  const StoredStudy study = get_study(*store, options.study_name, options.storage);
  return Study(
      Study::make_engine(study, store->open(study), options.sampler, options.pruner, options.heartbeat));
}

void delete_study(const std::string& study_name, const std::string& storage) {
  const std::unique_ptr<TrialStore> store = open_store(storage);
  store->delete_study(get_study(*store, study_name, storage));
}

void copy_study(const std::string& from_name, const std::string& from_storage, const std::string& to_storage,
                const std::string& to_name) {
  const Study from = load_study({.storage = from_storage, .study_name = from_name});
  const Study to = create_study({.directions = from.directions(),
                                 .storage = to_storage,
                                 .study_name = to_name.empty() ? from.study_name() : to_name});
  Study::copy(from, to);
}

std::vector<std::string> get_all_study_names(const std::string& storage) {
  std::vector<std::string> names;
  for (const auto& study : open_store(storage)->studies()) names.push_back(study.name);
  return names;
}

std::vector<StudySummary> get_all_study_summaries(const std::string& storage) {
  const std::unique_ptr<TrialStore> store = open_store(storage);
  std::vector<StudySummary> summaries;
  for (const StoredStudy& study : store->studies()) {
    History history(study.name, study.directions);
    store->open(study)->refresh(history);
    StudySummary summary{.study_name = study.name,
                         .directions = study.directions,
                         .best_trial = {},
                         .n_trials = history.size(),
                         .datetime_start = {},
                         .user_attrs = history.user_attrs(),
                         .system_attrs = history.system_attrs()};
    if (const auto best = history.is_single_objective() ? history.find_best() : std::nullopt)
      summary.best_trial = history.freeze(*best);
    for (const TrialRecord& trial : history.trials()) {
      ++summary.n_by_state[trial.state];
      if (trial.start && (!summary.datetime_start || *trial.start < *summary.datetime_start))
        summary.datetime_start = trial.start;
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

void Study::copy(const Study& from, const Study& to) {
  History& history = to.engine_->history;
  Backend* backend = to.engine_->backend.get();
  const Params system = from.system_attrs(), user = from.user_attrs();
  for (const auto& [key, value] : system.items()) backend->set_study_attr(history, true, key, value);
  for (const auto& [key, value] : user.items()) backend->set_study_attr(history, false, key, value);
  for (const auto& trial : from.trials()) backend->add(history, trial);
}

FrozenTrial create_trial(const TrialTemplate& parts) {
  FrozenTrial trial{.state = parts.state,
                    .values = parts.values,
                    .intermediate_values = parts.intermediate_values,
                    .user_attrs = parts.user_attrs,
                    .system_attrs = parts.system_attrs};
  for (const auto& [name, distribution] : parts.distributions) {
    const Params* value = parts.params.find(name);
    if (!value) fail("there is a distribution of '" + name + "' but no value");
    trial.params.push_back({name, distribution, distribution.to_internal(*value)});
  }
  for (const auto& [name, value] : parts.params.items()) {
    if (!trial.find_param(name)) fail("there is a value of '" + name + "' but no distribution");
  }
  if (parts.state != TrialState::kWaiting) trial.datetime_start = now();
  if (is_finished(parts.state)) trial.datetime_complete = now();
  trial.validate();
  return trial;
}

}  // namespace ivory::tuning
