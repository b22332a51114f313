"""The paper's consolidation in plain numpy, from its definition."""
import re

import numpy

SCORES = {"plausibility": "artifact_score", "alignment": "misalignment_score", "aesthetics": "aesthetics_score",
          "overall": "overall_score"}
MAPS = {"implausibility": ("artifact_map", "implausible"), "misalignment": ("misalignment_map", "misaligned")}


def words(prompt):
    return [word for word in re.split(r'[,.?!":; ]', prompt) if word]


def consolidate(image, annotations=None):
    kept = [a for a in (image["annotations"] if annotations is None else annotations) if not a.get("skipped")]
    y, x = numpy.mgrid[0:image["height"], 0:image["width"]] + 0.5
    result = {"scores": {name: float(numpy.mean([(a[name] - 1) / 4 for a in kept])) for name in SCORES}}
    for name, (_, key) in MAPS.items():
        maps = []
        for annotation in kept:
            marked = numpy.zeros(x.shape, bool)
            for px, py in annotation[key]:
                marked |= (x - px) ** 2 + (y - py) ** 2 <= (image["height"] / 20) ** 2
            maps.append(marked.astype(float))
        result[name] = numpy.mean(maps, axis=0)
    count = len(words(image["prompt"]))
    marks = [sum(index in a["words"] for a in kept) for index in range(count)]
    result["misaligned"] = numpy.array([mark > len(kept) / 2 for mark in marks], bool)
    return result
