#!/usr/bin/env python3
"""Shows what bfloat16 and int8 cost in accuracy: the scores of pictures beside float32's, for each model given.

usage: precision.py [--rahf PATH] [--count 120] [--pictures DIR] [--threads 2] MODEL...

The pictures are drawn scenes, or those of a folder (Scripts/photographs.sh collects real ones), evenly spread over it.

Needs nothing but Python. Prints, for each model, precision and score, the largest difference to float32 and Spearman's
rank correlation with it, beside the aims (0.005 and 0.999 for bfloat16, 0.01 and 0.995 for int8).
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

PROMPTS = ["a red cat on a chair", "two dogs running in the snow", "a city at night", "an old man with a hat",
           "three blue circles above a green square", "a photo of a mountain lake, morning light, highly detailed"]
LIMITS = {"bfloat16": (0.005, 0.999), "int8": (0.01, 0.995)}


def ranks(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for index in order[start:end]:
            found[index] = (start + end - 1) / 2
        start = end
    return found


def spearman(a, b):
    a, b = ranks(a), ranks(b)
    mean = (len(a) - 1) / 2
    covariance = sum((x - mean) * (y - mean) for x, y in zip(a, b))
    return covariance / (sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b)) ** 0.5


def scores(options, model, precision, items):
    answer = subprocess.run(
        [options.rahf, "score", "--model", model, "--threads", str(options.threads), "--precision", precision,
         "--outputs", "scores", "--format", "json", "--list", items], stdout=subprocess.PIPE, text=True, check=True)
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    return {name: [row["scores"][name] for row in rows] for name in rows[0]["scores"]}, rows[0]["model"]["digest"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", default=".build/release/rahf")
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--pictures", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.pictures
        if not source:
            source = pathlib.Path(folder, "world")
            subprocess.run([options.rahf, "synthesize", "--out", source, "--count", str(options.count), "--size", "224",
                            "--scenes", "1", "--seed", "11"], check=True, stdout=subprocess.DEVNULL)
        pictures = sorted(path.resolve() for path in source.rglob("*") if path.suffix in (".png", ".jpg", ".webp"))
        if len(pictures) > options.count:
            pictures = [pictures[i * len(pictures) // options.count] for i in range(options.count)]
        items = pathlib.Path(folder, "items.jsonl")
        items.write_text("".join(
            json.dumps({"image": str(path), "prompt": PROMPTS[index % len(PROMPTS)]}) + "\n"
            for index, path in enumerate(pictures)))
        for model in options.models:
            exact, _ = scores(options, model, "float32", items)
            for precision, (most, least) in LIMITS.items():
                found, digest = scores(options, model, precision, items)
                if not digest.endswith("+" + precision):
                    print(f"{model}: this processor has no {precision}")
                    continue
                worst = max(abs(a - b) for name in exact for a, b in zip(exact[name], found[name]))
                order = min(spearman(exact[name], found[name]) for name in exact)
                holds = worst <= most and order >= least
                spread = max(max(values) - min(values) for values in exact.values())
                print(f"{model} {precision:9} {len(pictures)} images: largest difference {worst:.4f} (limit {most}), "
                      f"lowest SRCC {order:.5f} (limit {least}), scores spread over {spread:.2f}: "
                      f"{'holds' if holds else 'does not hold'}", flush=True)


if __name__ == "__main__":
    main()
