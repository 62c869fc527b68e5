#!/usr/bin/env python3
"""benchmarks/study_digits.py --build BUILD PART…   what studies of examples/digits.yml are good for, and what a trial costs

  quality   four parameters tuned by `ivory optimize`, each trial a cross-validation of three folds; then the example's
            defaults and the tuned parameters are trained five times on each fold (other random numbers, same folds), and
            compared by the log-loss on the test part, a quarter of the rows, which no trial has seen
  pruning   the same search with one fold: how many epochs, and how long, until a score is reached, with the median
            pruner and without
  jobs      the same with one job and with two
  overhead  a trial of a learner that costs nothing (tests/cli/toy.cpp), tracked and tuned in SQLite files

Every fit has the same budget (--epochs). Works in a temporary folder, or in --folder, which it keeps.
"""
import argparse
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPACE = ["lr=1e-4_1e-2.log", "weight_decay=1e-5_1e-1.log", "p=0.0_0.6", "batch_size=16,32,64"]
T_975 = {4: 2.776, 9: 2.262}  # of Student's distribution, by degrees of freedom


class Project:
    """A copy of the example, and the command at work in it."""

    def __init__(self, options, name):
        self.options, self.folder = options, options.folder / name
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "data").mkdir(parents=True)
        shutil.copy(ROOT / "examples/digits.yml", self.folder)
        shutil.copy(ROOT / "examples/data/digits.csv", self.folder / "data")
        # The test part, and as many epochs for the scheduler as for the trainer.
        self.common = ["data.test_fraction=0.25", "n_splits=3", f"epochs={options.epochs}", f"T_max={options.epochs}"]

    def ivory(self, *words):
        """(what it says as JSON, seconds, CPU seconds)"""
        print("$ ivory", *words, flush=True)
        begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([self.options.build / "bin/ivory", *words, "--json", "-q"], cwd=self.folder,
                              capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"ivory {' '.join(words)}: {done.returncode}\n{done.stderr}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return json.loads(done.stdout), time.monotonic() - begin, cpu

    def optimize(self, *words):
        return self.ivory("optimize", "digits", *SPACE, *self.common, "--trials", str(self.options.trials), *words)


def interval(values):
    """mean ± half of the 95 % interval"""
    half = T_975[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{statistics.mean(values):.4f} ± {half:.4f}"


def quality(options):
    project = Project(options, "quality")
    study, seconds, cpu = project.optimize("fold=0-2", "--sampler", "tpe", "--pruner", "median", "--seed", "0", "--jobs",
                                           str(options.jobs), "--write", "tuned.yml")
    print(f"{study['n_trials']} trials: {study['n_by_state']}, {seconds:.0f} s, {cpu:.0f} s of CPU")
    print(f"best: {study['best']['params']}, mean val_loss {study['best']['values'][0]:.4f}")
    print(f"importance: {study['importance']}")
    losses = {}
    for name in ("digits", "tuned"):
        report, *_ = project.ivory("run", name, "fold=0-2", "--repeat", "5", "--jobs", str(options.jobs), *project.common)
        by_repeat = {}
        for run in report["runs"]:
            by_repeat.setdefault(run["params"].get("repeat", 0), []).append(run["test"]["test_loss"])
        losses[name] = [statistics.mean(values) for _, values in sorted(by_repeat.items())]
        print(f"{name}: test log-loss of the five repeats {[round(value, 4) for value in losses[name]]}: {interval(losses[name])}")
    better = [default - tuned for default, tuned in zip(losses["digits"], losses["tuned"])]
    print(f"lower by {interval(better)} ({100 * statistics.mean(better) / statistics.mean(losses['digits']):.0f} %)")


def seconds_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def way(study):
    """[(seconds, epochs trained so far, best value so far)] at the end of each trial"""
    trials = [trial for trial in study["trials"] if trial["datetime_complete_utc"]]
    begin = min(seconds_of(trial["datetime_start_utc"]) for trial in trials)
    best, epochs, found = math.inf, 0, []
    for trial in sorted(trials, key=lambda trial: seconds_of(trial["datetime_complete_utc"])):
        epochs += len(trial["intermediate_values"])
        if trial["state"] == "COMPLETE":
            best = min(best, trial["values"][0])
        found.append((seconds_of(trial["datetime_complete_utc"]) - begin, epochs, best))
    return found


def compare(options, part, variants):
    ways = {}
    for name, words in variants.items():
        study, _, cpu = Project(options, f"{part}-{name.replace(' ', '-')}").optimize("fold=0", "--seed", "0", *words)
        ways[name] = way(study)
        seconds, epochs, best = ways[name][-1]
        print(f"{name}: {study['n_by_state']}, {epochs} epochs, {seconds:.0f} s, {cpu:.0f} s of CPU, best {best:.4f}")
    for share in (1.5, 1.2, 1.1, 1.0):
        score = share * max(found[-1][2] for found in ways.values())
        reached = {name: next(at for at in found if at[2] <= score) for name, found in ways.items()}
        print(f"score {score:.4f}: " + "; ".join(f"{name} after {at[1]} epochs, {at[0]:.0f} s" for name, at in reached.items()))


def pruning(options):
    compare(options, "pruning", {"pruned": ["--pruner", "median"], "not pruned": ["--pruner", "nop"]})


def jobs(options):
    compare(options, "jobs", {"1 job": ["--jobs", "1"], "2 jobs": ["--jobs", "2"]})


TOY = """datasets:
  data: {class: ivory.CsvData, path: toy.csv, target: y, n_splits: 3}
  fold: 0
metrics:
monitor: {metric: val_loss}
trainer: {class: toy.Trainer, lr: 0.5, epochs: 1, batch_size: 8}
"""


def overhead(options):
    project = Project(options, "overhead")
    (project.folder / "toy.yml").write_text(TOY)
    (project.folder / "client.yml").write_text(f"modules: [{options.build / 'tests/cli/libtoy.so'}]\n")
    (project.folder / "toy.csv").write_text("x,y\n" + "".join(f"{i},{i % 7}.5\n" for i in range(24)))
    words = ["lr=0.01_1.0.log", "--pruner", "nop", "--sampler"]
    for sampler in ("random", "tpe"):
        _, few_seconds, few_cpu = project.ivory("optimize", "toy", *words, sampler, "--new", "--trials", "100")
        study, seconds, cpu = project.ivory("optimize", "toy", *words, sampler, "--new", "--trials", "1100")
        lasted = statistics.median(seconds_of(trial["datetime_complete_utc"]) - seconds_of(trial["datetime_start_utc"])
                                   for trial in study["trials"])
        print(f"{sampler}: {(seconds - few_seconds):.2f} ms a trial of wall, {(cpu - few_cpu):.2f} ms of CPU; the median trial"
              f" lasted {1000 * lasted:.2f} ms, its one epoch included")


def main():
    parts = {"quality": quality, "pruning": pruning, "jobs": jobs, "overhead": overhead}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--build", type=Path, default=Path("build/bench"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.build = options.build.resolve()
    for part in options.parts:
        if part not in parts:
            parser.error(f"no part '{part}'; there are {', '.join(parts)}")
    with tempfile.TemporaryDirectory(prefix="ivory-study-") as folder:
        options.folder = (options.folder or Path(folder)).resolve()
        for part in options.parts or parts:
            print(f"\n{part}, load {os.getloadavg()[0]:.0f}", flush=True)
            parts[part](options)


if __name__ == "__main__":
    main()
