// Studies in a storage, for benchmarks/stores. The first word says what is done:
//   run URL NAME TRIALS SEED   random trials of five floats and one report; prints the seconds
//   load URL NAME              prints seconds and CPU seconds to open the study, and its number of trials
//   tell URL NAME SEED         trials without end; prints number and value of each, once told
//   dump URL NAME              prints number, state and values of each trial
#include <chrono>
#include <ctime>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <ivory/base/error.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

namespace ivory::tuning {
namespace {
double objective(Trial& trial) {
  double sum = 0;
  for (const char* name : {"x0", "x1", "x2", "x3", "x4"}) sum += trial.suggest_float(name, -5, 5);
  trial.report(sum, 0);
  return sum;
}

double seconds_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

Study open(std::span<char*> words) {
  return create_study({.storage = words[2],
                       .study_name = words[3],
                       .load_if_exists = true,
                       .sampler = make_random_sampler({.seed = std::stoull(words.back())})});
}

int main_of(std::span<char*> words) {
  const std::string mode = words.size() < 4 ? "" : words[1];
  const auto begun = std::chrono::steady_clock::now();
  if (mode == "load") {
    const Study study = load_study({.storage = words[2], .study_name = words[3]});
    const double seconds = seconds_since(begun);
    std::cout << seconds << ' ' << static_cast<double>(std::clock()) / CLOCKS_PER_SEC << ' ' << study.size()
              << '\n';
  } else if (mode == "dump") {
    for (const FrozenTrial& trial : load_study({.storage = words[2], .study_name = words[3]}).trials()) {
      std::cout << trial.number << ' ' << to_text(trial.state);
      for (const double value : trial.values) std::cout << ' ' << real_to_text(value);
      std::cout << '\n';
    }
  } else if (mode == "run" && words.size() == 6) {
    Study study = open(words);
    const auto opened = std::chrono::steady_clock::now();
    study.optimize(objective, {.n_trials = std::stoll(words[4])});
    std::cout << seconds_since(opened) << '\n';
  } else if (mode == "tell" && words.size() == 5) {
    Study study = open(words);
    study.optimize(objective, {.callbacks = {[](Study&, const FrozenTrial& trial) {
                                 std::cout << trial.number << ' ' << real_to_text(trial.value()) << std::endl;
                               }}});
  } else {
    std::cerr << "run URL NAME TRIALS SEED, load URL NAME, tell URL NAME SEED, dump URL NAME\n";
    return 2;
  }
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
