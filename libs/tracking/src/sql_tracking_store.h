// A TrackingStore in MLflow's tables of an SQL database.
#pragma once
#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include <ivory/storage/database.h>
#include <ivory/tracking/open_store.h>
#include <ivory/tracking/tracking_store.h>

#include "histories.h"
#include "run_identifiers.h"
#include "sql_logged_models.h"
#include "sql_model_registry.h"

namespace ivory::tracking {

class SqlTrackingStore final : public TrackingStore {
 public:
  // Makes the tables in an empty database. `artifact_root` is an absolute path or a URI.
  // Errors: as open_store().
  SqlTrackingStore(storage::DatabaseOptions options, std::filesystem::path working_directory,
                   std::string artifact_root);

  std::string create_experiment(std::string_view name, std::string_view artifact_location,
                                const std::vector<KeyValue>& tags) override;
  [[nodiscard]] std::optional<ExperimentRecord> find_experiment(std::string_view name) const override;
  [[nodiscard]] ExperimentRecord get_experiment(std::string_view experiment_id) const override;
  ExperimentRecord find_or_create_experiment(std::string_view name) override;
  [[nodiscard]] std::vector<ExperimentRecord> list_experiments(ViewType view) const override;
  [[nodiscard]] Page<ExperimentRecord> search_experiments(const SearchExperiments& search) const override;
  void set_experiment_tag(std::string_view experiment_id, const KeyValue& tag) override;
  void delete_experiment_tag(std::string_view experiment_id, std::string_view key) override;
  void delete_experiment(std::string_view experiment_id) override;
  void restore_experiment(std::string_view experiment_id) override;
  void rename_experiment(std::string_view experiment_id, std::string_view new_name) override;

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

  LoggedModels& logged_models() override { return logged_models_; }
  ModelRegistry& model_registry() override { return model_registry_; }

 private:
  // What has been seen of the numbers of one kind of run name in one experiment.
  struct NumbersSeen {
    std::int64_t largest = -1;
    std::int64_t last_row = 0;  // of all runs
  };

  void prepare_database();
  void ensure_own_indexes();
  void need_models() const;
  std::string insert_experiment(storage::Connection& connection, std::string_view name,
                                const std::string& artifact_location);
  static std::string next_number_on_server(storage::Connection& connection, std::int64_t experiment_id,
                                           const std::string& prefix);
  std::string next_numbered_name(storage::Connection& connection, std::int64_t experiment_id,
                                 const std::string& prefix);

  std::filesystem::path working_directory_;
  std::string artifact_root_;
  storage::Database database_;
  SqlLoggedModels logged_models_{database_};
  SqlModelRegistry model_registry_{database_, logged_models_};
  std::atomic<bool> own_indexes_made_ = false;
  mutable HistoryPages histories_;
  RunIds run_ids_;
  bool has_models_ = false;  // logged models and steps of inputs: since MLflow 3
  // Touched in write jobs only, which run one at a time.
  std::map<std::pair<std::int64_t, std::string>, NumbersSeen> numbers_seen_;
};

}  // namespace ivory::tracking
