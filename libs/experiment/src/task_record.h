// What a task leaves in the store: its plan, and the numbers of its runs.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include <ivory/experiment/run_outcome.h>
#include <ivory/experiment/run_plan.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory {

inline constexpr const char* kTaskFile = "task.json";

// The plan of a task, and how many runs its earlier plans had: the tag `ivory.index` counts on.
struct NumberedPlan {
  RunPlan plan;
  std::size_t first_index = 0;
  // {"plan": …, "first_index": …}
  [[nodiscard]] Params to_params() const;
  // Errors: kInvalidArgument, kNotFound for what is none.
  [[nodiscard]] static NumberedPlan from_params(const Params& params);
  // The index in this plan of a nested run by its tag; none for other runs.
  [[nodiscard]] std::optional<std::size_t> find_index(const tracking::RunRecord& run) const;
};

// The plan that the run's tag or its artifact task.json holds, which may lie on the server `tracking_uri`;
// none for a run that is no task, or a task that has made no plan yet. Errors: kInvalidArgument naming the
// run for one that cannot be read.
[[nodiscard]] std::optional<NumberedPlan> find_plan(const tracking::RunRecord& task,
                                                    std::string_view tracking_uri);

// The runs nested right under a run, by the tag `ivory.index`, then in the order they were made.
[[nodiscard]] std::vector<tracking::RunRecord> nested_runs(const tracking::TrackingStore& store,
                                                           std::string_view parent_run_id, bool with_metrics);

// The score of a run by its tag `ivory.monitor` and its metric best_score.
[[nodiscard]] RunScore score_of(const tracking::RunRecord& run);

// What the store knows of a run that has ended.
[[nodiscard]] RunOutcome stored_outcome(const tracking::TrackingStore& store, const tracking::RunRecord& run,
                                        const Params& arguments);

// The N of a name "kind#N"; none for other names.
[[nodiscard]] std::optional<std::int64_t> number_of(std::string_view name) noexcept;

}  // namespace ivory
