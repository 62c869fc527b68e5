// Experiments and models from one store to another.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/tracking_store.h>

namespace ivory::tracking {

// The id that something moved had where it was first: by it a second transfer finds it again.
inline constexpr std::string_view kOriginTag = "ivory.origin";

// A store and how its artifacts are reached.
struct TransferEnd {
  std::shared_ptr<TrackingStore> store;
  std::string tracking_uri;
  // Not empty: the artifacts lie in FOLDER/<experiment id>/<run id>/artifacts, whatever their URIs say (an
  // exported folder that was carried elsewhere).
  std::filesystem::path artifact_root = {};  // NOLINT(readability-redundant-member-init): as CreateRun
};

// A folder that holds experiments by itself: mlflow.db and mlruns, as MLflow would make them there. `access`
// as of open_store().
[[nodiscard]] TransferEnd open_exported(const std::filesystem::path& folder, bool read_only);

struct TransferProgress {
  std::string experiment;
  std::string run;
  std::size_t done = 0;  // runs of all experiments
  std::size_t total = 0;
};

// NOLINTBEGIN(readability-redundant-member-init): as CreateRun
struct TransferOptions {
  std::vector<std::string> experiments = {};  // by name; none: all, deleted ones too
  std::function<void(const TransferProgress&)> on_progress = {};
};
// NOLINTEND(readability-redundant-member-init)

struct TransferCounts {
  std::size_t made = 0;
  std::size_t completed = 0;  // were there, and got what they lacked
  std::size_t present = 0;    // were there, whole
};

struct TransferReport {
  std::size_t experiments = 0;
  TransferCounts runs;
  TransferCounts logged_models;
  TransferCounts registered_models;
  TransferCounts model_versions;
  std::size_t deleted = 0;  // experiments and runs, as they are where they come from
  std::size_t files = 0;
  std::vector<std::string> refused;  // "MODEL: why", "MODEL VERSION: why" of the registry
};

// Copies
// - experiments with their tags and their runs (name, user, status, times, params, tags, whole histories of
//   metrics, datasets, nesting, logged models that they used and made) and artifacts; what is deleted is
//   deleted there, too;
// - logged models with params, tags, metrics, status and artifacts;
// - the model registry, prompts with it: models (description, tags, aliases) and versions (source, run,
//   logged model, description, stage, tags). A version keeps its number where that is free. Runs, logged
//   models and places of artifacts are those of the target. With experiments named: only versions that come
//   from them.
// Not copied: what no interface lets say (times at which models, versions and experiments were made, who made
// a version, when a run was deleted), deleted logged models and versions, traces.
//
// Experiments and registered models of a name are one: they are added to. Runs, logged models and versions
// get new ids, and the tag ivory.origin with the old one; so have experiments that were made for it. Done
// twice it makes nothing twice, and one that broke off goes on where it was: a run counts as whole when it
// has ended there as here, a logged model when it has the same status; files that are there with the same
// bytes are left. Tags of experiments and logged models and all of the registry become what they are here.
// What was deleted there alone stays deleted. What of the registry the target refuses (kInvalidArgument: a
// server takes no version that lies in a folder of its own machine) is reported, and the rest goes on.
// Errors: kNotFound for an experiment that is not there (with the nearest name), kConflict for one that is
// deleted there alone, those of the stores.
TransferReport transfer(const TransferEnd& from, const TransferEnd& to, const TransferOptions& options = {});

// Of a transfer, before its target is made: whether the store has the experiments. Errors: kNotFound for one
// that it does not have, with the nearest name.
void check_experiments(const TransferEnd& from, const std::vector<std::string>& names);

}  // namespace ivory::tracking
