// All that is known of one study: what samplers and pruners look at.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ivory/tuning/frozen_trial.h>

namespace ivory::tuning {

// Attribute of a study whose categorical choices may grow.
inline constexpr std::string_view kGrowingChoicesAttr = "ivory:choices_may_grow";

// A parameter of a trial; name and distribution are ids into the History, so that a trial is small.
struct ParamRecord {
  std::uint32_t name = 0;
  std::uint32_t distribution = 0;
  double internal = 0;
};

struct TrialRecord {
  struct Attrs {
    Params user = Params::map(), system = Params::map();
  };
  // Of a trial with folds or several objectives.
  struct FullReports {
    std::vector<TrialReport> all;  // by fold and step
    std::optional<std::int64_t> latest_fold;
  };
  std::int64_t number = 0, trial_id = 0;
  TrialState state = TrialState::kRunning;
  std::vector<double> values;       // one an objective; empty if it has none
  std::vector<ParamRecord> params;  // in the order of suggestion
  // (step, value), by step; with folds (fold, its latest value); of the first objective.
  std::vector<std::pair<std::int64_t, double>> reports;
  std::unique_ptr<FullReports> full;  // none: the reports above are all there is
  std::vector<ParamRecord> joint;     // what a sampler fixed at the start; while it runs
  std::unique_ptr<Attrs> attrs;       // none: no attributes
  std::optional<Time> start, complete;

  [[nodiscard]] const double* find_param(std::uint32_t name) const noexcept;
  [[nodiscard]] const double* find_report(std::int64_t step) const noexcept;
  // One value an objective; empty if there is no such report.
  [[nodiscard]] std::span<const double> find_values(std::optional<std::int64_t> fold,
                                                    std::int64_t step) const noexcept;
  [[nodiscard]] const Params* find_system_attr(std::string_view key) const;
};

// Trials stand at the index that is their number.
//
// Threads: one at a time; a study lends it to its sampler and pruner under its lock.
// Errors: kNotFound for a trial that does not exist, kConflict for a change of a finished trial,
//   kInvalidArgument for a distribution that does not fit an earlier one.
class History {
 public:
  History(std::string study_name, std::vector<Direction> directions);

  [[nodiscard]] const std::string& study_name() const noexcept { return study_name_; }
  [[nodiscard]] const std::vector<Direction>& directions() const noexcept { return directions_; }
  // Choices of a categorical parameter may get more in later trials, at the end.
  [[nodiscard]] bool choices_may_grow() const noexcept { return choices_may_grow_; }
  [[nodiscard]] bool is_single_objective() const noexcept { return directions_.size() == 1; }
  // +1 to minimize, -1 to maximize: times a value, less is better.
  [[nodiscard]] double sign(std::size_t objective = 0) const { return signs_[objective]; }

  [[nodiscard]] const std::deque<TrialRecord>& trials() const noexcept { return trials_; }
  [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(trials_.size()); }
  [[nodiscard]] const TrialRecord& trial(std::int64_t number) const;
  // Numbers of the finished trials in the order in which they finished: grows only at its end, so that who
  // has seen the first n looks at the rest.
  [[nodiscard]] std::span<const std::int64_t> finished() const noexcept { return finished_; }
  [[nodiscard]] const std::set<std::int64_t>& running() const noexcept { return running_; }
  [[nodiscard]] const std::set<std::int64_t>& waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::int64_t complete_count() const noexcept { return complete_; }
  [[nodiscard]] std::int64_t pruned_count() const noexcept { return pruned_; }
  // The best COMPLETE, feasible trial of a study of one objective; the first of equals. None: nothing
  // complete.
  [[nodiscard]] std::optional<std::int64_t> find_best() const;
  // Numbers of the COMPLETE, feasible trials that no other dominates, in order.
  [[nodiscard]] std::vector<std::int64_t> best_trials() const;

  [[nodiscard]] const std::string& name(std::uint32_t id) const { return *names_[id].name; }
  [[nodiscard]] const Distribution& distribution(std::uint32_t id) const { return distributions_[id]; }
  // The one that came last under this name; null: none yet.
  [[nodiscard]] const Distribution* find_latest(std::uint32_t name) const;
  [[nodiscard]] std::optional<std::uint32_t> find_name(std::string_view name) const;
  // False if a constraint of the trial is violated.
  [[nodiscard]] static double violation(const TrialRecord& trial);  // sum of the positive ones; 0: feasible
  [[nodiscard]] FrozenTrial freeze(std::int64_t number) const;
  [[nodiscard]] const Params& user_attrs() const noexcept { return user_attrs_; }
  [[nodiscard]] const Params& system_attrs() const noexcept { return system_attrs_; }

  // What stores call. An id of a name or a distribution, new or known.
  std::uint32_t name_id(std::string_view name);
  std::uint32_t distribution_id(std::uint32_t name, const Distribution& distribution);
  // Adds a trial as it is; its number is the next one. Returns the number.
  std::int64_t add(const FrozenTrial& trial);
  std::int64_t add_running(std::int64_t trial_id, Time start);
  // Takes a waiting trial; false if it is no longer waiting.
  bool start(std::int64_t number, Time start);
  void set_param(std::int64_t number, std::string_view name, const Distribution& distribution,
                 double internal);
  void set_joint(std::int64_t number, const std::vector<TrialParam>& joint);
  void report(std::int64_t number, std::int64_t step, double value);  // a known step is replaced
  void report(std::int64_t number, const TrialReport& report);        // one with a fold or several values
  // A report kept as an attribute (full_reports.h) becomes one.
  void set_trial_attr(std::int64_t number, bool system, std::string_view key, const Params& value);
  void finish(std::int64_t number, TrialState state, std::span<const double> values, Time complete);
  void set_study_attr(bool system, std::string_view key, const Params& value);

 private:
  struct Name {
    std::unique_ptr<std::string> name;         // its address stays: name_ids_ looks into it
    std::vector<std::uint32_t> distributions;  // seen under this name, the latest last
  };
  TrialRecord& open_trial(std::int64_t number);
  void check_values(TrialState state, std::span<const double> values) const;
  void enter(TrialRecord& trial);
  void read_published(TrialRecord& trial, std::string_view prefix);
  static void enter_report(TrialRecord& trial, std::int64_t step, double value);
  static void enter_report(TrialRecord& trial, const TrialReport& report);

  std::string study_name_;
  std::vector<Direction> directions_;
  std::vector<double> signs_;
  std::deque<TrialRecord> trials_;
  std::vector<std::int64_t> finished_;
  std::set<std::int64_t> running_, waiting_;
  std::int64_t complete_ = 0, pruned_ = 0;
  bool choices_may_grow_ = false;
  std::vector<Name> names_;
  std::unordered_map<std::string_view, std::uint32_t> name_ids_;
  std::vector<Distribution> distributions_;
  Params user_attrs_ = Params::map(), system_attrs_ = Params::map();
};

}  // namespace ivory::tuning
