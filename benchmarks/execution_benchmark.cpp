// What the engines cost: tracked runs that do nothing, 200 one after the other, in a loop of their own, by
// the thread engine and by the process engine with one warm worker. Prints a JSON document of milliseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/execution.h>
#include <ivory/experiment/task.h>
#include <ivory/experiment/worker.h>
#include <ivory/registry/module.h>

namespace {

using namespace ivory;
using Clock = std::chrono::steady_clock;

class Nothing {
 public:
  void start(ivory::Run& /*run*/) {}
};

std::vector<Params> seeds(int count) {
  std::vector<Params> values;
  for (int i = 0; i < count; ++i) values.emplace_back(i);
  return values;
}

double ms(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

// When each run ended.
class Watch final : public ExecutionEvents {
 public:
  void on_run_begin(std::size_t /*index*/, const std::string& /*name*/,
                    const Params& /*arguments*/) override {}
  void on_run_progress(std::size_t /*index*/, const RunProgress& /*progress*/) override {}
  void on_run_end(std::size_t /*index*/, const RunOutcome& outcome) override {
    if (!outcome.finished()) throw Error(ErrorCode::kInternal, outcome.error);
    ends_.push_back(Clock::now());
  }
  // The time from one end to the next, the first after `begin` left out.
  [[nodiscard]] Params report(Clock::time_point begin) const {
    std::vector<double> each;
    for (std::size_t i = 1; i < ends_.size(); ++i) each.push_back(ms(ends_[i] - ends_[i - 1]));
    std::ranges::sort(each);
    return {{"median", each[each.size() / 2]},
            {"least", each.front()},
            {"p90", each[each.size() * 9 / 10]},
            {"first", ms(ends_.front() - begin)}};
  }

 private:
  std::vector<Clock::time_point> ends_;
};

Client make_client(const TemporaryFolder& folder) {
  write_file(folder.path() / "empty.yml", "learner: {class: empty.Nothing}\n");
  return Client(folder.path());
}

Params by_engine(Engine engine, const char* program) {
  const TemporaryFolder folder;
  const Client client = make_client(folder);
  const Experiment experiment = client.create_experiment("empty");
  Watch watch;
  Task task = experiment.create_task();
  const auto begin = Clock::now();
  Executor executor(client, experiment, {.engine = engine, .worker_command = {program, "worker"}}, watch);
  executor.run(RunPlan::product({{"seed", seeds(201)}}), &task);
  return watch.report(begin);
}

// What runs cost without an engine.
Params by_loop() {
  const TemporaryFolder folder;
  const Client client = make_client(folder);
  const Experiment experiment = client.create_experiment("empty");
  Watch watch;
  const auto begin = Clock::now();
  for (const Params& seed : seeds(201)) {
    experiment.create_run({{"seed", seed}}).start("both");
    watch.on_run_end(0, {});
  }
  return watch.report(begin);
}

}  // namespace

IVORY_MODULE(empty, m) { m.type<Nothing>("empty.Nothing", "Does nothing.").init<>(); }

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "worker") return serve_runs();
  const Params report{{"loop", by_loop()},
                      {"thread", by_engine(Engine::kThread, argv[0])},
                      {"process", by_engine(Engine::kProcess, "/proc/self/exe")}};
  std::printf("%s\n", report.to_json(1).c_str());
}
