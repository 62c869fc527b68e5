// What a tracking store keeps: experiments, their runs, and what runs log. Plain values.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ivory::tracking {

// All times are milliseconds since 1970-01-01 UTC, as MLflow keeps them.
using TimeMs = std::int64_t;
[[nodiscard]] TimeMs now_ms();

enum class RunStatus { kRunning, kScheduled, kFinished, kFailed, kKilled };
// "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED".
[[nodiscard]] std::string_view to_text(RunStatus status) noexcept;
// Empty for an unknown name.
[[nodiscard]] std::optional<RunStatus> find_run_status(std::string_view name) noexcept;
// True for the states that a run ends in.
[[nodiscard]] bool is_terminal(RunStatus status) noexcept;

enum class LifecycleStage { kActive, kDeleted };
// "active", "deleted".
[[nodiscard]] std::string_view to_text(LifecycleStage stage) noexcept;

// Which lifecycle stages a listing shows.
enum class ViewType { kActiveOnly, kDeletedOnly, kAll };

// One point of a metric. `step` may be negative; `timestamp_ms` >= 0. A NaN is kept; SQL stores keep an
// infinity as the largest finite double of its sign, and -0.0 as 0.0, as MLflow's do.
struct Metric {
  std::string key;
  double value = 0;
  TimeMs timestamp_ms = 0;
  std::int64_t step = 0;
  friend bool operator==(const Metric&, const Metric&) = default;
};

// A point of a metric that belongs to a logged model or to a dataset.
struct ModelMetric {
  Metric metric;
  std::string model_id;  // each of these may be empty
  std::string dataset_name;
  std::string dataset_digest;
  std::string run_id;  // who logged it
  friend bool operator==(const ModelMetric&, const ModelMetric&) = default;
};

// A param or a tag.
struct KeyValue {
  std::string key;
  std::string value;
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

struct ExperimentRecord {
  std::string id;
  std::string name;
  std::string artifact_location;
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
  std::optional<TimeMs> creation_time;
  std::optional<TimeMs> last_update_time;
  std::vector<KeyValue> tags;  // by key
  friend bool operator==(const ExperimentRecord&, const ExperimentRecord&) = default;
};

struct Dataset {
  std::string name;
  std::string digest;
  std::string source_type;
  std::string source;
  std::string schema;
  std::string profile;
  friend bool operator==(const Dataset&, const Dataset&) = default;
};

// A dataset that a run used; the tag mlflow.data.context says what for.
struct DatasetInput {
  Dataset dataset;
  std::vector<KeyValue> tags;  // by key
  friend bool operator==(const DatasetInput&, const DatasetInput&) = default;
};

// What a run made: a logged model.
struct ModelOutput {
  std::string model_id;
  std::int64_t step = 0;
  friend bool operator==(const ModelOutput&, const ModelOutput&) = default;
};

struct RunRecord {
  std::string run_id;  // 32 lower-case hex digits
  std::string experiment_id;
  std::string name;
  RunStatus status = RunStatus::kRunning;
  std::optional<TimeMs> start_time;
  std::optional<TimeMs> end_time;
  std::string artifact_uri;
  std::string user_id;
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
  std::vector<Metric> metrics;   // the latest point of each, by key
  std::vector<KeyValue> params;  // by key
  std::vector<KeyValue> tags;    // by key
  std::vector<DatasetInput> dataset_inputs;
  std::vector<std::string> model_inputs;  // ids of logged models
  std::vector<ModelOutput> model_outputs;

  // The value of a tag, of a param, of the latest point of a metric; null if it was not logged.
  // They point into this record.
  [[nodiscard]] const std::string* find_tag(std::string_view key) const noexcept;
  [[nodiscard]] const std::string* find_param(std::string_view key) const noexcept;
  [[nodiscard]] const Metric* find_metric(std::string_view key) const noexcept;
  friend bool operator==(const RunRecord&, const RunRecord&) = default;
};

// Tag names with a meaning to MLflow, and ours.
inline constexpr std::string_view kRunNameTag = "mlflow.runName";
inline constexpr std::string_view kParentRunIdTag = "mlflow.parentRunId";
inline constexpr std::string_view kUserTag = "mlflow.user";
inline constexpr std::string_view kSourceNameTag = "mlflow.source.name";
inline constexpr std::string_view kSourceTypeTag = "mlflow.source.type";
inline constexpr std::string_view kSourceGitCommitTag = "mlflow.source.git.commit";
inline constexpr std::string_view kNoteTag = "mlflow.note.content";
inline constexpr std::string_view kProcessTag = "ivory.process";  // see liveness.h
inline constexpr std::string_view kErrorTag = "ivory.error";      // why a run is FAILED
inline constexpr std::string_view kModeTag = "ivory.mode";        // what it was started in: train, test, both
inline constexpr std::string_view kIndexTag = "ivory.index";      // number of a nested run in its task
inline constexpr std::string_view kTaskTag = "ivory.task";        // the plan of a task
inline constexpr std::string_view kMonitorTag = "ivory.monitor";  // "val_loss min": what a run's score is

}  // namespace ivory::tracking
