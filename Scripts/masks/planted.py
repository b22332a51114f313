#!/usr/bin/env python3
"""Damage planted in real photographs, found, repainted and reranked; the result is compared with the clean photograph.

usage: planted.py --model DIR --photographs DIR [DIR...] --binaries DIR --work DIR [--count N]
Cuts disjoint crops from the photographs, plants one kind of damage in each, and runs make-inpaint-masks with
Scripts/masks/inpaint.py: six repaints per image by OpenCV and scikit-image. Once with masks from the model's own
heatmaps, once with masks from the true places, which leaves only the rerank to judge. Prints the root mean square error
against the clean crop (levels of 255, over the whole crop) of the damaged picture, of a random repaint (the mean over
the repaints), of the chosen result, and of the best there was. Fails unless the chosen result has a lower mean error
than a random repaint; an untrained model is not judged.
"""
import argparse
import json
import pathlib
import subprocess
import sys

import cv2
import numpy

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--photographs", required=True, nargs="+")
parser.add_argument("--binaries", required=True)
parser.add_argument("--work", required=True)
parser.add_argument("--count", type=int, default=120)
parser.add_argument("--crop", type=int, default=256)
parser.add_argument("--mask-options", default="--threshold p96 --low p90 --keep 1",
                    help="for the masks from the model's heatmaps")
options = parser.parse_args()
work = pathlib.Path(options.work).resolve()
size = options.crop
rng = numpy.random.default_rng(77)


def crops():
    """Disjoint crops in turns over the photographs, so that no photograph dominates."""
    queues = []
    for folder in options.photographs:
        folder = pathlib.Path(folder)
        captions = {}
        if (folder / "captions.jsonl").exists():
            captions = {row["file"]: row["caption"] for row in map(json.loads, (folder / "captions.jsonl").open())}
        for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg")):
            picture = cv2.imread(str(path))
            tiles = [picture[top:top + size, left:left + size]
                     for top in range(0, picture.shape[0] - size + 1, size)
                     for left in range(0, picture.shape[1] - size + 1, size)]
            # A crop without structure says nothing about a repaint.
            tiles = [tile for tile in tiles if cv2.cvtColor(tile, cv2.COLOR_BGR2GRAY).std() > 12]
            queues.append([(tile, captions.get(path.name, "a photograph")) for tile in tiles])
    while any(queues):
        for queue in queues:
            if queue:
                yield queue.pop(0)


def place():
    """A blob with a wavy rim, soft at its edge, away from the border: weights in 0 to 1."""
    radius = rng.uniform(0.08, 0.16) * size
    cx, cy = rng.uniform(1.4 * radius, size - 1.4 * radius, 2)
    y, x = numpy.mgrid[0:size, 0:size]
    angle = numpy.arctan2(y - cy, x - cx)
    rim = radius * (1 + sum(rng.uniform(0, 0.12) * numpy.cos(k * angle + rng.uniform(0, 6)) for k in (2, 3, 5)))
    return numpy.clip((rim - numpy.hypot(x - cx, y - cy)) / 2 + 0.5, 0, 1)


def damage(clean, other, kind, weight):
    """The crop with its place damaged."""
    y, x = numpy.mgrid[0:size, 0:size].astype(numpy.float32)
    if kind == "elsewhere":
        bad = numpy.roll(clean, (size // 3 + int(rng.integers(size // 4)), size // 2), (0, 1))
    elif kind == "stranger":
        bad = other
    elif kind == "warp":
        dx, dy = (cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(numpy.float32), (0, 0), 5) * 110
                  for _ in range(2))
        bad = cv2.remap(clean, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    elif kind == "smear":
        bad = cv2.blur(clean, (41, 3)).astype(numpy.float32) + rng.normal(0, 14, (size, size, 1))
    elif kind == "speckle":
        bad = clean + rng.normal(0, 70, clean.shape)
    else:
        bad = clean[:, :, [1, 2, 0]].astype(numpy.float32)[::-1]
    mixed = clean * (1 - weight[..., None]) + numpy.clip(bad, 0, 255) * weight[..., None]
    return numpy.round(mixed).astype(numpy.uint8)


def error(picture, clean):
    return float(numpy.sqrt(((picture.astype(float) - clean) ** 2).mean()))


kinds = ["elsewhere", "stranger", "warp", "smear", "speckle", "mirror"]
tiles = [tile for tile, _ in zip(crops(), range(options.count))]
if len(tiles) < min(100, options.count):
    sys.exit(f"only {len(tiles)} crops of {size} pixels: give more photographs")
for folder in ("clean", "damaged", "truth"):
    (work / folder).mkdir(parents=True, exist_ok=True)
rows = []
for index, (tile, caption) in enumerate(tiles):
    name = f"{index:03}"
    weight = place()
    bad = damage(tile, tiles[(index + 37) % len(tiles)][0], kinds[index % len(kinds)], weight)
    cv2.imwrite(str(work / "clean" / f"{name}.png"), tile)
    cv2.imwrite(str(work / "damaged" / f"{name}.png"), bad)
    cv2.imwrite(str(work / "truth" / f"{name}.implausibility.png"), numpy.round(weight * 255).astype(numpy.uint8))
    rows.append({"image": str(work / "damaged" / f"{name}.png"), "prompt": caption})
(work / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

command = f"'{sys.executable}' Scripts/masks/inpaint.py {{image}} {{mask}} {{seed}} {{out}}"
failed = False
print(f"{len(tiles)} crops of {size}×{size}, {len(kinds)} kinds of damage, 6 repaints each")
for label, extra in (("model's masks", options.mask_options.split()),
                     ("true masks", ["--heatmaps", str(work / "truth"), "--threshold", "0.5"])):
    out = work / label.split()[0].replace("'s", "")
    run = subprocess.run([f"{options.binaries}/make-inpaint-masks", "--list", str(work / "list.jsonl"), "--out",
                          str(out), "--model", options.model, "--inpaint-command", command, "--candidates", "6",
                          *extra], stdout=subprocess.PIPE, text=True)
    print(f"{label}: {run.stdout.splitlines()[-1] if run.stdout else 'no output'}")
    if run.returncode != 0:
        sys.exit(f"make-inpaint-masks exited with {run.returncode}")
    table, places = [], []
    untrained = False
    for line in map(json.loads, (out / "ranking.jsonl").open()):
        clean = cv2.imread(line["original"].replace("/damaged/", "/clean/"))
        # A failed repaint cannot be chosen by chance either.
        repaints = [error(cv2.imread(entry["image"]), clean) for entry in line["candidates"]
                    if entry["status"] != "failed"]
        untrained |= any(note["kind"] == "untrained_model" for note in line["notes"])
        table.append([error(cv2.imread(line["original"]), clean), numpy.mean(repaints),
                      error(cv2.imread(line["copy"]), clean), min(repaints), line["verdict"] == "repaired"])
        mask = cv2.imread(line["mask"], cv2.IMREAD_GRAYSCALE) > 0
        name = pathlib.Path(line["original"]).stem
        truth = cv2.imread(str(work / "truth" / f"{name}.implausibility.png"), cv2.IMREAD_GRAYSCALE) >= 128
        places.append(((mask & truth).sum() / truth.sum(), (mask & truth).sum() / mask.sum()))
    if not table:
        print("  no image was masked: nothing to compare")
        failed = True
        continue
    table = numpy.array(table, float)
    damaged, random, chosen, best, repaired = table.mean(0)
    difference = table[:, 1] - table[:, 2]
    spread = difference.std(ddof=1) / numpy.sqrt(len(table)) if len(table) > 1 else float("nan")
    print(f"  {len(table)} masked; {numpy.mean([a for a, _ in places]):.0%} of the damage covered, "
          f"{numpy.mean([b for _, b in places]):.0%} of the mask is damage; {repaired:.0%} repaired, "
          "the others kept the original")
    print(f"  error: damaged {damaged:.2f}, random repaint {random:.2f}, chosen {chosen:.2f}, best {best:.2f}; "
          f"random − chosen {difference.mean():.3f} ± {spread:.3f} (standard error)")
    picked = table[:, 4] == 1
    if picked.any():
        print(f"  where repaired ({picked.sum()}): random {table[picked, 1].mean():.2f}, "
              f"chosen {table[picked, 2].mean():.2f}, best {table[picked, 3].mean():.2f}")
    if untrained:
        print("  the model is untrained: not judged")
    else:
        lower = chosen < random
        print(f"  the chosen result's error is {'lower' if lower else 'NOT LOWER'} than a random repaint's")
        failed |= not lower
raise SystemExit(failed)
