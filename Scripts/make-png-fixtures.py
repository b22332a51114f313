#!/usr/bin/env python3
"""Writes a small PNG of every colour type and depth, plain and interlaced, and the pixels others read from them.

usage: make-png-fixtures.py FOLDER          needs: pip install pillow numpy pypng opencv-python-headless
NAME.png and NAME-interlaced.png hold the picture whose RGB rows are NAME.rgb: 8-bit as Pillow reads them, or for
16-bit files little-endian 16-bit as OpenCV reads them. pypng writes the files.
bomb-text.png is a small picture with a compressed text of 64 MB.
"""
import pathlib
import struct
import sys
import zlib

import cv2
import numpy
import png
from PIL import Image

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rng = numpy.random.default_rng(8)
HEIGHT, WIDTH = 9, 13


def read(path, depth):
    if depth == 16:
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        pixels = numpy.repeat(pixels[..., None], 3, -1) if pixels.ndim == 2 else pixels[..., 2::-1]
        return pixels.astype("<u2")
    picture = Image.open(path)
    if picture.mode in ("RGBA", "LA") or "transparency" in picture.info:
        return numpy.asarray(picture.convert("RGBA"))[..., :3]
    return numpy.asarray(picture.convert("RGB"))


def keep(name, depth, planes, height=HEIGHT, width=WIDTH, **options):
    samples = rng.integers(0, 2**depth, (height, width * planes), numpy.uint16)
    if "palette" in options:
        samples %= len(options["palette"])
    found = []
    for path, interlace in ((folder / f"{name}.png", False), (folder / f"{name}-interlaced.png", True)):
        with path.open("wb") as file:
            png.Writer(width, height, bitdepth=depth, interlace=interlace, **options).write(file, samples.tolist())
        found.append(read(path, depth))
    assert numpy.array_equal(*found), name
    if depth == 16:  # Full precision: what was written is what was read.
        colour = samples.reshape(height, width, planes)[..., :3 if planes > 2 else 1]
        assert numpy.array_equal(found[0], numpy.broadcast_to(colour, (height, width, 3))), name
    (folder / f"{name}.rgb").write_bytes(numpy.ascontiguousarray(found[0]).tobytes())


for depth in (1, 2, 4, 8, 16):
    keep(f"grey-{depth}", depth, 1, greyscale=True)
    keep(f"grey-key-{depth}", depth, 1, greyscale=True, transparent=1)
for depth in (8, 16):
    keep(f"grey-alpha-{depth}", depth, 2, greyscale=True, alpha=True)
    keep(f"rgb-{depth}", depth, 3, greyscale=False)
    keep(f"rgb-key-{depth}", depth, 3, greyscale=False, transparent=(3, 5, 7))
    keep(f"rgba-{depth}", depth, 4, greyscale=False, alpha=True)
for depth in (1, 2, 4, 8):
    colours = rng.integers(0, 256, (min(2**depth, 40), 4)).tolist()
    keep(f"palette-{depth}", depth, 1, palette=[tuple(c[:3]) for c in colours])
    keep(f"palette-alpha-{depth}", depth, 1, palette=[tuple(c) for c in colours])
keep("tiny-16", 16, 3, 1, 1, greyscale=False)
keep("tiny-1", 1, 1, 2, 3, greyscale=True)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


plain = (folder / "rgb-8.png").read_bytes()
at = plain.index(b"IDAT") - 4
bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20), 9))
(folder / "bomb-text.png").write_bytes(plain[:at] + bomb + plain[at:])
