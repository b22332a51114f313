#!/usr/bin/env python3
"""Writes the whole-model fixtures that `make test` reads without Python.

usage: goldens.py Tests/RewardModelTests/Fixtures [NAME...]      default: all

Each `golden-*` folder is a complete model folder (seeded bf16 weights, a vocabulary of its own without a
normalisation table) with `expected.json`: for each item the picture's file, the prompt, and what PyTorch answers.
Arrays are `.npy` files beside it.
"""
import json
import pathlib
import random
import shutil
import sys
import tempfile

import numpy as np
import sentencepiece
import torch

import images
import model_folder
from reference import HEATMAPS, SCORES, Reference, read_image

WORDS = ("a the cat dog red blue yellow chair house on in with of two three man woman old young running sitting "
         "city night snow tree mountain river car street light").split()


GOLDENS = ["golden-multi-port", "golden-augmented-paper", "golden-multi-mini", "golden-augmented-mini"]


def vocabulary(path):
    random.seed(1)
    lines = [" ".join(random.choices(WORDS, k=random.randint(3, 12))) for _ in range(2000)]
    with open(path, "wb") as out:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=out, vocab_size=110, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
            hard_vocab_limit=False, normalization_rule_name="identity", minloglevel=2)


def main():
    root = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        spiece = pathlib.Path(temporary) / "spiece.model"
        vocabulary(spiece)
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(spiece)).get_piece_size()
        for name in sys.argv[2:] or GOLDENS:
            shutil.rmtree(root / name, ignore_errors=True)
            folder = model_folder.make(root / name, model_folder.presets(pieces)[name](), spiece, seed=5,
                                       dtype=torch.bfloat16, tries=30)
            (folder / ".complete").unlink()
            expect(folder)


def expect(folder):
    model = Reference.load(folder)
    side = model.config["image"]["size"]
    items = []
    for index, (width, height, prompt, objective) in enumerate([
            (side, side, "a red cat, on the chair.", {"plausibility": 1.0, "overall": -0.5}),
            (27, 18, "two old man running in snow", {"aesthetics": 1.0, "alignment": 0.25}),
            (9, 31, "yellow", {"overall": 1.0, "misalignment": 2.0})]):
        image = f"picture-{index}.png"
        images.write_picture(folder / image, 40 + index, width, height)
        pixels = read_image(folder / image)
        with torch.no_grad():
            answer = model(pixels[None], [prompt])
        # In float64: where two values are nearly the largest, fp32 may pick the other one.
        gradient, value = model.double().gradient(pixels.double(), prompt, objective)
        model.float()
        for heatmap in HEATMAPS:
            np.save(folder / f"{heatmap}-{index}.npy", answer[heatmap][0].numpy())
        np.save(folder / f"gradient-{index}.npy", gradient.float().numpy())
        items.append({
            "image": image, "prompt": prompt, "scores": {s: answer[s].item() for s in SCORES},
            "decoded_text": answer["decoded"][0], "objective": objective, "objective_value": value})
        print(folder.name, items[-1], "smallest gap of logits", answer["margin"])
    (folder / "expected.json").write_text(json.dumps({"items": items}, indent=2) + "\n")


if __name__ == "__main__":
    main()
