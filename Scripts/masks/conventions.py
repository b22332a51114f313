#!/usr/bin/env python3
"""Checks that the masks are what diffusers and IOPaint read, with diffusers itself.

usage: conventions.py --binaries DIR --photographs DIR --work DIR
"""
import argparse
import json
import pathlib
import subprocess

import numpy
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("--binaries", required=True)
parser.add_argument("--photographs", required=True)
parser.add_argument("--work", required=True)
options = parser.parse_args()
work = pathlib.Path(options.work)
images = sorted(p for p in pathlib.Path(options.photographs).iterdir() if p.suffix in (".jpg", ".png"))
(work / "heat").mkdir(parents=True, exist_ok=True)
y, x = numpy.mgrid[0:96, 0:96]
for number, path in enumerate(images):
    spots = [(20 + 9 * number, 30, 9), (70, 60 - 5 * number, 6)]
    heat = sum(numpy.exp(-((x - cx) ** 2 + (y - cy) ** 2) / s ** 2) for cx, cy, s in spots).clip(0, 1)
    numpy.save(work / "heat" / f"{path.stem}.implausibility.npy", heat.astype(numpy.float32))

checks = 0


def check(condition, message):
    global checks
    checks += 1
    if not condition:
        raise SystemExit(f"FAILED: {message}")


def make(out, *extra):
    subprocess.run([f"{options.binaries}/make-inpaint-masks", "--images", options.photographs, "--heatmaps",
                    str(work / "heat"), "--out", str(work / out), "--preview", *extra], check=True,
                   stdout=subprocess.DEVNULL)
    return {row["stem"]: row for row in json.loads((work / out / "regions.json").read_text())["images"]}


# What StableDiffusionInpaintPipeline makes for its masks.
processor = VaeImageProcessor(vae_scale_factor=8, do_normalize=False, do_binarize=True, do_convert_grayscale=True)
hard, soft, turned = make("hard"), make("soft", "--feather", "4"), make("inverted", "--invert")
for path in images:
    picture = Image.open(path)
    mask = Image.open(work / "hard" / f"{path.stem}.png")
    levels = numpy.asarray(mask)
    check(mask.mode == "L" and mask.size == picture.size, f"{path.stem}: mode {mask.mode}, size {mask.size}")
    check(set(numpy.unique(levels)) == {0, 255}, f"{path.stem}: a hard mask has other levels")
    height, width = (side // 8 * 8 for side in levels.shape)
    tensor = processor.preprocess(mask, height=height, width=width)
    check(tuple(tensor.shape) == (1, 1, height, width), f"{path.stem}: tensor {tuple(tensor.shape)}")
    check(set(tensor.unique().tolist()) == {0.0, 1.0}, f"{path.stem}: not binary in diffusers")
    if (height, width) == levels.shape:
        check((tensor[0, 0].numpy() == (levels > 0)).all(), f"{path.stem}: diffusers repaints other pixels")
        # A soft mask is binarised at a half there: the same region, up to how a blur moves a bent rim.
        blurred = processor.preprocess(Image.open(work / "soft" / f"{path.stem}.png"), height=height, width=width)
        moved = float((blurred - tensor).abs().mean())
        check(moved < 0.01, f"{path.stem}: feathering moved {moved:.1%} of the pixels")
    # diffusers' padding_mask_crop looks for the same box.
    for region in hard[path.stem]["regions"]:
        left, top, box_width, box_height = region["box"]
        inside = levels[top:top + box_height, left:left + box_width]
        check(inside.any(0).all() or inside.any(1).all(), f"{path.stem}: a box with empty margins")
    whole = processor.get_crop_region(mask, picture.width, picture.height, pad=0)
    boxes = numpy.array([region["box"] for region in hard[path.stem]["regions"]])
    ours = (boxes[:, 0].min(), boxes[:, 1].min(), (boxes[:, 0] + boxes[:, 2]).max(), (boxes[:, 1] + boxes[:, 3]).max())
    check(whole[0] <= ours[0] and whole[1] <= ours[1] and whole[2] >= ours[2] - 1 and whole[3] >= ours[3] - 1,
          f"{path.stem}: diffusers' crop {whole} misses {ours}")
    negative = numpy.asarray(Image.open(work / "inverted" / f"{path.stem}.png"))
    check((negative == 255 - levels).all(), f"{path.stem}: --invert is not 255 minus the mask")

# IOPaint: `iopaint run --image DIR --mask DIR` pairs files by stem and takes every picture in the mask folder.
pictures = [p for p in (work / "hard").iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg")]
check(sorted(p.stem for p in pictures) == sorted(p.stem for p in images), "the mask folder holds other pictures")
for row in list(soft.values()) + list(turned.values()):
    check(row["status"] == "masked" and (pathlib.Path(row["image"]).stem == row["stem"]), f"{row['stem']}: no mask")
print(f"{checks} checks of the masks' conventions passed, in diffusers' mask processor among them")
