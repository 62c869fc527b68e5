#include <ivory/tracking/transfer.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/open_store.h>

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPointsPerBatch = 10'000;

std::string origin_of(const RunRecord& run) {
  const std::string* const origin = run.find_tag(kOriginTag);
  return origin == nullptr ? run.run_id : *origin;
}

std::unique_ptr<ArtifactStore> artifacts_of(const TransferEnd& end, const RunRecord& run) {
  if (!end.artifact_root.empty()) {
    return open_artifact_store((end.artifact_root / run.experiment_id / run.run_id / "artifacts").string());
  }
  return open_artifact_store(run.artifact_uri, Durability::kProcess, end.tracking_uri);
}

// All files, with their sizes.
std::map<std::string, std::int64_t> files_of(const ArtifactStore& artifacts) {
  std::map<std::string, std::int64_t> files;
  std::vector<std::string> folders{""};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    for (ArtifactInfo& info : artifacts.list(folder)) {
      if (info.is_folder) {
        folders.push_back(std::move(info.path));
      } else {
        files[info.path] = info.size_bytes.value_or(-1);
      }
    }
  }
  return files;
}

class Transfer {
 public:
  Transfer(const TransferEnd& from, const TransferEnd& to, const TransferOptions& options)
      : from_(from), to_(to), options_(options) {}

  TransferReport run() {
    std::vector<ExperimentRecord> experiments = wanted();
    std::vector<std::vector<RunRecord>> runs;
    for (const ExperimentRecord& experiment : experiments) {
      runs.push_back(from_.store->list_runs({.experiment_ids = {experiment.id}, .with_inputs = true}));
      progress_.total += runs.back().size();
    }
    for (std::size_t i = 0; i < experiments.size(); ++i) copy_experiment(experiments[i], runs[i]);
    return report_;
  }

 private:
  [[nodiscard]] std::vector<ExperimentRecord> wanted() const {
    std::vector<ExperimentRecord> all = from_.store->list_experiments();
    if (options_.experiments.empty()) return all;
    std::vector<std::string> names;
    for (const ExperimentRecord& experiment : all) names.push_back(experiment.name);
    std::vector<ExperimentRecord> found;
    for (const std::string& name : options_.experiments) {
      const auto at = std::ranges::find(all, name, &ExperimentRecord::name);
      if (at == all.end())
        throw Error(ErrorCode::kNotFound, "there is no experiment '" + name + "' in " + from_.tracking_uri +
                                              did_you_mean(name, names));
      found.push_back(*at);
    }
    return found;
  }

  void copy_experiment(const ExperimentRecord& experiment, std::vector<RunRecord>& runs) {
    if (runs.empty() && options_.experiments.empty() && experiment.tags.empty()) return;  // Default, mostly
    ++report_.experiments;
    const ExperimentRecord target = to_.store->find_or_create_experiment(experiment.name);
    for (const KeyValue& tag : experiment.tags)
      if (std::ranges::find(target.tags, tag) == target.tags.end())
        to_.store->set_experiment_tag(target.id, tag);
    present_.clear();
    for (RunRecord& run : to_.store->list_runs({.experiment_ids = {target.id}, .view = ViewType::kAll}))
      present_.emplace(origin_of(run), std::move(run));
    // Oldest first, and a parent before what is nested under it.
    std::ranges::sort(runs, {}, [](const RunRecord& run) { return run.start_time.value_or(0); });
    std::map<std::string, const RunRecord*> by_id;
    for (const RunRecord& run : runs) by_id[run.run_id] = &run;
    std::set<std::string> begun;
    const std::function<void(const RunRecord&)> copy = [&](const RunRecord& run) {
      if (!begun.insert(run.run_id).second) return;
      const std::string* const parent = run.find_tag(kParentRunIdTag);
      const auto found = parent == nullptr ? by_id.end() : by_id.find(*parent);
      if (found != by_id.end()) copy(*found->second);
      progress_.experiment = experiment.name;
      progress_.run = run.name;
      if (options_.on_progress) options_.on_progress(progress_);
      copy_run(run, target.id);
      ++progress_.done;
    };
    for (const RunRecord& run : runs) copy(run);
    if (options_.on_progress && !runs.empty()) options_.on_progress(progress_);
  }

  static bool is_whole(const RunRecord& there, const RunRecord& here) {
    return is_terminal(here.status) && there.status == here.status && there.end_time == here.end_time;
  }

  // Those of the run but what the store sets itself; the parent under its new id.
  [[nodiscard]] std::vector<KeyValue> tags_of(const RunRecord& run) const {
    std::vector<KeyValue> tags;
    for (const KeyValue& tag : run.tags) {
      if (tag.key == kRunNameTag || tag.key == kOriginTag) continue;
      const auto parent = tag.key == kParentRunIdTag ? new_ids_.find(tag.value) : new_ids_.end();
      tags.push_back({tag.key, parent == new_ids_.end() ? tag.value : parent->second});
    }
    tags.push_back({std::string(kOriginTag), origin_of(run)});
    return tags;
  }

  void copy_run(const RunRecord& run, const std::string& experiment_id) {
    const std::string origin = origin_of(run);
    auto there = present_.find(origin);
    const bool is_new = there == present_.end();
    if (is_new) {
      there = present_
                  .emplace(origin, to_.store->create_run({.experiment_id = experiment_id,
                                                          .name = run.name,
                                                          .user_id = run.user_id,
                                                          .start_time_ms = run.start_time,
                                                          .tags = tags_of(run)}))
                  .first;
    }
    const RunRecord& target = there->second;
    new_ids_[run.run_id] = target.run_id;
    if (!is_new && (target.lifecycle_stage == LifecycleStage::kDeleted || is_whole(target, run))) {
      ++report_.runs_present;
      return;
    }
    ++(is_new ? report_.runs_made : report_.runs_completed);
    to_.store->log_batch(target.run_id,
                         {.params = run.params, .tags = is_new ? std::vector<KeyValue>{} : tags_of(run)});
    copy_metrics(run, target);
    if (!run.dataset_inputs.empty()) to_.store->log_inputs(target.run_id, run.dataset_inputs, {});
    copy_artifacts(run, target);
    // The last step, by which a run counts as whole.
    to_.store->update_run(target.run_id, {.status = run.status, .end_time_ms = run.end_time});
  }

  void copy_metrics(const RunRecord& run, const RunRecord& target) {
    Batch batch;
    for (const Metric& latest : run.metrics) {
      for (Metric& point : from_.store->metric_history(run.run_id, latest.key)) {
        batch.metrics.push_back(std::move(point));
        if (batch.metrics.size() < kPointsPerBatch) continue;
        to_.store->log_batch(target.run_id, batch);
        batch.metrics.clear();
      }
    }
    if (!batch.metrics.empty()) to_.store->log_batch(target.run_id, batch);
  }

  void copy_artifacts(const RunRecord& run, const RunRecord& target) {
    const auto source = artifacts_of(from_, run);
    const std::map<std::string, std::int64_t> files = files_of(*source);
    if (files.empty()) return;
    const auto place = artifacts_of(to_, target);
    const std::map<std::string, std::int64_t> there = files_of(*place);
    const TemporaryFolder folder;
    for (const auto& [path, size] : files) {
      const auto same = there.find(path);
      if (same != there.end() && size >= 0 && same->second == size) continue;
      const fs::path file = folder.path() / fs::path(path).filename();
      source->download(path, file);
      place->log_artifact(file, fs::path(path).parent_path().generic_string());
      fs::remove(file);
      ++report_.files;
    }
  }

  const TransferEnd& from_;
  const TransferEnd& to_;
  const TransferOptions& options_;
  TransferReport report_;
  TransferProgress progress_;
  std::map<std::string, RunRecord> present_;    // of the target experiment, by origin
  std::map<std::string, std::string> new_ids_;  // by old ones
};

}  // namespace

TransferEnd open_exported(const fs::path& folder, bool read_only) {
  const fs::path whole = fs::absolute(folder).lexically_normal();
  if (read_only && !fs::exists(whole / "mlflow.db"))
    throw Error(ErrorCode::kNotFound,
                "'" + folder.string() + "' holds no exported experiments (no mlflow.db)");
  if (!read_only) fs::create_directories(whole);
  StoreOptions options{.working_directory = whole};
  if (read_only) options.access = Access::kReadOnly;
  return {.store = open_store(kDefaultTrackingUri, options),
          .tracking_uri = folder.string(),
          .artifact_root = whole / "mlruns"};
}

TransferReport transfer(const TransferEnd& from, const TransferEnd& to, const TransferOptions& options) {
  return Transfer(from, to, options).run();
}

}  // namespace ivory::tracking
