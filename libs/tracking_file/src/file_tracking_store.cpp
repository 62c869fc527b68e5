#include "file_tracking_store.h"

#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/log.h>
#include <ivory/tracking/search.h>
#include <ivory/tracking/store_error.h>

#include "file_layout.h"
#include "run_identifiers.h"
#include "run_rules.h"
#include "validation.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefaultId = "0";

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

// 18 digits, as MLflow's.
std::string make_experiment_id() {
  constexpr std::size_t kDigits = 18;
  std::string id;
  while (id.size() < kDigits) {
    for (const char c : make_run_id()) {
      if (c >= '0' && c <= '9' && id.size() < kDigits && !(id.empty() && c == '0')) id += c;
    }
  }
  return id;
}

struct FoundRun {
  fs::path folder;
  Params meta;
  [[nodiscard]] bool is_deleted() const {
    return text_field(meta, "lifecycle_stage") == to_text(LifecycleStage::kDeleted);
  }
};

std::optional<FoundRun> find_meta_of_run(const FileTree& tree, std::string_view run_id) {
  const auto folder = find_run_folder(tree, run_id);
  if (!folder) return std::nullopt;
  auto meta = FileTree::find_meta(*folder);
  if (!meta) return std::nullopt;
  return FoundRun{*folder, *std::move(meta)};
}

FoundRun get_meta_of_run(const FileTree& tree, std::string_view run_id) {
  auto found = find_meta_of_run(tree, run_id);
  if (!found) fail_no_run(run_id);
  return *std::move(found);
}

FoundRun get_active_run(const FileTree& tree, std::string_view run_id) {
  FoundRun run = get_meta_of_run(tree, run_id);
  check_active("run", run_id, text_field(run.meta, "lifecycle_stage"));
  return run;
}

// What `read` makes of it; nothing, and a warning, for a folder that somebody has damaged: the others are
// shown.
template <class F>
auto read_or_skip(const fs::path& folder, const F& read) -> decltype(read()) {
  try {
    return read();
  } catch (const Error& error) {
    log_warning("passed over '" + folder.string() + "': " + error.what());
    return std::nullopt;
  }
}

std::optional<RunRecord> read_run_or_skip(const fs::path& folder, const FileRunParts& parts) {
  return read_or_skip(folder, [&]() -> std::optional<RunRecord> {
    const auto meta = FileTree::find_meta(folder);
    if (!meta) return std::nullopt;
    return read_run(folder, *meta, parts);
  });
}

bool is_in_view(LifecycleStage stage, ViewType view) {
  return view == ViewType::kAll || (stage == LifecycleStage::kActive) == (view == ViewType::kActiveOnly);
}

// The ids of all runs that others are nested under.
std::set<std::string> parent_ids(const FileTree& tree) {
  std::set<std::string> ids;
  for (const fs::path& experiment : experiment_folders(tree, ViewType::kAll)) {
    for (const fs::path& run : run_folders(experiment)) {
      if (auto parent = FileTree::find_value(run / kTagsFolder, kParentRunIdTag))
        ids.insert(*std::move(parent));
    }
  }
  return ids;
}

template <class T>
bool is_one_of(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

bool fits_nesting(const RunQuery& query, const fs::path& folder) {
  if (query.nesting == Nesting::kAny && query.parent_run_id.empty()) return true;
  const auto parent = FileTree::find_value(folder / kTagsFolder, kParentRunIdTag);
  if (!query.parent_run_id.empty() && parent != query.parent_run_id) return false;
  return query.nesting == Nesting::kAny || parent.has_value() == (query.nesting == Nesting::kNested);
}

bool was_deleted_before(const Params& meta, TimeMs time) {
  if (text_field(meta, "lifecycle_stage") != to_text(LifecycleStage::kDeleted)) return false;
  const auto deleted = find_integer_field(meta, "deleted_time");
  return deleted && *deleted < time;
}

bool fits(const RunQuery& query, const RunRecord& run, const fs::path& folder, const Params& meta) {
  return is_in_view(run.lifecycle_stage, query.deleted_before ? ViewType::kDeletedOnly : query.view) &&
         (query.name.empty() || run.name == query.name) && run.run_id.starts_with(query.id_prefix) &&
         is_one_of(query.run_ids, run.run_id) && (!query.status || run.status == *query.status) &&
         (!query.deleted_before || was_deleted_before(meta, *query.deleted_before)) &&
         fits_nesting(query, folder);
}

// Newest start first, then by id.
bool comes_before(const RunRecord& a, const RunRecord& b) {
  const TimeMs start_a = a.start_time.value_or(0);
  const TimeMs start_b = b.start_time.value_or(0);
  return start_a != start_b ? start_a > start_b : a.run_id < b.run_id;
}

// Those of the other kind stay out.
void keep_parents(const FileTree& tree, std::vector<RunRecord>& runs, bool wanted) {
  const auto parents = parent_ids(tree);
  std::erase_if(runs, [&](const RunRecord& run) {
    const auto folder = find_run_folder(tree, run.run_id);
    const bool has_task = folder && FileTree::find_value(*folder / kTagsFolder, kTaskTag);
    return (parents.contains(run.run_id) || has_task) != wanted;
  });
}

void check_params(const FoundRun& run, std::string_view run_id, const std::vector<KeyValue>& params) {
  std::vector<ChangedParam> changed;
  for (const KeyValue& param : params) {
    const auto logged = FileTree::find_value(run.folder / kParamsFolder, param.key);
    if (logged && *logged != param.value) changed.push_back({&param, *logged});
  }
  if (!changed.empty()) refuse_changed(run_id, changed, params.size() == 1);
}

// Where the model that each of these points belongs to lies.
std::vector<fs::path> model_folders(const FileTree& tree, const std::vector<ModelMetric>& metrics) {
  std::vector<fs::path> folders;
  for (const ModelMetric& point : metrics) {
    folders.push_back(point.model_id.empty() ? fs::path() : active_model_folder(tree, point.model_id));
  }
  return folders;
}

// Of the entries of a batch that are files of their own in one folder.
template <class Entries>
void check_room(const fs::path& folder, const Entries& entries) {
  std::set<std::string_view> keys;
  for (const auto& entry : entries) keys.insert(entry.key);
  FileTree::check_room(folder, keys);
}

// Whatever can be refused is, before anything is written.
void check_batch(const FileTree& tree, const FoundRun& run, std::string_view run_id, const Batch& batch) {
  check_params(run, run_id, batch.params);
  check_room(run.folder / kParamsFolder, batch.params);
  check_room(run.folder / kTagsFolder, batch.tags);
  std::vector<Metric> metrics = batch.metrics;
  const auto folders = model_folders(tree, batch.model_metrics);
  for (std::size_t i = 0; i < folders.size(); ++i) {
    metrics.push_back(batch.model_metrics[i].metric);
    if (!folders[i].empty()) check_room(folders[i] / kMetricsFolder, std::vector{metrics.back()});
  }
  check_room(run.folder / kMetricsFolder, metrics);
}

}  // namespace

FileTrackingStore::FileTrackingStore(FileTree tree, fs::path working_directory, std::string artifact_root,
                                     bool is_read_only)
    : tree_(std::move(tree)),
      working_directory_(std::move(working_directory)),
      artifact_root_(std::move(artifact_root)) {
  if (is_read_only || !experiment_folders(tree_, ViewType::kAll).empty()) return;
  const FileLock lock = tree_.lock();
  if (experiment_folders(tree_, ViewType::kAll).empty())
    write_experiment(kDefaultId, "Default", append_to_location(artifact_root_, kDefaultId));
}

void FileTrackingStore::write_experiment(std::string_view id, std::string_view name,
                                         const std::string& location) const {
  const TimeMs now = now_ms();
  Params meta = Params::map();
  meta.set("artifact_location", location);
  meta.set("creation_time", now);
  meta.set("experiment_id", id);
  meta.set("last_update_time", now);
  meta.set("lifecycle_stage", to_text(LifecycleStage::kActive));
  meta.set("name", name);
  tree_.write_meta(tree_.root() / id, meta);
}

std::string FileTrackingStore::create_experiment(std::string_view name, std::string_view artifact_location,
                                                 const std::vector<KeyValue>& tags) {
  check_experiment_name(name);
  for (const KeyValue& tag : tags) check_experiment_tag(tag);
  check_text(artifact_location, "the artifact location");
  const FileLock lock = tree_.lock();
  if (find_experiment(name)) throw StoreError(Refusal::kResourceAlreadyExists, experiment_exists(name));
  const std::string id = make_experiment_id();
  std::string location(artifact_location);
  if (location.empty()) {
    location = append_to_location(artifact_root_, id);
  } else if (location.find(':') == std::string::npos) {
    location = (working_directory_ / location).lexically_normal().string();
  }
  write_experiment(id, name, location);
  for (const KeyValue& tag : tags) tree_.write_value(tree_.root() / id / kTagsFolder, tag);
  return id;
}

std::vector<ExperimentRecord> FileTrackingStore::list_experiments(ViewType view) const {
  std::vector<ExperimentRecord> listed;
  for (const fs::path& folder : experiment_folders(tree_, view)) {
    auto record = read_or_skip(folder, [&]() -> std::optional<ExperimentRecord> {
      const auto meta = FileTree::find_meta(folder);
      if (!meta) return std::nullopt;
      return read_experiment(folder, *meta);
    });
    if (record) listed.push_back(*std::move(record));
  }
  sort_records(listed, parse_experiment_order({}));
  return listed;
}

std::optional<ExperimentRecord> FileTrackingStore::find_experiment(std::string_view name) const {
  auto listed = list_experiments(ViewType::kAll);
  const auto found = std::find_if(listed.begin(), listed.end(),
                                  [&](const ExperimentRecord& record) { return record.name == name; });
  if (found == listed.end()) return std::nullopt;
  return std::move(*found);
}

ExperimentRecord FileTrackingStore::get_experiment(std::string_view experiment_id) const {
  const fs::path folder = experiment_folder(tree_, experiment_id);
  const auto meta = FileTree::find_meta(folder);
  if (!meta) fail_no_experiment(experiment_id);
  return read_experiment(folder, *meta);
}

ExperimentRecord FileTrackingStore::find_or_create_experiment(std::string_view name) {
  check_experiment_name(name);
  auto found = find_experiment(name);
  if (!found) {
    try {
      return get_experiment(create_experiment(name, {}, {}));
    } catch (const StoreError& error) {
      if (error.refusal() != Refusal::kResourceAlreadyExists) throw;
      found = find_experiment(name);  // another process made it meanwhile
    }
  }
  if (!found || found->lifecycle_stage == LifecycleStage::kDeleted) {
    throw Error(ErrorCode::kConflict,
                "experiment " + in_quotes(name) + " is deleted; restore it or use another name");
  }
  return *std::move(found);
}

Page<ExperimentRecord> FileTrackingStore::search_experiments(const SearchExperiments& search) const {
  check_max_results(search.max_results);
  const auto conditions = parse_experiment_filter(search.filter);
  const auto order = parse_experiment_order(search.order_by);
  const std::int64_t offset = parse_page_token(search.page_token);
  auto listed = list_experiments(search.view);
  std::erase_if(listed, [&](const ExperimentRecord& record) { return !matches(record, conditions); });
  sort_records(listed, order);
  return page_of(std::move(listed), offset, search.max_results);
}

void FileTrackingStore::set_experiment_tag(std::string_view experiment_id, const KeyValue& tag) {
  check_experiment_tag(tag);
  const FileLock lock = tree_.lock();
  tree_.write_value(active_experiment_folder(tree_, experiment_id) / kTagsFolder, tag);
}

void FileTrackingStore::delete_experiment_tag(std::string_view experiment_id, std::string_view key) {
  check_key(key, "tag");
  const FileLock lock = tree_.lock();
  if (FileTree::remove_value(active_experiment_folder(tree_, experiment_id) / kTagsFolder, key)) return;
  throw Error(ErrorCode::kNotFound, "No tag with name: " + std::string(key) + " in experiment with id " +
                                        std::string(experiment_id));
}

void FileTrackingStore::move_experiment(const fs::path& from, const fs::path& to,
                                        LifecycleStage stage) const {
  const bool deletes = stage == LifecycleStage::kDeleted;
  const TimeMs now = now_ms();
  auto meta = FileTree::find_meta(from).value_or(Params::map());
  meta.set("lifecycle_stage", to_text(stage));
  meta.set("last_update_time", now);
  tree_.write_meta(from, meta);
  for (const fs::path& folder : run_folders(from)) {
    auto run = FileTree::find_meta(folder).value_or(Params::map());
    run.set("lifecycle_stage", to_text(stage));
    if (deletes) {
      run.set("deleted_time", now);
    } else {
      run.erase("deleted_time");
    }
    tree_.write_meta(folder, run);
  }
  FileTree::make_folder(to.parent_path());
  std::error_code error;
  fs::rename(from, to, error);
  if (error) throw Error(ErrorCode::kIo, "cannot move '" + from.string() + "': " + error.message());
}

void FileTrackingStore::delete_experiment(std::string_view experiment_id) {
  const FileLock lock = tree_.lock();
  const fs::path folder = experiment_folder(tree_, experiment_id);
  if (folder.parent_path() == trash_folder(tree_)) fail_no_experiment(experiment_id);
  move_experiment(folder, trash_folder(tree_) / experiment_id, LifecycleStage::kDeleted);
}

void FileTrackingStore::restore_experiment(std::string_view experiment_id) {
  const FileLock lock = tree_.lock();
  const fs::path folder = experiment_folder(tree_, experiment_id);
  if (folder.parent_path() != trash_folder(tree_)) fail_no_experiment(experiment_id);
  move_experiment(folder, tree_.root() / experiment_id, LifecycleStage::kActive);
}

void FileTrackingStore::rename_experiment(std::string_view experiment_id, std::string_view new_name) {
  check_experiment_name(new_name);
  const FileLock lock = tree_.lock();
  const fs::path folder = experiment_folder(tree_, experiment_id);
  if (folder.parent_path() == trash_folder(tree_))
    throw StoreError(Refusal::kInvalidState, "Cannot rename a non-active experiment.");
  const auto taken = find_experiment(new_name);
  if (taken && taken->id != experiment_id)
    throw StoreError(Refusal::kBadRequest, ErrorCode::kConflict, experiment_exists(new_name));
  auto meta = FileTree::find_meta(folder).value_or(Params::map());
  meta.set("name", new_name);
  meta.set("last_update_time", now_ms());
  tree_.write_meta(folder, meta);
}

// One more than the largest number that a run of the experiment has, deleted or not. Runs that have been
// looked at once are not read again, so a name that another process gives to an old run is not seen.
std::string FileTrackingStore::next_numbered_name(const fs::path& experiment, const std::string& prefix) {
  const std::scoped_lock lock(numbers_mutex_);
  NumbersSeen& seen = numbers_seen_[{experiment.filename().string(), prefix}];
  for (const fs::path& folder : run_folders(experiment)) {
    if (!seen.runs.insert(folder.filename().string()).second) continue;
    const auto run = read_run_or_skip(folder, {false, false, false, false});
    if (run) seen.largest = std::max(seen.largest, number_of_name(run->name, prefix).value_or(-1));
  }
  return prefix + "#" + std::to_string(seen.largest + 1);
}

RunRecord FileTrackingStore::create_run(const CreateRun& create) {
  check_create(create);
  RunRecord run;
  run.run_id = make_run_id();
  run.start_time = create.start_time_ms ? *create.start_time_ms : now_ms();
  run.user_id = user_of(create);
  run.name = asked_name(create);
  run.params = in_order_of_keys(checked({.params = create.params}).params);
  if (run.name.empty() && create.name_prefix.empty()) run.name = make_run_name();
  const FileLock lock = tree_.lock();
  const fs::path experiment = active_experiment_folder(tree_, create.experiment_id);
  run.experiment_id = experiment.filename().string();
  const std::string location = get_experiment(run.experiment_id).artifact_location;
  run.artifact_uri = append_to_location(location, run.run_id + "/artifacts");
  if (run.name.empty()) run.name = next_numbered_name(experiment, create.name_prefix);
  run.tags = create.tags;
  run.tags.push_back({std::string(kRunNameTag), run.name});
  if (!create.parent_run_id.empty()) run.tags.push_back({std::string(kParentRunIdTag), create.parent_run_id});
  run.tags = in_order_of_keys(run.tags);
  const fs::path folder = experiment / run.run_id;
  for (const std::string_view part : {kMetricsFolder, kParamsFolder, kTagsFolder, kArtifactsFolder})
    FileTree::make_folder(folder / part);
  for (const KeyValue& tag : run.tags) tree_.write_value(folder / kTagsFolder, tag);
  for (const KeyValue& param : run.params) tree_.write_value(folder / kParamsFolder, param);
  // The last: without it the folder is no run.
  tree_.write_meta(folder, new_run_meta(run));
  return run;
}

std::optional<RunRecord> FileTrackingStore::find_run(std::string_view run_id) const {
  const auto found = find_meta_of_run(tree_, run_id);
  if (!found) return std::nullopt;
  return read_run(found->folder, found->meta, {});
}

std::vector<RunRecord> FileTrackingStore::list_runs(const RunQuery& query) const {
  std::vector<RunRecord> runs;
  for (const fs::path& experiment : experiment_folders(tree_, ViewType::kAll)) {
    if (!is_one_of(query.experiment_ids, experiment.filename().string())) continue;
    for (const fs::path& folder : run_folders(experiment)) {
      auto run = read_or_skip(folder, [&]() -> std::optional<RunRecord> {
        const auto meta = FileTree::find_meta(folder);
        if (!meta || !fits(query, read_run(folder, *meta, {false, false, false, false}), folder, *meta))
          return std::nullopt;
        return read_run(folder, *meta,
                        {query.with_metrics, query.with_params, query.with_tags, query.with_inputs});
      });
      if (run) runs.push_back(*std::move(run));
    }
  }
  if (query.is_parent) keep_parents(tree_, runs, *query.is_parent);
  std::sort(runs.begin(), runs.end(), comes_before);
  if (query.limit && runs.size() > *query.limit) runs.resize(*query.limit);
  return runs;
}

Page<RunRecord> FileTrackingStore::search_runs(const SearchRuns& search) const {
  check_max_results(search.max_results);
  const auto conditions = parse_run_filter(search.filter);
  const auto order = parse_run_order(search.order_by);
  const std::int64_t offset = parse_page_token(search.page_token);
  std::vector<RunRecord> runs;
  const std::set<std::string> ids(search.experiment_ids.begin(), search.experiment_ids.end());
  for (const std::string& id : ids) {
    const auto experiment = find_experiment_folder(tree_, id);
    if (!experiment) continue;
    for (const fs::path& folder : run_folders(*experiment)) {
      auto run = read_run_or_skip(folder, {});
      if (run && is_in_view(run->lifecycle_stage, search.view) && matches(*run, conditions))
        runs.push_back(*std::move(run));
    }
  }
  sort_records(runs, order);
  auto page = page_of(std::move(runs), offset, search.max_results);
  if (search.with_inputs) return page;
  for (RunRecord& run : page.items) {
    run.dataset_inputs.clear();
    run.model_inputs.clear();
    run.model_outputs.clear();
  }
  return page;
}

void FileTrackingStore::write_tags(const fs::path& run, const std::vector<KeyValue>& tags) const {
  for (const KeyValue& tag : tags) {
    tree_.write_value(run / kTagsFolder, tag);
    if (tag.key != kRunNameTag) continue;
    auto meta = FileTree::find_meta(run).value_or(Params::map());
    meta.set("run_name", tag.value);
    tree_.write_meta(run, meta);
  }
}

// A run may have another name now.
void FileTrackingStore::forget_numbers() {
  const std::scoped_lock lock(numbers_mutex_);
  numbers_seen_.clear();
}

void FileTrackingStore::update_run(std::string_view run_id, const RunUpdate& update) {
  const std::string name = update.name.value_or("");
  check_text(name, "the run's name");
  const std::vector<KeyValue> tags = checked({.tags = update.tags}).tags;
  const FileLock lock = tree_.lock();
  FoundRun run = get_active_run(tree_, run_id);
  if (update.status) set_status(run.meta, *update.status);
  if (update.end_time_ms) run.meta.set("end_time", *update.end_time_ms);
  tree_.write_meta(run.folder, run.meta);
  write_tags(run.folder, tags);
  if (!name.empty()) write_tags(run.folder, {{std::string(kRunNameTag), name}});
  if (!name.empty() || !tags.empty()) forget_numbers();
}

void FileTrackingStore::set_lifecycle(std::string_view run_id, LifecycleStage stage) const {
  const FileLock lock = tree_.lock();
  FoundRun run = get_meta_of_run(tree_, run_id);
  run.meta.set("lifecycle_stage", to_text(stage));
  if (stage == LifecycleStage::kDeleted) {
    run.meta.set("deleted_time", now_ms());
  } else {
    run.meta.erase("deleted_time");
  }
  tree_.write_meta(run.folder, run.meta);
}

void FileTrackingStore::delete_run(std::string_view run_id) {
  set_lifecycle(run_id, LifecycleStage::kDeleted);
}

void FileTrackingStore::restore_run(std::string_view run_id) {
  set_lifecycle(run_id, LifecycleStage::kActive);
}

// Artifacts that lie in the folder of the run, as they do unless the experiment says otherwise, are left.
void FileTrackingStore::purge_run(std::string_view run_id) {
  const FileLock lock = tree_.lock();
  const FoundRun run = get_meta_of_run(tree_, run_id);
  if (!run.is_deleted())
    throw Error(ErrorCode::kConflict,
                "Run " + std::string(run_id) + " is not deleted; only deleted runs can be removed");
  std::error_code error;
  for (const std::string_view part : {std::string_view("meta.yaml"), kMetricsFolder, kParamsFolder,
                                      kTagsFolder, kInputsFolder, kOutputsFolder}) {
    fs::remove_all(run.folder / part, error);
    if (error)
      throw Error(ErrorCode::kIo, "cannot remove '" + (run.folder / part).string() + "': " + error.message());
  }
  std::error_code not_empty;
  fs::remove(run.folder / kArtifactsFolder, not_empty);
  fs::remove(run.folder, not_empty);
}

void FileTrackingStore::write_model_metrics(const fs::path& run,
                                            const std::vector<ModelMetric>& metrics) const {
  const auto folders = model_folders(tree_, metrics);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    ModelMetric point = metrics[i];
    point.run_id = run.filename().string();
    tree_.append(run / kMetricsFolder, point.metric.key, metric_line(point, MetricLines::kOfRun));
    if (folders[i].empty()) continue;
    tree_.append(folders[i] / kMetricsFolder, point.metric.key, metric_line(point, MetricLines::kOfModel));
  }
}

void FileTrackingStore::log_batch(std::string_view run_id, const Batch& batch) {
  const Batch good = checked(batch);
  std::map<std::string_view, std::string> lines;
  for (const Metric& metric : good.metrics)
    lines[metric.key] += metric_line({metric, {}, {}, {}, {}}, MetricLines::kOfRun);
  const FileLock lock = tree_.lock();
  const FoundRun run = get_active_run(tree_, run_id);
  check_batch(tree_, run, run_id, good);
  for (const KeyValue& param : good.params) tree_.write_value(run.folder / kParamsFolder, param);
  for (const auto& [key, text] : lines) tree_.append(run.folder / kMetricsFolder, key, text);
  write_model_metrics(run.folder, good.model_metrics);
  write_tags(run.folder, good.tags);
  const bool renames = std::any_of(good.tags.begin(), good.tags.end(),
                                   [](const KeyValue& tag) { return tag.key == kRunNameTag; });
  if (renames) forget_numbers();
}

void FileTrackingStore::delete_tag(std::string_view run_id, std::string_view key) {
  check_key(key, "tag");
  const FileLock lock = tree_.lock();
  const FoundRun run = get_active_run(tree_, run_id);
  if (FileTree::remove_value(run.folder / kTagsFolder, key)) return;
  throw Error(ErrorCode::kNotFound,
              "No tag with name: " + std::string(key) + " in run with id " + std::string(run_id));
}

namespace {

bool is_good_key(std::string_view key) {
  try {
    check_key(key, "metric");
    return true;
  } catch (const Error&) {
    return false;  // no metric has such a name
  }
}

}  // namespace

std::vector<Metric> FileTrackingStore::metric_history(std::string_view run_id, std::string_view key) const {
  const auto folder = find_run_folder(tree_, run_id);
  if (!folder || !is_good_key(key)) return {};
  return read_history(*folder, std::string(key));
}

Page<Metric> FileTrackingStore::metric_history_page(std::string_view run_id,
                                                    const HistoryQuery& query) const {
  const std::int64_t offset = parse_page_token(query.page_token);
  if (query.max_results && *query.max_results < 1) check_max_results(*query.max_results);
  auto history = metric_history(run_id, query.key);
  const auto all = static_cast<std::int64_t>(history.size());
  return page_of(std::move(history), offset, query.max_results.value_or(std::max<std::int64_t>(all, 1)));
}

std::vector<MetricOfRun> FileTrackingStore::sample_histories(const HistorySampling& sampling) const {
  std::vector<std::vector<std::int64_t>> steps;
  std::vector<std::vector<Metric>> histories;
  for (const std::string& run : sampling.run_ids) {
    histories.push_back(metric_history(run, sampling.key));
    auto& history = histories.back();
    std::sort(history.begin(), history.end(), [](const Metric& a, const Metric& b) {
      return std::tie(a.step, a.timestamp_ms) < std::tie(b.step, b.timestamp_ms);
    });
    std::set<std::int64_t> of_run;
    for (const Metric& metric : history) of_run.insert(metric.step);
    steps.emplace_back(of_run.begin(), of_run.end());
  }
  const auto chosen = sampled_steps(steps, sampling);
  std::vector<MetricOfRun> points;
  for (std::size_t i = 0; i < histories.size(); ++i) {
    std::size_t count = 0;
    for (const Metric& metric : histories[i]) {
      if (!chosen.contains(metric.step) || count++ >= kMaxSampledPoints) continue;
      points.push_back({sampling.run_ids[i], metric});
    }
  }
  return points;
}

void FileTrackingStore::log_inputs(std::string_view run_id, const std::vector<DatasetInput>& datasets,
                                   const std::vector<std::string>& model_ids) {
  check_dataset_inputs(datasets);
  for (const std::string& model : model_ids) check_text(model, "a model's id");
  const FileLock lock = tree_.lock();
  const FoundRun run = get_active_run(tree_, run_id);
  for (const DatasetInput& input : datasets) write_dataset_input(tree_, run.folder, input);
  for (const std::string& model : model_ids) write_model_input(tree_, run.folder, model);
}

void FileTrackingStore::log_outputs(std::string_view run_id, const std::vector<ModelOutput>& models) {
  for (const ModelOutput& model : models) {
    if (!is_id(model.model_id))
      throw Error(ErrorCode::kInvalidArgument, in_quotes(model.model_id) + " is no id of a model");
  }
  const FileLock lock = tree_.lock();
  const FoundRun run = get_active_run(tree_, run_id);
  for (const ModelOutput& model : models) write_model_output(tree_, run.folder, model);
}

namespace {

using DatasetKey = std::tuple<std::string, std::string, std::string, std::string>;

void add_datasets(const std::string& experiment_id, const fs::path& run_folder, std::set<DatasetKey>& found) {
  const auto run = read_run_or_skip(run_folder, {false, false, false, true});
  if (!run) return;
  for (const DatasetInput& input : run->dataset_inputs) {
    const auto context = std::ranges::find(input.tags, "mlflow.data.context", &KeyValue::key);
    found.emplace(experiment_id, input.dataset.name, input.dataset.digest,
                  context == input.tags.end() ? std::string() : context->value);
  }
}

}  // namespace

std::vector<DatasetSummary> FileTrackingStore::search_datasets(
    const std::vector<std::string>& experiment_ids) const {
  constexpr std::size_t kMost = 1000;  // MLflow's
  std::set<DatasetKey> found;
  for (const std::string& id : experiment_ids) {
    const auto experiment = find_experiment_folder(tree_, id);
    if (!experiment) continue;
    for (const fs::path& folder : run_folders(*experiment)) add_datasets(id, folder, found);
  }
  std::vector<DatasetSummary> summaries;
  for (const auto& [experiment, name, digest, context] : found) {
    if (summaries.size() < kMost) summaries.push_back({experiment, name, digest, context});
  }
  return summaries;
}

}  // namespace ivory::tracking
