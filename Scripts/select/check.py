"""Runs select-finetune-data on pictures made here and loads every output with the libraries its users have.

usage: check.py PATH-TO-select-finetune-data MODEL-FOLDER FOLDER
Needs chromium for the report. FOLDER must not exist; what was made stays there.
"""

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import time

import numpy as np
from PIL import Image

tool, model, folder = sys.argv[1:4]
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = f"{folder}/cache"
import datasets  # noqa: E402
import duckdb  # noqa: E402
import polars  # noqa: E402
import pyarrow.parquet  # noqa: E402
import webdataset  # noqa: E402

datasets.disable_progress_bars()

SCORES = ["plausibility", "alignment", "aesthetics", "overall"]
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def select(*arguments, code=0):
    result = subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True)
    check(result.returncode == code, f"{arguments}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def make(path, prompts=9, images=5):
    """Pictures of three formats and several sizes with scores that are known; returns the list's lines."""
    noise, lines = np.random.default_rng(1), []
    os.makedirs(f"{path}/images")
    for prompt in range(prompts):
        text = f'a "{"großer" if prompt % 2 else "small"}" cat, number {prompt}'
        for k in range(images):
            name = f"images/{prompt}-{k}.{['png', 'jpg', 'webp'][k % 3]}"
            pixels = noise.integers(0, 256, (4, 5 + k % 2, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((160 + 32 * (k % 2), 128), Image.BICUBIC).save(f"{path}/{name}")
            scores = {score: round(float(noise.random()), 3) for score in SCORES}
            lines.append({"prompt": text, "image": name, "scores": scores})
    random.Random(2).shuffle(lines)
    with open(f"{path}/list.jsonl", "w") as file:
        file.writelines(json.dumps(line, ensure_ascii=line["image"].endswith("png")) + "\n" for line in lines)
    return lines


def expected(lines, threshold=0.5):
    """The paper's rule in a few lines of Python: what is kept, in the list's order."""
    best = {}
    for line in lines:
        if line["scores"]["plausibility"] > max(
            threshold, best.get(line["prompt"], {"scores": {"plausibility": -1}})["scores"]["plausibility"]
        ):
            best[line["prompt"]] = line
    return [line for line in lines if best.get(line["prompt"]) is line]


def same_picture(image, path):
    return np.array_equal(np.asarray(image.convert("RGB")), np.asarray(Image.open(path).convert("RGB")))


def main():
    lines = make(folder)
    wanted = expected(lines)
    check(3 < len(wanted) <= 9, "enough is kept to tell")
    out = f"{folder}/out"
    print(
        select(
            "--candidates", f"{folder}/list.jsonl", "--out", out, "--threshold", 0.5, "--format",
            "imagefolder,webdataset,dpo,list", "--random-control", 7, "--rejects", "--report", "--model", model,
        )
    )

    # diffusers' train_text_to_image.py --train_data_dir: an imagefolder, every file below it.
    loaded = datasets.load_dataset("imagefolder", data_files={"train": os.path.join(f"{out}/imagefolder", "**")})
    rows = loaded["train"]
    check(set(rows.column_names) == {"image", "text", "score", "source", *SCORES}, f"columns {rows.column_names}")
    check([row["source"] for row in rows] == [line["image"] for line in wanted], "the best of each prompt, in order")
    for row, line in zip(rows, wanted):
        check(row["text"] == line["prompt"], "the prompt is the caption")
        check(same_picture(row["image"], f"{folder}/{line['image']}"), "the picture is the candidate's")
        check(all(row[score] == line["scores"][score] for score in SCORES), "the scores are the list's")
        check(row["score"] == line["scores"]["plausibility"], "score is what it was ranked by")
    # Its columns, --image_column image and --caption_column text, and what it makes of them a batch at a time: pictures
    # as RGB, captions that the tokenizer takes.
    def preprocess(examples):
        pixels = [np.asarray(image.convert("RGB").resize((64, 64)), np.float32) / 127.5 - 1 for image in examples["image"]]
        check(all(isinstance(caption, str) for caption in examples["text"]), "captions are strings")
        return {"pixel_values": pixels, "captions": list(examples["text"])}

    batch = loaded["train"].with_transform(preprocess).shuffle(seed=1)[:4]
    check(np.stack(batch["pixel_values"]).shape == (4, 64, 64, 3) and len(batch["captions"]) == 4, "a training batch")
    # And as a folder, as load_dataset(DIR) finds it.
    check(datasets.load_dataset(f"{out}/imagefolder", split="train").num_rows == len(wanted), "load_dataset(DIR)")

    # WebDataset, by datasets and by the package itself with the keys its users ask for.
    shards = f"{out}/webdataset/00000.tar"
    rows = datasets.load_dataset("webdataset", data_files={"train": shards}, split="train")
    check(rows.num_rows == len(wanted), "datasets reads the shard")
    check([row["txt"] for row in rows] == [line["prompt"] for line in wanted], "captions")
    samples = list(
        webdataset.WebDataset(shards, shardshuffle=False)
        .decode("pil", handler=webdataset.handlers.reraise_exception)
        .rename(image="jpg;png;jpeg;webp", text="text;txt;caption", facts="json")
        .to_tuple("__key__", "image", "text", "facts")
    )
    check([s[0] for s in samples] == [f"{i:09d}" for i in range(len(wanted))], "keys are shard and place")
    for (_, image, text, facts), line in zip(samples, wanted):
        check(text == line["prompt"] and same_picture(image, f"{folder}/{line['image']}"), "a sample")
        check(facts["source"] == line["image"] and facts["overall"] == line["scores"]["overall"], "its json")

    # diffusers' train_diffusion_dpo.py: load_dataset(name, split), labels 0 or 1, bytes for Image.open.
    pairs = datasets.load_dataset(f"{out}/dpo", split="train")
    check({"jpg_0", "jpg_1", "label_0", "caption"} <= set(pairs.column_names), f"columns {pairs.column_names}")
    usable = [i for i, label in enumerate(pairs["label_0"]) if label in (0, 1)]
    check(len(usable) == len(wanted), "a pair for each kept prompt")
    for example, line in zip(pairs.select(usable), wanted):
        pictures = [Image.open(io.BytesIO(example[column])) for column in ("jpg_0", "jpg_1")]
        if example["label_0"] == 0:
            pictures.reverse()
        worst = min((c for c in lines if c["prompt"] == line["prompt"]), key=lambda c: c["scores"]["plausibility"])
        check(example["caption"] == line["prompt"], "the caption")
        check(same_picture(pictures[0], f"{folder}/{line['image']}"), "the winner")
        check(same_picture(pictures[1], f"{folder}/{worst['image']}"), "the loser")
    path = f"{out}/dpo/train/00000.parquet"
    for table in (polars.read_parquet(path), duckdb.sql(f"SELECT * FROM '{path}'").pl()):
        check(table["caption"].to_list() == [line["prompt"] for line in wanted], "polars and duckdb read it too")
    check(pyarrow.parquet.read_schema(path).field("label_0").type == "int64", "labels are integers")

    # The kept lines as they came.
    with open(f"{folder}/list.jsonl") as file:
        originals = file.readlines()
    kept = {line["image"] for line in wanted}
    with open(f"{out}/selected.jsonl") as file:
        check(file.readlines() == [o for o in originals if json.loads(o)["image"] in kept], "selected.jsonl")
    with open(f"{out}/rejected.jsonl") as file:
        rejected = [json.loads(line) for line in file]
    check(len(rejected) + len(wanted) == len(lines), "every candidate is kept or rejected")
    check(all(json.loads(originals[r["line"] - 1])["image"] == r["image"] for r in rejected), "line numbers")

    # The random control: as many per prompt, from the same prompts, and the same again.
    control = datasets.load_dataset(f"{out}/random-control/imagefolder", split="train")
    check(sorted(control["text"]) == sorted(line["prompt"] for line in wanted), "the control matches")
    check(sorted(control["source"]) != sorted(kept), "and is not the selection")

    facts = json.load(open(f"{out}/selection.json"))
    check(facts["counts"]["kept"] == len(wanted) and facts["counts"]["candidates"] == len(lines), "selection.json")
    check(sum(facts["dropped"].values()) == len(rejected), "drop reasons add up")
    values = sorted(line["scores"]["plausibility"] for line in wanted)
    check(facts["quantiles"]["kept"]["score"]["max"] == values[-1], "quantiles")
    report(f"{out}/report.html", lines, wanted)

    # Scored by the model, dealt into Python's own tar; and a second time from the store.
    with webdataset.TarWriter(f"{folder}/shard.tar") as writer:
        for index, line in enumerate(lines):
            ending = line["image"].rsplit(".")[-1]
            data = open(f"{folder}/{line['image']}", "rb").read()
            writer.write({"__key__": f"s/{index:03d}", ending: data, "json": {"prompt": line["prompt"]}})
    for name in ("scored", "again"):
        select(
            "--candidates", f"{folder}/shard.tar", "--out", f"{folder}/{name}", "--model", model, "--threshold", "none",
            "--store", f"{folder}/scores.sqlite", "--by", "overall=0.5,aesthetics=0.5", "--format",
            "imagefolder,webdataset", "--dedupe",
        )
    digests = []
    for name in ("scored", "again"):
        digest = hashlib.sha256()
        for path in sorted(os.path.join(d, f) for d, _, fs in os.walk(f"{folder}/{name}") for f in fs):
            digest.update(open(path, "rb").read())
        digests.append(digest.digest())
    check(digests[0] == digests[1], "the same bytes from the store")
    rows = datasets.load_dataset(f"{folder}/scored/imagefolder", split="train")
    check(rows.num_rows == 9, "one for each prompt")
    for row in rows:
        check(abs(row["score"] - (row["overall"] + row["aesthetics"]) / 2) < 1e-12, "the weighted sum")
    served(lines)
    print(f"{checks} checks passed")


def served(lines):
    """Through `rahf serve`: the same bytes as from the model in process."""
    address = f"ipc://{folder}/service"
    server = subprocess.Popen(
        [os.path.join(os.path.dirname(tool), "rahf"), "serve", "--model", model, "--bind", address],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            if os.path.exists(f"{folder}/service"):
                break
            time.sleep(0.1)
        select(
            "--candidates", f"{folder}/shard.tar", "--out", f"{folder}/served", "--server", address, "--threshold",
            "none", "--by", "overall=0.5,aesthetics=0.5", "--format", "imagefolder,webdataset", "--dedupe",
        )
    finally:
        server.terminate()
        server.wait()
    different = subprocess.run(["diff", "-r", f"{folder}/scored", f"{folder}/served"], capture_output=True, text=True)
    check(different.returncode == 0, f"served and in process differ: {different.stdout}")


def report(path, lines, wanted):
    """Opens the report in Chromium without a network: nothing is asked for, nothing complains, every card is there."""
    from browser import Browser

    with Browser() as browser:
        browser.open("file://" + os.path.abspath(path))
        prompts = {line["prompt"] for line in lines}
        count = browser.evaluate
        check(count("document.querySelectorAll('section').length") == len(prompts), "a section for each prompt")
        check(count("document.querySelectorAll('.card').length") == len(lines), "a card for each candidate")
        check(count("document.querySelectorAll('.card.kept').length") == len(wanted), "the kept ones are framed")
        check(
            count("[...document.querySelectorAll('.card.kept')].every(c => "
                  "getComputedStyle(c).borderTopColor != 'rgba(0, 0, 0, 0)')"), "with a border that shows")
        check(count("document.images.length") == 3 * len(lines), "a picture and two heatmaps for each candidate")
        check(count("[...document.images].every(i => i.complete && i.naturalWidth > 0)"), "every picture decodes")
        shown = "[...document.querySelectorAll('.heat')].filter(i => getComputedStyle(i).display != 'none')"
        check(count(f"{shown}.every(i => i.alt == 'implausibility') && {shown}.length == {len(lines)}"), "heatmaps")
        browser.evaluate("document.querySelector('[value=misalignment]').click()")
        check(count(f"{shown}.every(i => i.alt == 'misalignment') && {shown}.length == {len(lines)}"), "the switch")
        check(count("document.querySelectorAll('svg rect').length") > 10, "histograms")
        check(count("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out")
        browser.screenshot(os.path.join(folder, "report.png"))
        check(not browser.messages, f"console: {browser.messages}")
        outside = [url for url in browser.requests if not url.startswith(("file:", "data:"))]
        check(not outside, f"the page asked for {outside}")
        print(f"report.html: {os.path.getsize(path) / 1e3:.0f} KB, {len(lines)} cards")


main()
