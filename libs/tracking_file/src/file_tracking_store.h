// A TrackingStore in MLflow's folders.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/tracking/tracking_store.h>

#include "file_logged_models.h"
#include "file_model_registry.h"
#include "file_runs.h"
#include "file_tree.h"

namespace ivory::tracking {

class FileTrackingStore final : public TrackingStore {
 public:
  // `artifact_root` is a URI or a path; relative artifact locations start in `working_directory`.
  FileTrackingStore(FileTree tree, std::filesystem::path working_directory, std::string artifact_root,
                    bool is_read_only);

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

  LoggedModels& logged_models() override { return logged_models_; }
  ModelRegistry& model_registry() override { return model_registry_; }

 private:
  void write_experiment(std::string_view id, std::string_view name, const std::string& location) const;
  void move_experiment(const std::filesystem::path& from, const std::filesystem::path& to,
                       LifecycleStage stage) const;
  void write_tags(const std::filesystem::path& run, const std::vector<KeyValue>& tags) const;
  void write_model_metrics(const std::filesystem::path& run, const std::vector<ModelMetric>& metrics) const;
  void set_lifecycle(std::string_view run_id, LifecycleStage stage) const;
  void forget_numbers();
  std::string next_numbered_name(const std::filesystem::path& experiment, const std::string& prefix);

  // What has been seen of the numbers of one kind of run name in one experiment.
  struct NumbersSeen {
    std::set<std::string> runs;
    std::int64_t largest = -1;
  };

  FileTree tree_;
  std::filesystem::path working_directory_;
  std::string artifact_root_;
  FileLoggedModels logged_models_{tree_};
  FileModelRegistry model_registry_{tree_, logged_models_};
  std::mutex numbers_mutex_;
  std::map<std::pair<std::string, std::string>, NumbersSeen> numbers_seen_;
};

}  // namespace ivory::tracking
