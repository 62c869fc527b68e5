// What a trial costs beyond its training: a study of a learner that does next to nothing, with tracking and
// tuning in SQLite files of one folder.
//   study_benchmark [SAMPLER [TRIALS]]
#include <ctime>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include <ivory/base/files.h>
#include <ivory/experiment/client.h>
#include <ivory/experiment/study.h>
#include <ivory/registry/module.h>

namespace ivory {
namespace {

// Reports a score a step.
class Idler {
 public:
  Idler(double x, int steps) : x_(x), steps_(steps) {}
  void start(Run& run) const {
    for (int step = 0; step < steps_; ++step) run.report(x_ + 1.0 / (step + 1), step);
  }

 private:
  double x_;
  int steps_;
};

IVORY_MODULE(study_benchmark, m) {
  m.type<Idler>("study_benchmark.Idler").init<double, int>(arg("x") = 0.0, arg("steps") = 1);
}

double cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

void measure(const std::string& sampler, int trials, int steps, bool tracked) {
  const TemporaryFolder folder;
  write_file(folder.path() / "idle.yml",
             "idler: {class: study_benchmark.Idler, x: 0.0, steps: 1}\nmonitor: {metric: score}\n");
  write_file(folder.path() / "client.yml",
             "tuner: {sampler: {class: " + sampler + ", seed: 1}, pruner: nop}\n");
  const Client client(folder.path(), tracked);
  Study study = client.create_study("idle");
  const auto begun = std::chrono::steady_clock::now();
  const double cpu_begun = cpu_ms();
  static_cast<void>(study.optimize({{"x", std::pair(0.0, 1.0)}, {"steps", steps}}, {.n_trials = trials}));
  const double wall =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count() / trials;
  std::cout << sampler << (tracked ? ", tracked, " : ", not tracked, ") << steps << " steps: " << wall
            << " ms a trial, " << (cpu_ms() - cpu_begun) / trials << " of the processor's\n";
}

}  // namespace
}  // namespace ivory

int main(int argc, char** argv) {
  const std::string sampler = argc > 1 ? argv[1] : "tpe";
  const int trials = argc > 2 ? std::atoi(argv[2]) : 200;
  for (const int steps : {1, 10})
    for (const bool tracked : {false, true}) ivory::measure(sampler, trials, steps, tracked);
  return 0;
}
