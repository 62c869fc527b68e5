#include <ivory/tracking/transfer.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/tracking/open_store.h>

#include "transfer_files.h"
#include "transfer_map.h"
#include "transfer_models.h"
#include "transfer_registry.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPointsPerBatch = 10'000;

std::string origin_of(const RunRecord& run) {
  const std::string* const origin = run.find_tag(kOriginTag);
  return origin == nullptr ? run.run_id : *origin;
}

std::string origin_of(const ExperimentRecord& experiment) {
  const std::string* const origin = find_tag(experiment.tags, kOriginTag);
  return origin == nullptr ? experiment.id : *origin;
}

bool is_deleted(const ExperimentRecord& experiment) {
  return experiment.lifecycle_stage == LifecycleStage::kDeleted;
}

bool is_deleted(const RunRecord& run) { return run.lifecycle_stage == LifecycleStage::kDeleted; }

// Those of `wanted` that are not among `present`.
template <class T>
std::vector<T> rest_of(const std::vector<T>& wanted, const std::vector<T>& present) {
  std::vector<T> rest;
  for (const T& one : wanted)
    if (std::ranges::find(present, one) == present.end()) rest.push_back(one);
  return rest;
}

// An experiment on its way.
struct MovingExperiment {
  ExperimentRecord source;
  std::vector<RunRecord> runs;  // oldest first
  bool has_models = false;
  ExperimentRecord target;
  std::map<std::string, RunRecord> present;  // runs of the target, by origin
};

// Those that are named, all if none is.
std::vector<ExperimentRecord> experiments_of(const TransferEnd& from, const std::vector<std::string>& names) {
  std::vector<ExperimentRecord> all = from.store->list_experiments(ViewType::kAll);
  if (names.empty()) return all;
  std::vector<std::string> known;
  for (const ExperimentRecord& experiment : all) known.push_back(experiment.name);
  std::vector<ExperimentRecord> found;
  for (const std::string& name : names) {
    const auto at = std::ranges::find(all, name, &ExperimentRecord::name);
    if (at == all.end())
      throw Error(ErrorCode::kNotFound, "there is no experiment '" + name + "' in " +
                                            shown_uri(from.tracking_uri) + did_you_mean(name, known));
    found.push_back(*at);
  }
  return found;
}

class Transfer {
 public:
  Transfer(const TransferEnd& from, const TransferEnd& to, const TransferOptions& options)
      : from_(from),
        to_(to),
        options_(options),
        models_(from, to, map_, report_, [this](const std::string& run_id) { return begin_run(run_id); }) {}

  TransferReport run() {
    read_source();
    for (MovingExperiment& experiment : experiments_) prepare(experiment);
    for (const MovingExperiment& experiment : experiments_) copy_runs(experiment);
    models_.complete();
    for (const MovingExperiment& experiment : experiments_) delete_what_is_deleted(experiment);
    RegistryTransfer(from_, to_, map_, report_).run(!options_.experiments.empty());
    return report_;
  }

 private:
  void read_source() {
    for (ExperimentRecord& record : experiments_of(from_, options_.experiments)) {
      MovingExperiment experiment{.source = std::move(record), .runs = {}, .target = {}, .present = {}};
      const std::string& id = experiment.source.id;
      experiment.runs =
          from_.store->list_runs({.experiment_ids = {id}, .view = ViewType::kAll, .with_inputs = true});
      std::ranges::sort(experiment.runs, {}, [](const RunRecord& run) { return run.start_time.value_or(0); });
      experiment.has_models = models_.read_source(id);
      const bool is_empty =
          experiment.runs.empty() && !experiment.has_models && experiment.source.tags.empty();
      if (is_empty && options_.experiments.empty()) continue;  // Default, mostly
      progress_.total += experiment.runs.size();
      experiments_.push_back(std::move(experiment));
    }
    report_.experiments = experiments_.size();
    for (MovingExperiment& experiment : experiments_) {
      for (const RunRecord& run : experiment.runs) sources_[run.run_id] = {&run, &experiment};
    }
  }

  void prepare(MovingExperiment& experiment) {
    const ExperimentRecord& source = experiment.source;
    auto there = to_.store->find_experiment(source.name);
    if (!there) {
      const auto id =
          to_.store->create_experiment(source.name, {}, with_origin(source.tags, origin_of(source)));
      there = to_.store->get_experiment(id);
    }
    experiment.target = *std::move(there);
    const bool lacks = look_at_target(experiment);
    if (is_deleted(experiment.target) && (lacks || !is_deleted(source))) restore(experiment);
    if (is_deleted(experiment.target)) return;
    for (const KeyValue& tag : lacking(without_origin(source.tags), experiment.target.tags))
      to_.store->set_experiment_tag(experiment.target.id, tag);
  }

  // True if something of the experiment is not there yet.
  bool look_at_target(MovingExperiment& experiment) {
    experiment.present.clear();
    for (RunRecord& run : to_.store->list_runs({.experiment_ids = {experiment.target.id},
                                                .view = ViewType::kAll,
                                                .with_metrics = false,
                                                .with_params = false,
                                                .with_inputs = true}))
      experiment.present.emplace(origin_of(run), std::move(run));
    const bool lacks_models = models_.read_target(experiment.source.id, experiment.target.id);
    return lacks_models || !std::ranges::all_of(experiment.runs, [&](const RunRecord& run) {
             return experiment.present.contains(origin_of(run));
           });
  }

  // One that is deleted here, too, is there again until all of it is there.
  void restore(MovingExperiment& experiment) {
    if (!is_deleted(experiment.source))
      experiment.target = to_.store->find_or_create_experiment(experiment.source.name);  // says what is wrong
    to_.store->restore_experiment(experiment.target.id);
    experiment.target = to_.store->get_experiment(experiment.target.id);
    (void)look_at_target(experiment);
  }

  void copy_runs(const MovingExperiment& experiment) {
    progress_.experiment = experiment.source.name;
    for (const RunRecord& run : experiment.runs) {
      progress_.run = run.name;
      if (options_.on_progress) options_.on_progress(progress_);
      copy_run(run);
      ++progress_.done;
    }
    if (options_.on_progress && !experiment.runs.empty()) options_.on_progress(progress_);
  }

  // The run of the target that stands for this one, made if need be; a parent comes before what is nested
  // under it.
  const RunRecord* begin_run(const std::string& run_id) {
    const auto known = map_.runs.find(run_id);
    if (known != map_.runs.end()) return &known->second;
    const auto source = sources_.find(run_id);
    if (source == sources_.end() || !beginning_.insert(run_id).second) return nullptr;
    const auto& [run, experiment] = source->second;
    auto there = experiment->present.find(origin_of(*run));
    if (there == experiment->present.end()) {
      if (const std::string* const parent = run->find_tag(kParentRunIdTag)) (void)begin_run(*parent);
      there = experiment->present
                  .emplace(origin_of(*run),
                           to_.store->create_run({.experiment_id = experiment->target.id,
                                                  .name = run->name,
                                                  .user_id = run->user_id,
                                                  .start_time_ms = run->start_time,
                                                  .tags = with_origin(tags_of(*run), origin_of(*run))}))
                  .first;
      made_.insert(run_id);
    }
    map_.places.add(run->artifact_uri, there->second.artifact_uri);
    return &map_.runs.emplace(run_id, there->second).first->second;
  }

  // Those of the run but what the store sets itself; the parent under its new id.
  [[nodiscard]] std::vector<KeyValue> tags_of(const RunRecord& run) const {
    std::vector<KeyValue> tags = without_origin(run.tags);
    std::erase_if(tags, [](const KeyValue& tag) { return tag.key == kRunNameTag; });
    for (KeyValue& tag : tags) {
      const auto parent = tag.key == kParentRunIdTag ? map_.runs.find(tag.value) : map_.runs.end();
      if (parent != map_.runs.end()) tag.value = parent->second.run_id;
    }
    return tags;
  }

  // Logged models that a run used and made, by their new ids.
  struct Links {
    std::vector<std::string> inputs;
    std::vector<ModelOutput> outputs;
    [[nodiscard]] bool empty() const noexcept { return inputs.empty() && outputs.empty(); }
  };
  [[nodiscard]] Links links_of(const RunRecord& run) {
    Links links;
    for (const std::string& model : run.model_inputs)
      if (auto moved = models_.find_or_make(model)) links.inputs.push_back(*std::move(moved));
    for (const ModelOutput& output : run.model_outputs)
      if (auto moved = models_.find_or_make(output.model_id))
        links.outputs.push_back({.model_id = *std::move(moved), .step = output.step});
    return links;
  }

  static bool is_whole(const RunRecord& there, const RunRecord& here) {
    return is_terminal(here.status) && there.status == here.status && there.end_time == here.end_time;
  }

  // What of them the run does not have.
  static Links lacking_in(const RunRecord& there, const Links& links) {
    return {.inputs = rest_of(links.inputs, there.model_inputs),
            .outputs = rest_of(links.outputs, there.model_outputs)};
  }

  // MLflow's server lists runs without the models that they used, and tells of them where it is asked for one
  // run: here those that are whole so far are asked for only if something seems to be lacking.
  [[nodiscard]] Links lacking_links(const RunRecord& run, const RunRecord& target) {
    if (!is_whole(target, run)) return lacking_in(target, links_of(from_.store->get_run(run.run_id)));
    const Links lacking = lacking_in(target, links_of(run));
    return lacking.empty() ? Links{} : lacking_in(to_.store->get_run(target.run_id), lacking);
  }

  void copy_run(const RunRecord& run) {
    const RunRecord& target = *begin_run(run.run_id);
    const bool is_new = made_.contains(run.run_id);
    if (is_deleted(target)) {
      ++report_.runs.present;
      return;
    }
    const Links links = lacking_links(run, target);
    if (is_whole(target, run) && links.empty()) {
      ++report_.runs.present;
      return;
    }
    ++(is_new ? report_.runs.made : report_.runs.completed);
    to_.store->log_batch(target.run_id,
                         {.params = run.params, .tags = is_new ? std::vector<KeyValue>{} : tags_of(run)});
    copy_metrics(run, target);
    if (!run.dataset_inputs.empty() || !links.inputs.empty())
      to_.store->log_inputs(target.run_id, run.dataset_inputs, links.inputs);
    if (!links.outputs.empty()) to_.store->log_outputs(target.run_id, links.outputs);
    report_.files += copy_files(*artifacts_of(from_, run), *artifacts_of(to_, target));
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

  // After everything else, as nothing can be written to what is deleted. The experiment only if a transfer
  // made it, and nobody has added to it.
  void delete_what_is_deleted(const MovingExperiment& experiment) {
    if (is_deleted(experiment.target)) return;
    const bool all = is_deleted(experiment.source);
    for (const RunRecord& run : experiment.runs) {
      const RunRecord& target = map_.runs.at(run.run_id);
      if (is_deleted(target) || !(all || is_deleted(run))) continue;
      to_.store->delete_run(target.run_id);
      ++report_.deleted;
    }
    const std::string* const origin = find_tag(experiment.target.tags, kOriginTag);
    if (!all || origin == nullptr || *origin != origin_of(experiment.source)) return;
    if (!to_.store->list_runs({.experiment_ids = {experiment.target.id}, .limit = 1}).empty()) return;
    to_.store->delete_experiment(experiment.target.id);
    ++report_.deleted;
  }

  struct Source {
    const RunRecord* run = nullptr;
    MovingExperiment* experiment = nullptr;
  };

  const TransferEnd& from_;
  const TransferEnd& to_;
  const TransferOptions& options_;
  TransferReport report_;
  TransferProgress progress_;
  TransferMap map_;
  ModelTransfer models_;
  std::vector<MovingExperiment> experiments_;
  std::map<std::string, Source> sources_;  // runs, by id
  std::set<std::string> beginning_;        // by id: what was begun, so that runs nested in a circle end
  std::set<std::string> made_;             // by id
};

void make_folder(const fs::path& folder) {
  std::error_code why;
  fs::create_directories(folder, why);
  if (why) throw Error(ErrorCode::kIo, "cannot make the folder '" + folder.string() + "': " + why.message());
}

}  // namespace

TransferEnd open_exported(const fs::path& folder, bool read_only) {
  const fs::path whole = fs::absolute(folder).lexically_normal();
  if (fs::is_regular_file(whole))
    throw Error(ErrorCode::kInvalidArgument,
                "'" + folder.string() + "' is a file; expected a folder, or a tracking URI: sqlite:///" +
                    folder.string());
  if (read_only && !fs::exists(whole / "mlflow.db"))
    throw Error(ErrorCode::kNotFound,
                "'" + folder.string() + "' holds no exported experiments (no mlflow.db)");
  if (!read_only) make_folder(whole);
  StoreOptions options{.working_directory = whole};
  if (read_only) options.access = Access::kReadOnly;
  return {.store = open_store(kDefaultTrackingUri, options),
          .tracking_uri = folder.string(),
          .artifact_root = whole / "mlruns"};
}

TransferReport transfer(const TransferEnd& from, const TransferEnd& to, const TransferOptions& options) {
  return Transfer(from, to, options).run();
}

void check_experiments(const TransferEnd& from, const std::vector<std::string>& names) {
  if (!names.empty()) static_cast<void>(experiments_of(from, names));
}

}  // namespace ivory::tracking
