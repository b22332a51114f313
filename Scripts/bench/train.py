#!/usr/bin/env python3
"""Times training steps of rahf beside the same step in PyTorch eager fp32, in one run, turn by turn.

usage: train.py --rahf PATH --vocabulary spiece.model --work DIR [--rounds 3] [--threads 2] [--items 8]

A mid-size model (ViT of 6 layers of 384, T5 of 4 + 4 layers of 384, the paper's heads at half width, 224 pixels), one
batch of whole images, every loss of the paper, AdamW. The ratio is the median over rounds of PyTorch's time over ours.
"""
import argparse
import csv
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import sentencepiece
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
import model_folder  # noqa: E402
import train_step  # noqa: E402
from reference import Reference  # noqa: E402

STEPS = 20


def middle(pieces):
    return model_folder.config(
        "middle", "multi_head", 224, model_folder.vit(384, 6, 6, 1536, 16),
        model_folder.t5(384, 64, 1024, 6, 4, 4, pieces, True),
        model_folder.score_head([384, 192, 64, 32], 2, [512, 256, 1], "layer", 1e-6),
        model_folder.heatmap_head([384, 192], [192, 96, 96, 48], [48, 1], False, "layer", 1e-6), 32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", required=True)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pieces = sentencepiece.SentencePieceProcessor(model_file=options.vocabulary).get_piece_size()
    folder = options.work / "middle"
    if not (folder / "model.safetensors").exists():
        folder.mkdir(parents=True, exist_ok=True)
        with torch.device("meta"):
            model = Reference(middle(pieces))
        model.load_own({k: torch.empty(v.shape) for k, v in model.own_parameters().items()})
        model_folder.initialise(model, 1, pieces)
        shutil.copyfile(options.vocabulary, folder / "spiece.model")
        model_folder.write_safetensors(folder / "model.safetensors", model.own_parameters(), torch.float32)
        (folder / "config.json").write_text(json.dumps(middle(pieces)))
    model = Reference.load(folder)
    values = train_step.make_data(options.work / "train-bench-data", 224)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    stage = {"name": "bench", "steps": STEPS, "pairs": 2, "singles": 0, "learning_rate": 1e-5, "schedule": "constant",
             "warm_up": 0, "losses": train_step.LOSSES,
             "augmentation": {"crop": 0, "jitter": 0, "grey": 0, "flip": 0}}
    train = options.work / "train-bench.json"
    train.write_text(json.dumps({"optimizer": {"average_decay": 0}, "checkpoint_every": 1000, "stages": [stage]}))
    ratios = []
    for round_ in range(options.rounds):
        out = options.work / "train-bench"
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run([options.rahf, "train", "--config", train, "--data", options.work / "train-bench-data", "--model",
                        folder, "--out", out, "--threads", str(options.threads)], check=True, stdout=subprocess.DEVNULL)
        rows = list(csv.DictReader(open(out / "log.csv")))
        # The first ten steps pay for compiling the graph.
        ours = len(values) / float(rows[-1]["items_per_second"])
        times = []
        for _ in range(4):
            started = time.perf_counter()
            optimizer.zero_grad()
            train_step.loss_of(model, values, torch.float32).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
            times.append(time.perf_counter() - started)
        theirs = statistics.median(times[1:])
        ratios.append(theirs / ours)
        print(f"round {round_ + 1}: a step of {len(values)} images, rahf {ours * 1000:.0f} ms, PyTorch {theirs * 1000:.0f} ms,"
              f" ratio {ratios[-1]:.2f}", flush=True)
    print(f"training step: {statistics.median(ratios):.2f} times PyTorch eager's speed (median of {options.rounds})")


if __name__ == "__main__":
    main()
