// Which learning rate and which momentum bring gradient descent furthest in 200 steps?
#include "descent.h"

#include <cstdio>

#include <ivory/tuning/samplers.h>
#include <ivory/tuning/study.h>

using namespace ivory::tuning;

double objective(Trial& trial) {
  const double rate = trial.suggest_float("rate", 1e-6, 1, {.log = true});
  const double momentum = trial.suggest_float("momentum", 0, 1);
  return descend(rate, momentum, 200).height;
}

int main() {
  Study study = create_study({.sampler = make_tpe_sampler({.seed = 1})});
  study.optimize(objective, {.n_trials = 200});

  const FrozenTrial best = study.best_trial();
  std::printf("best of %lld: trial %lld, height %.2g with %s\n", static_cast<long long>(study.size()),
              static_cast<long long>(best.number), best.value(), best.params_map().to_text().c_str());
}
