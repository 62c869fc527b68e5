// A store behind MLflow's REST interface: `ivory server`, or any MLflow server.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <ivory/tracking/tracking_store.h>

#include "rest/rest_client.h"

namespace ivory::tracking {

// Where it differs from a store of our own:
// - Numbers of runs (`name_prefix`) are unique among the threads of one store object, and best effort beyond:
//   REST knows no step that finds the largest number and takes the next.
// - A call that needs several requests (a run with params; an update with tags; a batch beyond MLflow's 1000
//   metrics, 100 params and 100 tags a request) is checked whole before the first, so that what the rules
//   refuse writes nothing; a failure of the network between two leaves what went before.
// - purge_run() and RunQuery::deleted_before are kUnsupported: REST knows no end of a run and tells no time.
// - What a RunQuery asks for is filtered here as far as MLflow's search language cannot say it.
//
// After a failure that leaves open whether the server did it, a request is repeated if twice comes to the
// same: everything that reads; batches (a point twice is one point, a param's value again is accepted, tags
// are replaced), tags, updates of a run, deleting and restoring runs, inputs and outputs. Not what makes
// something (experiments, runs, models: there would be two, or a refusal) and not what refuses to be done
// again (deleting tags or experiments, renaming): these are repeated only if the server cannot have begun.
class RestTrackingStore final : public TrackingStore {
 public:
  RestTrackingStore(std::string_view tracking_uri, const StoreOptions& options);
  ~RestTrackingStore() override;

  std::string create_experiment(std::string_view name, std::string_view artifact_location,
                                const std::vector<KeyValue>& tags) override;
  [[nodiscard]] std::optional<ExperimentRecord> find_experiment(std::string_view name) const override;
  [[nodiscard]] ExperimentRecord get_experiment(std::string_view experiment_id) const override;
  ExperimentRecord find_or_create_experiment(std::string_view name) override;
  [[nodiscard]] std::vector<ExperimentRecord> list_experiments(ViewType view) const override;
  void set_experiment_tag(std::string_view experiment_id, const KeyValue& tag) override;
  void delete_experiment_tag(std::string_view experiment_id, std::string_view key) override;
  void delete_experiment(std::string_view experiment_id) override;
  void restore_experiment(std::string_view experiment_id) override;
  void rename_experiment(std::string_view experiment_id, std::string_view new_name) override;
  [[nodiscard]] Page<ExperimentRecord> search_experiments(const SearchExperiments& search) const override;

  RunRecord create_run(const CreateRun& create) override;
  [[nodiscard]] std::optional<RunRecord> find_run(std::string_view run_id) const override;
  [[nodiscard]] std::vector<RunRecord> list_runs(const RunQuery& query) const override;
  [[nodiscard]] Page<RunRecord> search_runs(const SearchRuns& search) const override;
  void update_run(std::string_view run_id, const RunUpdate& update) override;
  void delete_run(std::string_view run_id) override;
  void restore_run(std::string_view run_id) override;
  void purge_run(std::string_view run_id) override;

  void log_batch(std::string_view run_id, const Batch& batch) override;
  void delete_tag(std::string_view run_id, std::string_view key) override;

  [[nodiscard]] std::vector<Metric> metric_history(std::string_view run_id,
                                                   std::string_view key) const override;
  [[nodiscard]] Page<Metric> metric_history_page(std::string_view run_id,
                                                 const HistoryQuery& query) const override;
  [[nodiscard]] std::vector<MetricOfRun> sample_histories(const HistorySampling& sampling) const override;

  void log_inputs(std::string_view run_id, const std::vector<DatasetInput>& datasets,
                  const std::vector<std::string>& model_ids) override;
  void log_outputs(std::string_view run_id, const std::vector<ModelOutput>& models) override;
  [[nodiscard]] std::vector<DatasetSummary> search_datasets(
      const std::vector<std::string>& experiment_ids) const override;

  [[nodiscard]] LoggedModels& logged_models() override;
  [[nodiscard]] ModelRegistry& model_registry() override;

 private:
  void send_batch(std::string_view run_id, const Batch& batch) const;  // that is checked
  [[nodiscard]] std::string next_name(const CreateRun& create);
  [[nodiscard]] std::vector<std::string> all_experiment_ids() const;

  RestClient client_;
  std::unique_ptr<LoggedModels> logged_models_;
  std::unique_ptr<ModelRegistry> model_registry_;
  std::mutex naming_;  // held while a number is chosen and its run made
  std::map<std::pair<std::string, std::string>, std::int64_t> numbers_;  // the last, by experiment and prefix
};

}  // namespace ivory::tracking
