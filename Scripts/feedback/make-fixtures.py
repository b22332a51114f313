#!/usr/bin/env python3
"""Writes a TFRecord file as RichHF-18K's are, with an independent writer, and what is in it.

usage: make-fixtures.py FOLDER          needs: pip install -r Scripts/feedback/requirements.txt
richhf.tfrecord holds four records without prompts: maps as grey PNG, grey JPEG and RGB PNG, one record without a
misaligned word. richhf.json says what a reader should find; prompts.jsonl has their prompts.
"""
import io
import json
import pathlib
import sys

import numpy
from PIL import Image
from tfrecord import TFRecordWriter

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rng = numpy.random.default_rng(18)


def disks(size, count):
    y, x = numpy.mgrid[0:size, 0:size] + 0.5
    levels = numpy.zeros((size, size))
    for _ in range(count):
        cx, cy = rng.uniform(0, size, 2)
        levels += (x - cx) ** 2 + (y - cy) ** 2 <= (size / 8) ** 2
    return (numpy.minimum(levels, 3) * 85).astype(numpy.uint8)


def encode(picture, format_, **options):
    data = io.BytesIO()
    picture.save(data, format_, **options)
    return data.getvalue()


prompts = ["a red cat, on a mat", "two dogs; running", "the sea at night!", "café \"noir\" sign"]
labels = ["1 0 1 1 1 1", "0 0 1", "1 1 1 1", "1 1 0"]
expected, lines = [], []
writer = TFRecordWriter(str(folder / "richhf.tfrecord"))
for index, (prompt, label) in enumerate(zip(prompts, labels)):
    name = f"richhf/test/0a{index}f-uid.png"
    scores = [float(numpy.float32(value)) for value in rng.integers(0, 13, 4) / 12]
    maps, decoded = [], []
    for kind in range(2):
        grey = Image.fromarray(disks(24, 0 if index == 2 else kind + 2))
        data = (encode(grey, "PNG"), encode(grey, "JPEG", quality=95), encode(grey.convert("RGB"), "PNG"),
                encode(grey, "PNG"))[index]
        maps.append(data)
        decoded.append(numpy.asarray(Image.open(io.BytesIO(data)).convert("L")).ravel().tolist())
    writer.write({
        "filename": (name.encode(), "byte"), "prompt_misalignment_label": (label.encode(), "byte"),
        "artifact_score": (scores[0], "float"), "misalignment_score": (scores[1], "float"),
        "aesthetics_score": (scores[2], "float"), "overall_score": (scores[3], "float"),
        "artifact_map": (maps[0], "byte"), "misalignment_map": (maps[1], "byte")})
    expected.append({"filename": name, "stem": f"0a{index}f-uid", "scores": scores,
                     "misaligned": [part == "0" for part in label.split()], "size": 24,
                     "implausibility": decoded[0], "misalignment": decoded[1]})
    key = {"filename": name} if index % 2 else {"uid": f"0a{index}f-uid"}
    lines.append(json.dumps(key | {"prompt": prompt}, ensure_ascii=False))
writer.close()
(folder / "richhf.json").write_text(json.dumps(expected, separators=(",", ":")))
(folder / "prompts.jsonl").write_text("\n".join(lines) + "\n")
