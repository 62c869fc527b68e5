// Run: one training and/or test with one set of parameters.
#pragma once
#include <array>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/data/array.h>
#include <ivory/experiment/creator.h>

namespace ivory {

class FolderReplacer;
class Tracking;

// What a trainer made of one batch; on_train_batch_end, on_val_batch_end and on_test_batch_end look at it.
struct BatchResult {
  Array index;      // int64 [n]
  Array output;     // [n, …]
  Array target;     // [n, …]
  double loss = 0;  // mean over the batch; NaN when it has none (test without targets)
};

// Runs call the hooks of their members in the order of the parameter file. A hook is a method
// `void on_epoch_end(Run& run)` of any class; the names are in object_ops.h.
//
// Threads: one thread uses a run. A run can be moved, but not while it is started.
class Run : public Creator {
 public:
  // Directly from parameters and named instances:
  //   Run run({{"run", {{"seed", 1}}}}, {{"data", …}, {"trainer", Value::object(trainer)}});
  explicit Run(Params params = {}, NamedValues instances = {});
  ~Run();
  Run(Run&& other) noexcept;
  Run& operator=(Run&& other) noexcept;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // "train" or "test" while and after it runs, empty before.
  [[nodiscard]] const std::string& mode() const noexcept { return mode_; }
  [[nodiscard]] std::uint64_t seed() const;    // parameter `seed`, 0 by default
  [[nodiscard]] std::uint64_t repeat() const;  // parameter `repeat`
  [[nodiscard]] int threads() const;           // parameter `threads`, 1 by default
  // True after a start that came to its end.
  [[nodiscard]] bool finished() const noexcept { return finished_; }
  // What create_params() says was given for this run.
  [[nodiscard]] const Params& update() const noexcept { return update_; }

  // Collects the hooks of all members, in order. start() does it itself.
  void create_callbacks();
  // Gives the run an id and a name: makes it a run of the tracking store, named after `name` ("run" becomes
  // run#0, run#1 …), and adds the member `tracking`. Errors: those of the store.
  // Or takes over the run that `origin` names.
  void set_tracker(std::shared_ptr<Tracker> tracker, std::string_view name = "run",
                   const RunOrigin& origin = {});
  [[nodiscard]] const std::shared_ptr<Tracker>& tracker() const noexcept { return tracker_; }

  // "train", "test", or "both": trains, restores the best state, tests if there are samples to test.
  // A second start goes on from the present epoch. On a tracked run the status follows: FINISHED, FAILED
  // with the message as the tag `ivory.error`, KILLED after Ctrl-C (which throws Interrupted).
  // Errors: kInvalidArgument for another mode; whatever a member throws.
  void start(std::string_view mode = "train");

  // {"model": state, "optimizer": state, …} of every member that has one: a map where the state is small
  // data, a string of bytes where it has a format of its own.
  [[nodiscard]] Params state_dict() const;
  // Gives it back. Members that it does not name keep theirs. Errors: kInvalidArgument for a name that is no
  // member with state.
  void load_state_dict(const Params& state);
  // One file a member: model.pt, results.npz, metrics.json. The folder appears whole or not at all, and
  // replaces one of that name.
  void save(const std::filesystem::path& directory) const;
  // The same into a folder that is replaced often.
  void save(FolderReplacer& folder) const;
  // Reads them: the states by member, as load_state_dict() takes them. From a folder that is replaced
  // meanwhile, all of one time.
  [[nodiscard]] Params load(const std::filesystem::path& directory) const;
  // Gives back all that save() wrote, whether the run was asked to stop included: the next start goes on as
  // if the run had never been left. Errors: those of load() and load_state_dict(), with the folder.
  void restore(const std::filesystem::path& directory);

  // ---- for trainers and callbacks
  // Calls a hook of all members.
  void call(Hook hook);
  // True if a member has it: a trainer need not prepare what nobody looks at.
  [[nodiscard]] bool has(Hook hook) const noexcept {
    return !callbacks_[static_cast<std::size_t>(hook)].empty();
  }
  // Names of the members that have the hook, in the order they are called.
  [[nodiscard]] std::vector<std::string> callbacks(Hook hook) const;
  // The batch just done; valid in the batch hooks.
  [[nodiscard]] const BatchResult& batch() const noexcept { return *batch_; }
  void set_batch(const BatchResult& batch) noexcept { batch_ = &batch; }
  // Saves the state `current` of a run that is tracked. Only where a start can go on: at the end of an epoch,
  // or between two of a trainer's batches.
  void checkpoint();
  // Asks the trainer to end the fit after this epoch; the reason is for people.
  void stop(std::string reason);
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  [[nodiscard]] const std::string& stop_reason() const noexcept { return stop_reason_; }
  // For a learner without Metrics: how it stands at `step` (its own count, from 0), one score a metric that
  // the monitor watches. The monitor takes it, a tracked run logs it, and in a trial it is told to the tuner:
  // when that gives the trial up, tuning::TrialPruned is thrown, which start() takes for its end. Errors:
  // kInvalidArgument in a run without a monitor.
  void report(double score, std::int64_t step);
  void report(const std::vector<double>& scores, std::int64_t step);
  // Gives a trial's run up after `step`: stop(), and once the start is over a tracked run has the tags
  // `pruned` and `pruned_step`; `both` does not go on to the test.
  void prune(std::int64_t step);
  // The step; none if the run was not given up.
  [[nodiscard]] const std::optional<std::int64_t>& pruned_step() const noexcept { return pruned_step_; }
  // Has samples to test, as far as its members say (a Datasets with a test part that is not empty).
  [[nodiscard]] bool has_test() const;

 private:
  friend class Creator;
  struct Callback {
    void (*call)(void*, Run&);
    void* object;
    std::string member;
  };
  class BestKeeper;
  void start_mode(std::string_view mode);
  void start_both();
  void end(const std::exception_ptr& failure);
  [[nodiscard]] std::int64_t setting(std::string_view key, std::int64_t fallback) const;

  std::string mode_;
  Params update_ = Params::map();
  std::vector<std::string> modules_;  // whose process-wide state is set when it starts
  std::array<std::vector<Callback>, kHookCount> callbacks_;
  std::shared_ptr<Tracker> tracker_;
  std::unique_ptr<BestKeeper> best_keeper_;  // while `both` runs without a tracker
  const BatchResult* batch_ = nullptr;
  bool stopping_ = false;
  bool finished_ = false;
  bool restored_ = false;  // the next start goes on, and stops where it was asked to
  std::string stop_reason_;
  std::optional<std::int64_t> pruned_step_;
};

}  // namespace ivory
