// Overhead of trials with a free objective, in memory: what samplers and studies cost. One run a call:
//   tuning_benchmark SAMPLER TRIALS PARAMETERS [OBJECTIVES]
// prints these, the CPU seconds, and the MB by which the process grew. `benchmarks/run tuning` makes a table
// of such runs with Optuna's beside them.
#include <charconv>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

namespace ivory::tuning {
namespace {
struct Work {
  std::string sampler;
  std::int64_t trials = 0, parameters = 0, objectives = 1;
};

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Memory of this process now, in MB.
double memory() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * 4096 / 1e6;
}

std::shared_ptr<const Sampler> sampler_named(const std::string& name) {
  for (const auto& entry : sampler_table()) {
    if (entry.name == name) return entry.make(1);
  }
  throw Error(ErrorCode::kNotFound, "no sampler '" + name + "'");
}

void run(const Work& work) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < work.parameters; ++i) names.push_back("x" + std::to_string(i));
  const auto objectives = static_cast<std::size_t>(work.objectives);
  const double memory_before = memory(), begin = cpu_seconds();
  Study study = create_study({.directions = std::vector<Direction>(objectives, Direction::kMinimize),
                              .sampler = sampler_named(work.sampler)});
  study.optimize(
      [&](Trial& trial) {
        std::vector<double> values(objectives);
        for (std::size_t i = 0; i < names.size(); ++i) {
          const double x = trial.suggest_float(names[i], -1, 1) - 0.3;
          values[i % objectives] += x * x;
        }
        return values;
      },
      {.n_trials = work.trials});
  std::cout << work.sampler << ',' << work.trials << ',' << work.parameters << ',' << work.objectives << ','
            << cpu_seconds() - begin << ',' << memory() - memory_before << std::endl;
}

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1)
    throw Error(ErrorCode::kInvalidArgument, "expected a number, found '" + text + "'");
  return value;
}

int main_of(std::span<char*> words) {
  if (words.size() < 4 || words.size() > 5) {
    std::cerr << "usage: tuning_benchmark SAMPLER TRIALS PARAMETERS [OBJECTIVES]\n";
    return 2;
  }
  run({words[1], number(words[2]), number(words[3]), words.size() > 4 ? number(words[4]) : 1});
  return 0;
}
}  // namespace
}  // namespace ivory::tuning

int main(int count, char** words) {
  try {
    return ivory::tuning::main_of({words, static_cast<std::size_t>(count)});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
