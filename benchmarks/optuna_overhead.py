#!/usr/bin/env python3
"""What tuning_benchmark measures, with Optuna: CPU seconds of a study of a free objective, in memory.

  optuna_overhead.py SAMPLER TRIALS PARAMETERS OBJECTIVES LIMIT

Prints Optuna's version, the trials that ended and the CPU seconds they took; it stops after LIMIT of them.
"""

import sys
import time
import warnings

import optuna


def make_sampler(name):
    samplers = optuna.samplers
    return {
        "tpe": lambda: samplers.TPESampler(seed=1),
        "random": lambda: samplers.RandomSampler(seed=1),
        "cmaes": lambda: samplers.CmaEsSampler(seed=1),
        "gp": lambda: samplers.GPSampler(seed=1),
        "nsga2": lambda: samplers.NSGAIISampler(seed=1),
        "nsga3": lambda: samplers.NSGAIIISampler(seed=1),
        "qmc": lambda: samplers.QMCSampler(seed=1, scramble=True),
    }[name]()


def main():
    name = sys.argv[1]
    trials, parameters, objectives, limit = map(int, sys.argv[2:])
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        values = [0.0] * objectives
        for i in range(parameters):
            values[i % objectives] += (trial.suggest_float(f"x{i}", -1, 1) - 0.3) ** 2
        return values if objectives > 1 else values[0]

    study = optuna.create_study(directions=["minimize"] * objectives, sampler=make_sampler(name))
    begin = time.process_time()

    def stop_at_limit(study, _):
        if time.process_time() - begin > limit:
            study.stop()

    study.optimize(objective, n_trials=trials, callbacks=[stop_at_limit])
    spent = time.process_time() - begin
    done = sum(trial.state.is_finished() for trial in study.trials)
    print(optuna.__version__, done, f"{spent:.3f}")


if __name__ == "__main__":
    main()
