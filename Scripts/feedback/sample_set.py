"""A small made-up set of annotated images: enough structure that every measure is defined."""
import json

import numpy
from PIL import Image

NOUNS = ["cat", "dog", "cup", "boat", "tree"]
COLOURS = ["red", "blue", "green"]


def write(folder, pictures=12, seed=3):
    """Writes images/, annotations.jsonl and truth.jsonl: per picture a clean copy, a damaged one, and now and then a
    contradicted prompt. Returns the annotated images."""
    rng = numpy.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    annotated, truths = [], []
    for picture in range(pictures):
        width, height = 40 + 8 * (picture % 3), 40 + 4 * (picture % 2)
        y, x = numpy.mgrid[0:height, 0:width]
        base = numpy.stack([128 + 90 * numpy.sin(x / (5 + c) + picture) * numpy.cos(y / (4 + c)) for c in range(3)], -1)
        for damaged in (False, True):
            name = f"p{picture:02}{'damaged' if damaged else 'clean'}"
            pixels = base.copy()
            centre = rng.uniform(0.25, 0.75, 2) * (width, height)
            if damaged:
                inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 64
                pixels[inside] = rng.uniform(0, 255, (int(inside.sum()), 3))
            Image.fromarray(numpy.clip(pixels, 0, 255).astype(numpy.uint8)).save(folder / "images" / f"{name}.png")
            colour, noun = COLOURS[picture % 3], NOUNS[picture % 5]
            wrong = picture % 4 == 1 and damaged
            annotations = []
            for annotator in range(3):
                if annotator == 2 and picture % 5 == 2:
                    annotations.append({"skipped": True})
                    continue
                points = [list(numpy.clip(centre + rng.normal(0, 2, 2), 0, (width, height)).round(2))
                          for _ in range(rng.integers(1, 4))] if damaged else []
                level = int(numpy.clip((2 if damaged else 4) + rng.integers(-1, 2), 1, 5))
                annotations.append({
                    "implausible": points, "misaligned": points[:1] if wrong else [],
                    "words": [1] if wrong and rng.random() < 0.8 else [], "plausibility": level,
                    "alignment": int(rng.integers(1, 3) if wrong else rng.integers(3, 6)),
                    "aesthetics": int(numpy.clip(level + rng.integers(-1, 2), 1, 5)), "overall": level,
                    "skipped": False})
            annotated.append({"filename": f"images/{name}.png", "prompt": f"a {colour} {noun}, on a table.",
                              "width": width, "height": height, "group": f"p{picture:02}", "annotations": annotations})
            truth = {"filename": f"images/{name}.png", "source": f"photograph:{NOUNS[picture % 5]}",
                     "damage": [{"kind": ["swirl", "blur"][picture % 2]}] if damaged else [],
                     "contradicted": [{"index": 1, "word": colour, "category": "colour"}] if wrong else []}
            if damaged:
                mask = ((x + 0.5 - centre[0]) ** 2 + (y + 0.5 - centre[1]) ** 2 < 64).astype(numpy.uint8) * 255
                (folder / "masks").mkdir(exist_ok=True)
                Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
                truth["mask"] = f"masks/{name}.png"
            truths.append(truth)
    for name, lines in (("annotations.jsonl", annotated), ("truth.jsonl", truths)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return annotated
