#!/usr/bin/env python3
"""Muse draws several images a prompt; the reward says which to keep: candidates for select-finetune-data.

usage: best_of_n_muse.py --out DIR [--endpoint tcp://127.0.0.1:5555] [--n 4] [--pretrained amused/amused-256]

Writes DIR/candidates.jsonl (prompt, image, scores) and the images; `select-finetune-data --candidates
DIR/candidates.jsonl --out DATASET` makes a fine-tuning set of them without scoring anything again.
"""

from __future__ import annotations

import argparse
import json
import pathlib

import torch
from diffusers import AmusedPipeline

from rahf_client import Client
from tiny_pipelines import muse, muse_embeddings

PROMPTS = ["a red circle above a blue square", "two yellow cats on a sofa", "a green bus in the rain"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--endpoint", default="tcp://127.0.0.1:5555")
    parser.add_argument("--n", type=int, default=4)
    parser.add_argument("--pretrained", help="name or folder of an Amused pipeline")
    options = parser.parse_args()
    pipe = AmusedPipeline.from_pretrained(options.pretrained) if options.pretrained else muse()[0]
    (options.out / "images").mkdir(parents=True, exist_ok=True)
    with Client(options.endpoint) as client, open(options.out / "candidates.jsonl", "w") as lines:
        for number, prompt in enumerate(PROMPTS):
            text = {"prompt": prompt} if options.pretrained else muse_embeddings(number)
            images = [
                pipe(num_inference_steps=8, generator=torch.Generator().manual_seed(seed), **text).images[0]
                for seed in range(options.n)]
            results = client.score(images, prompt)
            for seed, (image, result) in enumerate(zip(images, results)):
                path = options.out / "images" / f"{number:03}-{seed}.png"
                image.save(path)
                line = {"prompt": prompt, "image": str(path.relative_to(options.out))}
                if result.scores is not None:  # without scores, select-finetune-data scores it, or counts why not
                    line["scores"] = dict(result.scores)
                lines.write(json.dumps(line) + "\n")
            scored = [(result.scores["plausibility"], seed) for seed, result in enumerate(results) if result.scores]
            print(f"{prompt}: " + ", ".join(f"{score:.3f}" for score, _ in scored) + f"; best is {max(scored)[1]}")


if __name__ == "__main__":
    main()
