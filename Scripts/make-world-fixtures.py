"""Fixtures of the world's tests: a grey picture, what libjpeg makes of it, and what an exact cosine transform does.

    pip install pillow==12.0.0 scipy==1.16.3 && python Scripts/make-world-fixtures.py Tests/RewardWorldTests/Fixtures

libjpeg's forward transform rounds coefficients to eighths, which moves many of them to another step where the steps are
as fine as at quality 90: there the reference is scipy's transform with the file's own quantisation table.
"""

import pathlib
import sys

import numpy
from PIL import Image
from scipy.fft import dctn, idctn

target = pathlib.Path(sys.argv[1])
rng = numpy.random.default_rng(3)
y, x = numpy.mgrid[:44, :52]
wave = 120 + 60 * numpy.sin(x / 5) + 40 * numpy.cos(y / 3 + x / 9) + rng.normal(0, 12, x.shape)
grey = Image.fromarray(numpy.clip(wave, 0, 255).astype(numpy.uint8))
grey.save(target / "grey.png")
for quality in (8, 40):
    grey.save(target / f"grey-{quality}.jpg", quality=quality)

fine = target / "grey-90.jpg"
grey.save(fine, quality=90)
table = numpy.array(Image.open(fine).quantization[0]).reshape(8, 8)
fine.unlink()
values = numpy.pad(numpy.asarray(grey, dtype=float), ((0, 4), (0, 4)), mode="edge") - 128
for top in range(0, values.shape[0], 8):
    for left in range(0, values.shape[1], 8):
        block = values[top : top + 8, left : left + 8]
        steps = numpy.round(dctn(block, norm="ortho") / table)
        values[top : top + 8, left : left + 8] = idctn(steps * table, norm="ortho")
exact = numpy.clip(numpy.round(values[:44, :52] + 128), 0, 255).astype(numpy.uint8)
Image.fromarray(exact).save(target / "grey-90.png")
