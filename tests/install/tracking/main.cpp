// A program that only wants to log.
#include <filesystem>
#include <iostream>

#include <ivory/base/files.h>
#include <ivory/tracking/open_store.h>

int main() {
  using namespace ivory::tracking;
  const ivory::TemporaryFolder folder;
  const auto store = open_store(kDefaultTrackingUri, {.working_directory = folder.path()});
  const ExperimentRecord experiment = store->find_or_create_experiment("consumer");
  const RunRecord run = store->create_run({.experiment_id = experiment.id, .name = "first"});
  store->log_metric(run.run_id, {.key = "loss", .value = 0.5, .timestamp_ms = now_ms(), .step = 1});
  store->update_run(run.run_id, {.status = RunStatus::kFinished, .end_time_ms = now_ms()});

  const RunRecord read = store->get_run(run.run_id);
  const Metric* loss = read.find_metric("loss");
  std::cout << read.name << ' ' << to_text(read.status) << ' ' << (loss != nullptr ? loss->value : -1)
            << '\n';
  return read.status == RunStatus::kFinished && loss != nullptr && loss->value == 0.5 ? 0 : 1;
}
