#!/usr/bin/env python3
"""tests/kill/server_kills.py --build DIR [--kills N] [--writers N] [--seed S]

Kills `ivory server` with SIGKILL at random moments while writers log to it over HTTP, each on a connection of its own and
without trying again, and starts it again on the same database. At the end everything that was answered with success must
be there once (single points, batches as wholes, params, tags, runs, artifacts as they were sent), nothing twice, nothing
that was not sent, no artifact in part; after each kill the database must pass SQLite's own check.
"""
import argparse
import collections
import http.client
import json
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"
BATCH = 50


class Failure(Exception):
    """Something that had to be there once is not."""


class Server:
    """`ivory server` on a port of its own, which may be killed and started again."""

    def __init__(self, ivory, folder):
        self.ivory, self.folder = ivory, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None
        self.start()

    def start(self):
        log = open(self.folder / "server.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.ivory, "server", "--port", str(self.port)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health")
                if connection.getresponse().read() == b"OK":
                    return
            except OSError:
                time.sleep(0.01)
        raise Failure("the server does not start: " + (self.folder / "server.log").read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Writer(threading.Thread):
    """Logs until it is told to stop, and knows what was acknowledged and what was sent."""

    def __init__(self, number, port, stopping):
        super().__init__()
        self.number, self.port, self.stopping = number, port, stopping
        self.draw = random.Random(number)
        self.connection, self.run_id, self.step, self.failure = None, None, 0, None
        self.runs, self.sent, self.known = set(), collections.defaultdict(set), collections.defaultdict(set)
        self.broken = 0

    def run(self):
        try:
            while not self.stopping.is_set():
                self.write()
        except Exception as error:  # pylint: disable=broad-exception-caught: told by whoever waits for the thread
            self.failure = error

    def ask(self, method, path, body, content_type="application/json"):
        """The answer, or None if none came."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.connection.request(method, path, body, {"Content-Type": content_type})
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            self.broken += 1
            time.sleep(0.01)
            return None
        if answer.status != 200:
            raise Failure(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text)

    def write(self):
        if self.run_id is None or self.draw.random() < 0.02:
            made = self.ask("POST", API + "runs/create", json.dumps({"experiment_id": "0", "run_name": f"w{self.number}"}))
            if made is None:
                return
            self.run_id = made["run"]["info"]["run_id"]
            self.runs.add(self.run_id)
        self.step += 1
        kind = self.draw.choice(["metric", "metric", "batch", "param", "tag", "file"])
        thing = (self.run_id, self.step)
        self.sent[kind].add(thing)
        if getattr(self, kind)(*thing) is not None:
            self.known[kind].add(thing)

    def post(self, path, run_id, **fields):
        return self.ask("POST", API + "runs/" + path, json.dumps({"run_id": run_id, **fields}))

    def metric(self, run_id, step):
        return self.post("log-metric", run_id, key="m", value=step, timestamp=step, step=step)

    def batch(self, run_id, step):
        points = [{"key": "b", "value": i, "timestamp": step, "step": step * BATCH + i} for i in range(BATCH)]
        return self.post("log-batch", run_id, metrics=points)

    def param(self, run_id, step):
        return self.post("log-parameter", run_id, key=f"p{step}", value=str(step))

    def tag(self, run_id, step):
        return self.post("set-tag", run_id, key=f"t{step}", value=str(step))

    def file(self, run_id, step):
        return self.ask("PUT", f"{FILES}0/{run_id}/artifacts/{step}.bin", content_of(step), "application/octet-stream")


def content_of(step):
    return step.to_bytes(4, "big") * (1000 * (1 + step % 40))


def rows(database, sql):
    connection = sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=60)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def found_rows(database):
    """{kind: [(run, step), …]}, with batches that are not whole as a failure."""
    batches = collections.Counter((run, step // BATCH) for run, step in rows(database, "SELECT run_uuid, step FROM metrics WHERE key = 'b'"))
    torn = [batch for batch, count in batches.items() if count != BATCH]
    if torn:
        raise Failure(f"batches of {BATCH} points in part: {torn[:5]}")
    return {
        "metric": rows(database, "SELECT run_uuid, step FROM metrics WHERE key = 'm'"),
        "batch": list(batches),
        "param": rows(database, "SELECT run_uuid, CAST(value AS INTEGER) FROM params"),
        "tag": rows(database, "SELECT run_uuid, CAST(value AS INTEGER) FROM tags WHERE key LIKE 't%'"),
    }


def found_files(folder):
    found = []
    for path in (folder / "mlartifacts" / "0").glob("*/artifacts/*.bin"):
        step = int(path.stem)
        if path.read_bytes() != content_of(step):
            raise Failure(f"{path} is not what was sent")
        found.append((path.parts[-3], step))
    return found


def compare(folder, writers):
    database = folder / "mlflow.db"
    found = {**found_rows(database), "file": found_files(folder)}
    for kind, things in found.items():
        known = set().union(*(writer.known[kind] for writer in writers))
        sent = set().union(*(writer.sent[kind] for writer in writers))
        if len(things) != len(set(things)):
            raise Failure(f"a {kind} is there twice")
        if known - set(things):
            raise Failure(f"{len(known - set(things))} of {len(known)} acknowledged are lost: {kind}")
        if set(things) - sent:
            raise Failure(f"a {kind} that nobody sent: {sorted(set(things) - sent)[:5]}")
    runs = {run for run, in rows(database, "SELECT run_uuid FROM runs")}
    lost = set().union(*(writer.runs for writer in writers)) - runs
    if lost:
        raise Failure(f"runs are lost: {sorted(lost)[:5]}")
    return {kind: sum(len(writer.known[kind]) for writer in writers) for kind in found}


def hunt(options, folder):
    draw = random.Random(options.seed)
    server, stopping = Server(options.build.resolve() / "bin/ivory", folder), threading.Event()
    writers = [Writer(number, server.port, stopping) for number in range(options.writers)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(options.kills):
            time.sleep(draw.uniform(0.05, 0.6))
            server.kill()
            if rows(folder / "mlflow.db", "PRAGMA integrity_check") != [("ok",)]:
                raise Failure("the database does not pass its check")
            server.start()
        time.sleep(0.3)
    finally:
        stopping.set()
        for writer in writers:
            writer.join()
        server.kill()
    for writer in writers:
        if writer.failure is not None:
            raise Failure(f"writer {writer.number}: {writer.failure}")
    return compare(folder, writers), sum(writer.broken for writer in writers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build/release"), help="build folder with bin/ivory")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ivory-server-kills-") as folder:
        try:
            counts, broken = hunt(options, Path(folder))
        except Failure as failure:
            sys.exit(f"seed {options.seed}: {failure}")
    kept = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    print(f"{options.kills} kills, {options.writers} writers: all that was acknowledged is there once ({kept}); {broken} requests met no answer")


if __name__ == "__main__":
    main()
