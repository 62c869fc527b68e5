#!/usr/bin/env python3
"""benchmarks/server_load.py fill|load|read URL [--seconds N] [--runs N] [--clients N] [--pid PID]

Measures a tracking server that speaks MLflow's REST, ours or MLflow's own, over keep-alive connections.
  fill   makes the experiment `filled` with --runs runs, each with 3 metrics and 2 params, and a run with a history of
         100,000 points
  load   log-metric, create-run and log-batch of 1,000 metrics from --clients clients at once (default 8), --seconds each
  read   searches and a history of the store that `fill` filled: best of 3
--pid adds the resident memory of that process and its children.
"""
import argparse
import json
import multiprocessing
import os
import random
import socket
import sys
import time
from urllib.parse import urlencode, urlparse

API = "/api/2.0/mlflow/"
T0 = 1_700_000_000_000


class Connection:
    """One keep-alive connection: a request out, an answer in."""

    def __init__(self, url):
        self.place = urlparse(url)
        self.socket = socket.create_connection((self.place.hostname, self.place.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method, path, body=b"", headers=""):
        head = (f"{method} {path} HTTP/1.1\r\nHost: {self.place.netloc}\r\nContent-Type: application/json\r\n{headers}"
                f"Content-Length: {len(body)}\r\n\r\n")
        self.socket.sendall(head.encode() + body)
        return self.answer()

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise ConnectionError("the server closed the connection")
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        low = head.lower()
        size = int(low.split(b"content-length:")[1].split(b"\r\n")[0])
        pieces, have = [rest], len(rest)
        while have < size:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise ConnectionError("the server closed the connection")
            pieces.append(piece)
            have += len(piece)
        status = int(head.split()[1])
        if status != 200:
            raise RuntimeError(f"status {status}: {b''.join(pieces)[:300]}")
        return b"".join(pieces)

    def post(self, path, body):
        return json.loads(self.ask("POST", API + path, json.dumps(body).encode()))


def new_run(connection, experiment="0"):
    return connection.post("runs/create", {"experiment_id": experiment, "start_time": T0})["run"]["info"]["run_id"]


def log_metric(connection, run, number):
    body = f'{{"run_id": "{run}", "key": "loss", "value": {number * 0.5}, "timestamp": {T0 + number}, "step": {number}}}'
    connection.ask("POST", API + "runs/log-metric", body.encode())
    return 1


def create_run(connection, _, number):
    connection.ask("POST", API + "runs/create", f'{{"experiment_id": "0", "start_time": {T0 + number}}}'.encode())
    return 1


def log_batch(connection, run, number):
    metrics = ", ".join(f'{{"key": "m{i % 10}", "value": {i * 0.37}, "timestamp": {T0 + number}, "step": {number * 100 + i // 10}}}'
                        for i in range(1000))
    connection.ask("POST", API + "runs/log-batch", f'{{"run_id": "{run}", "metrics": [{metrics}]}}'.encode())
    return 1000


def client(url, work, seconds, results):
    connection = Connection(url)
    run = new_run(connection)
    done, number, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        done += work(connection, run, number)
        number += 1
    results.put(done)


def rate(url, work, clients, seconds):
    results = multiprocessing.Queue()
    started = time.monotonic()
    processes = [multiprocessing.Process(target=client, args=(url, work, seconds, results)) for _ in range(clients)]
    for process in processes:
        process.start()
    done = sum(results.get() for _ in processes)
    for process in processes:
        process.join()
    return done / (time.monotonic() - started)


def load(options):
    for name, work in (("log-metric", log_metric), ("create-run", create_run), ("log-batch, metrics", log_batch)):
        print(f"{name:22} {rate(options.url, work, options.clients, options.seconds):12,.0f} /s", flush=True)


def fill(options):
    connection = Connection(options.url)
    experiment = connection.post("experiments/create", {"name": "filled"})["experiment_id"]
    random.seed(1)
    for i in range(options.runs):
        run = connection.post("runs/create", {"experiment_id": experiment, "start_time": T0 + i})["run"]["info"]["run_id"]
        metrics = [{"key": key, "value": random.random(), "timestamp": T0, "step": 0} for key in ("loss", "accuracy", "time")]
        params = [{"key": "lr", "value": str(i % 10)}, {"key": "model", "value": "resnet" if i % 3 else "vgg"}]
        connection.post("runs/log-batch", {"run_id": run, "metrics": metrics, "params": params})
    history = new_run(connection, experiment)
    for start in range(0, 100_000, 1000):
        metrics = [{"key": "long", "value": i * 0.1, "timestamp": T0 + i, "step": i} for i in range(start, start + 1000)]
        connection.post("runs/log-batch", {"run_id": history, "metrics": metrics})
    print(f"experiment {experiment}: {options.runs} runs, and a history of 100,000 points in run {history}")


def best(action):
    times = []
    for _ in range(3):
        started = time.monotonic()
        count = action()
        times.append(time.monotonic() - started)
    return min(times), count


def read(options):
    connection = Connection(options.url)
    found = json.loads(connection.ask("GET", API + "experiments/get-by-name?experiment_name=filled"))
    experiment = found["experiment"]["experiment_id"]

    def search(filter_text, order, most):
        body = {"experiment_ids": [experiment], "filter": filter_text, "max_results": most, "order_by": order}
        return lambda: len(connection.post("runs/search", body).get("runs", []))

    def history():
        run = connection.post("runs/search", {"experiment_ids": [experiment], "filter": "metrics.long > 0"})["runs"][0]
        count, token = 0, ""
        while True:
            query = urlencode({"run_id": run["info"]["run_id"], "metric_key": "long", "max_results": 25000, "page_token": token})
            page = json.loads(connection.ask("GET", API + "metrics/get-history?" + query))
            count += len(page.get("metrics", []))
            token = page.get("next_page_token", "")
            if not token:
                return count

    cases = (("search, many meet it", search("metrics.loss < 0.9 AND params.model = 'resnet'", ["metrics.loss ASC"], 100)),
             ("search, few meet it", search("metrics.loss < 0.01 AND params.lr = '3'", ["metrics.loss ASC"], 100)),
             ("search, all runs", search("", ["metrics.loss ASC"], 50_000)), ("history of 100,000", history))
    for name, action in cases:
        seconds, count = best(action)
        print(f"{name:22} {seconds * 1000:12,.1f} ms   {count} rows", flush=True)


def resident(pid):
    """Of a process and its children, in MB, and how many they are."""
    parents, sizes = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parents[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{entry}/statm") as file:
                    sizes[int(entry)] = int(file.read().split()[1]) * 4096 / 1e6
            except OSError:
                continue
    family, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return sum(sizes.get(member, 0) for member in family), len(family)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["fill", "load", "read"])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pid", type=int)
    options = parser.parse_args()
    {"fill": fill, "load": load, "read": read}[options.action](options)
    if options.pid:
        size, count = resident(options.pid)
        print(f"{'resident':22} {size:12,.0f} MB in {count} processes")


if __name__ == "__main__":
    sys.exit(main())
