#include "file_logged_models.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/tracking/model_search.h>

#include "file_layout.h"
#include "model_rules.h"
#include "run_identifiers.h"
#include "run_rules.h"
#include "validation.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

bool is_deleted(const Params& meta) {
  return text_field(meta, "lifecycle_stage") == to_text(LifecycleStage::kDeleted);
}

LoggedModelStatus read_status(const Params& meta) {
  const std::int64_t number = find_integer_field(meta, "status").value_or(0);
  const bool known = number >= 0 && number <= static_cast<int>(LoggedModelStatus::kUploadFailed);
  return known ? static_cast<LoggedModelStatus>(number) : LoggedModelStatus::kUnspecified;
}

std::vector<ModelMetric> read_metrics(const fs::path& folder, const std::string& model_id) {
  std::vector<ModelMetric> metrics;
  for (const std::string& key : FileTree::keys(folder)) {
    for (ModelMetric& point : FileTree::points(folder, key, MetricLines::kOfModel)) {
      point.model_id = model_id;
      metrics.push_back(std::move(point));
    }
  }
  const auto rank = [](const ModelMetric& point) {
    return std::tie(point.metric.key, point.metric.timestamp_ms, point.metric.step, point.run_id);
  };
  std::sort(metrics.begin(), metrics.end(),
            [&](const ModelMetric& a, const ModelMetric& b) { return rank(a) < rank(b); });
  // One point of a run and a step is one, as in databases.
  metrics.erase(std::unique(metrics.begin(), metrics.end(),
                            [&](const ModelMetric& a, const ModelMetric& b) { return rank(a) == rank(b); }),
                metrics.end());
  return metrics;
}

LoggedModel read_model(const fs::path& folder, const Params& meta) {
  LoggedModel model;
  model.model_id = folder.filename().string();
  model.experiment_id = folder.parent_path().parent_path().filename().string();
  model.name = text_field(meta, "name");
  model.artifact_uri =
      present_location(folder.parent_path().parent_path(), text_field(meta, "artifact_location"));
  model.creation_time = find_integer_field(meta, "creation_timestamp").value_or(0);
  model.last_update_time = find_integer_field(meta, "last_updated_timestamp").value_or(0);
  model.status = read_status(meta);
  model.model_type = text_field(meta, "model_type");
  model.source_run_id = text_field(meta, "source_run_id");
  model.status_message = text_field(meta, "status_message");
  model.params = FileTree::values(folder / kParamsFolder);
  model.tags = FileTree::values(folder / kTagsFolder);
  model.metrics = read_metrics(folder / kMetricsFolder, model.model_id);
  return model;
}

Params new_meta(const LoggedModel& model) {
  Params meta = Params::map();
  meta.set("artifact_location", model.artifact_uri);
  meta.set("creation_timestamp", model.creation_time);
  meta.set("experiment_id", model.experiment_id);
  meta.set("last_updated_timestamp", model.last_update_time);
  meta.set("lifecycle_stage", to_text(LifecycleStage::kActive));
  meta.set("model_id", model.model_id);
  meta.set("model_type", text_or_null(model.model_type));
  meta.set("name", model.name);
  meta.set("source_run_id", text_or_null(model.source_run_id));
  meta.set("status", static_cast<std::int64_t>(model.status));
  meta.set("status_message", Params());
  return meta;
}

// Keys are names of files here.
void check_keys(const std::vector<KeyValue>& entries, std::string_view what) {
  for (const KeyValue& entry : entries) check_key(entry.key, what);
}

void check_entries(const std::vector<KeyValue>& entries, std::string_view what) {
  check_logged_model_entries(entries, what);
  check_keys(entries, what);
}

Params get_meta(const fs::path& folder, std::string_view model_id) {
  auto meta = FileTree::find_meta(folder);
  if (!meta) fail_no_logged_model(model_id);
  return *std::move(meta);
}

}  // namespace

fs::path active_model_folder(const FileTree& tree, std::string_view model_id) {
  const auto folder = find_model_folder(tree, model_id);
  if (!folder || is_deleted(get_meta(*folder, model_id))) fail_no_logged_model(model_id);
  return *folder;
}

LoggedModel FileLoggedModels::create_logged_model(const CreateLoggedModel& create) {
  check_new_logged_model(create);
  check_keys(create.params, "param");
  check_keys(create.tags, "tag");
  const FileLock lock = tree_.lock();
  const fs::path experiment = active_experiment_folder(tree_, create.experiment_id);
  const auto meta = FileTree::find_meta(experiment);
  if (!meta) fail_no_experiment(create.experiment_id);
  LoggedModel model;
  model.model_id = "m-" + make_run_id();
  model.experiment_id = create.experiment_id;
  model.name = create.name.empty() ? make_run_name() : create.name;
  model.artifact_uri = append_to_location(read_experiment(experiment, *meta).artifact_location,
                                          "models/" + model.model_id + "/artifacts");
  model.creation_time = now_ms();
  model.last_update_time = model.creation_time;
  model.model_type = create.model_type;
  model.source_run_id = create.source_run_id;
  const fs::path folder = experiment / kModelsFolder / model.model_id;
  for (const std::string_view part : {kMetricsFolder, kParamsFolder, kTagsFolder})
    FileTree::make_folder(folder / part);
  for (const KeyValue& param : create.params) tree_.write_value(folder / kParamsFolder, param);
  for (const KeyValue& tag : create.tags) tree_.write_value(folder / kTagsFolder, tag);
  const Params written = new_meta(model);
  tree_.write_meta(folder, written);
  return read_model(folder, written);
}

std::optional<LoggedModel> FileLoggedModels::find_logged_model(std::string_view model_id) const {
  const auto folder = find_model_folder(tree_, model_id);
  if (!folder) return std::nullopt;
  const auto meta = FileTree::find_meta(*folder);
  if (!meta || is_deleted(*meta)) return std::nullopt;
  return read_model(*folder, *meta);
}

LoggedModel FileLoggedModels::get_logged_model(std::string_view model_id) const {
  auto model = find_logged_model(model_id);
  if (!model) fail_no_logged_model(model_id);
  return *std::move(model);
}

LoggedModel FileLoggedModels::finalize_logged_model(std::string_view model_id, LoggedModelStatus status) {
  const FileLock lock = tree_.lock();
  const fs::path folder = active_model_folder(tree_, model_id);
  Params meta = get_meta(folder, model_id);
  meta.set("status", static_cast<std::int64_t>(status));
  meta.set("last_updated_timestamp", now_ms());
  tree_.write_meta(folder, meta);
  return read_model(folder, meta);
}

void FileLoggedModels::delete_logged_model(std::string_view model_id) {
  const FileLock lock = tree_.lock();
  const fs::path folder = active_model_folder(tree_, model_id);
  Params meta = get_meta(folder, model_id);
  meta.set("lifecycle_stage", to_text(LifecycleStage::kDeleted));
  meta.set("last_updated_timestamp", now_ms());
  tree_.write_meta(folder, meta);
}

LoggedModel FileLoggedModels::set_logged_model_tags(std::string_view model_id,
                                                    const std::vector<KeyValue>& tags) {
  check_entries(tags, "tag");
  const FileLock lock = tree_.lock();
  const fs::path folder = active_model_folder(tree_, model_id);
  for (const KeyValue& tag : tags) tree_.write_value(folder / kTagsFolder, tag);
  return read_model(folder, get_meta(folder, model_id));
}

void FileLoggedModels::delete_logged_model_tag(std::string_view model_id, std::string_view key) {
  check_key(key, "tag");
  const FileLock lock = tree_.lock();
  const fs::path folder = active_model_folder(tree_, model_id);
  if (!FileTree::remove_value(folder / kTagsFolder, key)) fail_no_logged_model_tag(model_id, key);
}

void FileLoggedModels::log_logged_model_params(std::string_view model_id,
                                               const std::vector<KeyValue>& params) {
  check_entries(params, "param");
  const FileLock lock = tree_.lock();
  const fs::path folder = active_model_folder(tree_, model_id);
  const auto fresh = not_yet_logged(read_model(folder, get_meta(folder, model_id)), params);
  for (const KeyValue& param : fresh) tree_.write_value(folder / kParamsFolder, param);
}

Page<LoggedModel> FileLoggedModels::search_logged_models(const SearchLoggedModels& search) const {
  check_max_results(search.max_results);
  for (const Dataset& dataset : search.datasets) {
    if (dataset.name.empty()) fail_no_dataset_name();
  }
  const auto conditions = parse_logged_model_filter(search.filter);
  const auto order = parse_logged_model_order(search.order_by);
  const std::int64_t offset = parse_page_token(search.page_token);
  std::vector<LoggedModel> models;
  for (const std::string& id :
       std::set<std::string>(search.experiment_ids.begin(), search.experiment_ids.end())) {
    const auto experiment = find_experiment_folder(tree_, id);
    if (!experiment) continue;
    for (const std::string& name : FileTree::folders(*experiment / kModelsFolder)) {
      auto model = find_logged_model(name);
      if (model && matches(*model, conditions, search.datasets)) models.push_back(*std::move(model));
    }
  }
  sort_records(models, order);
  return page_of(std::move(models), offset, search.max_results);
}

}  // namespace ivory::tracking
