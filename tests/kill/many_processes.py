#!/usr/bin/env python3
"""tests/kill/many_processes.py --build DIR [--processes N] [--runs R]

N processes at once, each of which makes a task of R tracked runs in one new SQLite file (`ivory run work seed=0-7`, a learner
that is quick). Exit status 0: none of them failed and nothing was lost: every run is there under a name of its
own, FINISHED, with its params, each point of each metric once, and its states.
"""
import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
from run_kills import Failure, Project, learner  # noqa: E402

EPOCHS = 12


def check(project, count):
    runs = {run_id: run for run_id, run in project.runs().items() if run[0].startswith("run#")}
    if len(runs) != count or len({name for name, *_ in runs.values()}) != count:
        raise Failure(f"{len(runs)} runs of {count} names, expected {count} of each")
    unfinished = [name for name, status, _ in runs.values() if status != "FINISHED"]
    if unfinished:
        raise Failure(f"not FINISHED: {', '.join(unfinished)}")
    points = dict(project.rows("SELECT run_uuid, count(*) FROM metrics WHERE key = 'val_loss' GROUP BY run_uuid"))
    if {run_id: points.get(run_id) for run_id in runs} != dict.fromkeys(runs, EPOCHS):
        raise Failure(f"points of val_loss: {sorted(set(points.values()))} a run, expected {EPOCHS}")
    params = dict(project.rows("SELECT run_uuid, count(*) FROM params GROUP BY run_uuid"))
    if {run_id: params.get(run_id) for run_id in runs} != dict.fromkeys(runs, 2):
        raise Failure(f"params: {sorted(set(params.values()))} a run, expected 2")
    for name, _, folder in runs.values():
        missing = [state for state in ("current", "best", "test") if not (Path(folder) / state / "metrics.json").exists()]
        if missing:
            raise Failure(f"{name} lacks {', '.join(missing)}")
    project.check_whole()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build/release"), help="build folder with bin/ivory")
    parser.add_argument("--toy", type=Path, help="the learner (BUILD/tests/cli/libtoy.so)")
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--runs", type=int, default=8, help="runs of each process")
    options = learner(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="ivory-many-") as folder:
        project = Project(Path(folder) / "project", options, "toy")
        begin = time.monotonic()
        processes = []
        for number in range(options.processes):
            seeds = ",".join(str(number * options.runs + i) for i in range(options.runs))
            processes.append(project.start("run", "work", f"trainer.batch_size={4 + number % 8}", f"seed={seeds}"))
        failed = [process.wait() for process in processes]
        seconds = time.monotonic() - begin
        try:
            if any(failed):
                raise Failure(f"{sum(map(bool, failed))} processes failed:\n{project.log.read_text()}")
            check(project, options.processes * options.runs)
        except Failure as failure:
            sys.exit(str(failure))
    print(f"{options.processes} processes made {options.processes * options.runs} runs in {seconds:.1f} s; nothing was lost")


if __name__ == "__main__":
    main()
