#!/usr/bin/env python3
"""How good samplers are: the best values they find, Ivory's beside Optuna's.

  tuning_quality.py optuna --out FILE [SAMPLER...]   Optuna's side, with whatever `optuna` this Python imports
  tuning_quality ivory --out FILE [SAMPLER...]       Ivory's side: the program next to the other benchmarks
  tuning_quality.py report [--full] FILE...          tables of both
  tuning_quality.py check PROGRAM                    both sides have the same functions

A result is a line: tool, sampler, function, seed, then the value after each budget. What a file holds is not
done again, so that either side can be ended and goes on later.
"""

import argparse
import csv
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tuning_functions import FURTHER, SINGLE, SPECIFIED, TWO, Probe, hypervolume

BUDGETS = (20, 50, 100, 200)  # of one objective: the best value so far
FRONT_BUDGETS = (50, 100, 200, 300)  # of two: the hypervolume so far
SEEDS = 20
GP_SEEDS, GP_TRIALS = 5, 50  # Optuna's GP takes 26 s for 200 trials of 5 parameters


# ---- Optuna's side


def make_sampler(name, seed):
    from optuna import samplers

    return {
        "tpe": lambda: samplers.TPESampler(seed=seed),
        "random": lambda: samplers.RandomSampler(seed=seed),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed),
        "gp": lambda: samplers.GPSampler(seed=seed),
        "nsga2": lambda: samplers.NSGAIISampler(seed=seed),
        "nsga3": lambda: samplers.NSGAIIISampler(seed=seed),
        "sobol": lambda: samplers.QMCSampler(seed=seed, scramble=True),
    }[name]()


def run_single(name, function, seed, trials):
    import optuna

    study = optuna.create_study(sampler=make_sampler(name, seed))
    study.optimize(SINGLE[function], n_trials=trials)
    values = [trial.value for trial in study.trials]
    return [min(values[:budget]) if budget <= trials else "" for budget in BUDGETS]


def run_front(name, function, seed, trials):
    import optuna

    objective, reference = TWO[function]
    study = optuna.create_study(directions=["minimize"] * 2, sampler=make_sampler(name, seed))
    study.optimize(objective, n_trials=trials)
    points = [trial.values for trial in study.trials]
    return [hypervolume(points[:budget], reference) if budget <= trials else "" for budget in FRONT_BUDGETS]


def plan(names):
    """Quick ones first; seeds outside, so that what was ended early still has every function."""
    for name in names:
        seeds, trials = (GP_SEEDS, GP_TRIALS) if name == "gp" else (SEEDS, BUDGETS[-1])
        if name not in ("two:nsga2", "two:tpe", "two:nsga3", "two:random"):
            for seed in range(seeds):
                for function in SINGLE:
                    yield name, function, seed, trials
        else:
            for seed in range(SEEDS):
                for function in TWO:
                    yield name, function, seed, FRONT_BUDGETS[-1]


def optuna_side(options):
    import warnings

    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    done = {tuple(row[:4]) for row in read([options.out])} if options.out.exists() else set()
    names = options.samplers or ["random", "tpe", "cmaes", "nsga2", "sobol", "two:nsga2", "two:tpe", "gp"]
    with options.out.open("a") as file:
        for name, function, seed, trials in plan(names):
            if ("optuna", name, function, str(seed)) in done:
                continue
            begin = time.process_time()
            run = run_front if name.startswith("two:") else run_single
            values = run(name.removeprefix("two:"), function, seed, trials)
            cpu = time.process_time() - begin
            print("optuna", name, function, seed, *values, f"{cpu:.3f}", sep=",", file=file, flush=True)


# ---- the tables


def read(paths):
    rows = []
    for path in paths:
        with path.open() as file:
            rows += [row for row in csv.reader(file) if len(row) == 9]
    return rows


def text(value):
    return f"{value:.3g}" if math.isfinite(value) else str(value)


class Results:
    def __init__(self, paths):
        self.values = {}
        for tool, sampler, function, seed, *columns in read(paths):
            self.values.setdefault((tool, sampler, function), {})[int(seed)] = [float(c or "nan") for c in columns]

    def at(self, tool, sampler, function, column):
        found = self.values.get((tool, sampler, function), {})
        values = [row[column] for _, row in sorted(found.items())]
        return [value for value in values if not math.isnan(value)]

    def samplers(self, tool):
        return {sampler for each, sampler, _ in self.values if each == tool}

    def has(self, tool, sampler):
        return sampler in self.samplers(tool)


def p_less(a, b):
    """How likely values as much greater as a's are beside b's if nothing differed (one-sided Mann-Whitney)."""
    from scipy.stats import mannwhitneyu

    return mannwhitneyu(a, b, alternative="less").pvalue if set(a) | set(b) != set(a) & set(b) or len(set(a)) > 1 else 0.5


def table(title, head, rows):
    print(f"\n{title}\n\n|{'|'.join(f' {h} ' for h in head)}|")
    print(f"|{'---|' * len(head)}")
    for row in rows:
        print(f"|{'|'.join(f' {cell} ' for cell in row)}|")


def mark(p_worse, p_better):
    return "worse" if p_worse < 0.05 else "better" if p_better < 0.05 else "="


def compare_samplers(results, functions, budgets, pairs, greater):
    for ours, theirs in pairs:
        rows = []
        for function in functions:
            row = [function]
            for column, budget in enumerate(budgets):
                if budget == 20 and function != "svm":
                    row.append("")
                    continue
                a = results.at("ivory", ours, function, column)
                b = results.at("optuna", theirs, function, column)
                if not a or not b:
                    row.append("")
                    continue
                worse, better = (p_less(a, b), p_less(b, a)) if greater else (p_less(b, a), p_less(a, b))
                median = statistics.median
                row.append(f"{text(median(a))} / {text(median(b))} {mark(worse, better)} ({min(worse, better):.2f})")
            rows.append(row)
        seeds = max((len(results.at("optuna", theirs, f, 0)) for f in functions), default=0)
        table(
            f"**{ours}** against Optuna's {theirs} ({seeds} seeds of Optuna's): medians, Ivory / Optuna, and p",
            ["function", *map(str, budgets)],
            rows,
        )


def summarize(results, functions, pairs):
    """How often a sampler is better or worse than Optuna's of its name, and the medians at the last budget."""
    rows, medians = [], [[function] for function in functions]
    for ours, theirs in pairs:
        counts = {"better": 0, "=": 0, "worse": 0}
        for row, function in zip(medians, functions):
            for column in range(1, len(BUDGETS)):
                a, b = results.at("ivory", ours, function, column), results.at("optuna", theirs, function, column)
                if a and b:
                    counts[mark(p_less(b, a), p_less(a, b))] += 1
            last = [results.at(*key, function, len(BUDGETS) - 1) for key in (("ivory", ours), ("optuna", theirs))]
            row.append(" / ".join(text(statistics.median(values)) if values else "-" for values in last))
        rows.append([ours, theirs, *map(str, counts.values())])
    table(
        "Each sampler against Optuna's: pairs of function and budget (50, 100, 200) where the rank test (p < 0.05, "
        "one-sided) tells them apart; one in twenty on each side is chance",
        ["Ivory's", "Optuna's", "better", "no difference", "worse"],
        rows,
    )
    table("Medians after 200 trials, Ivory / Optuna", ["function", *(ours for ours, _ in pairs)], medians)


def best_single(results, function, column):
    names = [s for s in results.samplers("optuna") if not s.startswith("two:")]
    medians = {s: statistics.median(v) for s in names if (v := results.at("optuna", s, function, column))}
    return min(medians.items(), key=lambda item: item[1]) if medians else None


def report_auto(results, functions, title):
    if not results.has("ivory", "auto"):
        return
    rows, wins = [], {column: 0 for column in range(1, 4)}
    counted = dict(wins)
    for function in functions:
        row = [function]
        for column in range(1, 4):
            ours, best = results.at("ivory", "auto", function, column), best_single(results, function, column)
            if not ours or not best:
                row.append("")
                continue
            theirs = results.at("optuna", best[0], function, column)
            median = statistics.median(ours)
            counted[column] += 1
            good = median <= best[1]
            wins[column] += good
            sign = "wins" if good else "loses" if p_less(theirs, ours) < 0.05 else "within noise"
            row.append(f"{text(median)} / {text(best[1])} ({best[0]}) {sign}")
        rows.append(row)
    rows.append(["at least as good"] + [f"{wins[c]} of {counted[c]}" for c in range(1, 4)])
    table(f"**auto** against the best of Optuna's samplers, {title}: medians", ["function", "50", "100", "200"], rows)


def report(options):
    results = Results(options.files)
    pairs = [("tpe", "tpe"), ("cma-es", "cmaes"), ("gp", "gp"), ("nsga2", "nsga2"), ("qmc", "sobol"), ("random", "random")]
    pairs = [p for p in pairs if results.has("ivory", p[0]) and results.has("optuna", p[1])]
    report_auto(results, SPECIFIED, "the specified functions")
    report_auto(results, FURTHER, "further functions")
    summarize(results, SINGLE, pairs)
    if options.full:
        compare_samplers(results, SINGLE, BUDGETS, pairs, greater=False)
    two = [("two:nsga2", "two:nsga2"), ("two:tpe", "two:tpe"), ("two:auto", "two:tpe"), ("two:auto", "two:nsga2")]
    two = [p for p in two if results.has("ivory", p[0]) and results.has("optuna", p[1])]
    compare_samplers(results, TWO, FRONT_BUDGETS, two, greater=True)


# ---- the same functions


def check(options):
    done = subprocess.run([options.program, "probe"], text=True, stdout=subprocess.PIPE, check=True)
    compared = 0
    for line in done.stdout.split("\n")[:-1]:
        function, k, *values = line.split(",")
        objective = SINGLE[function] if function in SINGLE else TWO[function][0]
        expected = objective(Probe(int(k)))
        expected = expected if isinstance(expected, tuple) else (expected,)
        for value, want in zip(map(float, values), expected, strict=True):
            if not math.isclose(value, want, rel_tol=1e-9, abs_tol=1e-9):
                sys.exit(f"{function} at point {k}: {value} where Python has {want}")
        compared += 1
    print(f"{compared} values of {len(SINGLE) + len(TWO)} functions agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("optuna")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("samplers", nargs="*")
    command.set_defaults(run=optuna_side)
    command = commands.add_parser("report")
    command.add_argument("--full", action="store_true", help="every comparison")
    command.add_argument("files", type=Path, nargs="+")
    command.set_defaults(run=report)
    command = commands.add_parser("check")
    command.add_argument("program")
    command.set_defaults(run=check)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
