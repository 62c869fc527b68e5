#include <ivory/base/error.h>
#include <ivory/tracking/store_error.h>
#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {
namespace {

[[noreturn]] void refuse(std::string_view what) {
  throw StoreError(Refusal::kNotImplemented, "this tracking store cannot " + std::string(what));
}

}  // namespace

RunRecord TrackingStore::get_run(std::string_view run_id) const {
  auto run = find_run(run_id);
  if (!run) throw Error(ErrorCode::kNotFound, "Run with id=" + std::string(run_id) + " not found");
  return *std::move(run);
}

void TrackingStore::delete_experiment_tag(std::string_view, std::string_view) {
  refuse("delete experiment tags");
}
void TrackingStore::delete_experiment(std::string_view) { refuse("delete experiments"); }
void TrackingStore::restore_experiment(std::string_view) { refuse("restore experiments"); }
void TrackingStore::rename_experiment(std::string_view, std::string_view) { refuse("rename experiments"); }
Page<ExperimentRecord> TrackingStore::search_experiments(const SearchExperiments&) const {
  refuse("search experiments");
}
Page<RunRecord> TrackingStore::search_runs(const SearchRuns&) const { refuse("search runs"); }
Page<Metric> TrackingStore::metric_history_page(std::string_view, const HistoryQuery&) const {
  refuse("page through a history");
}
std::vector<MetricOfRun> TrackingStore::sample_histories(const HistorySampling&) const {
  refuse("sample histories");
}
void TrackingStore::log_inputs(std::string_view, const std::vector<DatasetInput>&,
                               const std::vector<std::string>&) {
  refuse("log inputs");
}
void TrackingStore::log_outputs(std::string_view, const std::vector<ModelOutput>&) { refuse("log outputs"); }
std::vector<DatasetSummary> TrackingStore::search_datasets(const std::vector<std::string>&) const {
  refuse("search datasets");
}
LoggedModels& TrackingStore::logged_models() { refuse("keep logged models"); }
ModelRegistry& TrackingStore::model_registry() { refuse("keep registered models"); }

}  // namespace ivory::tracking
