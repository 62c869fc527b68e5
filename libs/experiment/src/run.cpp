#include <ivory/experiment/run.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/interrupt.h>
#include <ivory/base/log.h>
#include <ivory/base/rng.h>
#include <ivory/data/data_loaders.h>
#include <ivory/experiment/monitor.h>
#include <ivory/experiment/pruning.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/tracking.h>
#include <ivory/tuning/trial.h>

#include "best_keeper.h"
#include "run_row.h"
#include "trial_tags.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

std::string state_file(const std::string& member, const ObjectOps& ops) {
  return member + "." + ops.state_extension;
}

Params state_of(const Value& member) {
  const ObjectOps& ops = *member.ops();
  if (ops.state_dict != nullptr) return ops.state_dict(member.pointer());
  std::ostringstream out(std::ios::binary);
  ops.save(member.pointer(), out);
  return std::move(out).str();
}

void give_state(const std::string& name, const Value& member, const Params& state) {
  const ObjectOps& ops = *member.ops();
  try {
    if (ops.load_state_dict != nullptr) {
      ops.load_state_dict(member.pointer(), state);
    } else {
      std::istringstream in(state.as_string(), std::ios::binary);
      ops.load(member.pointer(), in);
    }
  } catch (const Error& error) {
    throw Error(error.code(), "the state of '" + name + "': " + error.what());
  }
}

// What a run knows beside its members; written only when there is something to say.
constexpr const char* kRunFile = "run.json";

bool has_state(const Value& member) { return member.is_object() && member.ops()->has_state(); }

std::string further_metrics(const Monitor& monitor) {
  Params names = Params::list();
  for (const Monitor::Watched& watched : monitor.further()) names.push_back(watched.metric);
  return names.to_json();
}

std::string message_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

bool is_interruption(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Interrupted&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

Run::Run(Params params, NamedValues instances) {
  if (!params.is_null()) params_ = std::move(params);
  members_ = Members(std::move(instances));
}

Run::Run(Run&& other) noexcept = default;
Run& Run::operator=(Run&& other) noexcept = default;

Run::~Run() {
  // A run that was made and never started, or left in the middle by its owner.
  const auto tracking = find<Tracking>();
  if (tracking == nullptr || tracking->ended()) return;
  try {
    tracking->end(tracking::RunStatus::kKilled);
  } catch (const std::exception& error) {
    log_warning(std::string("the end of ") + name_ + " could not be recorded: " + error.what());
  }
}

std::int64_t Run::setting(std::string_view key, std::int64_t fallback) const {
  const Params* section = params_.find("run");
  const Params* value = section == nullptr ? nullptr : section->find(key);
  return value == nullptr ? fallback : value->as_int();
}

std::uint64_t Run::seed() const { return static_cast<std::uint64_t>(setting("seed", 0)); }
std::uint64_t Run::repeat() const { return static_cast<std::uint64_t>(setting("repeat", 0)); }
int Run::threads() const { return static_cast<int>(setting("threads", 1)); }

void Run::create_callbacks() {
  for (auto& list : callbacks_) list.clear();
  for (const auto& [name, member] : members_) {
    if (!member.is_object()) continue;
    for (std::size_t hook = 0; hook < kHookCount; ++hook)
      if (auto* const call = member.ops()->hooks[hook])
        callbacks_[hook].push_back({call, member.pointer(), name});
  }
}

std::vector<std::string> Run::callbacks(Hook hook) const {
  std::vector<std::string> names;
  for (const Callback& callback : callbacks_[static_cast<std::size_t>(hook)])
    names.push_back(callback.member);
  return names;
}

void Run::call(Hook hook) {
  for (const Callback& callback : callbacks_[static_cast<std::size_t>(hook)])
    callback.call(callback.object, *this);
  if (hook != Hook::kEpochEnd || best_keeper_ == nullptr) return;
  const auto monitor = find<Monitor>();
  if (monitor != nullptr && monitor->is_best()) save(best_keeper_->folder());
}

void Run::set_tracker(std::shared_ptr<Tracker> tracker, std::string_view name, const RunOrigin& origin) {
  RunOrigin described = origin;
  if (const auto monitor = find<Monitor>()) {
    described.tags.push_back(
        {std::string(tracking::kMonitorTag), monitor->metric() + " " + std::string(monitor->mode())});
    if (!monitor->further().empty())
      described.tags.push_back({std::string(detail::kFurtherMonitorsTag), further_metrics(*monitor)});
  }
  auto tracking = std::make_shared<Tracking>(
      tracker, origin.run_id.empty() ? create_row(*tracker, experiment_of(params_), name, update_, described)
                                     : adopt_row(*tracker, update_, described));
  tracker_ = std::move(tracker);
  id_ = tracking->run_id();
  name_ = tracking->run_name();
  params_["experiment"].set("id", tracking->experiment_id());
  Params& section = params_[params_.contains(name) ? name : std::string_view("run")];
  Params named{{"name", name_}, {"id", id_}};
  if (section.is_map()) {
    for (auto& [key, value] : section.items())
      if (!named.contains(key)) named.set(key, std::move(value));
  }
  section = std::move(named);
  set("tracking", Value::object(tracking));
  tracking->log_params_file(params_);
}

void Run::stop(std::string reason) {
  stopping_ = true;
  stop_reason_ = std::move(reason);
}

void Run::prune(std::int64_t step) {
  pruned_step_ = step;
  stop("given up by the pruner at step " + std::to_string(step));
}

void Run::report(double score, std::int64_t step) { report(std::vector{score}, step); }

void Run::report(const std::vector<double>& scores, std::int64_t step) {
  const auto monitor = find<Monitor>();
  if (monitor == nullptr)
    throw Error(ErrorCode::kInvalidArgument,
                "a run that reports needs a monitor; expected a member `monitor`");
  monitor->take(scores, static_cast<int>(step));
  if (const auto tracking = find<Tracking>()) tracking->log_scores(*monitor);
  const auto pruning = find<Pruning>();
  if (pruning == nullptr || !pruning->judge(scores, step)) return;
  prune(step);
  throw tuning::TrialPruned{};
}

bool Run::has_test() const {
  const auto loaders = find<DataLoaders>();
  const auto datasets = loaders != nullptr ? loaders->datasets() : find<Datasets>();
  return datasets != nullptr && datasets->test()->size() > 0;
}

void Run::start(std::string_view mode) {
  if (mode != "train" && mode != "test" && mode != "both") {
    static const std::vector<std::string> kModes{"train", "test", "both"};
    throw Error(ErrorCode::kInvalidArgument, "a run starts in mode train, test or both, not '" +
                                                 std::string(mode) + "'" + did_you_mean(mode, kModes, 0));
  }
  finished_ = false;
  try {
    if (const auto tracking = find<Tracking>()) tracking->begin(mode);
    if (mode == "both") {
      start_both();
    } else {
      start_mode(mode);
    }
  } catch (const tuning::TrialPruned&) {  // by the learner, or by whatever called report()
    best_keeper_.reset();
    if (!pruned_step_) prune(0);
  } catch (...) {
    best_keeper_.reset();
    end(std::current_exception());
    throw;
  }
  end(nullptr);
  finished_ = true;
}

void Run::start_mode(std::string_view mode) {
  mode_ = mode;
  if (!std::exchange(restored_, false)) {
    stopping_ = false;
    stop_reason_.clear();
    pruned_step_.reset();
  }
  if (workshop_ != nullptr) {
    const std::uint64_t start_seed = derive_seed({.seed = seed(), .repeat = repeat(), .purpose = "start"});
    workshop_->registry->prepare_process(modules_, {start_seed, threads()});
  }
  create_callbacks();
  call(Hook::kInitBegin);
  call(Hook::kInitEnd);
  const std::vector<Value> members = members_.values();  // a start may add members
  for (const Value& member : members)
    if (member.is_object() && member.ops()->start != nullptr) member.ops()->start(member.pointer(), *this);
}

void Run::start_both() {
  const auto tracking = find<Tracking>();
  if (tracking == nullptr) best_keeper_ = std::make_unique<BestKeeper>();
  start_mode("train");
  if (pruned_step_) return best_keeper_.reset();
  const fs::path best = tracking != nullptr ? tracking->artifact_folder() / "best" : best_keeper_->folder();
  if (has_test()) {
    if (find<Monitor>() != nullptr && fs::exists(best)) load_state_dict(load(best));
    start_mode("test");
  } else {
    log_debug(name_ + ": there are no samples to test");
  }
  best_keeper_.reset();
}

void Run::end(const std::exception_ptr& failure) {
  const auto tracking = find<Tracking>();
  if (tracking == nullptr) return;
  if (failure == nullptr) {
    if (pruned_step_) tracking->log_pruned(*pruned_step_);
    return tracking->end(tracking::RunStatus::kFinished);
  }
  try {
    if (is_interruption(failure)) return tracking->end(tracking::RunStatus::kKilled);
    tracking->end(tracking::RunStatus::kFailed, message_of(failure));
  } catch (const std::exception& error) {
    // The failure that ended the run is the one to report.
    log_warning("the end of " + name_ + " could not be recorded: " + error.what());
  }
}

Params Run::state_dict() const {
  Params state = Params::map();
  for (const auto& [name, member] : members_)
    if (has_state(member)) state.set(name, state_of(member));
  return state;
}

void Run::load_state_dict(const Params& state) {
  for (const auto& [name, value] : state.items()) {
    const Value& member = members_.at(name);
    if (!has_state(member))
      throw Error(ErrorCode::kInvalidArgument, "the member '" + name + "' has no state");
    give_state(name, member, value);
  }
}

namespace {

// Works for any folder with write(name, bytes) and commit().
template <class Folder>
void save_members(const Members& members, Folder& folder) {
  for (const auto& [name, member] : members) {
    if (!has_state(member)) continue;
    const Params state = state_of(member);
    folder.write(state_file(name, *member.ops()),
                 member.ops()->state_dict != nullptr ? state.to_json(1) + "\n" : state.as_string());
  }
}

std::string run_state(const std::string& stop_reason, const std::optional<std::int64_t>& pruned_step) {
  Params state{{"stopped", stop_reason}};
  if (pruned_step) state.set("pruned_step", *pruned_step);
  return state.to_json(1) + "\n";
}

}  // namespace

void Run::save(const fs::path& directory) const {
  FolderWriter folder(directory, tracker_ == nullptr ? Durability::kProcess : tracker_->durability());
  save_members(members_, folder);
  if (stopping_) folder.write(kRunFile, run_state(stop_reason_, pruned_step_));
  folder.commit();
}

void Run::save(FolderReplacer& folder) const {
  save_members(members_, folder);
  if (stopping_) folder.write(kRunFile, run_state(stop_reason_, pruned_step_));
  folder.commit();
}

namespace {

void check_folder(const fs::path& directory) {
  if (!fs::is_directory(directory))
    throw Error(ErrorCode::kNotFound, directory.string() + " is no folder of saved members");
}

// Another one once the folder has been replaced.
using FolderVersion = std::array<std::int64_t, 3>;
FolderVersion version_of(const fs::path& directory) {
  struct stat status{};
  if (stat(directory.c_str(), &status) != 0) return {};
  return {static_cast<std::int64_t>(status.st_ino), status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

Params load_members(const Members& members, const fs::path& directory) {
  Params state = Params::map();
  for (const auto& [name, member] : members) {
    if (!has_state(member)) continue;
    const fs::path file = directory / state_file(name, *member.ops());
    if (!fs::exists(file)) continue;
    std::string bytes = read_file(file);
    state.set(name,
              member.ops()->state_dict != nullptr ? Params::from_json(bytes) : Params(std::move(bytes)));
  }
  return state;
}

}  // namespace

Params Run::load(const fs::path& directory) const {
  constexpr int kMostTries = 100;
  for (int tries = 1;; ++tries) {
    check_folder(directory);
    const FolderVersion version = version_of(directory);
    try {
      Params state = load_members(members_, directory);
      if (version == version_of(directory)) return state;
    } catch (const Error&) {
      if (version == version_of(directory)) throw;
    }
    if (tries == kMostTries)
      throw Error(ErrorCode::kConflict, directory.string() + " is replaced faster than it can be read");
  }
}

void Run::restore(const fs::path& directory) {
  check_folder(directory);
  try {
    load_state_dict(load(directory));
    const fs::path file = directory / kRunFile;
    restored_ = true;
    stopping_ = fs::exists(file);
    if (stopping_) {
      const Params state = Params::from_json(read_file(file));
      stop_reason_ = state.at("stopped").as_string();
      if (const Params* step = state.find("pruned_step")) pruned_step_ = step->as_int();
    }
  } catch (const Error& error) {
    const bool missing = error.code() == ErrorCode::kNotFound;  // a key of a state
    throw Error(missing ? ErrorCode::kInvalidArgument : error.code(),
                directory.string() + ": " + error.what());
  }
}

void Run::checkpoint() {
  if (const auto tracking = find<Tracking>()) tracking->save_current(*this);
}

}  // namespace ivory
