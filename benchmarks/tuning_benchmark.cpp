// Overhead of a trial with a free objective, in memory: what samplers and studies cost.
#include <array>
#include <cstdint>
#include <string>

#include <benchmark/benchmark.h>

#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

namespace ivory::tuning {
namespace {

void run_study(benchmark::State& state, std::unique_ptr<Sampler> (*make)(std::uint64_t seed),
               std::size_t objectives) {
  const std::int64_t trials = state.range(0), parameters = state.range(1);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < parameters; ++i) names.push_back("x" + std::to_string(i));
  for (auto _ : state) {
    Study study = create_study(
        {.directions = std::vector<Direction>(objectives, Direction::kMinimize), .sampler = make(1)});
    study.optimize(
        [&](Trial& trial) {
          std::vector<double> values(objectives);
          for (std::size_t i = 0; i < names.size(); ++i) {
            const double x = trial.suggest_float(names[i], -1, 1) - 0.3;
            values[i % objectives] += x * x;
          }
          return values;
        },
        {.n_trials = trials});
    benchmark::DoNotOptimize(study.size());
  }
  state.SetItemsProcessed(state.iterations() * trials);
}

std::unique_ptr<Sampler> tpe(std::uint64_t seed) { return make_tpe_sampler({.seed = seed}); }
std::unique_ptr<Sampler> random_sampler(std::uint64_t seed) { return make_random_sampler({.seed = seed}); }

BENCHMARK_CAPTURE(run_study, tpe, tpe, 1)
    ->Args({1000, 5})
    ->Args({1000, 40})
    ->Args({10000, 5})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_study, tpe_two_objectives, tpe, 2)->Args({1000, 40})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run_study, random, random_sampler, 1)
    ->Args({1000000, 5})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace
}  // namespace ivory::tuning

BENCHMARK_MAIN();
