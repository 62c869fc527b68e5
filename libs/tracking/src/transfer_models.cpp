#include "transfer_models.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "transfer_files.h"

namespace ivory::tracking {
namespace {

constexpr std::size_t kPointsPerBatch = 10'000;

std::string origin_of(const LoggedModel& model) {
  const std::string* const origin = find_tag(model.tags, kOriginTag);
  return origin == nullptr ? model.model_id : *origin;
}

// None where the store is of an MLflow that knows no logged models.
std::vector<LoggedModel> models_in(TrackingStore& store, const std::string& experiment_id) {
  std::vector<LoggedModel> models;
  SearchLoggedModels search{.experiment_ids = {experiment_id}};
  try {
    do {
      Page<LoggedModel> page = store.logged_models().search_logged_models(search);
      std::ranges::move(page.items, std::back_inserter(models));
      search.page_token = std::move(page.next_page_token);
    } while (!search.page_token.empty());
  } catch (const StoreError& error) {
    if (!is_not_kept(error) || !models.empty()) throw;
  }
  return models;
}

// All but what comes with the registry.
std::vector<KeyValue> tags_of(const LoggedModel& model) {
  std::vector<KeyValue> tags = without_origin(model.tags);
  std::erase_if(tags, [](const KeyValue& tag) { return tag.key == kModelVersionsTag; });
  return tags;
}

// Whether nothing but tags and metrics can have changed since.
bool is_whole(const LoggedModel& there, const LoggedModel& here) {
  const bool ended =
      here.status == LoggedModelStatus::kReady || here.status == LoggedModelStatus::kUploadFailed;
  return ended && there.status == here.status;
}

using PointKey = std::tuple<std::string_view, TimeMs, std::int64_t, std::string_view>;
PointKey key_of(const ModelMetric& point, std::string_view run_id) {
  return {point.metric.key, point.metric.timestamp_ms, point.metric.step, run_id};
}

}  // namespace

ModelTransfer::ModelTransfer(const TransferEnd& from, const TransferEnd& to, TransferMap& map,
                             TransferReport& report, BeginRun begin_run)
    : from_(from), to_(to), map_(map), report_(report), begin_run_(std::move(begin_run)) {}

bool ModelTransfer::read_source(const std::string& experiment_id) {
  std::vector<LoggedModel> models = models_in(*from_.store, experiment_id);
  const bool any = !models.empty();
  for (LoggedModel& model : models) source_.insert_or_assign(model.model_id, std::move(model));
  return any;
}

bool ModelTransfer::read_target(const std::string& experiment_id, const std::string& target_id) {
  experiments_[experiment_id] = target_id;
  std::map<std::string, LoggedModel> by_origin;
  for (LoggedModel& model : models_in(*to_.store, target_id)) {
    std::string origin = origin_of(model);
    by_origin.emplace(std::move(origin), std::move(model));
  }
  bool lacks = false;
  for (const auto& [id, model] : source_) {
    if (model.experiment_id != experiment_id) continue;
    const auto there = by_origin.find(origin_of(model));
    if (there == by_origin.end()) {
      lacks = true;
      continue;
    }
    map_.models[id] = there->second.model_id;
    map_.places.add(model.artifact_uri, there->second.artifact_uri);
    there_.insert_or_assign(id, there->second);
  }
  return lacks;
}

void ModelTransfer::make(const LoggedModel& model) {
  const RunRecord* const run = model.source_run_id.empty() ? nullptr : begin_run_(model.source_run_id);
  LoggedModel made =
      to_.store->logged_models().create_logged_model({.experiment_id = experiments_.at(model.experiment_id),
                                                      .name = model.name,
                                                      .model_type = model.model_type,
                                                      .source_run_id = run == nullptr ? "" : run->run_id,
                                                      .params = model.params,
                                                      .tags = with_origin(tags_of(model), origin_of(model))});
  made_.insert(model.model_id);
  map_.models[model.model_id] = made.model_id;
  map_.places.add(model.artifact_uri, made.artifact_uri);
  there_.insert_or_assign(model.model_id, std::move(made));
}

// By an earlier transfer, with an experiment that is not moved now.
std::optional<std::string> ModelTransfer::find_moved_before(const std::string& model_id) const {
  const auto model = from_.store->logged_models().find_logged_model(model_id);
  if (!model) return std::nullopt;
  const auto target = to_.store->find_experiment(from_.store->get_experiment(model->experiment_id).name);
  if (!target) return std::nullopt;
  const std::string filter = "tags.`" + std::string(kOriginTag) + "` = '" + origin_of(*model) + "'";
  const auto found =
      to_.store->logged_models().search_logged_models({.experiment_ids = {target->id}, .filter = filter});
  if (found.items.empty()) return std::nullopt;
  return found.items.front().model_id;
}

std::optional<std::string> ModelTransfer::find_or_make(const std::string& model_id) {
  const auto known = map_.models.find(model_id);
  if (known != map_.models.end()) return known->second;
  const auto model = source_.find(model_id);
  if (model != source_.end()) {
    make(model->second);
    return map_.models.at(model_id);
  }
  auto before = find_moved_before(model_id);
  if (before) map_.models[model_id] = *before;
  return before;
}

// Points are logged by runs, so those of runs that are not moved, or that are deleted there, stay away.
bool ModelTransfer::copy_metrics(const LoggedModel& model, const LoggedModel& there) {
  std::set<PointKey> present;
  for (const ModelMetric& point : there.metrics) present.insert(key_of(point, point.run_id));
  std::map<std::string, std::vector<ModelMetric>> by_run;
  for (const ModelMetric& point : model.metrics) {
    const auto run = map_.runs.find(point.run_id);
    const bool writable = run != map_.runs.end() && run->second.lifecycle_stage == LifecycleStage::kActive;
    if (!writable || present.contains(key_of(point, run->second.run_id))) continue;
    ModelMetric moved = point;
    moved.model_id = there.model_id;
    by_run[run->second.run_id].push_back(std::move(moved));
  }
  for (const auto& [run_id, points] : by_run) {
    for (std::size_t begin = 0; begin < points.size(); begin += kPointsPerBatch) {
      const auto first = points.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto count = std::min(kPointsPerBatch, points.size() - begin);
      to_.store->log_batch(run_id, {.model_metrics = {first, first + static_cast<std::ptrdiff_t>(count)}});
    }
  }
  return !by_run.empty();
}

// Whether anything was lacking. The status comes last: by it a model counts as whole.
bool ModelTransfer::complete(const LoggedModel& model, const LoggedModel& there) {
  LoggedModels& models = to_.store->logged_models();
  bool changed = copy_metrics(model, there);
  if (const auto tags = lacking(tags_of(model), there.tags); !tags.empty()) {
    models.set_logged_model_tags(there.model_id, tags);
    changed = true;
  }
  if (is_whole(there, model)) return changed;
  if (const auto params = lacking(model.params, there.params); !params.empty()) {
    models.log_logged_model_params(there.model_id, params);
    changed = true;
  }
  const std::size_t files = copy_files(*artifacts_of(from_, model), *artifacts_of(to_, there));
  report_.files += files;
  if (model.status != there.status && model.status != LoggedModelStatus::kUnspecified) {
    models.finalize_logged_model(there.model_id, model.status);
    changed = true;
  }
  return changed || files > 0;
}

void ModelTransfer::complete() {
  for (const auto& [id, model] : source_) {
    if (!experiments_.contains(model.experiment_id)) continue;
    (void)find_or_make(id);
    const bool changed = complete(model, there_.at(id));
    if (made_.contains(id)) {
      ++report_.logged_models.made;
    } else {
      ++(changed ? report_.logged_models.completed : report_.logged_models.present);
    }
  }
}

}  // namespace ivory::tracking
