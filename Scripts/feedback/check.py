#!/usr/bin/env python3
"""Feedback from annotators to tables, beside independent readers and formulas.

usage: check.py RAHF MODEL WORK          needs: pip install -r Scripts/feedback/requirements.txt
RAHF is the built command, MODEL a model folder, WORK a folder to fill.
"""
import io
import json
import pathlib
import struct
import subprocess
import sys

import google_crc32c
import numpy
from PIL import Image
from tfrecord import tfrecord_loader

import consolidation
import measures
import sample_set

rahf, model, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
problems = []


def expect(condition, message):
    if not condition:
        problems.append(message)
        print(f"FAILED  {message}")


def run(*arguments, code=0):
    done = subprocess.run([rahf, *map(str, arguments)], capture_output=True, text=True)
    expect(done.returncode == code, f"rahf {arguments[0]} exited with {done.returncode}, not {code}: {done.stderr[-400:]}")
    return done


def masked(data):
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def check_frames(path):
    """Every length and every record has the checksum that Google's library gives it."""
    data, at, count = path.read_bytes(), 0, 0
    while at < len(data):
        length, crc = struct.unpack_from("<QI", data, at)
        expect(crc == masked(data[at:at + 8]), f"length checksum of record {count}")
        record = data[at + 12:at + 12 + length]
        expect(struct.unpack_from("<I", data, at + 12 + length)[0] == masked(record), f"checksum of record {count}")
        at, count = at + 12 + length + 4, count + 1
    return count


def check_records(path, annotated):
    """The tfrecord package reads what rahf consolidate wrote, and it is what numpy makes of the annotations."""
    records = list(tfrecord_loader(str(path), None))
    expect(len(records) == len(annotated) == check_frames(path), f"{len(records)} records of {len(annotated)}")
    for record, image in zip(records, annotated):
        name, truth = image["filename"], consolidation.consolidate(image)
        expect(bytes(record["filename"]).decode() == name, f"{name}: file name")
        expect(bytes(record["prompt"]).decode() == image["prompt"], f"{name}: prompt")
        expect(bytes(record["group"]).decode() == image["group"], f"{name}: group")
        for score, feature in consolidation.SCORES.items():
            expect(abs(record[feature][0] - truth["scores"][score]) < 1e-6, f"{name}: {score}")
        labels = bytes(record["prompt_misalignment_label"]).decode().split()
        expect([label == "0" for label in labels] == truth["misaligned"].tolist(), f"{name}: labels")
        for kind, (feature, _) in consolidation.MAPS.items():
            picture = Image.open(io.BytesIO(bytes(record[feature])))
            expect(picture.mode == "L", f"{name}: {kind} is {picture.mode}")
            expect(numpy.abs(numpy.asarray(picture) - truth[kind] * 255).max() < 0.501, f"{name}: {kind}")


def check_bad_lines():
    good = sample_set.write(work / "bad", pictures=2)
    lines = [json.dumps(line) for line in good]
    wrong = [json.loads(lines[0]) for _ in range(4)]
    wrong[0]["annotations"][0]["overall"] = 6
    wrong[1]["annotations"] = [{"skipped": True}]
    wrong[2]["prompt"] = "two words"
    wrong[2]["annotations"] = [a | {"words": []} for a in wrong[2]["annotations"]]
    wrong[3]["prompt"] += " \U0001F431"
    mixed = work / "bad" / "mixed.jsonl"
    mixed.write_text("\n".join(lines[:1] + ["{nonsense"] + [json.dumps(line) for line in wrong] + lines[1:]) + "\n")
    out = work / "bad" / "out.tfrecord"
    done = run("consolidate", mixed, "--out", out, code=1)
    expect("mixed.jsonl, record 1:" in done.stderr and not out.exists(), f"the first bad line: {done.stderr}")
    done = run("consolidate", mixed, "--out", out, "--skip-bad", "--filter")
    for reason in ("1 invalid_annotation", "1 malformed_line", "1 prompt_emoji", "1 prompt_too_few_words",
                   "1 skipped_by_all_annotators"):
        expect(reason in done.stdout, f"{reason} in: {done.stdout}")
    check_records(out, good)
    data = bytearray(out.read_bytes())
    data[40] ^= 1
    (work / "bad" / "damaged.tfrecord").write_bytes(data)
    damaged = ["evaluate", "--model", model, "--data", work / "bad" / "damaged.tfrecord", "--format", "json"]
    expect("record 0: the checksum" in run(*damaged, code=1).stderr, "a wrong checksum is named")
    result = json.loads(run(*damaged, "--skip-bad").stdout)
    expect(result["skipped"] == {"wrong_data_checksum": 1} and result["records"] == len(good) - 1, f"{result['skipped']}")
    (work / "bad" / "lfs.tfrecord").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9163974\n")
    done = run("evaluate", "--model", model, "--data", work / "bad" / "lfs.tfrecord", code=1)
    expect("Git-LFS pointer" in done.stderr and "9163974" in done.stderr, f"an LFS pointer: {done.stderr}")


def predictions(folder, annotated):
    """What rahf score says of the same images, maps at the annotated size by Pillow."""
    listing = folder / "list.jsonl"
    listing.write_text("".join(json.dumps({"image": str(folder / image["filename"]), "prompt": image["prompt"]}) + "\n"
                               for image in annotated))
    done = run("score", "--model", model, "--list", listing, "--format", "json", "--heatmaps-to", folder / "maps",
               "--heatmap-format", "npy")
    result = []
    for line, image in zip(map(json.loads, done.stdout.splitlines()), annotated):
        answer = {"scores": line["scores"], "misaligned": numpy.array([w["misaligned"] for w in line["words"]])}
        for kind, path in line["heatmaps"].items():
            map_ = Image.fromarray(numpy.load(path))
            answer[kind] = numpy.asarray(map_.resize((image["width"], image["height"]), Image.BILINEAR), float)
        result.append(answer)
    return result


def compare(ours, expected, place, worst):
    for key, value in expected.items():
        if isinstance(value, dict):
            compare(ours.get(key, {}), value, f"{place}.{key}", worst)
            continue
        found = ours.get(key, {}).get("value")
        error = numpy.inf if found is None else abs(found - value) / max(1, abs(value))
        worst.append(error)
        expect(error < 1e-5, f"{place}.{key} is {found}, expected {value}")


def check_tables(folder, annotated):
    truths = [consolidation.consolidate(image) for image in annotated]
    predicted = predictions(folder, annotated)
    own = [{kind: truth[kind] > 0 for kind in consolidation.MAPS} for truth in truths]
    priors = {kind: sum(measures.cell_shares(o[kind])[0] for o in own) for kind in consolidation.MAPS}
    # The file holds maps in 255ths.
    stored = [truth | {kind: numpy.round(truth[kind] * 255) / 255 for kind in consolidation.MAPS} for truth in truths]
    samples = [{"truth": t, "predicted": p, "own": o} for t, p, o in zip(stored, predicted, own)]
    one_annotator = []
    for image, o in zip(annotated, own):
        kept = [a for a in image["annotations"] if not a.get("skipped")]
        for index in range(len(kept)) if len(kept) > 1 else ():
            one_annotator.append({"predicted": consolidation.consolidate(image, [kept[index]]), "own": o,
                                  "truth": consolidation.consolidate(image, kept[:index] + kept[index + 1:])})
    done = run("evaluate", "--model", model, "--data", folder, "--format", "json", "--bootstrap", 200, "--report",
               folder / "page.html")
    result, worst = json.loads(done.stdout), []
    expect(result["records"] == len(annotated), f"{result['records']} records evaluated")
    compare(result, measures.tables(samples, priors), "model", worst)
    compare(result["ceiling"], measures.tables(one_annotator, priors), "ceiling", worst)
    scores = {image["filename"]: p["scores"]["plausibility"] for image, p in zip(annotated, predicted)}
    won = [scores[name.replace("damaged", "clean")] > score for name, score in scores.items() if "damaged" in name]
    compare(result, {"pairs": {"plausibility": {"accuracy": float(numpy.mean(won))}}}, "model", worst)
    kinds = {kind: {"pair_accuracy": float(numpy.mean(won[index::2]))} for index, kind in enumerate(("swirl", "blur"))}
    compare(result, {"kinds": kinds}, "model", worst)
    page = (folder / "page.html").read_text()
    expect("<svg" in page and "data:image/png;base64," in page, "the page has plots and pictures")
    expect("src=\"http" not in page and "href=\"http" not in page, "the page needs no network")
    print(f"{len(worst)} measures agree, the worst to {max(worst):.1e}")


images = sample_set.write(work / "set")
run("consolidate", work / "set" / "annotations.jsonl", "--out", work / "set" / "feedback.tfrecord", "--report",
    work / "report")
check_records(work / "set" / "feedback.tfrecord", images)
check_bad_lines()
check_tables(work / "set", images)
print("feedback: ok" if not problems else f"feedback: {len(problems)} problems")
sys.exit(bool(problems))
