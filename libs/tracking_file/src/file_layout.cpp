#include "file_layout.h"

#include <algorithm>
#include <array>

#include <ivory/base/error.h>

#include "run_rules.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTrash = ".trash";
// Folders in that of an experiment which are no runs.
constexpr std::array<std::string_view, 5> kReserved{kTagsFolder, kDatasetsFolder, "traces", kModelsFolder,
                                                    "assessments"};

bool has_meta(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "meta.yaml", ignored);
}

void add_experiments(const fs::path& folder, std::vector<fs::path>& found) {
  for (const std::string& name : FileTree::folders(folder)) {
    if (name != kModelsFolder && has_meta(folder / name)) found.push_back(folder / name);
  }
}

// The first of all experiments that has such a folder with a meta.yaml.
std::optional<fs::path> find_in_experiments(const FileTree& tree, const fs::path& relative) {
  for (const fs::path& experiment : experiment_folders(tree, ViewType::kAll)) {
    if (has_meta(experiment / relative)) return experiment / relative;
  }
  return std::nullopt;
}

}  // namespace

bool is_id(std::string_view id) {
  constexpr std::size_t kLongest = 255;
  return !id.empty() && id.size() <= kLongest && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

fs::path trash_folder(const FileTree& tree) { return tree.root() / kTrash; }

std::vector<fs::path> experiment_folders(const FileTree& tree, ViewType view) {
  std::vector<fs::path> found;
  if (view != ViewType::kDeletedOnly) add_experiments(tree.root(), found);
  if (view != ViewType::kActiveOnly) add_experiments(trash_folder(tree), found);
  return found;
}

std::optional<fs::path> find_experiment_folder(const FileTree& tree, std::string_view experiment_id) {
  if (!is_id(experiment_id) || experiment_id == kModelsFolder) return std::nullopt;
  for (const fs::path& parent : {tree.root(), trash_folder(tree)}) {
    if (has_meta(parent / experiment_id)) return parent / experiment_id;
  }
  return std::nullopt;
}

fs::path experiment_folder(const FileTree& tree, std::string_view experiment_id) {
  auto folder = find_experiment_folder(tree, experiment_id);
  if (!folder) fail_no_experiment(experiment_id);
  return *std::move(folder);
}

fs::path active_experiment_folder(const FileTree& tree, std::string_view experiment_id) {
  fs::path folder = experiment_folder(tree, experiment_id);
  const bool deleted = folder.parent_path() == trash_folder(tree);
  check_active("experiment", experiment_id,
               to_text(deleted ? LifecycleStage::kDeleted : LifecycleStage::kActive));
  return folder;
}

ExperimentRecord read_experiment(const fs::path& folder, const Params& meta) {
  ExperimentRecord record;
  record.id = folder.filename().string();
  record.name = text_field(meta, "name");
  record.artifact_location = text_field(meta, "artifact_location");
  const bool deleted = text_field(meta, "lifecycle_stage") == to_text(LifecycleStage::kDeleted);
  record.lifecycle_stage = deleted ? LifecycleStage::kDeleted : LifecycleStage::kActive;
  record.creation_time = find_integer_field(meta, "creation_time");
  record.last_update_time = find_integer_field(meta, "last_update_time");
  record.tags = FileTree::values(folder / kTagsFolder);
  return record;
}

std::string present_location(const fs::path& experiment, std::string uri) {
  if (experiment.parent_path().filename() != kTrash) return uri;
  const fs::path before = experiment.parent_path().parent_path() / experiment.filename();
  for (const std::string_view scheme : {"file://", ""}) {
    const std::string start = std::string(scheme) + before.string() + "/";
    if (uri.starts_with(start)) return std::string(scheme) + (experiment / uri.substr(start.size())).string();
  }
  return uri;
}

std::vector<fs::path> run_folders(const fs::path& experiment) {
  std::vector<fs::path> found;
  for (const std::string& name : FileTree::folders(experiment)) {
    const bool reserved = std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
    if (!reserved && has_meta(experiment / name)) found.push_back(experiment / name);
  }
  return found;
}

std::optional<fs::path> find_run_folder(const FileTree& tree, std::string_view run_id) {
  if (!is_id(run_id) || std::find(kReserved.begin(), kReserved.end(), run_id) != kReserved.end())
    return std::nullopt;
  return find_in_experiments(tree, run_id);
}

std::optional<fs::path> find_model_folder(const FileTree& tree, std::string_view model_id) {
  if (!is_id(model_id)) return std::nullopt;
  return find_in_experiments(tree, fs::path(kModelsFolder) / model_id);
}

}  // namespace ivory::tracking
