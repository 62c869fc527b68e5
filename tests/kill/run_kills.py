#!/usr/bin/env python3
"""tests/kill/run_kills.py --build DIR [--kills N] [--seed S] [SCENARIO…]

Kills `ivory run` with SIGKILL at moments spread evenly over the whole of a run or a task (its creation, its training, the
writing of its checkpoints, its test), goes on with `ivory resume`, which is killed now and then too, and compares what
comes of it with a run that nothing interrupted: every point of every metric, the params, and every byte of every state
(weights, optimizer, scheduler, out-of-fold rows). After each kill the database must pass SQLite's own check and be
listed by `ivory search`, and every artifact must be whole.

The moments are those of the seed, as shares of the time that the undisturbed run took. Exit status 0: all were equal.
Scenarios: toy (threads, no torch), toy_run (a single run), net (processes, torch: dropout, batch norm, OneCycle,
gradients of four batches a step), net_run; study, study_folds (`ivory optimize`, deterministic, with the
tuner's tables). --toy LIBRARY is where the toys' learner is (build: toy_learner).
"""
import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

DATA = """
  data:
    class: ivory.CsvData
    path: data.csv
    target: y
    task: regression
    test_fraction: 0.2
    n_splits: 4
  dataset:
  fold: 0
"""

TOY = f"""datasets:{DATA}results:
metrics: {{mae: }}
monitor: {{metric: val_loss}}
early_stopping: {{patience: 100}}
checkpoint: {{every_n_steps: 3}}
trainer: {{class: toy.Trainer, lr: 0.3, batch_size: 8, epochs: 12, sleep_ms: 5}}
"""

NET = f"""library: torch
datasets:{DATA}model:
  class: torch.nn.Sequential
  layers:
    - {{class: torch.nn.Linear, in_features: 3, out_features: 32}}
    - {{class: torch.nn.BatchNorm1d, num_features: 32}}
    - torch.nn.ReLU
    - {{class: torch.nn.Dropout, p: 0.3}}
    - {{class: torch.nn.Linear, in_features: 32, out_features: 1}}
optimizer: {{class: torch.optim.AdamW, params: $.model.parameters(), lr: 1e-3}}
scheduler: {{class: torch.optim.lr_scheduler.OneCycleLR, optimizer: $, max_lr: 0.02}}
results:
metrics: {{mae: }}
monitor: {{metric: val_loss}}
early_stopping: {{patience: 100}}
checkpoint: {{every_n_steps: 2}}
trainer:
  loss: torch.nn.functional.mse_loss
  batch_size: 4
  epochs: 8
  accumulate_grad_batches: 4
"""

# A study that is the same however it is disturbed.
SAME_STUDY = ["--deterministic", "--lag", "2", "--seed", "1", "--pruner", "median"]

# Name: the experiment's file, and the words after `ivory`.
SCENARIOS = {
    "toy": (TOY, ["run", "work", "fold=0-3", "--jobs", "2", "--engine", "thread"]),
    "toy_run": (TOY, ["run", "work", "fold=2"]),
    "net": (NET, ["run", "work", "fold=0-3", "--jobs", "2", "--engine", "process"]),
    "net_run": (NET, ["run", "work", "fold=1"]),
    "study": (TOY, ["optimize", "work", "lr=0.01_1.0.log", "--trials", "8", "--jobs", "2", *SAME_STUDY]),
    "study_folds": (TOY, ["optimize", "work", "lr=0.01_1.0.log", "fold=0-1", "--trials", "4", *SAME_STUDY]),
}

# Tags that name a process or a moment.
OWN_TAGS = ("ivory.process", "mlflow.user", "mlflow.parentRunId")
# Of a study's trials, which two threads begin.
TRIAL_TAGS = ("mlflow.runName", "ivory.index")


def write_data(path):
    draw = random.Random(1)
    lines = ["a,b,c,y"]
    for _ in range(200):
        a, b, c = (draw.uniform(-1, 1) for _ in range(3))
        lines.append(f"{a:.6f},{b:.6f},{c:.6f},{a * b - c + draw.gauss(0, 0.1):.6f}")
    path.write_text("\n".join(lines) + "\n")


class Failure(Exception):
    """Something that had to be equal or whole is not."""


class Project:
    """A folder with one experiment, and the command at work in it."""

    def __init__(self, folder, options, scenario):
        self.folder, self.ivory = folder, options.build / "bin/ivory"
        text, self.words = SCENARIOS[scenario]
        folder.mkdir()
        write_data(folder / "data.csv")
        (folder / "work.yml").write_text(text)
        (folder / "client.yml").write_text(f"modules: [{options.toy}]\n" if "toy." in text else "{}\n")
        self.database, self.log = folder / "mlflow.db", folder / "log.txt"

    def start(self, *words):
        with open(self.log, "a", encoding="utf-8") as log:
            print("$ ivory", *words, file=log, flush=True)
            return subprocess.Popen(
                [self.ivory, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def run(self):
        return self.start(*self.words)

    def rows(self, sql, *values):
        return self.rows_of(self.database, sql, *values)

    @staticmethod
    def rows_of(database, sql, *values):
        # Not mode=ro: a journal that a killed process left must be rolled back before anything can be read.
        connection = sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=60)
        try:
            connection.execute("PRAGMA query_only = ON")
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def runs(self):
        """{run_uuid: (name, status, artifact folder)}, or nothing while there is no store."""
        if not self.database.exists() or not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'runs'"):
            return {}
        return {row[0]: row[1:] for row in self.rows("SELECT run_uuid, name, status, artifact_uri FROM runs ORDER BY name")}

    def left(self):
        """What to go on with: the task, or the one run; None if nothing was made yet."""
        tops = [name for name, *_ in self.runs().values() if name.startswith("task#")] or [
            name for name, *_ in self.runs().values()
        ]
        return f"work/{tops[0]}" if tops else None

    # ---- what must hold after each kill

    def check_whole(self):
        if self.runs():
            if self.rows("PRAGMA integrity_check") != [("ok",)]:
                raise Failure("the database does not pass its check")
            listed = subprocess.run([self.ivory, "search", "work", "--json"], cwd=self.folder, capture_output=True, text=True)
            if listed.returncode != 0:
                raise Failure(f"`ivory search` fails: {listed.stderr}")
            json.loads(listed.stdout)
        for _, _, folder in self.runs().values():
            for path in Path(folder).rglob("*"):
                if path.is_file() and not any(part.startswith(".ivory-") for part in path.parts):
                    self.check_file(path)

    @staticmethod
    def check_file(path):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix in (".npz", ".pt"):
                with zipfile.ZipFile(path) as archive:
                    if archive.testzip() is not None:
                        raise Failure(f"{path} is broken")
            elif not path.read_text().endswith("\n"):
                raise Failure(f"{path} is cut off")
        except (ValueError, zipfile.BadZipFile) as error:
            raise Failure(f"{path}: {error}") from error

    # ---- what must be equal at the end

    def record(self):
        """All that came of it: {run: {what: value}}."""
        return {
            name: self.record_of(run_id, status, Path(folder), name.startswith("task#"))
            for run_id, (name, status, folder) in self.runs().items()
        }

    def record_of(self, run_id, status, folder, is_task):
        found = {"status": status}
        for key, step, value, is_nan in self.rows(
            "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY key, step, timestamp, value", run_id
        ):
            found.setdefault(f"metric {key}", []).append((step, "nan" if is_nan else value.hex()))
        if is_task:  # one that FAILED with a killed worker has the means over its runs of that time too
            found = {key: value[-1:] if key.startswith("metric ") else value for key, value in found.items()}
        for key, value in self.rows("SELECT key, value FROM params WHERE run_uuid = ?", run_id):
            found[f"param {key}"] = value
        for key, value in self.rows("SELECT key, value FROM tags WHERE run_uuid = ?", run_id):
            if key not in OWN_TAGS and not key.startswith("mlflow.source."):
                found[f"tag {key}"] = value
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in ("params.yaml", "task.json"):
                found[f"file {path.relative_to(folder)}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def differences(expected, found):
    for run in sorted(set(expected) | set(found)):
        if run not in found or run not in expected:
            yield f"{run} is {'missing' if run not in found else 'one too many'}"
            continue
        for what in sorted(set(expected[run]) | set(found[run])):
            if expected[run].get(what) != found[run].get(what):
                yield f"{run}, {what}: expected {expected[run].get(what)}, found {found[run].get(what)}"


def children_of(pid):
    """Worker processes of a command."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []


def wait_for_end(pids):
    """Until none of them runs: a child of a killed process ends a little later."""
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in status_of(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise Failure(f"processes {pids} outlive the command that started them")
        time.sleep(0.005)


def status_of(pid):
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "\nState:\tZ"


class StudyProject(Project):
    """The same with a study: its trials go by their numbers, and the tuner's tables count, too."""

    def tags(self, key):
        """{run_uuid: value}"""
        return dict(self.rows("SELECT run_uuid, value FROM tags WHERE key = ?", key))

    def left(self):
        begun = self.tags("ivory.study") if self.runs() else {}
        names = [name for run_id, (name, *_) in self.runs().items() if run_id in begun]
        return f"work/{names[0]}" if names else None

    def check_whole(self):
        super().check_whole()
        tuner = self.folder / "optuna.db"
        if tuner.exists() and self.rows_of(tuner, "PRAGMA integrity_check") != [("ok",)]:
            raise Failure("the tuner's database does not pass its check")

    def record(self):
        begun, numbers, parents = self.tags("ivory.study"), self.tags("trial_number"), self.tags("mlflow.parentRunId")
        found = {}
        for run_id, (name, status, folder) in self.runs().items():
            if name.startswith("study#"):
                if run_id not in begun:
                    continue  # killed before it was asked for anything
                name = "study"
            elif run_id in numbers:
                name = f"trial {numbers[run_id]}"
            else:
                name = f"trial {numbers[parents[run_id]]} " + dict(
                    self.rows("SELECT key, value FROM params WHERE run_uuid = ?", run_id)
                ).get("fold", "?")
            if name in found:
                raise Failure(f"{name} was run twice")
            row = self.record_of(run_id, status, Path(folder), not name.startswith("trial") or name.count(" ") == 1)
            found[name] = {
                what: re.sub(r"study#[0-9]+", "study#", value) if isinstance(value, str) else value
                for what, value in row.items()
                # Which improvements there were on the way depends on who ended first; the tags tell the last.
                if what.removeprefix("tag ") not in TRIAL_TAGS and (name != "study" or not what.startswith("metric best_"))
            }
        tuner = self.folder / "optuna.db"
        for number, state, value in self.rows_of(
            tuner, "SELECT number, state, value FROM trials LEFT JOIN trial_values USING (trial_id)"
        ):
            found[f"tuner's trial {number}"] = {"state": state, "value": value}
        return found


class Hunt:
    """All the kills of one scenario."""

    def __init__(self, options, scenario, folder):
        self.options, self.scenario, self.folder = options, scenario, folder
        self.draw = random.Random(f"{options.seed} {scenario}")
        self.kills = self.worker_kills = self.rounds = 0
        self.phases = {}
        self.project = StudyProject if "optimize" in SCENARIOS[scenario][1] else Project
        whole = self.project(folder / "whole", options, scenario)
        times = []
        for _ in range(2):  # the second time, what is compiled and cached is there
            shutil.rmtree(whole.folder)
            whole = self.project(folder / "whole", options, scenario)
            begin = time.monotonic()
            if whole.run().wait() != 0:
                raise Failure(f"the undisturbed run failed:\n{whole.log.read_text()}")
            times.append(time.monotonic() - begin)
        self.seconds, self.expected = min(times), whole.record()
        whole.check_whole()

    def round(self):
        """One run, killed once or more, gone on with to its end."""
        self.rounds += 1
        project = self.project(self.folder / f"round{self.rounds}", self.options, self.scenario)
        process = project.run()
        self.kill(project, process, self.draw.uniform(0, self.seconds))
        while self.kills < self.options.kills and self.draw.random() < 0.3:
            process = self.go_on(project)
            self.kill(project, process, self.draw.uniform(0, self.seconds))
        for _ in range(3):  # one that a killed worker failed is taken up by the next
            process = self.go_on(project)
            if process.wait() == 0:
                break
        found = list(differences(self.expected, project.record()))
        if found:
            raise Failure("\n".join(found[:20]) + f"\n{project.log.read_text()}")
        shutil.rmtree(project.folder)

    def kill(self, project, process, seconds):
        time.sleep(seconds)
        workers = children_of(process.pid)
        if process.poll() is not None:
            return  # it was faster than the undisturbed one: no kill
        one_worker = workers and self.draw.random() < 0.25
        try:
            os.kill(self.draw.choice(workers) if one_worker else process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        process.wait()
        wait_for_end(workers)
        self.kills += 1
        self.worker_kills += bool(one_worker)
        phase = self.phase(project)
        self.phases[phase] = self.phases.get(phase, 0) + 1
        project.check_whole()

    @staticmethod
    def phase(project):
        runs = project.runs()
        states = {path.name for _, _, folder in runs.values() for path in Path(folder).glob("*") if path.is_dir()}
        if not runs:
            return "before the first row"
        return next((phase for state, phase in (("test", "tested"), ("current", "trained")) if state in states), "made")

    @staticmethod
    def go_on(project):
        left = project.left()
        return project.run() if left is None else project.start("resume", left)


def learner(options):
    """Options with whole paths of the build and of the toys' learner."""
    options.build = options.build.resolve()
    options.toy = (options.toy or options.build / "tests/cli/libtoy.so").resolve()
    return options


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--build", type=Path, default=Path("build/release"), help="build folder with bin/ivory")
    parser.add_argument("--toy", type=Path, help="the toys' learner (BUILD/tests/cli/libtoy.so)")
    parser.add_argument("--kills", type=int, default=60, help="kills of each scenario (60)")
    parser.add_argument("--seed", type=int, default=0)
    options = learner(parser.parse_args())
    for scenario in options.scenarios:
        if scenario not in SCENARIOS:
            parser.error(f"no scenario '{scenario}'; there are {', '.join(SCENARIOS)}")
    for scenario in options.scenarios or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="ivory-kills-") as folder:
            hunt = None
            try:
                hunt = Hunt(options, scenario, Path(folder))
                while hunt.kills < options.kills:
                    hunt.round()
            except Failure as failure:
                where = f", round {hunt.rounds}" if hunt else ""
                sys.exit(f"{scenario}{where}, seed {options.seed}: {failure}")
            phases = ", ".join(f"{count} {phase}" for phase, count in sorted(hunt.phases.items()))
            print(
                f"{scenario}: {hunt.kills} kills ({hunt.worker_kills} of a worker) in {hunt.rounds} rounds of"
                f" {hunt.seconds:.1f} s, all as undisturbed; killed when {phases}",
                flush=True,
            )


if __name__ == "__main__":
    main()
