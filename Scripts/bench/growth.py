#!/usr/bin/env python3
"""Checks how time grows: with the number of images, with their pixels, and with batching for a client that waits alone.

usage: growth.py [--rahf PATH] [--model DIR] [--images 10000] [--threads 2]

Needs nothing but Python. Exits 1 when, with the model given (default: the one that ships),
  - the last tenth of the images takes more than 1.1 times as long as the first (medians of passes of 8);
  - from 4 to 16 megapixels, a pass of one image with decoding grows more than 1.15 times as fast as the pixels;
  - one client of a server that batches waits more than 1.1 times as long as with --max-batch 1, its delay (20 ms) added.
"""
import argparse
import json
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib

PROMPT = "a red cat sitting on a wooden chair beside the window in the evening"


def png(path, side):
    """A smooth picture with a little noise, as photographs compress."""
    rows = bytearray()
    state = 1
    for y in range(side):
        rows.append(0)
        for x in range(side):
            if x % 16 == 0:
                state = state * 1103515245 + 12345 & 0x7fffffff
            rows += bytes(((x + state % 7) * 255 // (side + 7), y * 255 // side, (x + y) * 127 // side))
    chunk = lambda kind, data: (struct.pack(">I", len(data)) + kind + data +
                                struct.pack(">I", zlib.crc32(kind + data)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(bytes(rows), 1)) + chunk(b"IEND", b""))


def passes(options, image, line, count):
    process = subprocess.Popen(
        [options.rahf, "benchmark", "--model", options.model, "--threads", str(options.threads), "--prompt", PROMPT,
         image], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    times = []
    for _ in range(count + 1):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        times.append(json.loads(process.stdout.readline())["seconds"])
    process.stdin.close()
    process.wait()
    return times[1:]


def scoring(options, image, copies):
    """Seconds of `rahf score` over that many copies of an image file: decoding, resampling and the pass."""
    started = time.perf_counter()
    subprocess.run([options.rahf, "score", "--model", options.model, "--threads", str(options.threads), "--outputs",
                    "scores", "--prompt", PROMPT, *[image] * copies], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def alone(options, image, batch, delay):
    """Median milliseconds of one client that asks again when answered."""
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/rahf.sock"
        server = subprocess.Popen(
            [options.rahf, "serve", "--model", options.model, "--threads", str(options.threads), "--bind", endpoint,
             "--max-batch", str(batch), "--max-delay", str(delay), "--log-level", "error"])
        time.sleep(0.5)
        answer = subprocess.run([options.rahf, "load-test", "--server", endpoint, "--clients", "1", "--seconds", "6",
                                 "--prompt", PROMPT, image], stdout=subprocess.PIPE, text=True, check=True)
        server.terminate()
        server.wait()
    return json.loads(answer.stdout)["p50_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", default=".build/release/rahf")
    parser.add_argument("--model", default="Models/rahf-mini")
    parser.add_argument("--image", default="Examples/photographs/astronaut.jpg")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    good = True

    def judge(what, value, limit):
        nonlocal good
        good &= value <= limit
        print(f"{what:66} {value:6.3f}   limit {limit:5.2f}  {'ok' if value <= limit else 'FAILED'}", flush=True)

    times = passes(options, options.image, "8 scores", options.images // 8)
    tenth = len(times) // 10
    judge(f"time per image, last tenth of {options.images:,} to the first",
          statistics.median(times[-tenth:]) / statistics.median(times[:tenth]), 1.1)

    with tempfile.TemporaryDirectory() as folder:
        small, large = pathlib.Path(folder, "small.png"), pathlib.Path(folder, "large.png")
        png(small, 2048)
        png(large, 4096)
        # Four more copies of each: what a start and a pass cost cancels.
        growth = [(scoring(options, large, 6) - scoring(options, large, 2))
                  / (scoring(options, small, 6) - scoring(options, small, 2)) for _ in range(3)]
        judge("decode, resample and score 16 megapixels to 4, per pixel", statistics.median(growth) / 4, 1.15)

    rounds = [(alone(options, options.image, 1, 0), alone(options, options.image, 8, 20)) for _ in range(3)]
    judge("one client: batches of 8 with a delay of 20 ms to no batching",
          statistics.median(b / (a + 20) for a, b in rounds), 1.1)
    sys.exit(not good)


if __name__ == "__main__":
    main()
