"""Fixtures of the world's tests: a grey picture and what libjpeg makes of it at three qualities.

    pip install pillow==12.0.0 numpy && python Scripts/make-world-fixtures.py Tests/RewardWorldTests/Fixtures
"""

import pathlib
import sys

import numpy
from PIL import Image

target = pathlib.Path(sys.argv[1])
rng = numpy.random.default_rng(3)
y, x = numpy.mgrid[:44, :52]
wave = 120 + 60 * numpy.sin(x / 5) + 40 * numpy.cos(y / 3 + x / 9) + rng.normal(0, 12, x.shape)
grey = Image.fromarray(numpy.clip(wave, 0, 255).astype(numpy.uint8))
grey.save(target / "grey.png")
for quality in (8, 40, 90):
    grey.save(target / f"grey-{quality}.jpg", quality=quality)
