"""A million candidates with ready scores: best of 8 above 0.8, beside DuckDB and Polars, in one run.

All read the same JSON lines, pick per prompt the candidate of highest plausibility if it is above 0.8, and write the
picked lines. Each runs as a process of its own, in turns; what is printed are medians, ratios and peak memory.

usage: bench.py PATH-TO-select-finetune-data [--candidates 1000000] [--rounds 5]
       bench.py PATH-TO-select-finetune-data --curve 100000,1000000,4000000      our memory and time over sizes, alone
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

DUCKDB = """
import duckdb, sys
duckdb.sql(f'''COPY (SELECT prompt, image, scores FROM read_json('{sys.argv[1]}', format='newline_delimited',
  columns={{prompt: 'VARCHAR', image: 'VARCHAR',
    scores: 'STRUCT(plausibility DOUBLE, alignment DOUBLE, aesthetics DOUBLE, overall DOUBLE)'}})
  WHERE scores.plausibility > 0.8
  QUALIFY row_number() OVER (PARTITION BY prompt ORDER BY scores.plausibility DESC, image) = 1)
  TO '{sys.argv[2]}' (FORMAT json)''')
"""
# The quicker form: one aggregate instead of a window.
DUCKDB_AGGREGATE = """
import duckdb, sys
duckdb.sql(f'''COPY (SELECT prompt, arg_max(image, scores.plausibility) AS image,
    arg_max(scores, scores.plausibility) AS scores FROM read_json('{sys.argv[1]}', format='newline_delimited',
  columns={{prompt: 'VARCHAR', image: 'VARCHAR',
    scores: 'STRUCT(plausibility DOUBLE, alignment DOUBLE, aesthetics DOUBLE, overall DOUBLE)'}})
  WHERE scores.plausibility > 0.8 GROUP BY prompt) TO '{sys.argv[2]}' (FORMAT json)''')
"""
POLARS = """
import polars as pl, sys
schema = {'prompt': pl.String, 'image': pl.String, 'scores': pl.Struct(
  {n: pl.Float64 for n in ('plausibility', 'alignment', 'aesthetics', 'overall')})}
(pl.scan_ndjson(sys.argv[1], schema=schema)
  .with_columns(pl.col('scores').struct.field('plausibility').alias('p')).filter(pl.col('p') > 0.8)
  .group_by('prompt').agg(pl.all().sort_by('p', descending=True).first()).drop('p')
  .collect(engine='streaming').write_ndjson(sys.argv[2]))
"""

DIGEST = """
import hashlib, json, sys
pairs = sorted((line['prompt'], line['image']) for line in map(json.loads, open(sys.argv[1])))
print(len(pairs), hashlib.sha256(repr(pairs).encode()).hexdigest())
"""


def make(path, count):
    r = random.Random(1)
    adjectives = "red blue tiny giant wooden glass old shiny furry broken golden silver".split()
    nouns = "dog cat house car tree boat lamp chair horse robot bottle clock".split()
    names = ("plausibility", "alignment", "aesthetics", "overall")
    groups = count // 8
    with open(path, "w") as file:
        # Candidate 0 of every prompt, then candidate 1 of every prompt: those of one prompt are far apart.
        for k in range(8):
            for g in range(groups):
                prompt = (
                    f"a {adjectives[g % 12]} {nouns[g // 12 % 12]} next to a {adjectives[g // 7 % 12]} "
                    f"{nouns[g // 5 % 12]} on a rainy street at night, number {g}"
                )
                scores = {name: r.random() for name in names}
                line = {"prompt": prompt, "image": f"images/{g:06d}/{k}.png", "scores": scores}
                file.write(json.dumps(line) + "\n")


def run(command):
    """Seconds, processor seconds and peak bytes of one process."""
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {command[:3]}")
    return time.perf_counter() - before, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def curve(tool, sizes):
    """Peak memory over rising sizes. Fails when it grows by a tenth from the second largest to the largest."""
    peaks = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/candidates.jsonl"
            subprocess.check_call([sys.executable, __file__, "--make", path, str(size)])
            command = [tool, "--candidates", path, "--out", f"{folder}/out", "--format", "list", "--check", "none"]
            seconds, processor, peak = run(command)
            peaks.append(peak)
            print(
                f"  {size:9} candidates, {os.path.getsize(path) / 1e6:6.0f} MB: {seconds:6.2f} s, "
                f"processors {processor:6.2f} s, peak {peak / 1e6:4.0f} MB", flush=True
            )
    if len(peaks) > 1 and peaks[-1] > 1.1 * peaks[-2]:
        sys.exit("memory grows with the list")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--curve", type=lambda text: [int(part) for part in text.split(",")])
    args = parser.parse_args()
    if args.curve:
        curve(args.tool, args.curve)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/candidates.jsonl"
        subprocess.check_call([sys.executable, __file__, "--make", path, str(args.candidates)])
        print(f"{args.candidates} candidates, {os.path.getsize(path) / 1e6:.0f} MB, {os.cpu_count()} processors")
        scripts = {"DuckDB, window": DUCKDB, "DuckDB, aggregate": DUCKDB_AGGREGATE, "Polars, streaming": POLARS}
        times, work, peaks = {}, {}, {}
        for turn in range(args.rounds + 1):  # the first one warms the caches up
            for name in ["select-finetune-data", *scripts]:
                out = f"{folder}/out"
                if name in scripts:
                    command = [sys.executable, "-c", scripts[name], path, f"{out}.json"]
                else:
                    command = [args.tool, "--candidates", path, "--out", out, "--format", "list", "--check", "none"]
                seconds, processor, peak = run(command)
                if turn > 0:
                    times.setdefault(name, []).append(seconds)
                    work.setdefault(name, []).append(processor)
                    peaks[name] = max(peaks.get(name, 0), peak)
                picked = f"{out}.json" if name in scripts else f"{out}/selected.jsonl"
                if turn == 0:
                    # In a process of its own: a child's peak is never below its parent's.
                    found = subprocess.check_output([sys.executable, "-c", DIGEST, picked], text=True)
                    if name == "select-finetune-data":
                        wanted = found
                    elif found != wanted:
                        sys.exit(f"{name} picked other candidates")
                if name in scripts:
                    os.remove(picked)
                else:
                    shutil.rmtree(out)
        ours = statistics.median(times["select-finetune-data"])
        print(f"all picked the same {wanted.split()[0]}; medians of {args.rounds} in turns")
        for name, seconds in times.items():
            median = statistics.median(seconds)
            busy = statistics.median(work[name])
            print(
                f"  {name:22} {median:6.2f} s  {median / ours:5.2f}×  processors {busy:5.2f} s  "
                f"peak {peaks[name] / 1e6:4.0f} MB"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2], int(sys.argv[3]))
    else:
        main()
