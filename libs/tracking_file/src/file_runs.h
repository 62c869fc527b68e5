// Runs in MLflow's folders: how they are read, and what is written of them.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <ivory/tracking/tracking_store.h>

#include "file_tree.h"

namespace ivory::tracking {

struct FileRunParts {
  bool metrics = true;
  bool params = true;
  bool tags = true;
  bool inputs = true;
};

// A run that lies in `folder`, of which `meta` is the meta.yaml.
[[nodiscard]] RunRecord read_run(const std::filesystem::path& folder, const Params& meta,
                                 const FileRunParts& parts);
[[nodiscard]] Params new_run_meta(const RunRecord& run);
void set_status(Params& meta, RunStatus status);

// By (timestamp, step, value), the same point once.
[[nodiscard]] std::vector<Metric> read_history(const std::filesystem::path& run, const std::string& key);

// Datasets lie in the folder of the experiment, the inputs that name them in that of the run.
void write_dataset_input(const FileTree& tree, const std::filesystem::path& run, const DatasetInput& input);
void write_model_input(const FileTree& tree, const std::filesystem::path& run, const std::string& model_id);
void write_model_output(const FileTree& tree, const std::filesystem::path& run, const ModelOutput& output);

}  // namespace ivory::tracking
