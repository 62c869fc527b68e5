#include "rest/rest_tracking_store.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include <ivory/base/error.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/store_error.h>

#include "rest/rest_json.h"
#include "rest/rest_logged_models.h"
#include "rest/rest_model_registry.h"
#include "rest/run_filter.h"
#include "run_identifiers.h"
#include "validation.h"

namespace ivory::tracking {
namespace {

using net::Repeat;

constexpr std::int64_t kExperimentsPerPage = 1000;
constexpr std::int64_t kRunsPerPage = 1000;
constexpr std::int64_t kRunsLookedAtForANumber = 100;
constexpr std::int64_t kPointsPerPage =
    25'000;  // as MLflow's clients; it answers none of them without a number
constexpr std::size_t kMetricsPerRequest = 1000;
constexpr std::size_t kPairsPerRequest = 100;

std::string_view to_text(ViewType view) {
  switch (view) {
    case ViewType::kDeletedOnly:
      return "DELETED_ONLY";
    case ViewType::kAll:
      return "ALL";
    default:
      return "ACTIVE_ONLY";
  }
}

// What `find` gives, or nothing if the server says that it is not there.
template <class F>
auto if_there(const F& find) -> std::optional<decltype(find())> {
  try {
    return find();
  } catch (const StoreError& error) {
    if (error.refusal() != Refusal::kResourceDoesNotExist) throw;
    return std::nullopt;
  }
}

template <class T, class F>
Page<T> page_from(const Json& answer, std::string_view field, const F& read) {
  Page<T> page;
  for (const Json& item : list_of(answer, field)) page.items.push_back(read(item));
  page.next_page_token = text_of(answer, "next_page_token");
  return page;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Json id_of(std::string_view run_id) { return {{"run_id", run_id}, {"run_uuid", run_id}}; }

// A key twice is once, with its last value: MLflow's server fails at the second.
std::vector<KeyValue> without_doubles(const std::vector<KeyValue>& pairs) {
  std::vector<KeyValue> once;
  for (const KeyValue& pair : pairs) {
    const auto same = std::ranges::find(once, pair.key, &KeyValue::key);
    if (same == once.end()) {
      once.push_back(pair);
    } else {
      same->value = pair.value;
    }
  }
  return once;
}

bool is_before(const RunRecord& a, const RunRecord& b) {
  return std::tuple(-a.start_time.value_or(0), std::string_view(a.run_id)) <
         std::tuple(-b.start_time.value_or(0), std::string_view(b.run_id));
}

// At most as many of each as one request may carry, taken off the front.
Json take_some(const Batch& batch, std::size_t& metric, std::size_t& param, std::size_t& tag) {
  Json request = Json::object();
  std::size_t room = kMetricsPerRequest;  // for all together
  const auto take_pairs = [&room](const std::vector<KeyValue>& pairs, std::size_t& next) {
    const std::size_t count = std::min({pairs.size() - next, kPairsPerRequest, room});
    const auto begin = pairs.begin() + static_cast<std::ptrdiff_t>(next);
    next += count;
    room -= count;
    return to_json(std::vector<KeyValue>(begin, begin + static_cast<std::ptrdiff_t>(count)));
  };
  request["params"] = take_pairs(batch.params, param);
  request["tags"] = take_pairs(batch.tags, tag);
  Json metrics = Json::array();
  for (; room > 0 && metric < batch.metrics.size() + batch.model_metrics.size(); ++metric, --room) {
    metrics.push_back(metric < batch.metrics.size()
                          ? to_json(batch.metrics[metric])
                          : to_json(batch.model_metrics[metric - batch.metrics.size()]));
  }
  request["metrics"] = std::move(metrics);
  return request;
}

void leave_out_inputs(RunRecord& run) {
  run.dataset_inputs.clear();
  run.model_inputs.clear();
  run.model_outputs.clear();
}

void leave_out(RunRecord& run, const RunQuery& query) {
  if (!query.with_metrics) run.metrics.clear();
  if (!query.with_params) run.params.clear();
  if (!query.with_tags) run.tags.clear();
}

}  // namespace

RestTrackingStore::RestTrackingStore(std::string_view tracking_uri, const StoreOptions& options)
    : client_(tracking_uri, options),
      logged_models_(std::make_unique<RestLoggedModels>(client_)),
      model_registry_(std::make_unique<RestModelRegistry>(client_)) {}
RestTrackingStore::~RestTrackingStore() = default;

// ---- experiments

std::string RestTrackingStore::create_experiment(std::string_view name, std::string_view artifact_location,
                                                 const std::vector<KeyValue>& tags) {
  check_experiment_name(name);
  for (const KeyValue& tag : tags) check_experiment_tag(tag);
  Json body = {{"name", name}, {"tags", to_json(tags)}};
  if (!artifact_location.empty()) body["artifact_location"] = artifact_location;
  return text_of(client_.change("POST", "experiments/create", body, Repeat::kIfUnmet), "experiment_id");
}

std::optional<ExperimentRecord> RestTrackingStore::find_experiment(std::string_view name) const {
  return if_there([&] {
    const Json answer = client_.get("experiments/get-by-name", {{"experiment_name", std::string(name)}});
    return experiment_from(object_of(answer, "experiment"));
  });
}

ExperimentRecord RestTrackingStore::get_experiment(std::string_view experiment_id) const {
  try {
    const Json answer = client_.get("experiments/get", {{"experiment_id", std::string(experiment_id)}});
    return experiment_from(object_of(answer, "experiment"));
  } catch (const StoreError& error) {
    // To a server, an id that is no number is a wrong parameter; to whoever asks, there is no such
    // experiment.
    if (error.refusal() != Refusal::kInvalidParameterValue || is_number(experiment_id)) throw;
    throw StoreError(Refusal::kResourceDoesNotExist, error.what());
  }
}

ExperimentRecord RestTrackingStore::find_or_create_experiment(std::string_view name) {
  auto found = find_experiment(name);
  if (!found) {
    try {
      return get_experiment(create_experiment(name, {}, {}));
    } catch (const StoreError& error) {
      if (error.refusal() != Refusal::kResourceAlreadyExists) throw;  // another was quicker
    }
    found = find_experiment(name);
  }
  if (!found)
    throw StoreError(Refusal::kResourceDoesNotExist, "No Experiment with name=" + std::string(name));
  if (found->lifecycle_stage == LifecycleStage::kDeleted) {
    throw StoreError(
        Refusal::kInvalidParameterValue, ErrorCode::kConflict,
        "The experiment '" + std::string(name) + "' is deleted; restore it, or take another name");
  }
  return *std::move(found);
}

std::vector<ExperimentRecord> RestTrackingStore::list_experiments(ViewType view) const {
  std::vector<ExperimentRecord> experiments;
  SearchExperiments search{.view = view, .max_results = kExperimentsPerPage};
  do {
    Page<ExperimentRecord> page = search_experiments(search);
    std::ranges::move(page.items, std::back_inserter(experiments));
    search.page_token = std::move(page.next_page_token);
  } while (!search.page_token.empty());
  return experiments;
}

Page<ExperimentRecord> RestTrackingStore::search_experiments(const SearchExperiments& search) const {
  Json body = {{"max_results", search.max_results}, {"view_type", to_text(search.view)}};
  if (!search.filter.empty()) body["filter"] = search.filter;
  if (!search.order_by.empty()) body["order_by"] = search.order_by;
  if (!search.page_token.empty()) body["page_token"] = search.page_token;
  return page_from<ExperimentRecord>(client_.ask("experiments/search", body), "experiments", experiment_from);
}

void RestTrackingStore::set_experiment_tag(std::string_view experiment_id, const KeyValue& tag) {
  check_experiment_tag(tag);
  client_.change("POST", "experiments/set-experiment-tag",
                 {{"experiment_id", experiment_id}, {"key", tag.key}, {"value", tag.value}});
}

void RestTrackingStore::delete_experiment_tag(std::string_view experiment_id, std::string_view key) {
  client_.change("POST", "experiments/delete-experiment-tag",
                 {{"experiment_id", experiment_id}, {"key", key}}, Repeat::kIfUnmet);
}

void RestTrackingStore::delete_experiment(std::string_view experiment_id) {
  client_.change("POST", "experiments/delete", {{"experiment_id", experiment_id}}, Repeat::kIfUnmet);
}

void RestTrackingStore::restore_experiment(std::string_view experiment_id) {
  client_.change("POST", "experiments/restore", {{"experiment_id", experiment_id}}, Repeat::kIfUnmet);
}

void RestTrackingStore::rename_experiment(std::string_view experiment_id, std::string_view new_name) {
  try {
    client_.change("POST", "experiments/update", {{"experiment_id", experiment_id}, {"new_name", new_name}},
                   Repeat::kIfUnmet);
  } catch (const StoreError& error) {
    // The table's own refusal of a name that is taken.
    if (error.refusal() != Refusal::kBadRequest) throw;
    throw StoreError(Refusal::kBadRequest, ErrorCode::kConflict, error.what());
  }
}

// ---- runs

std::string RestTrackingStore::next_name(const CreateRun& create) {
  std::int64_t last = -1;
  const auto known = numbers_.find({create.experiment_id, create.name_prefix});
  if (known != numbers_.end()) last = known->second;
  SearchRuns search{.experiment_ids = {create.experiment_id},
                    .view = ViewType::kAll,
                    .max_results = kRunsLookedAtForANumber};
  if (const auto pattern = quoted_value(create.name_prefix + "#%"))
    search.filter = "attributes.run_name LIKE " + *pattern;
  for (const RunRecord& run : search_runs(search).items)
    last = std::max(last, number_of_name(run.name, create.name_prefix).value_or(-1));
  return create.name_prefix + "#" + std::to_string(last + 1);
}

RunRecord RestTrackingStore::create_run(const CreateRun& create) {
  const Batch params = checked({.params = create.params});
  for (const KeyValue& tag : create.tags) check_text(tag.value, "tag '" + tag.key + "'");
  std::string name = create.name;
  std::unique_lock<std::mutex> naming;
  if (name.empty() && !create.name_prefix.empty()) {
    naming = std::unique_lock(naming_);
    name = next_name(create);
  }
  std::vector<KeyValue> tags = without_doubles(create.tags);
  if (!create.parent_run_id.empty()) tags.push_back({std::string(kParentRunIdTag), create.parent_run_id});
  std::string user = create.user_id;
  for (const KeyValue& tag : tags)
    if (user.empty() && tag.key == kUserTag) user = tag.value;
  const Json body = {{"experiment_id", create.experiment_id},
                     {"user_id", user.empty() ? "unknown" : user},
                     {"start_time", create.start_time_ms.value_or(now_ms())},
                     {"tags", to_json(tags)},
                     {"run_name", name}};
  const Json answer = client_.change("POST", "runs/create", body, Repeat::kIfUnmet);
  RunRecord run = run_from(object_of(answer, "run"));
  if (naming) {
    numbers_[{create.experiment_id, create.name_prefix}] =
        number_of_name(run.name, create.name_prefix).value_or(-1);
    naming.unlock();
  }
  send_batch(run.run_id, params);
  run.params = params.params;
  std::ranges::sort(run.params, {}, &KeyValue::key);
  return run;
}

std::optional<RunRecord> RestTrackingStore::find_run(std::string_view run_id) const {
  return if_there([&] {
    const Json answer =
        client_.get("runs/get", {{"run_id", std::string(run_id)}, {"run_uuid", std::string(run_id)}});
    return run_from(object_of(answer, "run"));
  });
}

Page<RunRecord> RestTrackingStore::search_runs(const SearchRuns& search) const {
  Json body = {{"experiment_ids", search.experiment_ids},
               {"run_view_type", to_text(search.view)},
               {"max_results", search.max_results}};
  if (!search.filter.empty()) body["filter"] = search.filter;
  if (!search.order_by.empty()) body["order_by"] = search.order_by;
  if (!search.page_token.empty()) body["page_token"] = search.page_token;
  Page<RunRecord> page = page_from<RunRecord>(client_.ask("runs/search", body), "runs", run_from);
  if (!search.with_inputs) std::ranges::for_each(page.items, leave_out_inputs);
  return page;
}

std::vector<std::string> RestTrackingStore::all_experiment_ids() const {
  std::vector<std::string> ids;
  for (ExperimentRecord& experiment : list_experiments(ViewType::kAll))
    ids.push_back(std::move(experiment.id));
  return ids;
}

namespace {

// Calls `take` with each run that a search finds, page by page, until it says that it has enough.
template <class F>
void take_runs(const TrackingStore& store, SearchRuns search, const F& take) {
  do {
    Page<RunRecord> page = store.search_runs(search);
    if (!std::ranges::all_of(page.items, take)) return;
    search.page_token = std::move(page.next_page_token);
  } while (!search.page_token.empty());
}

// The ids of all runs that some run is nested under.
std::set<std::string> parents_in(const TrackingStore& store, const std::vector<std::string>& experiment_ids) {
  std::set<std::string> parents;
  const SearchRuns nested{.experiment_ids = experiment_ids,
                          .filter = "tags.`" + std::string(kParentRunIdTag) + "` LIKE '%'",
                          .view = ViewType::kAll,
                          .max_results = kRunsPerPage};
  take_runs(store, nested, [&parents](const RunRecord& run) {
    if (const std::string* const parent = run.find_tag(kParentRunIdTag)) parents.insert(*parent);
    return true;
  });
  return parents;
}

}  // namespace

std::vector<RunRecord> RestTrackingStore::list_runs(const RunQuery& query) const {
  if (query.deleted_before)
    throw Error(ErrorCode::kUnsupported, "a tracking server does not tell when its runs were deleted");
  SearchRuns search{.experiment_ids = query.experiment_ids,
                    .view = query.view,
                    .max_results = kRunsPerPage,
                    .with_inputs = query.with_inputs};
  if (search.experiment_ids.empty()) search.experiment_ids = all_experiment_ids();
  std::set<std::string> parents;
  if (query.is_parent) parents = parents_in(*this, search.experiment_ids);
  const std::vector<std::string> filters = filters_of(query);
  // Newest first is MLflow's own order: no more need be fetched than is wanted.
  const std::size_t limit = query.limit.value_or(std::numeric_limits<std::size_t>::max());
  const bool ordered = filters.size() == 1;
  if (ordered && is_exact(query))
    search.max_results = static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, kRunsPerPage));
  std::vector<RunRecord> runs;
  for (const std::string& filter : filters) {
    search.filter = filter;
    take_runs(*this, search, [&](RunRecord& run) {
      if (ordered && runs.size() >= limit) return false;
      if (!is_wanted(run, query, parents)) return true;
      leave_out(run, query);
      runs.push_back(std::move(run));
      return true;
    });
  }
  std::ranges::sort(runs, is_before);
  if (runs.size() > limit) runs.resize(limit);
  return runs;
}

void RestTrackingStore::update_run(std::string_view run_id, const RunUpdate& update) {
  const Batch tags = checked({.tags = update.tags});
  send_batch(run_id, tags);
  Json body = id_of(run_id);
  if (update.status) body["status"] = tracking::to_text(*update.status);
  if (update.end_time_ms) body["end_time"] = *update.end_time_ms;
  if (update.name && !update.name->empty()) body["run_name"] = *update.name;
  if (body.size() > id_of(run_id).size() || update.tags.empty()) client_.change("POST", "runs/update", body);
}

void RestTrackingStore::delete_run(std::string_view run_id) {
  client_.change("POST", "runs/delete", {{"run_id", run_id}});
}

void RestTrackingStore::restore_run(std::string_view run_id) {
  client_.change("POST", "runs/restore", {{"run_id", run_id}});
}

void RestTrackingStore::purge_run(std::string_view) {
  throw Error(
      ErrorCode::kUnsupported,
      "a run cannot be removed for good over a tracking server; do it where the server's database lies");
}

void RestTrackingStore::log_batch(std::string_view run_id, const Batch& batch) {
  send_batch(run_id, checked(batch));
}

void RestTrackingStore::send_batch(std::string_view run_id, const Batch& batch) const {
  const std::size_t metrics = batch.metrics.size() + batch.model_metrics.size();
  std::size_t metric = 0;
  std::size_t param = 0;
  std::size_t tag = 0;
  while (metric < metrics || param < batch.params.size() || tag < batch.tags.size()) {
    Json request = take_some(batch, metric, param, tag);
    request["run_id"] = run_id;
    client_.change("POST", "runs/log-batch", request);
  }
}

void RestTrackingStore::delete_tag(std::string_view run_id, std::string_view key) {
  client_.change("POST", "runs/delete-tag", {{"run_id", run_id}, {"key", key}}, Repeat::kIfUnmet);
}

// ---- histories

std::vector<Metric> RestTrackingStore::metric_history(std::string_view run_id, std::string_view key) const {
  std::vector<Metric> points;
  HistoryQuery query{.key = std::string(key), .max_results = kPointsPerPage};
  do {
    Page<Metric> page = metric_history_page(run_id, query);
    if (page.items.empty()) break;  // whatever the token says
    std::ranges::move(page.items, std::back_inserter(points));
    query.page_token = std::move(page.next_page_token);
  } while (!query.page_token.empty());
  // A NaN stands where a zero does, as in MLflow's tables.
  std::ranges::sort(points, {}, [](const Metric& point) {
    return std::tuple(point.timestamp_ms, point.step, std::isnan(point.value) ? 0.0 : point.value);
  });
  return points;
}

Page<Metric> RestTrackingStore::metric_history_page(std::string_view run_id,
                                                    const HistoryQuery& query) const {
  if (!query.max_results && query.page_token.empty())
    return {.items = metric_history(run_id, query.key), .next_page_token = {}};
  Query fields{{"run_id", std::string(run_id)}, {"run_uuid", std::string(run_id)}, {"metric_key", query.key}};
  fields.emplace_back("max_results", std::to_string(query.max_results.value_or(kPointsPerPage)));
  if (!query.page_token.empty()) fields.emplace_back("page_token", query.page_token);
  return page_from<Metric>(client_.get("metrics/get-history", fields), "metrics", metric_from);
}

std::vector<MetricOfRun> RestTrackingStore::sample_histories(const HistorySampling& sampling) const {
  Query query;
  for (const std::string& id : sampling.run_ids) query.emplace_back("run_ids", id);
  query.emplace_back("metric_key", sampling.key);
  if (sampling.start_step) query.emplace_back("start_step", std::to_string(*sampling.start_step));
  if (sampling.end_step) query.emplace_back("end_step", std::to_string(*sampling.end_step));
  query.emplace_back("max_results", std::to_string(sampling.max_results));
  const Json answer = client_.get("metrics/get-history-bulk-interval", query);
  std::vector<MetricOfRun> points;
  for (const Json& point : list_of(answer, "metrics"))
    points.push_back({.run_id = text_of(point, "run_id"), .metric = metric_from(point)});
  return points;
}

// ---- inputs and outputs

void RestTrackingStore::log_inputs(std::string_view run_id, const std::vector<DatasetInput>& datasets,
                                   const std::vector<std::string>& model_ids) {
  Json body = {{"run_id", run_id}, {"datasets", Json::array()}, {"models", Json::array()}};
  for (const DatasetInput& input : datasets) body["datasets"].push_back(to_json(input));
  for (const std::string& id : model_ids) body["models"].push_back({{"model_id", id}});
  client_.change("POST", "runs/log-inputs", body);
}

void RestTrackingStore::log_outputs(std::string_view run_id, const std::vector<ModelOutput>& models) {
  Json body = {{"run_id", run_id}, {"models", Json::array()}};
  for (const ModelOutput& model : models)
    body["models"].push_back({{"model_id", model.model_id}, {"step", model.step}});
  client_.change("POST", "runs/outputs", body);
}

std::vector<DatasetSummary> RestTrackingStore::search_datasets(
    const std::vector<std::string>& experiment_ids) const {
  const Json answer =
      client_.ask("/ajax-api/2.0/mlflow/experiments/search-datasets", {{"experiment_ids", experiment_ids}});
  std::vector<DatasetSummary> summaries;
  for (const Json& summary : list_of(answer, "dataset_summaries")) {
    summaries.push_back({.experiment_id = text_of(summary, "experiment_id"),
                         .name = text_of(summary, "name"),
                         .digest = text_of(summary, "digest"),
                         .context = text_of(summary, "context")});
  }
  return summaries;
}

LoggedModels& RestTrackingStore::logged_models() { return *logged_models_; }
ModelRegistry& RestTrackingStore::model_registry() { return *model_registry_; }

}  // namespace ivory::tracking
