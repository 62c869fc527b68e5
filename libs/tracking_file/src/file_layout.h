// Where things lie in MLflow's folders.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/entities.h>

#include "file_tree.h"

namespace ivory::tracking {

inline constexpr std::string_view kArtifactsFolder = "artifacts";
inline constexpr std::string_view kDatasetsFolder = "datasets";
inline constexpr std::string_view kInputsFolder = "inputs";
inline constexpr std::string_view kMetricsFolder = "metrics";
inline constexpr std::string_view kModelsFolder = "models";
inline constexpr std::string_view kOutputsFolder = "outputs";
inline constexpr std::string_view kParamsFolder = "params";
inline constexpr std::string_view kTagsFolder = "tags";

// Whether it can be the name of a folder of its own: letters, digits, '-', '_'.
[[nodiscard]] bool is_id(std::string_view id);

// Experiments that are there, and deleted ones in .trash; with a meta.yaml.
[[nodiscard]] std::vector<std::filesystem::path> experiment_folders(const FileTree& tree, ViewType view);
[[nodiscard]] std::optional<std::filesystem::path> find_experiment_folder(const FileTree& tree,
                                                                          std::string_view experiment_id);
// Errors: kNotFound.
[[nodiscard]] std::filesystem::path experiment_folder(const FileTree& tree, std::string_view experiment_id);
// Errors: kNotFound, kConflict for one that is deleted.
[[nodiscard]] std::filesystem::path active_experiment_folder(const FileTree& tree,
                                                             std::string_view experiment_id);
[[nodiscard]] ExperimentRecord read_experiment(const std::filesystem::path& folder, const Params& meta);
// Where a deleted experiment goes.
[[nodiscard]] std::filesystem::path trash_folder(const FileTree& tree);

// Where artifacts lie that were to lie at `uri`: those that lie in the folder of an experiment go to the
// trash and back with it. `experiment` is the folder where it is now.
[[nodiscard]] std::string present_location(const std::filesystem::path& experiment, std::string uri);

// Folders of runs in that of an experiment.
[[nodiscard]] std::vector<std::filesystem::path> run_folders(const std::filesystem::path& experiment);
[[nodiscard]] std::optional<std::filesystem::path> find_run_folder(const FileTree& tree,
                                                                   std::string_view run_id);

[[nodiscard]] std::optional<std::filesystem::path> find_model_folder(const FileTree& tree,
                                                                     std::string_view model_id);

}  // namespace ivory::tracking
