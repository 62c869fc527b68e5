#include "file_runs.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include <ivory/base/error.h>

#include "file_layout.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

// MLflow's numbers in meta.yaml.
constexpr std::array kStatuses{RunStatus::kRunning, RunStatus::kScheduled, RunStatus::kFinished,
                               RunStatus::kFailed, RunStatus::kKilled};
constexpr std::int64_t kLocalSource = 4;

RunStatus read_status(const Params& meta) {
  const auto number = find_integer_field(meta, "status");
  if (number && *number >= 1 && *number <= static_cast<std::int64_t>(kStatuses.size()))
    return kStatuses[static_cast<std::size_t>(*number - 1)];
  throw Error(ErrorCode::kInvalidArgument, at_place(meta, "expected a status from 1 to 5"));
}

// As MLflow compares: what is not greater does not replace, and nothing is greater than a NaN, nor it than
// anything.
bool is_later(const Metric& a, const Metric& b) {
  if (std::tie(a.step, a.timestamp_ms) != std::tie(b.step, b.timestamp_ms))
    return std::tie(a.step, a.timestamp_ms) > std::tie(b.step, b.timestamp_ms);
  return a.value > b.value;
}

std::optional<Metric> latest_point(const fs::path& folder, const std::string& key) {
  std::optional<Metric> latest;
  for (ModelMetric& point : FileTree::points(folder, key, MetricLines::kOfRun)) {
    if (!latest || is_later(point.metric, *latest)) latest = std::move(point.metric);
  }
  return latest;
}

std::vector<Metric> latest_metrics(const fs::path& folder) {
  std::vector<Metric> metrics;
  for (const std::string& key : FileTree::keys(folder)) {
    if (auto metric = latest_point(folder, key)) metrics.push_back(*std::move(metric));
  }
  return metrics;
}

std::string md5(std::string_view first, std::string_view second) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const std::string text = std::string(first) + std::string(second);
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr) != 1)
    throw Error(ErrorCode::kInternal, "MD5 is not to be had");
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4U];
    hex += kDigits[digest[i] & 15U];
  }
  return hex;
}

Dataset read_dataset(const Params& meta) {
  return {text_field(meta, "name"),   text_field(meta, "digest"), text_field(meta, "source_type"),
          text_field(meta, "source"), text_field(meta, "schema"), text_field(meta, "profile")};
}

std::vector<KeyValue> tags_of(const Params& meta) {
  std::vector<KeyValue> tags;
  const Params* const map = meta.find("tags");
  if (map == nullptr || !map->is_map()) return tags;
  for (const ParamsItem& item : map->items()) tags.push_back({item.key, text_field(*map, item.key)});
  std::sort(tags.begin(), tags.end(), [](const KeyValue& a, const KeyValue& b) { return a.key < b.key; });
  return tags;
}

void read_inputs(const fs::path& folder, RunRecord& run) {
  for (const std::string& name : FileTree::folders(folder / kInputsFolder)) {
    const auto input = FileTree::find_meta(folder / kInputsFolder / name);
    if (!input) continue;
    const std::string source = text_field(*input, "source_id");
    if (text_field(*input, "source_type") != "DATASET") {
      run.model_inputs.push_back(source);
    } else if (const auto dataset = is_id(source)
                                        ? FileTree::find_meta(folder.parent_path() / kDatasetsFolder / source)
                                        : std::nullopt) {
      run.dataset_inputs.push_back({read_dataset(*dataset), tags_of(*input)});
    }
  }
  for (const std::string& name : FileTree::folders(folder / kOutputsFolder)) {
    const auto output = FileTree::find_meta(folder / kOutputsFolder / name);
    if (!output) continue;
    run.model_outputs.push_back(
        {text_field(*output, "source_id"), find_integer_field(*output, "step").value_or(0)});
  }
  std::sort(run.model_inputs.begin(), run.model_inputs.end());
  std::sort(run.dataset_inputs.begin(), run.dataset_inputs.end(), [](const auto& a, const auto& b) {
    return std::tie(a.dataset.name, a.dataset.digest) < std::tie(b.dataset.name, b.dataset.digest);
  });
  std::sort(run.model_outputs.begin(), run.model_outputs.end(), [](const auto& a, const auto& b) {
    return std::tie(a.step, a.model_id) < std::tie(b.step, b.model_id);
  });
}

Params map_of(const std::vector<KeyValue>& entries) {
  Params map = Params::map();
  for (const KeyValue& entry : entries) map.set(entry.key, entry.value);
  return map;
}

}  // namespace

RunRecord read_run(const fs::path& folder, const Params& meta, const FileRunParts& parts) {
  RunRecord run;
  run.run_id = folder.filename().string();
  run.experiment_id = folder.parent_path().filename().string();
  run.name = text_field(meta, "run_name");
  run.status = read_status(meta);
  run.start_time = find_integer_field(meta, "start_time");
  run.end_time = find_integer_field(meta, "end_time");
  run.artifact_uri = present_location(folder.parent_path(), text_field(meta, "artifact_uri"));
  run.user_id = text_field(meta, "user_id");
  const bool deleted = text_field(meta, "lifecycle_stage") == to_text(LifecycleStage::kDeleted);
  run.lifecycle_stage = deleted ? LifecycleStage::kDeleted : LifecycleStage::kActive;
  if (parts.metrics) run.metrics = latest_metrics(folder / kMetricsFolder);
  if (parts.params) run.params = FileTree::values(folder / kParamsFolder);
  if (parts.tags) run.tags = FileTree::values(folder / kTagsFolder);
  if (parts.inputs) read_inputs(folder, run);
  return run;
}

Params new_run_meta(const RunRecord& run) {
  Params meta = Params::map();
  meta.set("artifact_uri", run.artifact_uri);
  meta.set("end_time", Params());
  meta.set("entry_point_name", "");
  meta.set("experiment_id", run.experiment_id);
  meta.set("lifecycle_stage", to_text(run.lifecycle_stage));
  meta.set("run_id", run.run_id);
  meta.set("run_name", run.name);
  meta.set("source_name", "");
  meta.set("source_type", kLocalSource);
  meta.set("source_version", "");
  meta.set("start_time", run.start_time ? Params(*run.start_time) : Params());
  set_status(meta, run.status);
  meta.set("tags", Params::list());
  meta.set("user_id", run.user_id);
  return meta;
}

void set_status(Params& meta, RunStatus status) {
  const auto found = std::find(kStatuses.begin(), kStatuses.end(), status);
  meta.set("status", static_cast<std::int64_t>(found - kStatuses.begin()) + 1);
}

std::vector<Metric> read_history(const fs::path& run, const std::string& key) {
  std::vector<Metric> history;
  for (ModelMetric& point : FileTree::points(run / kMetricsFolder, key, MetricLines::kOfRun))
    history.push_back(std::move(point.metric));
  // A NaN has its place as a 0, as in databases.
  const auto rank = [](const Metric& metric) {
    const bool is_nan = std::isnan(metric.value);
    return std::make_tuple(metric.timestamp_ms, metric.step, is_nan ? 0.0 : metric.value, is_nan);
  };
  std::sort(history.begin(), history.end(),
            [&](const Metric& a, const Metric& b) { return rank(a) < rank(b); });
  history.erase(std::unique(history.begin(), history.end(),
                            [&](const Metric& a, const Metric& b) { return rank(a) == rank(b); }),
                history.end());
  return history;
}

void write_dataset_input(const FileTree& tree, const fs::path& run, const DatasetInput& input) {
  const std::string id = md5(input.dataset.name, input.dataset.digest);
  const fs::path dataset = run.parent_path() / kDatasetsFolder / id;
  if (!FileTree::find_meta(dataset)) {
    Params meta = Params::map();
    meta.set("digest", input.dataset.digest);
    meta.set("name", input.dataset.name);
    meta.set("profile", text_or_null(input.dataset.profile));
    meta.set("schema", text_or_null(input.dataset.schema));
    meta.set("source", input.dataset.source);
    meta.set("source_type", input.dataset.source_type);
    tree.write_meta(dataset, meta);
  }
  const fs::path folder = run / kInputsFolder / md5(id, run.filename().string());
  if (FileTree::find_meta(folder)) return;
  Params meta = Params::map();
  meta.set("destination_id", id);
  meta.set("destination_type", "RUN");
  meta.set("source_id", id);
  meta.set("source_type", "DATASET");
  meta.set("tags", map_of(input.tags));
  tree.write_meta(folder, meta);
}

void write_model_input(const FileTree& tree, const fs::path& run, const std::string& model_id) {
  const fs::path folder = run / kInputsFolder / md5(model_id, run.filename().string());
  if (FileTree::find_meta(folder)) return;
  Params meta = Params::map();
  meta.set("destination_id", model_id);
  meta.set("destination_type", "RUN");
  meta.set("source_id", model_id);
  meta.set("source_type", "MODEL");
  meta.set("tags", Params::map());
  tree.write_meta(folder, meta);
}

void write_model_output(const FileTree& tree, const fs::path& run, const ModelOutput& output) {
  Params meta = Params::map();
  meta.set("destination_id", output.model_id);
  meta.set("destination_type", "MODEL_OUTPUT");
  meta.set("source_id", output.model_id);
  meta.set("source_type", "RUN_OUTPUT");
  meta.set("step", output.step);
  meta.set("tags", Params::map());
  tree.write_meta(run / kOutputsFolder / output.model_id, meta);
}

}  // namespace ivory::tracking
