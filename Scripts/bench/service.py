#!/usr/bin/env python3
"""Times a model through ZeroMQ with 16 clients beside the same model in process, in one run, turn by turn; then its waiting
times at 80% of that load, requests arriving at random.

usage: service.py [--rahf PATH] [--model DIR] [--precision float32] [--clients 16] [--rounds 3] [--seconds 12]
                  [--image FILE]

Needs nothing but Python. Prints the medians over rounds of images a second through the service over those in process
(batches of 8 both ways; goal 0.97), and of the 99th percentile of waiting over the median at 80% load (goal 3), and writes
out/bench-service.json.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

PROMPT = "a red cat sitting on a wooden chair beside the window in the evening"


def in_process(options, seconds):
    """Images a second of passes of 8, after a pass to warm up."""
    process = subprocess.Popen([options.rahf, "benchmark", "--model", options.model, "--precision", options.precision,
                                "--prompt", PROMPT, options.image],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run():
        process.stdin.write("8 scores\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())["seconds"]

    if not pathlib.Path(options.model, "config.json").exists():
        raise SystemExit(f"no model at {options.model}: run Scripts/bench.sh first, or give --model")
    run()
    times = []
    while sum(times) < seconds:
        times.append(run())
    process.stdin.close()
    process.wait()
    return 8 * len(times) / sum(times)


def through_service(options, seconds, rate=None):
    """What `rahf load-test` says: of clients that ask again when answered, or of that many requests a second."""
    arrivals = ["--rate", f"{rate:.3f}"] if rate else []
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/rahf.sock"
        server = subprocess.Popen([options.rahf, "serve", "--model", options.model, "--bind", endpoint,
                                   "--precision", options.precision, "--max-batch", "8", "--log-level", "error"])
        time.sleep(0.5)
        answer = subprocess.run([options.rahf, "load-test", "--server", endpoint, "--clients", str(options.clients),
                                 "--seconds", str(seconds), *arrivals, "--prompt", PROMPT, options.image],
                                stdout=subprocess.PIPE, text=True, check=True)
        server.terminate()
        if server.wait() != 0:
            raise SystemExit(f"rahf serve ended with {server.returncode}")
    return json.loads(answer.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", default=".build/release/rahf")
    parser.add_argument("--model", default="out/parity/paper")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--image", default="Examples/photographs/astronaut.jpg")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=12)
    options = parser.parse_args()
    rounds = []
    for _ in range(options.rounds):
        local = in_process(options, options.seconds)
        remote = through_service(options, options.seconds)
        loaded = through_service(options, options.seconds * 2, 0.8 * remote["images_per_second"])
        rounds.append({"in_process": local, "service": remote, "loaded": loaded})
        print(f"in process {local:6.2f} images/s, through ZeroMQ with {options.clients} clients "
              f"{remote['images_per_second']:6.2f}, p50 {remote['p50_ms']:.0f} ms, p99 {remote['p99_ms']:.0f} ms; at 80% "
              f"load p50 {loaded['p50_ms']:.0f} ms, p99 {loaded['p99_ms']:.0f} ms", flush=True)
    ratio = statistics.median(turn["service"]["images_per_second"] / turn["in_process"] for turn in rounds)
    tail = statistics.median(turn["loaded"]["p99_ms"] / turn["loaded"]["p50_ms"] for turn in rounds)
    print(f"rate through the service to in process {ratio:.3f} (goal 0.97), p99 to median at 80% load {tail:.2f} (goal 3)")
    out = pathlib.Path("out")
    out.mkdir(exist_ok=True)
    (out / "bench-service.json").write_text(json.dumps({"ratio": ratio, "tail": tail, "rounds": rounds}, indent=2) + "\n")


if __name__ == "__main__":
    main()
