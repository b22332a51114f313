#!/usr/bin/env python3
"""Writes small files in every format and the pixels that Pillow reads from them.

usage: make-image-fixtures.py FOLDER          needs: pip install pillow numpy
Per picture NAME.EXT there is NAME.EXT.rgb: 8-bit RGB rows. resample.json holds a picture and its Pillow resamplings.
"""
import json
import pathlib
import sys

import numpy
from PIL import Image, ImageOps

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rng = numpy.random.default_rng(5)


def smooth(height, width, channels):
    """A picture with structure at several scales: noise would hide errors of half a pixel."""
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [128 + 60 * numpy.sin(x / (3 + c)) + 50 * numpy.cos(y / (4 + c)) + rng.normal(0, 8, (height, width))
              for c in range(channels)]
    return numpy.clip(numpy.stack(planes, -1), 0, 255).astype(numpy.uint8)


def keep(name, picture, **options):
    picture.save(folder / name, **options)
    read = ImageOps.exif_transpose(Image.open(folder / name))
    if read.mode in ("RGBA", "LA", "PA") or "transparency" in read.info:
        read = Image.fromarray(numpy.asarray(read.convert("RGBA"))[..., :3])
    (folder / f"{name}.rgb").write_bytes(read.convert("RGB").tobytes())


rgb = Image.fromarray(smooth(21, 30, 3))
grey = Image.fromarray(smooth(21, 30, 1)[..., 0])
keep("rgb.png", rgb)
keep("rgba.png", Image.fromarray(smooth(21, 30, 4), "RGBA"))
keep("grey.png", grey)
keep("grey-alpha.png", Image.fromarray(smooth(21, 30, 2), "LA"))
keep("bit.png", grey.convert("1"))
keep("palette.png", rgb.quantize(16))
keep("palette-transparent.png", rgb.quantize(16), transparency=bytes(range(0, 256, 16)))
keep("one.png", Image.new("RGB", (1, 1), (1, 2, 3)))
keep("rgb.jpg", rgb, quality=90)
keep("progressive.jpg", rgb, quality=80, progressive=True)
keep("grey.jpg", grey, quality=90)
keep("cmyk.jpg", rgb.convert("CMYK"), quality=95)
for orientation in range(2, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    keep(f"orientation-{orientation}.jpg", rgb, quality=90, exif=exif)
keep("lossy.webp", rgb, quality=80)
keep("lossless.webp", rgb, lossless=True)

source = smooth(37, 53, 3)
cases = []
for name, filter_ in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
    for width, height in ((16, 16), (53, 20), (80, 64), (1, 1), (31, 70)):
        resized = Image.fromarray(source).resize((width, height), filter_)
        cases.append({"filter": name, "width": width, "height": height, "rgb": numpy.asarray(resized).ravel().tolist()})
(folder / "resample.json").write_text(json.dumps(
    {"width": 53, "height": 37, "rgb": source.ravel().tolist(), "cases": cases}, separators=(",", ":")))
