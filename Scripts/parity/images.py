"""Pictures made from a seed: smooth shapes, edges and a little noise, in 8-bit steps."""
import numpy as np
import torch
from PIL import Image


def picture_array(seed, width, height):
    """uint8 [height, width, 3]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = (y + 0.5) / height, (x + 0.5) / width
    planes = []
    for _ in range(3):
        plane = 0.5 + 0.4 * (random.random() - 0.5) * x + 0.4 * (random.random() - 0.5) * y
        for _ in range(6):
            cx, cy, radius = random.random(), random.random(), 0.05 + 0.3 * random.random()
            strength = random.random() - 0.5
            inside = (x - cx) ** 2 + (y - cy) ** 2
            plane = plane + strength * (np.exp(-inside / radius ** 2) if random.random() < 0.5
                                        else (inside < radius ** 2))
        planes.append(plane + 0.05 * random.standard_normal(plane.shape))
    return np.clip(np.rint(np.stack(planes, 2) * 255), 0, 255).astype(np.uint8)


def picture(seed, width, height):
    """float [3, height, width] in [0,1]."""
    return torch.from_numpy(picture_array(seed, width, height).astype(np.float32)).permute(2, 0, 1) / 255


def write_picture(path, seed, width, height):
    Image.fromarray(picture_array(seed, width, height)).save(path)
