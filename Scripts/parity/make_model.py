#!/usr/bin/env python3
"""Writes a model folder with seeded random weights.

usage: make_model.py PRESET OUT --vocabulary spiece.model [--seed N] [--dtype f32|f16|bf16] [--set t5.num_layers=0]
"""
import argparse
import json

import sentencepiece
import torch

import model_folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("out")
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dtype", choices=["f32", "f16", "bf16"], default="f32")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=JSON")
    options = parser.parse_args()
    pieces = sentencepiece.SentencePieceProcessor(model_file=options.vocabulary).get_piece_size()
    presets = model_folder.presets(pieces)
    if options.preset not in presets:
        parser.error("presets: " + " ".join(presets))
    config = presets[options.preset]()
    for change in options.set:
        path, value = change.split("=", 1)
        *sections, key = path.split(".")
        target = config
        for section in sections:
            target = target[section]
        target[key] = json.loads(value)
    dtype = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[options.dtype]
    folder = model_folder.make(options.out, config, options.vocabulary, options.seed, dtype,
                               tries=12 if options.preset.startswith("tiny") else 1)
    print(folder)


if __name__ == "__main__":
    main()
