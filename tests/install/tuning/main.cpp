// A program that only wants to tune: a study in a database, taken up again.
#include <cstdio>
#include <iostream>
#include <string>

#include <ivory/tuning/importance.h>
#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

using namespace ivory::tuning;

int main() {
  const std::string storage = "sqlite:///consumer.db";
  std::remove("consumer.db");
  for (int part = 0; part < 2; ++part) {
    Study study = create_study({.storage = storage,
                                .study_name = "consumer",
                                .load_if_exists = true,
                                .sampler = make_tpe_sampler({.seed = 1})});
    study.optimize(
        [](Trial& trial) {
          const double x = trial.suggest_float("x", -2, 2);
          const double idle = trial.suggest_float("idle", 0, 1);
          return x * x + 0.001 * idle;
        },
        {.n_trials = 20, .n_jobs = 2});
  }
  const Study study = load_study({.storage = storage});
  const auto importances = get_param_importances(study);
  std::cout << study.size() << " trials, best " << study.best_value() << ", most important "
            << importances.front().name << '\n';
  return study.size() == 40 && study.best_value() < 0.2 && importances.front().name == "x" ? 0 : 1;
}
