#!/usr/bin/env python3
"""Checks that a server's memory stays flat over many requests for everything, joined to batches of 8.

usage: served_memory.py [--rahf PATH] [--model DIR] [--requests 1000] [--clients 8] [--allowed-gb 1.5] [--image FILE]

Each of the clients asks for the scores, heatmaps and words of one image at a time; the server joins them. Prints resident
memory as it goes. Exits 1 when the peak is above the weights plus --allowed-gb, or when the later half's highest is more
than 2% (at least 8 MB) above the earlier half's.
"""
import argparse
import atexit
import json
import pathlib
import subprocess
import sys
import tempfile
import time

PROMPT = "a red cat sitting on a wooden chair beside the window in the evening"


def memory(process, field):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    sys.exit("rahf serve has gone")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", default=".build/release/rahf")
    parser.add_argument("--model", default="out/parity/soak-paper", type=pathlib.Path)
    parser.add_argument("--image", default="Examples/photographs/coffee.jpg")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=60, help="of one turn, after which memory is read")
    parser.add_argument("--allowed-gb", type=float, default=1.5)
    options = parser.parse_args()
    weights = (options.model / "model.safetensors").stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/rahf.sock"
        server = subprocess.Popen([options.rahf, "serve", "--model", options.model, "--bind", endpoint,
                                   "--max-batch", str(options.clients), "--log-level", "error"])
        atexit.register(server.kill)
        answered, resident, started = 0, [], time.monotonic()
        while answered < options.requests:
            turn = subprocess.run(
                [options.rahf, "load-test", "--server", endpoint, "--clients", str(options.clients), "--seconds",
                 str(options.seconds), "--timeout", "600", "--retry",
                 "--outputs", "scores,heatmaps,words", "--prompt", PROMPT, options.image],
                stdout=subprocess.PIPE, text=True, check=True)
            answered += json.loads(turn.stdout)["images"]
            resident.append((answered, memory(server, "VmRSS"), memory(server, "VmHWM")))
            print(f"  {answered:5} requests: resident {resident[-1][1] / 1e6:8.1f} MB, peak {resident[-1][2] / 1e6:8.1f} MB, "
                  f"{time.monotonic() - started:.0f} s", flush=True)
        server.terminate()
        if server.wait() != 0:
            sys.exit(f"rahf serve ended with {server.returncode}")
    peak = resident[-1][2]
    earlier = max(peak for count, _, peak in resident if count <= max(resident[0][0], answered / 2))
    print(f"memory over {answered} requests for everything, {options.clients} at a time: peak {peak / 1e9:.3f} GB = weights "
          f"{weights / 1e9:.3f} GB + {(peak - weights) / 1e9:.3f} GB; the later half's peak is "
          f"{(peak - earlier) / 1e6:+.1f} MB over the earlier's")
    if peak > weights + options.allowed_gb * 1e9:
        sys.exit(f"FAILED: more than the weights and {options.allowed_gb} GB")
    if peak > earlier + max(8e6, 0.02 * earlier):
        sys.exit("FAILED: memory grows")


if __name__ == "__main__":
    main()
