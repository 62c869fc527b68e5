// What tracking costs a run.
#include <benchmark/benchmark.h>

#include <string>

#include <ivory/base/files.h>
#include <ivory/tracking/async_logger.h>
#include <ivory/tracking/open_store.h>

namespace ivory::tracking {
namespace {

Durability durability_of(const benchmark::State& state) {
  return state.range(0) == 0 ? Durability::kProcess : Durability::kFull;
}

Batch ten_params() {
  Batch batch;
  for (int i = 0; i < 10; ++i) batch.params.push_back({"optimizer.param" + std::to_string(i), "0.001"});
  return batch;
}

void require(benchmark::State& state, bool good) {
  if (!good) state.SkipWithError("the store does not hold what was logged");
}

// A run with ten params, made and ended, in a store that has `range(1)` runs already.
void BM_TrackedRun(benchmark::State& state) {
  TemporaryFolder folder;
  const auto store = open_store(kDefaultTrackingUri,
                                {.durability = durability_of(state), .working_directory = folder.path()});
  const std::string experiment = store->create_experiment("benchmark");
  const CreateRun create{.experiment_id = experiment, .name_prefix = "run", .user_id = "me"};
  const Batch batch = ten_params();
  for (std::int64_t i = 0; i < state.range(1); ++i) store->log_batch(store->create_run(create).run_id, batch);
  RunRecord run;
  for (auto _ : state) {
    run = store->create_run(create);
    store->log_batch(run.run_id, batch);
    store->update_run(run.run_id, {.status = RunStatus::kFinished, .end_time_ms = now_ms()});
  }
  const RunRecord read = store->get_run(run.run_id);
  require(state, read.params.size() == 10 && read.status == RunStatus::kFinished);
}
BENCHMARK(BM_TrackedRun)
    ->ArgNames({"full", "runs"})
    ->Args({0, 0})
    ->Args({0, 10'000})
    ->Args({1, 0})
    ->Unit(benchmark::kMillisecond);

// Single metrics, from `threads` threads at once: group commit shares their transactions.
void BM_LogMetric(benchmark::State& state) {
  static TemporaryFolder folder;
  static const auto store =
      open_store(kDefaultTrackingUri, {.durability = Durability::kFull, .working_directory = folder.path()});
  const RunRecord run = store->create_run({.experiment_id = "0", .name = "r"});
  std::int64_t step = 0;
  for (auto _ : state) store->log_metric(run.run_id, {"loss", 0.5, 1, step++});
  require(state, static_cast<std::int64_t>(store->metric_history(run.run_id, "loss").size()) == step);
  state.SetItemsProcessed(step);
}
BENCHMARK(BM_LogMetric)->Threads(1)->Threads(8)->UseRealTime();

// What log_metric costs the caller, when a thread writes what it logs to the store.
void BM_LogMetricBuffered(benchmark::State& state) {
  TemporaryFolder folder;
  const auto store = open_store(kDefaultTrackingUri, {.working_directory = folder.path()});
  const RunRecord run = store->create_run({.experiment_id = "0", .name = "r"});
  AsyncLogger logger(*store, run.run_id);
  std::int64_t step = 0;
  for (auto _ : state) logger.log_metric("loss", 0.5, step++);
  logger.flush();
  require(state, static_cast<std::int64_t>(store->metric_history(run.run_id, "loss").size()) == step);
  state.SetItemsProcessed(step);
}
BENCHMARK(BM_LogMetricBuffered)->Iterations(500'000);

void BM_LogBatchOfMetrics(benchmark::State& state) {
  TemporaryFolder folder;
  const auto store = open_store(kDefaultTrackingUri,
                                {.durability = durability_of(state), .working_directory = folder.path()});
  const RunRecord run = store->create_run({.experiment_id = "0", .name = "r"});
  Batch batch;
  for (int i = 0; i < 1000; ++i) batch.metrics.push_back({"metric" + std::to_string(i % 10), i * 0.5, 1, 0});
  std::int64_t step = 0;
  for (auto _ : state) {
    for (Metric& metric : batch.metrics) metric.step = step++;
    store->log_batch(run.run_id, batch);
  }
  require(state, static_cast<std::int64_t>(store->metric_history(run.run_id, "metric0").size()) == step / 10);
  state.SetItemsProcessed(step);
}
BENCHMARK(BM_LogBatchOfMetrics)->ArgName("full")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void BM_ListRuns(benchmark::State& state) {
  TemporaryFolder folder;
  const auto store = open_store(kDefaultTrackingUri, {.working_directory = folder.path()});
  const CreateRun create{.experiment_id = "0", .name_prefix = "run", .user_id = "me"};
  Batch batch = ten_params();
  batch.metrics = {{"loss", 0.5, 1, 0}, {"acc", 0.5, 1, 0}};
  for (std::int64_t i = 0; i < state.range(0); ++i) store->log_batch(store->create_run(create).run_id, batch);
  std::size_t listed = 0;
  for (auto _ : state) listed = store->list_runs({.experiment_ids = {"0"}}).size();
  require(state, static_cast<std::int64_t>(listed) == state.range(0));
}
BENCHMARK(BM_ListRuns)->ArgName("runs")->Arg(1'000)->Unit(benchmark::kMillisecond);

void BM_OpenStore(benchmark::State& state) {
  TemporaryFolder folder;
  const StoreOptions options{.working_directory = folder.path()};
  (void)open_store(kDefaultTrackingUri, options);
  bool found = true;
  for (auto _ : state) found = found && open_store(kDefaultTrackingUri, options)->find_experiment("Default");
  require(state, found);
}
BENCHMARK(BM_OpenStore)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ivory::tracking

BENCHMARK_MAIN();
