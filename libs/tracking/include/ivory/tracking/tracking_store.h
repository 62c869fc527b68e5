// The interface of all tracking stores.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/page.h>

namespace ivory::tracking {

class LoggedModels;
class ModelRegistry;

// The defaults in these structures let designated initializers leave a member out without a warning.
// NOLINTBEGIN(readability-redundant-member-init)
struct CreateRun {
  std::string experiment_id;
  std::string name = {};                     // wins over name_prefix
  std::string name_prefix = {};              // "run" names it run#0, run#1 …; neither: adjective-noun-number
  std::string user_id = {};                  // empty: the tag mlflow.user, else "unknown"
  std::optional<TimeMs> start_time_ms = {};  // none: now
  std::vector<KeyValue> tags = {};           // not checked but for text that no store can hold
  std::vector<KeyValue> params = {};         // as log_batch() takes them
  std::string parent_run_id = {};  // not empty: the tag mlflow.parentRunId, whether it exists or not
};

// What is none stays as it is.
struct RunUpdate {
  std::optional<RunStatus> status = {};
  std::optional<TimeMs> end_time_ms = {};
  std::optional<std::string> name = {};  // the tag mlflow.runName follows; empty counts as none
  std::vector<KeyValue> tags = {};       // replaced, in the same step
};

// Any number of each: one durable step of the store.
struct Batch {
  std::vector<Metric> metrics = {};
  std::vector<KeyValue> params = {};
  std::vector<KeyValue> tags = {};
  std::vector<ModelMetric> model_metrics = {};  // points of the run, as `metrics`, and of a logged model
};

// A page of runs by MLflow's search language (docs/search-language.md): "metrics.loss < 0.1 AND params.model
// LIKE 'res%'", order_by {"metrics.loss ASC", "start_time DESC"}.
struct SearchRuns {
  std::vector<std::string> experiment_ids = {};  // none: nothing is found, as with MLflow
  std::string filter = {};
  ViewType view = ViewType::kActiveOnly;
  std::vector<std::string> order_by = {};
  std::int64_t max_results = 1000;
  std::string page_token = {};
  bool with_inputs = false;  // datasets and models, too
};

struct SearchExperiments {
  std::string filter = {};
  ViewType view = ViewType::kActiveOnly;
  std::vector<std::string> order_by = {};
  std::int64_t max_results = 1000;
  std::string page_token = {};
};

// What part of the history of a metric.
struct HistoryQuery {
  std::string key;
  std::optional<std::int64_t> max_results = {};  // none: all
  std::string page_token = {};
};

// At most `max_results` points a run, spread evenly over the steps from start to end; the first and the last
// are among them.
struct HistorySampling {
  std::vector<std::string> run_ids = {};
  std::string key = {};
  std::optional<std::int64_t> start_step = {};
  std::optional<std::int64_t> end_step = {};
  std::int64_t max_results = 2500;
};

struct MetricOfRun {
  std::string run_id;
  Metric metric;
};

struct DatasetSummary {
  std::string experiment_id;
  std::string name;
  std::string digest;
  std::string context;
};

enum class Nesting { kAny, kTopLevel, kNested };

// Which runs, and how much of each. Conditions are joined by "and"; what is empty does not restrict.
struct RunQuery {
  std::vector<std::string> experiment_ids = {};  // none: all experiments
  ViewType view = ViewType::kActiveOnly;
  std::string name = {};                  // exactly
  std::string id_prefix = {};             // how the run id begins
  std::vector<std::string> run_ids = {};  // one of these
  std::string parent_run_id = {};         // nested right under this run
  Nesting nesting = Nesting::kAny;
  // Whether it is a parent: some run, deleted or not, is nested under it, or it has the tag `ivory.task`.
  std::optional<bool> is_parent = {};
  std::optional<RunStatus> status = {};
  std::optional<TimeMs> deleted_before = {};  // deleted ones alone
  std::optional<std::size_t> limit = {};      // at most so many, of the newest
  bool with_metrics = true;
  bool with_params = true;
  bool with_tags = true;
  bool with_inputs = false;  // datasets and models
};
// NOLINTEND(readability-redundant-member-init)

// Keeps experiments and runs, and what runs log.
//
// Threads: any method may be called from any thread; callers hold no lock. Not across fork(): a child opens
//   its own store.
// Ownership: what comes back is a copy, so a later write never changes it under the caller.
// Durability: when a writing method returns, what it wrote survives the death of the process, and a power
//   cut too if the store was opened with Durability::kFull.
// Errors: kNotFound for an unknown experiment, run or tag; kConflict for a write to a deleted run and for a
//   name that is taken; kInvalidArgument for names, values and lengths that MLflow refuses (and for text with
//   a NUL or broken UTF-8); kIo when the medium fails. A call that throws has changed nothing.
class TrackingStore {
 public:
  virtual ~TrackingStore() = default;
  TrackingStore(const TrackingStore&) = delete;
  TrackingStore& operator=(const TrackingStore&) = delete;

  // Returns its id. An empty `artifact_location` is <artifact root>/<id>; a relative path is taken from the
  // store's working directory. kConflict if the name is taken, also by a deleted experiment.
  virtual std::string create_experiment(std::string_view name, std::string_view artifact_location = {},
                                        const std::vector<KeyValue>& tags = {}) = 0;
  // By name; deleted ones are found too.
  [[nodiscard]] virtual std::optional<ExperimentRecord> find_experiment(std::string_view name) const = 0;
  [[nodiscard]] virtual ExperimentRecord get_experiment(std::string_view experiment_id) const = 0;
  // The experiment of that name, made if there is none: one experiment however many processes ask at once.
  // kConflict if it is deleted.
  virtual ExperimentRecord find_or_create_experiment(std::string_view name) = 0;
  // Newest first, then by id.
  [[nodiscard]] virtual std::vector<ExperimentRecord> list_experiments(
      ViewType view = ViewType::kActiveOnly) const = 0;
  // Replaces a tag of that key.
  virtual void set_experiment_tag(std::string_view experiment_id, const KeyValue& tag) = 0;
  // kNotFound if the experiment has no such tag.
  virtual void delete_experiment_tag(std::string_view experiment_id, std::string_view key) = 0;
  // Errors of these: kNotFound for one that is deleted already, or not deleted. All its runs go, and come
  // back, with it.
  virtual void delete_experiment(std::string_view experiment_id) = 0;
  virtual void restore_experiment(std::string_view experiment_id) = 0;
  virtual void rename_experiment(std::string_view experiment_id, std::string_view new_name) = 0;
  // Errors: kInvalidArgument for a filter, an order or a page token that is wrong, in MLflow's words.
  [[nodiscard]] virtual Page<ExperimentRecord> search_experiments(const SearchExperiments& search) const = 0;

  // Makes a run that is RUNNING, with the given tags, params and mlflow.runName, in one step. With
  // `name_prefix` its number is one more than the largest of that experiment (deleted runs count); unique
  // among all processes, but over a tracking server, whose interface makes no numbers: there among the
  // threads of this store, and best effort beyond. kConflict in a deleted experiment; kInvalidArgument if a
  // tag mlflow.runName contradicts `name`.
  virtual RunRecord create_run(const CreateRun& create) = 0;
  // By the whole id, with its datasets and models; deleted ones are found too.
  [[nodiscard]] virtual std::optional<RunRecord> find_run(std::string_view run_id) const = 0;
  [[nodiscard]] RunRecord get_run(std::string_view run_id) const;
  // Newest start first, then by id. The number of queries does not depend on the number of runs but by
  // blocks of hundreds.
  [[nodiscard]] virtual std::vector<RunRecord> list_runs(const RunQuery& query) const = 0;
  [[nodiscard]] virtual Page<RunRecord> search_runs(const SearchRuns& search) const = 0;
  virtual void update_run(std::string_view run_id, const RunUpdate& update) = 0;
  // Both may be called again. A deleted run refuses every write but its restoring.
  virtual void delete_run(std::string_view run_id) = 0;
  virtual void restore_run(std::string_view run_id) = 0;
  // Removes all rows of a deleted run for good; its artifacts are left. kConflict for one that is not
  // deleted; kUnsupported over a tracking server, whose interface has nothing for it.
  virtual void purge_run(std::string_view run_id) = 0;

  // All of it or nothing. The same metric point twice is one point; a param logged before keeps its value,
  // and another value is kInvalidArgument; tags are replaced. Param values are cut to 6000 characters and
  // tag values to 8000, as MLflow does. The tag mlflow.runName renames the run.
  virtual void log_batch(std::string_view run_id, const Batch& batch) = 0;
  void log_metric(std::string_view run_id, const Metric& metric) { log_batch(run_id, {.metrics = {metric}}); }
  void log_param(std::string_view run_id, const KeyValue& param) { log_batch(run_id, {.params = {param}}); }
  void set_tag(std::string_view run_id, const KeyValue& tag) { log_batch(run_id, {.tags = {tag}}); }
  // kNotFound if the run has no such tag.
  virtual void delete_tag(std::string_view run_id, std::string_view key) = 0;

  // All points by (timestamp, step, value); empty for a run or key that does not exist.
  [[nodiscard]] virtual std::vector<Metric> metric_history(std::string_view run_id,
                                                           std::string_view key) const = 0;
  [[nodiscard]] virtual Page<Metric> metric_history_page(std::string_view run_id,
                                                         const HistoryQuery& query) const = 0;
  [[nodiscard]] virtual std::vector<MetricOfRun> sample_histories(const HistorySampling& sampling) const = 0;

  // Datasets and models that a run used, and models that it made. Twice the same is once; a dataset keeps the
  // tags that it was first logged with.
  virtual void log_inputs(std::string_view run_id, const std::vector<DatasetInput>& datasets,
                          const std::vector<std::string>& model_ids) = 0;
  virtual void log_outputs(std::string_view run_id, const std::vector<ModelOutput>& models) = 0;
  // Of all datasets that runs of these experiments used.
  [[nodiscard]] virtual std::vector<DatasetSummary> search_datasets(
      const std::vector<std::string>& experiment_ids) const = 0;

  // What else lies in the same store; they live as long as it does.
  [[nodiscard]] virtual LoggedModels& logged_models() = 0;
  [[nodiscard]] virtual ModelRegistry& model_registry() = 0;

 protected:
  TrackingStore() = default;
};

}  // namespace ivory::tracking
