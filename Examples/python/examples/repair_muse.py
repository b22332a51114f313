#!/usr/bin/env python3
"""Repairs an image as the paper does (section 5): heatmap to mask, Muse repaints it, the most plausible repaint wins.

usage: repair_muse.py IMAGE --prompt TEXT --out FILE.png [--endpoint …] [--n 4] [--pretrained amused/amused-256]

`make-inpaint-masks` and `rahf rerank` do this for whole folders, with guardrails; here are the calls themselves.
"""

from __future__ import annotations

import argparse

import numpy
import torch
from diffusers import AmusedInpaintPipeline
from PIL import Image, ImageFilter

from rahf_client import Client, ItemError
from tiny_pipelines import muse, muse_embeddings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--endpoint", default="tcp://127.0.0.1:5555")
    parser.add_argument("--n", type=int, default=4)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--pretrained", help="name or folder of an Amused pipeline")
    options = parser.parse_args()
    pipe = AmusedInpaintPipeline.from_pretrained(options.pretrained) if options.pretrained else muse()[1]
    side = 256 if options.pretrained else 64
    original = Image.open(options.image).convert("RGB").resize((side, side))
    text = {"prompt": options.prompt} if options.pretrained else muse_embeddings()
    with Client(options.endpoint) as client:
        before = client.score([original], options.prompt, ("scores", "heatmaps"))[0]
        if before.scores is None:
            raise ItemError({0: before.status}, 1)
        heatmap = Image.fromarray((before.heatmaps["implausibility"] * 255).astype(numpy.uint8)).resize((side, side))
        mask = heatmap.point([255 if value >= 255 * options.threshold else 0 for value in range(256)])
        mask = mask.filter(ImageFilter.MaxFilter(2 * max(side // 50, 1) + 1))
        if mask.getbbox() is None:
            print("nothing to repair: no heatmap pixel reaches the threshold")
            return
        repaints = []
        for seed in range(options.n):
            painted = pipe(
                image=original, mask_image=mask, num_inference_steps=8,
                generator=torch.Generator().manual_seed(seed), **text).images[0]
            repaints.append(Image.composite(painted, original, mask))  # pixels outside the mask stay as they were
        results = client.score(repaints, options.prompt)
    scored = [(before.scores["plausibility"], original)]
    scored += [(result.scores["plausibility"], image) for image, result in zip(repaints, results) if result.scores]
    best = max(range(len(scored)), key=lambda index: scored[index][0])
    scored[best][1].save(options.out)
    print("plausibility: original " + ", repaint ".join(f"{score:.4f}" for score, _ in scored))
    print(f"kept {'the original' if best == 0 else f'repaint {best}'}: {options.out}")


if __name__ == "__main__":
    main()
