// What it takes to put the results of many runs together, beside merely reading their files.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/tracker.h>
#include <ivory/tracking/artifact_store.h>

namespace ivory {
namespace {

constexpr int kRuns = 100;
constexpr std::int64_t kRows = 10'000;

// A task of 100 runs: ten folds, ten repeats, each with 10,000 validation rows of `width` outputs.
class Store {
 public:
  explicit Store(std::int64_t width) : client_(folder_.path()) {
    tracking::TrackingStore& store = client_.tracker()->store();
    const std::string experiment = store.create_experiment("benchmark");
    const RunPlan plan = RunPlan::product({{"fold", Range(0, 9).values()}}, 10);
    const std::string json = Params{{"plan", plan.to_params()}, {"first_index", 0}}.to_json();
    task_ =
        store.create_run({.experiment_id = experiment, .name_prefix = "task", .tags = {{"ivory.task", json}}})
            .run_id;
    for (int i = 0; i < kRuns; ++i) {
      const Params arguments = plan.arguments(static_cast<std::size_t>(i));
      tracking::CreateRun create{.experiment_id = experiment, .name_prefix = "run", .parent_run_id = task_};
      create.tags = {{"ivory.index", std::to_string(i)}};
      for (const auto& [key, value] : arguments.items()) create.params.push_back({key, value.to_text()});
      const tracking::RunRecord run = store.create_run(create);
      write_results(run, arguments.at("fold").as_int(), width);
      store.update_run(run.run_id, {.status = tracking::RunStatus::kFinished});
    }
  }
  [[nodiscard]] const Client& client() const noexcept { return client_; }
  [[nodiscard]] const std::string& task() const noexcept { return task_; }
  [[nodiscard]] const std::vector<std::filesystem::path>& files() const noexcept { return files_; }

 private:
  void write_results(const tracking::RunRecord& run, std::int64_t fold, std::int64_t width) {
    std::vector<std::int64_t> index(kRows);
    for (std::int64_t i = 0; i < kRows; ++i) index[static_cast<std::size_t>(i)] = fold + 10 * i;
    Results results;
    results.set_val(
        {Array::from(index), Array(Dtype::kFloat32, {kRows, width}), Array(Dtype::kFloat32, {kRows, 1})});
    std::ostringstream bytes(std::ios::binary);
    results.save(bytes);
    tracking::open_artifact_store(run.artifact_uri)->write("best/results.npz", bytes.str());
    files_.push_back(*tracking::open_artifact_store(run.artifact_uri)->local_path("best/results.npz"));
  }

  TemporaryFolder folder_;
  Client client_;
  std::string task_;
  std::vector<std::filesystem::path> files_;
};

const Store& store_of(std::int64_t width) {
  static const Store one(1), ten(10);
  return width == 1 ? one : ten;
}

void load(benchmark::State& state, Reduction reduction) {
  const Store& store = store_of(state.range(0));
  const std::int64_t expected = reduction == Reduction::kNone ? kRuns * kRows : 10 * kRows;
  for (auto _ : state) {
    const Collection all = store.client().load_results({store.task()}, reduction);
    if (all.val.rows() != expected) state.SkipWithError("rows are missing");
  }
}

void BM_LoadResults(benchmark::State& state) { load(state, Reduction::kNone); }
void BM_LoadResultsMean(benchmark::State& state) { load(state, Reduction::kMean); }

// The bytes alone.
void BM_ReadFiles(benchmark::State& state) {
  const Store& store = store_of(state.range(0));
  std::int64_t bytes = 0;
  for (auto _ : state) {
    std::vector<std::string> contents;
    for (const auto& file : store.files()) {
      contents.push_back(read_file(file));
      bytes += static_cast<std::int64_t>(contents.back().size());
    }
    benchmark::DoNotOptimize(contents);
  }
  state.SetBytesProcessed(bytes);
}

// Everything but the files: which runs, their params and tags.
void BM_FindRuns(benchmark::State& state) {
  const Store& store = store_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(store.client().search_runs({.parent_run_id = store.task()}));
}

BENCHMARK(BM_ReadFiles)->ArgName("width")->Arg(1)->Arg(10)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_LoadResults)->ArgName("width")->Arg(1)->Arg(10)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_LoadResultsMean)->ArgName("width")->Arg(1)->Arg(10)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_FindRuns)->ArgName("width")->Arg(1)->Unit(benchmark::kMillisecond);

// A search by params among 10,000 runs.
void BM_SearchByParams(benchmark::State& state) {
  static TemporaryFolder folder;
  static const Client client(folder.path());
  static const bool filled = [] {
    tracking::TrackingStore& store = client.tracker()->store();
    const std::string experiment = store.create_experiment("benchmark");
    for (int i = 0; i < 10'000; ++i) {
      tracking::CreateRun create{.experiment_id = experiment, .name_prefix = "run"};
      for (const char* key : {"fold", "lr", "epochs", "hidden_sizes.0", "dropout"})
        create.params.push_back({key, std::to_string(i % 100)});
      static_cast<void>(store.create_run(create));
    }
    return true;
  }();
  benchmark::DoNotOptimize(filled);
  for (auto _ : state)
    if (client.search_run_ids({.params = {{"lr", Range(10, 19)}, {"fold", {11, 12}}}}).size() != 200)
      state.SkipWithError("runs are missing");
}
BENCHMARK(BM_SearchByParams)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ivory

BENCHMARK_MAIN();
