#include <ivory/experiment/resume.h>

#include <filesystem>
#include <utility>

#include <ivory/base/asides.h>
#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/experiment/tracking.h>
#include <ivory/tracking/liveness.h>
#include <ivory/yaml/yaml.h>

#include "resume_record.h"
#include "run_folder.h"
#include "stored_files.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using tracking::RunRecord;

tracking::TrackingStore& store_of(const Client& client) {
  if (client.tracker() == nullptr)
    throw Error(ErrorCode::kUnsupported, "runs can only be resumed where they are tracked");
  return client.tracker()->store();
}

// A param was logged as text; what it was is told by what its parameter is now.
Params argument(const Experiment& experiment, const tracking::KeyValue& param) {
  try {
    if (experiment.present_value(param.key).is_string()) return Params(param.value);
  } catch (const Error& error) {  // an element of a list that is given whole: hidden_sizes:0
    if (error.code() != ErrorCode::kInvalidArgument) throw;
  }
  return parse_yaml(param.value, "param " + param.key);
}

// One killed before its params.yaml was written has its logged params, for these came with its row.
Run make_run(const Experiment& experiment, const RunRecord& record, const fs::path& artifacts) {
  const RunOrigin origin{.run_id = record.run_id};
  const fs::path file = artifacts / "params.yaml";
  if (fs::exists(file)) return experiment.with_params(read_yaml(file)).create_run({}, "run", origin);
  Params arguments = Params::map();
  for (const tracking::KeyValue& param : record.params) arguments.set(param.key, argument(experiment, param));
  return experiment.create_run(arguments, "run", origin);
}

bool is_alive(const RunRecord& run) {
  if (run.status != tracking::RunStatus::kRunning) return false;
  const std::string* const tag = run.find_tag(tracking::kProcessTag);
  const auto process = tag == nullptr ? std::nullopt : tracking::ProcessIdentity::parse(*tag);
  return process && tracking::liveness_of(*process) == tracking::Liveness::kAlive;
}

}  // namespace

std::optional<std::string> reason_not_to_resume(const Client& client, std::string_view run_id) {
  const RunRecord run = store_of(client).get_run(run_id);
  if (run.lifecycle_stage == tracking::LifecycleStage::kDeleted) return run.name + " is deleted";
  if (run.status == tracking::RunStatus::kFinished) return run.name + " is FINISHED";
  if (is_alive(run)) return run.name + " is RUNNING: its process is alive";
  return std::nullopt;
}

ResumedRun resume_run(const Client& client, std::string_view run_id, std::string_view mode_if_never_started) {
  const tracking::TrackingStore& store = store_of(client);
  const RunRecord record = store.get_run(run_id);
  const Experiment experiment = client.create_experiment(store.get_experiment(record.experiment_id).name);
  return resume_run(*client.tracker(), experiment, record, mode_if_never_started);
}

ResumedRun resume_run(const Tracker& tracker, const Experiment& experiment, const RunRecord& record,
                      std::string_view mode_if_never_started) {
  const fs::path artifacts = StoredFiles(tracker, record).take_up();
  remove_leftovers_below(artifacts);
  remove_leftovers(artifacts.parent_path());
  const std::string* const mode = record.find_tag(tracking::kModeTag);
  ResumedRun resumed{.run = make_run(experiment, record, artifacts),
                     .mode = mode == nullptr ? std::string(mode_if_never_started) : *mode,
                     .from_checkpoint = fs::exists(artifacts / "current")};
  if (resumed.from_checkpoint) resumed.run.restore(artifacts / "current");
  resumed.run.find<Tracking>()->resume(resumed.run);
  return resumed;
}

ResumeLock::ResumeLock(const Client& client, const RunRecord& run) {
  const tracking::TrackingStore& store = store_of(client);
  const auto take = [&](const RunRecord& record, FileLock::Mode mode) {
    const fs::path file = lock_file(client.directory(), record, client.tracker()->tracking_uri());
    auto lock = FileLock::try_take(file, mode);
    if (lock == nullptr)
      throw Error(ErrorCode::kUnsupported,
                  record.name + " (" + record.run_id + ") is being resumed by another process");
    return lock;
  };
  own_ = take(run, FileLock::Mode::kExclusive);
  const std::string* const parent = run.find_tag(tracking::kParentRunIdTag);
  const auto task = parent == nullptr ? std::nullopt : store.find_run(*parent);
  if (task) parent_ = take(*task, FileLock::Mode::kShared);
}

}  // namespace ivory
