// A trial as it was kept: a record to look at.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/tuning/distributions.h>

namespace ivory::tuning {

// Numbers as in Optuna's journal.
enum class TrialState : std::uint8_t { kRunning = 0, kComplete = 1, kPruned = 2, kFail = 3, kWaiting = 4 };
enum class Direction : std::uint8_t { kNotSet = 0, kMinimize = 1, kMaximize = 2 };

// "RUNNING", "MINIMIZE" …, as Optuna's tables write them.
[[nodiscard]] std::string_view to_text(TrialState state) noexcept;
[[nodiscard]] std::string_view to_text(Direction direction) noexcept;
// Errors: kInvalidArgument for another word. Case does not count.
[[nodiscard]] TrialState parse_trial_state(std::string_view text);
[[nodiscard]] Direction parse_direction(std::string_view text);

[[nodiscard]] constexpr bool is_finished(TrialState state) noexcept {
  return state != TrialState::kRunning && state != TrialState::kWaiting;
}

using Time = std::chrono::sys_time<std::chrono::microseconds>;

struct TrialParam {
  std::string name;
  Distribution distribution;
  double internal;
  [[nodiscard]] Params value() const { return distribution.to_external(internal); }
  friend bool operator==(const TrialParam&, const TrialParam&) = default;
};

// A report of a trial with folds or several objectives.
struct TrialReport {
  std::int64_t step = 0;
  std::optional<std::int64_t> fold = {};
  std::vector<double> values = {};  // one an objective
  friend bool operator==(const TrialReport&, const TrialReport&) = default;
};

// A value type. Threads: as a standard container.
struct FrozenTrial {
  std::int64_t number = -1;    // within its study, from 0
  std::int64_t trial_id = -1;  // within its store
  TrialState state = TrialState::kComplete;
  std::vector<double> values = {};      // one an objective; empty if it has none
  std::vector<TrialParam> params = {};  // in the order of suggestion
  // What Optuna shows of the reports, of the first objective: by step; of a trial with folds the latest by
  // fold.
  std::map<std::int64_t, double> intermediate_values = {};
  // All reports, by fold and step, if there are folds or several objectives; else empty.
  std::vector<TrialReport> reports = {};
  Params user_attrs = Params::map();
  Params system_attrs = Params::map();
  std::optional<Time> datetime_start = {};
  std::optional<Time> datetime_complete = {};

  // The only value. Errors: kConflict if there is none, kInvalidArgument if there are several.
  [[nodiscard]] double value() const;
  [[nodiscard]] const TrialParam* find_param(std::string_view name) const noexcept;
  // By name, external.
  [[nodiscard]] Params params_map() const;
  // Constraints by key, from the attributes `constraints:<key>` or the older list `constraints` (keys "0",
  // "1" …).
  [[nodiscard]] std::vector<std::pair<std::string, double>> constraints() const;
  // False if a constraint is violated (> 0). No constraints: true.
  [[nodiscard]] bool is_feasible() const;
  // Errors: kInvalidArgument if the record contradicts itself: a COMPLETE trial without values, a NaN value,
  // a running trial with an end, a parameter given twice or outside its distribution.
  void validate() const;
};

}  // namespace ivory::tuning
