#!/usr/bin/env python3
"""Times the service beside the reward server that trainers usually write, Flask and pickle around the same model in PyTorch,
in one run, turn by turn: 16 clients, each sending one image and asking again when answered.

usage: reward_server.py [--rahf PATH] [--model DIR] [--precision float32] [--clients 16] [--rounds 2] [--seconds 20]
                        [--threads 2] [--image FILE]

Each side runs alone: the other's process is stopped meanwhile. Prints the medians over rounds of our rate over theirs
(goal 2) and of our p99 over theirs (goal 0.5), and writes out/bench-reward-server.json.
"""
import argparse
import http.client
import json
import os
import pathlib
import pickle
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from service import PROMPT, through_service

# Compiled code is kept, so that a second run starts at once.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(pathlib.Path("out/inductor").absolute()))


class Flask:
    def __init__(self, options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.options = options
        here = pathlib.Path(__file__).resolve().parent
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", str(options.clients), "--timeout", "0",
             "--bind", f"127.0.0.1:{self.port}", "--log-level", "warning",
             f"flask_server:create({os.path.abspath(options.model)!r}, {options.precision!r}, {options.threads})"],
            env=os.environ | {"PYTHONPATH": f"{here}:{here.parent / 'parity'}"}, start_new_session=True)
        while True:
            try:
                self.way = self.ask("GET").decode()
                break
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"gunicorn ended with {self.process.returncode}")
                time.sleep(0.5)

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def ask(self, method, body=None, connection=None):
        connection = connection or self.connection()
        connection.request(method, "/", body)
        answer = connection.getresponse()
        read = answer.read()
        if answer.status != 200:
            raise SystemExit(f"the Flask server answered {answer.status}")
        return read

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def stop(self):
        self.signal(signal.SIGTERM)
        self.process.wait()

    def load(self):
        """Images a second and the 99th percentile of waiting, in milliseconds."""
        body = pickle.dumps({"images": [pathlib.Path(self.options.image).read_bytes()], "prompts": [PROMPT]})
        waits, lock = [], threading.Lock()
        begin = threading.Barrier(self.options.clients + 1)
        state = {}

        def client():
            connection = self.connection()
            begin.wait()
            while time.perf_counter() < state["end"]:
                started = time.perf_counter()
                if len(pickle.loads(self.ask("POST", body, connection))["scores"]) != 1:
                    raise SystemExit("the Flask server answered no scores")
                with lock:
                    waits.append(time.perf_counter() - started)

        self.ask("POST", body)
        threads = [threading.Thread(target=client) for _ in range(self.options.clients)]
        for thread in threads:
            thread.start()
        started = time.perf_counter()
        state["end"] = started + self.options.seconds
        begin.wait()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        waits.sort()
        return {"images_per_second": len(waits) / seconds, "p50_ms": 1e3 * statistics.median(waits),
                "p99_ms": 1e3 * waits[min(len(waits) - 1, len(waits) * 99 // 100)]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", default=".build/release/rahf")
    parser.add_argument("--model", default="out/parity/paper")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--image", default="Examples/photographs/astronaut.jpg")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    flask = Flask(options)
    rounds = []
    for _ in range(options.rounds):
        theirs = flask.load()
        flask.signal(signal.SIGSTOP)
        ours = through_service(options, options.seconds)
        flask.signal(signal.SIGCONT)
        rounds.append({"ours": ours, "flask": theirs})
        print(f"Flask, PyTorch {flask.way}: {theirs['images_per_second']:6.2f} images/s, p99 {theirs['p99_ms']:6.0f} ms; "
              f"rahf: {ours['images_per_second']:6.2f} images/s, p99 {ours['p99_ms']:6.0f} ms", flush=True)
    flask.stop()
    rate = statistics.median(turn["ours"]["images_per_second"] / turn["flask"]["images_per_second"] for turn in rounds)
    tail = statistics.median(turn["ours"]["p99_ms"] / turn["flask"]["p99_ms"] for turn in rounds)
    print(f"{options.precision}: rate {rate:.2f} of the Flask server's (goal 2), p99 {tail:.2f} of its (goal 0.5)")
    out = pathlib.Path("out")
    out.mkdir(exist_ok=True)
    (out / f"bench-reward-server-{options.precision}.json").write_text(json.dumps(
        {"precision": options.precision, "way": flask.way, "rate": rate, "p99": tail, "rounds": rounds}, indent=2)
        + "\n")


if __name__ == "__main__":
    main()
