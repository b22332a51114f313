#!/usr/bin/env python3
"""Times a 512×512 heatmap to a mask, ours and the same steps in OpenCV from Python, taking turns in one run.

usage: speed.py --rahf BINARY --work DIR [--rounds N]
Steps: hysteresis threshold 0.3/0.5, drop regions under 64 pixels, fill holes, dilate by a disk of radius 12, feather
with sigma 4. OpenCV's version is written the fastest of several ways: one pass of connected components with its table
of statistics, holes by components of the complement, and the dilation by an elliptic element or by the distance
transform, whichever is faster. The masks must agree to one level on all but a thousandth of the pixels; before
feathering, to the pixel.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import time

import cv2
import numpy

parser = argparse.ArgumentParser()
parser.add_argument("--rahf", required=True)
parser.add_argument("--work", required=True)
parser.add_argument("--rounds", type=int, default=15)
options = parser.parse_args()
work = pathlib.Path(options.work)
work.mkdir(parents=True, exist_ok=True)

y, x = numpy.mgrid[-12:13, -12:13]
disk = (x * x + y * y <= 144).astype(numpy.uint8)


def heatmap(seed, spots):
    """Bumps as a model predicts them, with a hole in some."""
    rng = numpy.random.default_rng(seed)
    heat = numpy.zeros((512, 512), numpy.float32)
    y, x = numpy.mgrid[0:512, 0:512].astype(numpy.float32)
    for _ in range(spots):
        cx, cy, size, peak = rng.uniform(0, 512), rng.uniform(0, 512), rng.uniform(8, 45), rng.uniform(0.25, 1)
        distance = numpy.hypot(x - cx, y - cy) - (size if rng.random() < 0.3 else 0)
        heat = numpy.maximum(heat, peak * numpy.exp(-(distance / size) ** 2))
    heat += rng.normal(0, 0.02, heat.shape).astype(numpy.float32)
    return numpy.clip(heat, 0, 1)


def opencv(heat, feather, by_distance):
    low = cv2.compare(heat, 0.3, cv2.CMP_GE)
    high = cv2.compare(heat, 0.5, cv2.CMP_GE)
    count, labels, table, _ = cv2.connectedComponentsWithStats(low, connectivity=8, ltype=cv2.CV_16U)
    reached = numpy.zeros(count, bool)
    reached[labels[high != 0]] = True
    keep = reached & (table[:, cv2.CC_STAT_AREA] >= 64)
    keep[0] = False
    mask = (keep.astype(numpy.uint8) * 255)[labels]
    count, labels, table, _ = cv2.connectedComponentsWithStats(255 - mask, connectivity=4, ltype=cv2.CV_16U)
    left, top = table[:, cv2.CC_STAT_LEFT], table[:, cv2.CC_STAT_TOP]
    inside = (left > 0) & (top > 0) & (left + table[:, cv2.CC_STAT_WIDTH] < 512) \
        & (top + table[:, cv2.CC_STAT_HEIGHT] < 512)
    inside[0] = False
    if inside.any():
        mask |= (inside.astype(numpy.uint8) * 255)[labels]
    if by_distance:
        distance = cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        mask = cv2.compare(distance, 12.001, cv2.CMP_LE)
    else:
        mask = cv2.dilate(mask, disk, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    if feather:
        mask = cv2.GaussianBlur(mask, (33, 33), 4, borderType=cv2.BORDER_REPLICATE)
    return mask


class Ours:
    def __init__(self, path, out, feather):
        command = [options.rahf, "benchmark-masks", "--threshold", "0.5", "--low", "0.3", "--min-area", "64",
                   "--max-area", "100%", "--dilate", "12", "--feather", str(feather), "--out", str(out), str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.out = out

    def times(self, repeats):
        self.process.stdin.write(f"{repeats}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["seconds"]

    def mask(self):
        return cv2.imread(str(self.out), cv2.IMREAD_GRAYSCALE)


def theirs(heat, repeats, by_distance):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        opencv(heat, True, by_distance)
        times.append(time.perf_counter() - start)
    return times


failed = False
print(f"OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads; ours on one; medians in milliseconds")
for name, seed, spots in (("3 spots", 1, 3), ("12 spots", 2, 12), ("40 spots", 3, 40)):
    heat = heatmap(seed, spots)
    path = work / f"heat-{seed}.npy"
    numpy.save(path, heat)
    hard = Ours(path, work / f"hard-{seed}.png", 0)
    hard.times(1)
    exact = (hard.mask() == opencv(heat, False, False)).all() and (hard.mask() == opencv(heat, False, True)).all()
    ours = Ours(path, work / f"soft-{seed}.png", 4)
    ours.times(20)
    soft = numpy.abs(ours.mask().astype(int) - opencv(heat, True, False)).astype(int)
    close = (soft > 1).mean() <= 0.001
    samples = {"ours": [], "ellipse": [], "distance": []}
    for _ in range(options.rounds):
        samples["ours"] += ours.times(20)
        samples["ellipse"] += theirs(heat, 20, False)
        samples["distance"] += theirs(heat, 20, True)
    medians = {key: statistics.median(values) * 1000 for key, values in samples.items()}
    ratio = min(medians["ellipse"], medians["distance"]) / medians["ours"]
    covered = (hard.mask() > 0).mean()
    print(f"{name:9} {covered:4.0%} masked  ours {medians['ours']:.2f}  OpenCV {medians['ellipse']:.2f} (ellipse) "
          f"{medians['distance']:.2f} (distance)  ratio {ratio:.2f}  "
          f"{'equal before feathering' if exact else 'MASKS DIFFER'}, after by at most {soft.max()} "
          f"({(soft > 1).mean():.3%} by more than 1)")
    failed |= not exact or not close or ratio < 2
raise SystemExit(failed)
