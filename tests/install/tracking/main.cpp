// A program that only wants to log.
#include <filesystem>
#include <iostream>

#include <ivory/base/files.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/client.h>

int main() {
  using namespace ivory::tracking;
  const ivory::TemporaryFolder folder;
  const TrackingClient client{
      {.tracking_uri = std::string(kDefaultTrackingUri), .working_directory = folder.path()}};
  std::string id, artifacts;
  {
    auto run = client.start_run({.experiment = "consumer", .run_name = "first"});
    id = run.run_id();
    artifacts = run.artifact_uri();
    run.log_param("lr", 0.1);
    for (int step = 0; step < 100; ++step) run.log_metric("loss", 0.5, step);
    run.log_text("hello", "notes/hello.txt");
    auto nested = run.start_nested({.run_name = "part"});
    nested.log_metrics({{"a", 1}, {"b", 2}});
  }

  const RunRecord read = client.store().get_run(id);
  const Metric* loss = read.find_metric("loss");
  std::cout << read.name << ' ' << to_text(read.status) << ' ' << (loss != nullptr ? loss->value : -1)
            << '\n';
  const bool good = read.status == RunStatus::kFinished && loss != nullptr && loss->step == 99 &&
                    client.store().list_runs({.parent_run_id = id}).size() == 1 &&
                    open_artifact_store(artifacts)->read("notes/hello.txt") == "hello";
  return good ? 0 : 1;
}
