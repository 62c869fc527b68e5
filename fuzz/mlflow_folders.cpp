// MLflow's folders, whatever lies in them. The first byte of the input chooses: h the file of a metric of a
// run, m the meta.yaml of a run, t a tree: files "= path" with their content in the lines that follow, put
// over one with an experiment, a run and models. What can be read is written again and read back the same;
// every way to a run tells the same of it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/log.h>
#include <ivory/tracking/logged_models.h>
#include <ivory/tracking/model_registry.h>
#include <ivory/tracking/open_store.h>
#include <ivory/tracking_file/file_store.h>

namespace {
using namespace ivory::tracking;
namespace fs = std::filesystem;

constexpr std::size_t kBatch = 500;

void require(bool holds) {
  if (!holds) std::abort();
}

class Folders {
 public:
  Folders() {
    make();
    const auto store = open();
    run_ = store->create_run({.experiment_id = "0", .name = "run"}).run_id;
    store->log_batch(run_, {.metrics = {{"m", 1, 1, 1}}, .params = {{"p", "x"}}});
    const auto dataset = Dataset{"d", "1", "s", "{}", "", ""};
    store->log_inputs(run_, {{dataset, {{"mlflow.data.context", "c"}}}}, {});
    CreateLoggedModel create;
    create.experiment_id = "0";
    create.name = "model";
    model_ = store->logged_models().create_logged_model(create).model_id;
    store->model_registry().create_registered_model("reg", {}, "", "");
    CreateModelVersion version;
    version.name = "reg";
    version.source = "s";
    store->model_registry().create_model_version(version);
    fs::rename(root(), pristine());
  }

  // As they were at first.
  void make() const {
    std::error_code ignored;
    fs::remove_all(root(), ignored);
    if (fs::exists(pristine())) fs::copy(pristine(), root(), fs::copy_options::recursive);
  }
  [[nodiscard]] std::shared_ptr<TrackingStore> open() const {
    return open_store("file:mlruns",
                      {.working_directory = folder_.path(), .further = {&file_store_scheme(), 1}});
  }
  [[nodiscard]] fs::path root() const { return folder_.path() / "mlruns"; }
  [[nodiscard]] fs::path run_folder() const { return root() / "0" / run_; }
  [[nodiscard]] const std::string& run() const { return run_; }
  [[nodiscard]] const std::string& model() const { return model_; }

 private:
  [[nodiscard]] fs::path pristine() const { return folder_.path() / "pristine"; }

  ivory::TemporaryFolder folder_;
  std::string run_, model_;
};

const Folders& folders() {
  static const Folders kFolders;
  return kFolders;
}

bool same(const Metric& a, const Metric& b) {
  return a.timestamp_ms == b.timestamp_ms && a.step == b.step &&
         (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)));
}

void check_history(TrackingStore& store, std::string_view lines) {
  ivory::write_file(folders().run_folder() / "metrics" / "h", lines);
  fs::remove(folders().run_folder() / "metrics" / "copy");
  const auto history = store.metric_history(folders().run(), "h");
  Batch batch;
  for (std::size_t i = 0; i < history.size(); ++i) {
    batch.metrics.push_back(history[i]);
    batch.metrics.back().key = "copy";
    if (batch.metrics.size() < kBatch && i + 1 < history.size()) continue;
    store.log_batch(folders().run(), batch);
    batch.metrics.clear();
  }
  const auto copy = store.metric_history(folders().run(), "copy");
  require(std::equal(history.begin(), history.end(), copy.begin(), copy.end(), same));
}

void check_meta(TrackingStore& store, std::string_view yaml) {
  ivory::write_file(folders().run_folder() / "meta.yaml", yaml);
  const RunRecord before = store.get_run(folders().run());
  store.update_run(folders().run(), {.status = RunStatus::kFailed});
  const RunRecord after = store.get_run(folders().run());
  require(after.status == RunStatus::kFailed && after.name == before.name);
  require(after.start_time == before.start_time && after.end_time == before.end_time);
  require(after.user_id == before.user_id && after.artifact_uri == before.artifact_uri);
}

// Relative, downwards, and short enough for any disk. "R" and "M" stand for the run and the model.
fs::path path_of(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  fs::path path;
  for (const fs::path& part : fs::path(text).relative_path()) {
    std::string name = part.string();
    if (name == ".." || name.size() > kLongest || name.find('\0') != std::string::npos) return {};
    if (name == "R") name = folders().run();
    if (name == "M") name = folders().model();
    path /= name;
  }
  return path;
}

void put_files(std::string_view text) {
  while (text.substr(0, 2) == "= ") {
    const auto end_of_line = std::min(text.find('\n'), text.size() - 1);
    const fs::path path = path_of(text.substr(2, end_of_line - 2));
    text.remove_prefix(end_of_line + 1);
    const auto next = text.find("\n= ");
    const std::string_view content = text.substr(0, next == std::string_view::npos ? next : next + 1);
    text.remove_prefix(content.size());
    if (!path.has_filename()) continue;
    try {
      ivory::write_file(folders().root() / path, content);
    } catch (const ivory::Error&) {
      // a folder stands there, or a file where a folder should be
    }
  }
}

// An error in what one asks of a damaged place.
template <class F>
void may_refuse(const F& ask) {
  try {
    ask();
  } catch (const ivory::Error& error) {
    require(error.what()[0] != '\0' && error.code() != ivory::ErrorCode::kInternal);
  }
}

std::vector<std::string> ids_of(const std::vector<RunRecord>& runs) {
  std::vector<std::string> ids;
  for (const RunRecord& run : runs) ids.push_back(run.run_id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

// Other names of files may be none that a metric can have.
bool is_plain(std::string_view key) {
  return std::all_of(key.begin(), key.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

void check_run(TrackingStore& store, const RunRecord& run) {
  for (const Metric& metric : run.metrics) {
    may_refuse([&] {
      const auto history = store.metric_history(run.run_id, metric.key);
      require(!history.empty() || !is_plain(metric.key));
    });
  }
  may_refuse([&] { store.log_batch(run.run_id, {.metrics = {{"m", 2, 2, 2}}, .tags = {{"t", "x"}}}); });
}

void check_models(TrackingStore& store) {
  may_refuse([&] {
    for (const auto& model : store.logged_models().search_logged_models({.experiment_ids = {"0"}}).items)
      require(store.logged_models().get_logged_model(model.model_id).name == model.name);
  });
  may_refuse([&] { (void)store.model_registry().search_model_versions({}); });
  may_refuse([&] {
    for (const auto& model : store.model_registry().search_registered_models({}).items)
      (void)store.model_registry().latest_versions(model.name, {});
  });
}

void check_tree() {
  const auto store = folders().open();
  std::vector<std::string> experiments;
  for (const auto& experiment : store->list_experiments(ViewType::kAll)) experiments.push_back(experiment.id);
  const auto runs =
      store->list_runs({.experiment_ids = experiments, .view = ViewType::kAll, .with_inputs = true});
  if (!experiments.empty()) {
    const auto found = store->search_runs({.experiment_ids = experiments, .view = ViewType::kAll});
    require(ids_of(found.items) == ids_of(runs));
  }
  for (const RunRecord& run : runs) check_run(*store, run);
  (void)store->search_datasets(experiments);
  check_models(*store);
}

void check(char kind, std::string_view text) {
  static bool is_fresh = false;
  static const auto kStore = (folders().make(), folders().open());
  if (!is_fresh) folders().make();
  is_fresh = kind == 'h' || kind == 'm';  // what these write is theirs alone
  if (kind == 'h') check_history(*kStore, text);
  if (kind == 'm') check_meta(*kStore, text);
  if (kind == 't') {
    put_files(text);
    check_tree();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return -1;
  ivory::set_log_level(ivory::LogLevel::kOff);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  may_refuse([&] { check(input[0], input.substr(1)); });
  return 0;
}
