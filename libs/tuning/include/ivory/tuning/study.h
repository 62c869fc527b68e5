// A study: many trials of one objective.
#pragma once
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/tuning/frozen_trial.h>
#include <ivory/tuning/heartbeat.h>
#include <ivory/tuning/sampler.h>
#include <ivory/tuning/trial.h>

namespace ivory::tuning {

class Study;
class Backend;
struct StoredStudy;

struct StudyOptions {
  Direction direction = Direction::kMinimize;
  std::vector<Direction> directions = {};       // several objectives; then `direction` is not looked at
  std::string storage = {};                     // a URL, as "sqlite:///study.db"; empty: in memory
  std::string study_name = {};                  // empty: "no-name-" and a random UUID
  bool load_if_exists = false;                  // else a study of this name in the storage is a kConflict
  std::shared_ptr<const Sampler> sampler = {};  // none: the default one (see samplers.h)
  std::shared_ptr<const Pruner> pruner = {};    // none: the median rule (see pruners.h)
  // Choices of a categorical parameter may get more in later trials, at the end of the list. Kept as the
  // attribute `ivory:choices_may_grow`. Optuna reads such a study, but refuses to add trials with other
  // choices than the first had.
  bool choices_may_grow = false;
  // Of the storage, unless its URL says: kFull has what ended survive a power cut.
  Durability durability = Durability::kProcess;
  HeartbeatOptions heartbeat = {};  // Errors: kUnsupported if the storage keeps none
};

struct LoadOptions {
  std::string storage = {};
  std::string study_name = {};  // empty: the only study there is
  std::shared_ptr<const Sampler> sampler = {};
  std::shared_ptr<const Pruner> pruner = {};
  Durability durability = Durability::kProcess;
  HeartbeatOptions heartbeat = {};
};

// What becomes of a trial whose parameters, once all are suggested, are those of a COMPLETE one. Its
// attribute `ivory:duplicate_of` then says which.
enum class Duplicates : std::uint8_t {
  kAllow,  // it runs
  kSkip,   // it is FAIL without having run; samplers pass over it
  kReuse,  // it is COMPLETE with the earlier one's values and constraints, without having run
};

struct OptimizeOptions {
  std::optional<std::int64_t> n_trials = {};  // none: until the timeout, stop(), Ctrl-C or the sampler's end
  // Goes on until the study has so many trials, whoever ran them.
  std::optional<std::int64_t> n_total = {};
  int n_jobs = 1;  // threads; -1: as many as the machine has processors
  std::optional<std::chrono::duration<double>> timeout = {};  // no trial starts later
  // True for an exception after which the study goes on (its trial is FAIL).
  std::function<bool(const std::exception&)> catch_exceptions = {};
  // Called after each trial, one at a time.
  std::vector<std::function<void(Study&, const FrozenTrial&)>> callbacks = {};
  bool show_progress_bar = false;
  Duplicates duplicates = Duplicates::kAllow;
  // Trials keep whose they are (the attribute `ivory:owner`), and before a new one is begun, one whose
  // process has died on this machine is run again, with its number and the parameters, reports and attributes
  // that it has already; of several processes that see it, by one. A trial that Ctrl-C interrupts (its
  // objective throws Interrupted) stays RUNNING, to be taken up so. Taken up trials count for n_trials.
  bool take_up = false;
  // The study comes out the same, bit by bit, with any number of threads and processes, and after a kill and
  // resume: trial n starts once those up to n - lag have ended, sees these, and of those in between only the
  // joint parameters (and attributes) that its sampler fixed at their start; its pruner sees the same. At
  // most `lag` trials run at once. The same are states, values, parameters, reports and attributes; times,
  // ids and attributes under "ivory:" are not. It takes a sampler with a seed, a study with a name
  // (Hyperband), an objective that gives the same for the same parameters, and trials enqueued before.
  // Several processes work on one storage, each with n_total: a process waits for the others' last trials,
  // and a trial whose process has died is run again with its number and parameters (on the same machine; one
  // of another machine is waited for), as with take_up. A timeout, stop() or Ctrl-C decides how many trials
  // there are, and forfeits the promise for their number only. Lag and vector level are kept as the study's
  // attribute `ivory:deterministic`. Errors: kConflict if the study was begun with another lag.
  bool deterministic = false;
  std::int64_t lag = 8;
};

struct TellOptions {
  std::optional<TrialState> state = {};
  bool skip_if_finished = false;
};

using Objective = std::function<std::vector<double>(Trial&)>;

// A trial asks in this order: what it was given already; what was enqueued for it (used even outside its
// bounds, with a warning); the only value there is; the sampler's joint proposal if it lies in the
// distribution; the sampler's independent proposal. A trial ends COMPLETE with finite or infinite values;
// PRUNED with its last report as value (unless NaN; with folds the mean of each fold's last); FAIL when the
// objective throws, or gives a NaN or the wrong number of values.
//
// Threads: any method from any thread; what comes back is a copy. Objectives run without a lock, samplers and
//   pruners under the study's. A moved-from study can only be destroyed or assigned to.
// Ownership: trials that ask() gave must not outlive the study.
// Errors: kInvalidArgument for wrong options, values or parameters; kNotFound for a trial that does not
// exist;
//   kConflict for a change of a finished trial, and for a best trial when there is none.
class Study {
 public:
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;
  Study(const Study&) = delete;
  Study& operator=(const Study&) = delete;
  ~Study();

  // Runs trials of `objective`, which takes a Trial& and returns a number or a vector of numbers. The first
  // exception that catch_exceptions does not take ends it: running trials are finished, then it is thrown on.
  // Ctrl-C under an InterruptGuard ends it too, with Interrupted.
  // Errors: kConflict if called from within an objective or a callback of this study.
  template <class F>
    requires std::is_invocable_v<F&, Trial&>
  void optimize(F objective, const OptimizeOptions& options = {}) {
    using Result = std::invoke_result_t<F&, Trial&>;
    if constexpr (std::is_convertible_v<Result, double>) {
      run([f = std::move(objective)](
              Trial& trial) mutable { return std::vector<double>{static_cast<double>(f(trial))}; },
          options);
    } else {
      run(Objective(std::move(objective)), options);
    }
  }
  // Lets the running trials end and starts no more.
  void stop();

  // A trial to evaluate elsewhere: a waiting one if there is any, else a new one. `fixed` are suggested at
  // once.
  [[nodiscard]] std::unique_ptr<Trial> ask(
      const std::vector<std::pair<std::string, Distribution>>& fixed = {});
  // Ends a trial. Without a state: COMPLETE, or FAIL (with a warning) if the values are no good. Returns the
  // trial. Errors: values that do not go with the state; kConflict if it has ended, unless skip_if_finished.
  FrozenTrial tell(const Trial& trial, std::span<const double> values, const TellOptions& options = {});
  FrozenTrial tell(std::int64_t number, std::span<const double> values, const TellOptions& options = {});
  FrozenTrial tell(const Trial& trial, double value) { return tell(trial, std::span(&value, 1)); }
  FrozenTrial tell(const Trial& trial, TrialState state) { return tell(trial, {}, {.state = state}); }

  // The next trial gets these parameters (others are sampled). Returns its number, nothing if
  // `skip_if_exists` and a trial has the same ones.
  std::optional<std::int64_t> enqueue_trial(const Params& params, const Params& user_attrs = {},
                                            bool skip_if_exists = false);
  // Adds a trial as it is, but for its number. Returns the number.
  std::int64_t add_trial(const FrozenTrial& trial);
  void add_trials(std::span<const FrozenTrial> trials);

  // The best COMPLETE trial that violates no constraint, the first of equals.
  // Errors: kConflict if there is none; kInvalidArgument if the study has several objectives.
  [[nodiscard]] FrozenTrial best_trial() const;
  [[nodiscard]] double best_value() const { return best_trial().value(); }
  [[nodiscard]] Params best_params() const { return best_trial().params_map(); }
  // The Pareto front of the COMPLETE trials that violate no constraint, by number.
  [[nodiscard]] std::vector<FrozenTrial> best_trials() const;
  [[nodiscard]] std::vector<FrozenTrial> trials() const;
  [[nodiscard]] std::vector<FrozenTrial> trials(std::span<const TrialState> states) const;
  [[nodiscard]] FrozenTrial trial(std::int64_t number) const;
  [[nodiscard]] std::int64_t size() const;

  [[nodiscard]] std::string study_name() const;
  [[nodiscard]] Direction direction() const;  // Errors: kInvalidArgument if there are several
  [[nodiscard]] std::vector<Direction> directions() const;
  [[nodiscard]] Params user_attrs() const;
  [[nodiscard]] Params system_attrs() const;
  void set_user_attr(std::string_view key, const Params& value);
  // One name an objective, kept as the attribute `study:metric_names`.
  void set_metric_names(const std::vector<std::string>& names);
  [[nodiscard]] std::vector<std::string> metric_names() const;

 private:
  friend Study create_study(const StudyOptions& options);
  friend Study load_study(const LoadOptions& options);
  friend void copy_study(const std::string& from_name, const std::string& from_storage,
                         const std::string& to_storage, const std::string& to_name);
  class Engine;
  class StudyTrial;
  class Context;
  class Campaign;
  struct Taken;
  explicit Study(std::unique_ptr<Engine> engine) noexcept;
  static std::unique_ptr<Engine> make_engine(const StoredStudy& study, std::unique_ptr<Backend> backend,
                                             std::shared_ptr<const Sampler> sampler,
                                             std::shared_ptr<const Pruner> pruner,
                                             const HeartbeatOptions& heartbeat);
  static Study make(const StoredStudy& stored, std::unique_ptr<Backend> backend, const StudyOptions& options);
  static void copy(const Study& from, const Study& to);
  void run(const Objective& objective, const OptimizeOptions& options);
  void run_trial(const Objective& objective, const OptimizeOptions& options, Campaign& campaign, Taken taken);
  std::unique_ptr<Engine> engine_;
};

// Storages: "sqlite:///PATH" is a SQLite file with Optuna's schema, "journal:///PATH" Optuna's journal file
// (PATH relative to the working directory; with a fourth slash, absolute), "postgresql://USER@HOST/NAME" a
// database with Optuna's schema on a server. Any number of processes, Optuna's too, may work on one study;
// each keeps what it has seen and reads what is new. A finished trial survives the death of its process; with
// "?durability=full" in the URL a power cut too. Errors: kInvalidArgument for another scheme, for a database
// of another schema, for a journal with a line that is no record; kConflict for a name that is taken; kIo
// when the medium fails or is read-only; kUnsupported for PostgreSQL where its client library is missing.
[[nodiscard]] Study create_study(const StudyOptions& options = {});
// Errors: kNotFound, with the nearest name, if there is no such study.
[[nodiscard]] Study load_study(const LoadOptions& options);
void delete_study(const std::string& study_name, const std::string& storage);
// A copy of all trials and attributes in the same or another storage, under the same or another name.
void copy_study(const std::string& from_name, const std::string& from_storage, const std::string& to_storage,
                const std::string& to_name = {});
[[nodiscard]] std::vector<std::string> get_all_study_names(const std::string& storage);

struct StudySummary {
  std::string study_name;
  std::vector<Direction> directions;
  std::optional<FrozenTrial> best_trial;  // of one objective, if any trial is complete and feasible
  std::int64_t n_trials = 0;
  std::map<TrialState, std::int64_t> n_by_state = {};
  std::optional<Time> datetime_start;  // of the first trial
  Params user_attrs, system_attrs;
};
// By the order of their creation.
[[nodiscard]] std::vector<StudySummary> get_all_study_summaries(const std::string& storage);

// A record to add to a study: COMPLETE with these values unless said otherwise; it starts and ends now.
// Errors: what FrozenTrial::validate says.
struct TrialTemplate {
  TrialState state = TrialState::kComplete;
  std::vector<double> values = {};
  Params params = {};                                                    // by name, external
  std::vector<std::pair<std::string, Distribution>> distributions = {};  // one a parameter
  std::map<std::int64_t, double> intermediate_values = {};
  Params user_attrs = Params::map();
  Params system_attrs = Params::map();
};
[[nodiscard]] FrozenTrial create_trial(const TrialTemplate& parts);

}  // namespace ivory::tuning
