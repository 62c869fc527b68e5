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

bool all_numbers(std::span<const double> values) {
  return std::ranges::none_of(values, [](double value) { return std::isnan(value); });
}

std::string describe(std::span<const double> values) {
  std::vector<std::string> words;
  for (const double value : values) words.push_back(real_to_text(value));
  return "[" + join(words) + "]";
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

// The study's body. Its mutex guards the history and the backend; methods ending in _locked need it held.
class Study::Engine {
 public:
  Engine(std::string name, std::vector<Direction> directions, std::unique_ptr<Backend> backend,
         std::shared_ptr<const Sampler> sampler, std::shared_ptr<const Pruner> pruner)
      : history(std::move(name), std::move(directions)),
        backend(std::move(backend)),
        sampler(std::move(sampler)),
        pruner(std::move(pruner)) {}

  [[nodiscard]] std::int64_t take_trial_locked();
  double suggest_locked(std::int64_t number, std::string_view name, const Distribution& distribution);
  [[nodiscard]] std::pair<TrialState, std::vector<double>> outcome_locked(std::int64_t number,
                                                                          std::span<const double> values,
                                                                          const TellOptions& options) const;
  FrozenTrial tell(std::int64_t number, std::span<const double> values, const TellOptions& options);
  void check_single(std::string_view what) const {
    if (!history.is_single_objective())
      throw Error(ErrorCode::kUnsupported, std::string(what) +
                                               " needs a study of one objective; this one has " +
                                               std::to_string(history.directions().size()));
  }

  mutable std::mutex mutex;
  History history;
  std::unique_ptr<Backend> backend;
  std::shared_ptr<const Sampler> sampler;
  std::shared_ptr<const Pruner> pruner;
  std::map<const void*, std::shared_ptr<void>> memory;
  std::atomic<bool> stopping{false}, optimizing{false};
};

class Study::Context final : public TrialContext {
 public:
  Context(Engine& engine, std::int64_t number) noexcept
      : TrialContext(engine.history, number), engine_(engine) {}
  [[nodiscard]] bool is_shared() const override { return engine_.backend->is_shared(); }
  void set_trial_attr(std::string_view key, const Params& value) override {
    engine_.backend->set_trial_attr(engine_.history, number(), true, key, value);
  }
  void set_study_attr(std::string_view key, const Params& value) override {
    engine_.backend->set_study_attr(engine_.history, true, key, value);
  }
  void stop() override { engine_.stopping = true; }

 private:
  [[nodiscard]] std::shared_ptr<void>& memory_slot(const void* owner) override {
    return engine_.memory[owner];
  }
  Engine& engine_;
};

std::int64_t Study::Engine::take_trial_locked() {
  backend->refresh(history);
  std::optional<std::int64_t> number;
  while (!number && !history.waiting().empty()) {
    const std::int64_t first = *history.waiting().begin();
    if (backend->start(history, first, now())) number = first;
  }
  if (!number) number = backend->add_running(history, now());
  Context context(*this, *number);
  history.set_joint(*number, sampler->sample_joint(context));
  return *number;
}

double Study::Engine::suggest_locked(std::int64_t number, std::string_view name,
                                     const Distribution& distribution) {
  const TrialRecord& trial = history.trial(number);
  const std::uint32_t id = history.name_id(name);
  const auto same_name = [id](const ParamRecord& param) { return param.name == id; };
  if (const auto known = std::ranges::find_if(trial.params, same_name); known != trial.params.end()) {
    check_compatible(name, history.distribution(known->distribution), distribution);
    if (distribution.contains(known->internal)) return known->internal;
    // Asked again with other bounds, it stays what it was.
    log_warning("the parameter '" + std::string(name) + "' was suggested as " +
                real_to_text(known->internal) + " before, outside its new " + distribution.to_text());
    return known->internal;
  }
  static_cast<void>(history.distribution_id(id, distribution));
  const auto choose = [&]() -> double {
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
    if (const auto joint = std::ranges::find_if(trial.joint, same_name);
        joint != trial.joint.end() && distribution.contains(joint->internal)) {
      return joint->internal;
    }
    Context context(*this, number);
    return sampler->sample_independent(context, name, distribution);
  };
  const double internal = choose();
  backend->set_param(history, number, name, distribution, internal);
  return internal;
}

std::pair<TrialState, std::vector<double>> Study::Engine::outcome_locked(std::int64_t number,
                                                                         std::span<const double> values,
                                                                         const TellOptions& options) const {
  const bool good = values.size() == history.directions().size() && all_numbers(values);
  const std::string found = "trial " + std::to_string(number) + " gave " + describe(values) + " where " +
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
      const auto& reports = history.trial(number).reports;
      if (reports.empty() || std::isnan(reports.back().second)) return {TrialState::kPruned, {}};
      return {TrialState::kPruned, {reports.back().second}};
    }
    case TrialState::kFail:
      if (!values.empty()) fail("a failed trial takes no values");
      return {TrialState::kFail, {}};
    default:
      fail("a trial ends COMPLETE, PRUNED or FAIL, not " + std::string(to_text(*options.state)));
  }
}

FrozenTrial Study::Engine::tell(std::int64_t number, std::span<const double> values,
                                const TellOptions& options) {
  const std::scoped_lock lock(mutex);
  if (number >= history.size()) backend->refresh(history);  // another process asked for it
  const TrialState state = history.trial(number).state;
  if (is_finished(state) && options.skip_if_finished) return history.freeze(number);
  if (state != TrialState::kRunning) {
    throw Error(ErrorCode::kConflict, "trial " + std::to_string(number) + " is " +
                                          std::string(to_text(state)) +
                                          "; only a RUNNING one can be told its values");
  }
  const auto [end, kept] = outcome_locked(number, values, options);
  Context context(*this, number);
  sampler->after_trial(context, end, kept);
  backend->finish(history, number, end, kept, now());
  return history.freeze(number);
}

class Study::StudyTrial final : public Trial {
 public:
  StudyTrial(Engine& engine, std::int64_t number) noexcept : engine_(engine), number_(number) {}

  void report(double value, std::int64_t step) override {
    if (step < 0) fail("a step is 0 or more; got " + std::to_string(step));
    const std::scoped_lock lock(engine_.mutex);
    engine_.check_single("report");
    check_open();
    if (engine_.history.trial(number_).find_report(step)) {
      log_warning("trial " + std::to_string(number_) + " has reported step " + std::to_string(step) +
                  " before; the second report is ignored");
      return;
    }
    engine_.backend->report(engine_.history, number_, step, value);
  }
  [[nodiscard]] bool should_prune() override {
    const std::scoped_lock lock(engine_.mutex);
    engine_.check_single("should_prune");
    check_open();
    Context context(engine_, number_);
    return engine_.pruner->should_prune(context);
  }
  void set_user_attr(std::string_view key, const Params& value) override { set_attr(false, key, value); }
  void set_system_attr(std::string_view key, const Params& value) override { set_attr(true, key, value); }
  void set_constraint(std::string_view key, double value) override {
    if (std::isnan(value)) fail("the constraint '" + std::string(key) + "' is NaN");
    set_attr(true, "constraints:" + std::string(key), value);
  }
  [[nodiscard]] std::int64_t number() const override { return number_; }
  [[nodiscard]] Params params() const override { return frozen().params_map(); }
  [[nodiscard]] std::vector<std::pair<std::string, Distribution>> distributions() const override {
    std::vector<std::pair<std::string, Distribution>> found;
    for (const auto& param : frozen().params) found.emplace_back(param.name, param.distribution);
    return found;
  }
  [[nodiscard]] Params user_attrs() const override { return frozen().user_attrs; }
  [[nodiscard]] Params system_attrs() const override { return frozen().system_attrs; }

 private:
  double do_suggest(std::string_view name, const Distribution& distribution) override {
    const std::scoped_lock lock(engine_.mutex);
    check_open();
    return engine_.suggest_locked(number_, name, distribution);
  }
  void check_open() const {
    const TrialState state = engine_.history.trial(number_).state;
    if (state != TrialState::kRunning)
      throw Error(ErrorCode::kConflict, "trial " + std::to_string(number_) + " has ended (" +
                                            std::string(to_text(state)) + ") and cannot be changed");
  }
  void set_attr(bool system, std::string_view key, const Params& value) {
    const std::scoped_lock lock(engine_.mutex);
    engine_.backend->set_trial_attr(engine_.history, number_, system, key, value);
  }
  [[nodiscard]] FrozenTrial frozen() const {
    const std::scoped_lock lock(engine_.mutex);
    return engine_.history.freeze(number_);
  }
  Engine& engine_;
  std::int64_t number_;
};

namespace {
// Trials left to start, the first failure, the callbacks' turn: what the threads of one optimize() share.
class Campaign {
 public:
  explicit Campaign(const OptimizeOptions& options)
      : options_(options), begun_(std::chrono::steady_clock::now()) {
    if (options.show_progress_bar) progress_.emplace("study", options.n_trials.value_or(0));
  }

  [[nodiscard]] bool take_ticket() {
    const std::scoped_lock lock(mutex_);
    if (failure_) return false;
    if (options_.timeout && std::chrono::steady_clock::now() - begun_ >= *options_.timeout) return false;
    if (options_.n_trials && started_ >= *options_.n_trials) return false;
    if (interrupted()) {
      failure_ = std::make_exception_ptr(Interrupted{});
      return false;
    }
    ++started_;
    return true;
  }
  void record_failure(const std::exception_ptr& failure) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = failure;
  }
  void call_back(Study& study, const FrozenTrial& trial) {
    const std::scoped_lock lock(callback_mutex_);
    ++ended_;
    if (progress_)
      progress_->update(ended_, "trial " + std::to_string(trial.number) + " " + describe(trial.values));
    for (const auto& callback : options_.callbacks) callback(study, trial);
  }
  [[nodiscard]] const OptimizeOptions& options() const noexcept { return options_; }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const OptimizeOptions& options_;
  std::chrono::steady_clock::time_point begun_;
  std::mutex mutex_, callback_mutex_;
  std::int64_t started_ = 0, ended_ = 0;
  std::exception_ptr failure_;
  std::optional<Progress> progress_;
};

int thread_count(const OptimizeOptions& options) {
  if (options.n_jobs == -1) return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  if (options.n_jobs < 1)
    fail("n_jobs is a number of threads, or -1 for as many as processors; got " +
         std::to_string(options.n_jobs));
  return options.n_jobs;
}

// What became of the objective: its values, its state when it has none, the exception to throw on.
struct Outcome {
  std::vector<double> values = {};
  std::optional<TrialState> state = {};
  std::exception_ptr failure = {};
};

Outcome evaluate(const Objective& objective, Trial& trial, const OptimizeOptions& options) {
  try {
    return {.values = objective(trial)};
  } catch (const TrialPruned&) {
    return {.state = TrialState::kPruned};
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

void Study::run(const Objective& objective, const OptimizeOptions& options) {
  const int threads = thread_count(options);
  if (engine_->optimizing.exchange(true))
    throw Error(ErrorCode::kConflict,
                "optimize is running on this study already: it cannot be called from its objective");
  const FlagLowerer lowerer(engine_->optimizing);
  engine_->stopping = false;
  Campaign campaign(options);
  const auto work = [&] {
    try {
      while (!engine_->stopping && campaign.take_ticket()) {
        const std::unique_ptr<Trial> trial = ask();
        const Outcome outcome = evaluate(objective, *trial, options);
        const FrozenTrial ended = engine_->tell(trial->number(), outcome.values,
                                                {.state = outcome.state, .skip_if_finished = true});
        if (outcome.failure) std::rethrow_exception(outcome.failure);
        campaign.call_back(*this, ended);
      }
    } catch (...) {
      campaign.record_failure(std::current_exception());
    }
  };
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  campaign.rethrow();
}

void Study::stop() { engine_->stopping = true; }

std::unique_ptr<Trial> Study::ask(const std::vector<std::pair<std::string, Distribution>>& fixed) {
  const std::scoped_lock lock(engine_->mutex);
  const std::int64_t number = engine_->take_trial_locked();
  for (const auto& [name, distribution] : fixed) engine_->suggest_locked(number, name, distribution);
  return std::make_unique<StudyTrial>(*engine_, number);
}

FrozenTrial Study::tell(const Trial& trial, std::span<const double> values, const TellOptions& options) {
  return engine_->tell(trial.number(), values, options);
}

FrozenTrial Study::tell(std::int64_t number, std::span<const double> values, const TellOptions& options) {
  return engine_->tell(number, values, options);
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
                                                  std::shared_ptr<const Pruner> pruner) {
  if (!sampler) sampler = make_tpe_sampler();
  if (!pruner) pruner = make_median_pruner();
  auto engine = std::make_unique<Engine>(study.name, study.directions, std::move(backend), std::move(sampler),
                                         std::move(pruner));
  engine->backend->refresh(engine->history);
  return engine;
}

Study create_study(const StudyOptions& options) {
  StoredStudy study{.name = options.study_name.empty() ? "no-name-" + random_uuid() : options.study_name,
                    .directions = directions_of(options)};
  if (options.storage.empty()) {
    return Study(
        Study::make_engine(study, std::make_unique<MemoryBackend>(), options.sampler, options.pruner));
  }
  const std::unique_ptr<TrialStore> store = open_store(options.storage);
  try {
    store->create_study(study.name, study.directions);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kConflict || !options.load_if_exists) throw;
  }
  study = get_study(*store, study.name, options.storage);
  return Study(Study::make_engine(study, store->open(study), options.sampler, options.pruner));
}

Study load_study(const LoadOptions& options) {
  const std::unique_ptr<TrialStore> store = open_store(options.storage);
  const StoredStudy study = get_study(*store, options.study_name, options.storage);
  return Study(Study::make_engine(study, store->open(study), options.sampler, options.pruner));
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
