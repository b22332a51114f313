#!/usr/bin/env python3
"""Checks that memory stays flat over many requests of mixed batch sizes, prompt lengths and outputs.

usage: soak.py --rahf PATH --model DIR --image FILE [--requests 1000] [--outputs LIST] [--threads 2] [--allowed-gb 1.5]
               [--largest 8]

Prints resident memory as it goes. Exits 1 when the peak is above the weights plus --allowed-gb, or when the last half of
the requests grew more than 2% (at least 8 MB) over the half before.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import time

ALL = "scores,heatmaps,words"
PROMPT = "a red cat sitting on a wooden chair beside the window in the evening"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("--rahf", required=True)
parser.add_argument("--model", required=True, type=pathlib.Path)
parser.add_argument("--image", required=True)
parser.add_argument("--requests", type=int, default=1000)
parser.add_argument("--outputs", nargs="+", default=[ALL, ALL, "scores", "scores,words", "gradient"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--longest", type=int, default=80, help="words of the longest prompt")
parser.add_argument("--largest", type=int, default=8, help="most images of a request")
parser.add_argument("--allowed-gb", type=float, default=1.5)
options = parser.parse_args()

weights = (options.model / "model.safetensors").stat().st_size
process = subprocess.Popen(
    [options.rahf, "benchmark", "--model", options.model, "--threads", str(options.threads), "--prompt", PROMPT,
     options.image], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def memory(field):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def request(batch, outputs, words):
    process.stdin.write(f"{batch} {outputs} {words}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        sys.exit(f"soak: rahf stopped with exit code {process.wait()}")
    json.loads(line)
    return memory("VmRSS")


random.seed(3)
started = time.monotonic()
# The largest request first: what it needs is not growth.
resident = [request(8, ALL, options.longest), request(1, "gradient", options.longest)]
for number in range(options.requests):
    outputs = random.choice(options.outputs)
    batch = 1 if outputs == "gradient" else random.randint(1, options.largest)
    resident.append(request(batch, outputs, random.randint(1, options.longest)))
    if (number + 1) % max(1, options.requests // 10) == 0:
        print(f"  {number + 1:5} requests: resident {resident[-1] / 1e6:8.1f} MB, {time.monotonic() - started:.0f} s",
              flush=True)
peak = memory("VmHWM")
process.stdin.close()
process.wait()
half = len(resident) // 2
earlier, later = max(resident[:half]), max(resident[half:])
print(f"memory over {options.requests} requests: peak {peak / 1e9:.3f} GB = weights {weights / 1e9:.3f} GB + "
      f"{(peak - weights) / 1e9:.3f} GB; the later half's highest is {(later - earlier) / 1e6:+.1f} MB over the earlier's")
failed = False
if peak > weights + options.allowed_gb * 1e9:
    print(f"FAILED: more than the weights and {options.allowed_gb} GB")
    failed = True
if later > earlier + max(8e6, 0.02 * earlier):
    print("FAILED: memory grows")
    failed = True
sys.exit(failed)
