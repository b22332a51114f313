#!/usr/bin/env python3
"""Writes what scipy, OpenCV and scikit-image make of random masks and maps, for the tests of Sources/RewardImage/Masks.

usage: make-fixtures.py FOLDER          needs Scripts/masks/requirements.txt
Masks are packed to bits, row after row without padding, most significant first, in base64; maps are float32 in base64.
"""
import base64
import json
import pathlib
import sys

import cv2
import numpy
from scipy import ndimage
from skimage import filters

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rng = numpy.random.default_rng(2024)
eight = numpy.ones((3, 3), bool)
operations = {"dilate": ndimage.binary_dilation, "erode": ndimage.binary_erosion,
              "open": ndimage.binary_opening, "close": ndimage.binary_closing}


def bits(mask):
    return base64.b64encode(numpy.packbits(mask.ravel())).decode()


def floats(values):
    return base64.b64encode(numpy.asarray(values, "<f4").tobytes()).decode()


def element(shape, radius):
    reach = int(radius)
    y, x = numpy.mgrid[-reach:reach + 1, -reach:reach + 1]
    return {"disk": x * x + y * y <= radius * radius, "square": numpy.ones_like(x, bool),
            "cross": (x == 0) | (y == 0)}[shape]


def opencv(mask, operation, structure):
    """The same through OpenCV, with empty pixels outside."""
    picture, structure = mask.astype(numpy.uint8), structure.astype(numpy.uint8)
    border = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
    steps = {"dilate": "d", "erode": "e", "open": "ed", "close": "de"}[operation]
    for step in steps:
        picture = (cv2.dilate if step == "d" else cv2.erode)(picture, structure, **border)
    return picture.astype(bool)


def blobs(height, width, share):
    """Smooth random regions covering about this share."""
    noise = ndimage.gaussian_filter(rng.normal(size=(height, width)), min(height, width) / 12 + 0.3, mode="reflect")
    return noise >= numpy.quantile(noise, 1 - share)


def save(name, value):
    (folder / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


cases = []
for shape in ("disk", "square", "cross"):
    for radius in (0, 1, 2, 2.5, 3, 5, 8, 13, 60):
        for height, width in ((1, 1), (1, 17), (19, 1), (31, 43), (40, 24)):
            if radius in (8, 60) and height < 31:
                continue
            speckles = rng.random((height, width)) < rng.choice([0.003, 0.02, 0.3, 0.97])
            mask = speckles if rng.random() < 0.6 else blobs(height, width, rng.choice([0.2, 0.6]))
            for name, operation in operations.items():
                structure = element(shape, radius)
                result = operation(mask, structure, border_value=0) if name in ("dilate", "erode") \
                    else operation(mask, structure)
                assert (result == opencv(mask, name, structure)).all(), (shape, radius, name)
                cases.append({"operation": name, "element": shape, "radius": radius, "width": width, "height": height,
                              "input": bits(mask), "output": bits(result)})
save("morphology.json", cases)

cases = []
for height, width, share in ((1, 1, 1), (1, 30, 0.5), (25, 37, 0.5), (25, 37, 0.35), (40, 33, 0.62), (33, 40, 0.1)):
    mask = rng.random((height, width)) < share
    heat = rng.random((height, width)).astype(numpy.float32)
    labels, count = ndimage.label(mask, eight)
    regions = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        inside = labels == number
        y, x = numpy.nonzero(inside)
        regions.append({"box": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
                        "area": int(inside.sum()), "peak": float(heat[inside].max()),
                        "mean": float(heat[inside].astype(numpy.float64).mean()),
                        "centroid": [float(x.mean()), float(y.mean())]})
    cases.append({"width": width, "height": height, "input": bits(mask), "heat": floats(heat), "regions": regions,
                  "filled": bits(ndimage.binary_fill_holes(mask))})
save("regions.json", cases)

cases = []
for height, width, sigma in ((1, 1, 2), (23, 31, 0.5), (23, 31, 1.7), (40, 29, 4), (12, 50, 9), (33, 33, 0.1)):
    mask = blobs(height, width, 0.3)
    blurred = ndimage.gaussian_filter(mask.astype(numpy.float64) * 255, sigma, mode="nearest", truncate=4)
    levels = numpy.floor(blurred + 0.5).astype(numpy.uint8)
    cases.append({"width": width, "height": height, "sigma": sigma, "input": bits(mask),
                  "output": base64.b64encode(levels.tobytes()).decode()})
save("feather.json", cases)

cases = []
for height, width in ((8, 9), (24, 31), (50, 40)):
    smooth = ndimage.gaussian_filter(rng.random((height, width)), 2)
    smooth = ((smooth - smooth.min()) / (smooth.max() - smooth.min())).astype(numpy.float32)
    two = numpy.where(blobs(height, width, 0.25), 0.7, 0.2) + rng.normal(0, 0.05, (height, width))
    for heat in (smooth, (smooth ** 4).astype(numpy.float32), numpy.clip(two, 0, 1).astype(numpy.float32)):
        span = float(heat.max()) - float(heat.min())
        cases.append({"width": width, "height": height, "heat": floats(heat),
                      "percentiles": {str(p): float(numpy.percentile(heat.astype(numpy.float64), p))
                                      for p in (0.5, 25, 50, 90, 95, 99.9, 100)},
                      # scikit-image gives a bin's centre; the next bin starts half a bin later.
                      "otsu": float(filters.threshold_otsu(heat.astype(numpy.float64))) + span / 512})
save("thresholds.json", cases)

cases = []
for index in range(12):
    height, width = [(40, 52), (64, 33), (48, 48)][index % 3]
    heat = ndimage.gaussian_filter(rng.random((height, width)), 2.2)
    levels = numpy.round((heat - heat.min()) / (heat.max() - heat.min()) * 255).astype(numpy.uint8)
    heat = levels.astype(numpy.float32) / numpy.float32(255)
    low, high = [(0.55, 0.7), (0.6, 0.85), (0.65, 0.65)][index // 3 % 3]
    least, most, opening, closing, dilation = [(8, 700, 0, 0, 3), (1, 400, 1, 2, 4), (20, 900, 0, 3, -1)][index % 3]
    shape = ("disk", "square", "cross")[index % 3]
    mask = ndimage.binary_propagation(heat >= numpy.float32(high), eight, heat >= numpy.float32(low))
    labels, count = ndimage.label(mask, eight)
    for number in range(1, count + 1):
        if not least <= (labels == number).sum() <= most:
            mask[labels == number] = False
    mask = ndimage.binary_fill_holes(mask)
    mask = ndimage.binary_opening(mask, element(shape, opening))
    mask = ndimage.binary_closing(mask, element(shape, closing))
    mask = (ndimage.binary_dilation if dilation > 0 else ndimage.binary_erosion)(mask, element(shape, abs(dilation)))
    cases.append({"width": width, "height": height, "levels": base64.b64encode(levels.tobytes()).decode(), "low": low, "high": high, "least": least,
                  "most": most, "open": opening, "close": closing, "dilate": dilation, "element": shape,
                  "output": bits(mask)})
save("pipeline.json", cases)
