#!/usr/bin/env python3
"""An inpainter without weights, for --inpaint-command: the seed chooses the method.

usage: inpaint.py IMAGE MASK SEED OUT
0 to 4: OpenCV's Telea at radius 3, Navier-Stokes at 3, Telea at 9, Navier-Stokes at 9, Telea at 21.
5: scikit-image's biharmonic. Later seeds start over. Pixels outside the mask stay as they are.
"""
import sys

import cv2
import numpy

image, mask, seed, out = sys.argv[1:]
picture = cv2.imread(image)
region = cv2.imread(mask, cv2.IMREAD_GRAYSCALE)
region = ((region > 0) * 255).astype(numpy.uint8)
seed = int(seed) % 6
if seed == 5:
    from skimage.restoration import inpaint_biharmonic

    filled = inpaint_biharmonic(picture, region > 0, channel_axis=-1)
    filled = numpy.clip(numpy.round(filled * 255), 0, 255).astype(numpy.uint8)
else:
    method, radius = [(cv2.INPAINT_TELEA, 3), (cv2.INPAINT_NS, 3), (cv2.INPAINT_TELEA, 9), (cv2.INPAINT_NS, 9),
                      (cv2.INPAINT_TELEA, 21)][seed]
    filled = cv2.inpaint(picture, region, radius, method)
picture[region > 0] = filled[region > 0]
if not cv2.imwrite(out, picture):
    sys.exit(f"could not write {out}")
