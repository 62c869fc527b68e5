// What all stores share of experiments and runs: what a new run is made of, and refusals in MLflow's words.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// "Experiment(name=x) already exists."
[[nodiscard]] std::string experiment_exists(std::string_view name);
[[noreturn]] void fail_no_experiment(std::string_view id);
[[noreturn]] void fail_no_run(std::string_view id);

// Errors: kConflict for a stage that is not "active". `what` is "run", "experiment".
void check_active(std::string_view what, std::string_view id, std::string_view lifecycle_stage);
// With one '/' between them.
[[nodiscard]] std::string append_to_location(std::string location, std::string_view tail);

// Of all texts that a run is made with.
void check_create(const CreateRun& create);
// The name that `create` asks for in its name or its tags; empty: the store chooses. Errors: kInvalidArgument
// if they differ.
[[nodiscard]] std::string asked_name(const CreateRun& create);
[[nodiscard]] std::string user_of(const CreateRun& create);
// The last of each key, as stores keep them, in order of keys.
[[nodiscard]] std::vector<KeyValue> in_order_of_keys(const std::vector<KeyValue>& entries);

struct ChangedParam {
  const KeyValue* param;
  std::string old_value;
};

// The words for one param, or those for a batch.
[[noreturn]] void refuse_changed(std::string_view run_id, const std::vector<ChangedParam>& changed, bool one);

// The steps of a sample, from those that each run has in order: evenly spread, with those that a run begins
// or ends with. At most kMaxSampledPoints of one run are shown: many may share a step.
inline constexpr std::size_t kMaxSampledPoints = 25'000;
[[nodiscard]] std::set<std::int64_t> sampled_steps(
    const std::vector<std::vector<std::int64_t>>& steps_of_runs, const HistorySampling& sampling);

}  // namespace ivory::tracking
