"""Runs the commands that write on disks that are full or read-only, and on files that vanish.

usage: disks.py FOLDER-OF-THE-COMMANDS, as root of a mount namespace of its own (Scripts/disks.sh)

Each time: the exit code says so, the message names the file and the reason, nothing half-written stays, and the same
command completes once there is room, with the same bytes as where there always was.
"""

import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import zlib

binaries = os.path.abspath(sys.argv[1])
os.environ.pop("RAHF_MODEL", None)
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def run(command, *arguments, code=0, says=()):
    result = subprocess.run(
        [f"{binaries}/{command}", *map(str, arguments)], capture_output=True, text=True, timeout=300)
    text = result.stdout + result.stderr
    check(result.returncode == code, f"{command}: exit {result.returncode}, not {code}\n{text}")
    for words in says:
        check(words in text, f"{command} does not say '{words}':\n{text}")
    return text


def png(path, side, seed):
    """A picture of noise: it does not compress, so its file is as big as its pixels."""
    noise = random.Random(seed)
    rows = b"".join(b"\0" + noise.randbytes(side * 3) for _ in range(side))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def tree(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            found[os.path.relpath(path, folder)] = open(path, "rb").read()
    return found


def whole(folder):
    """No temporary file, and every picture complete."""
    for name, data in tree(folder).items():
        check(".partial" not in name, f"{name} was left behind")
        if name.endswith(".png"):
            check(data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82"), f"{name} is half a picture")
        if name.endswith(".npy"):
            check(len(data) > 128 and (len(data) - 10 - data[8] - 256 * data[9]) % 4 == 0, f"{name} is half an array")


class Disk:
    """A small disk, to be filled, enlarged or made read-only."""

    def __init__(self, path, size):
        self.path = path
        os.mkdir(path)
        subprocess.check_call(["mount", "-t", "tmpfs", "-o", f"size={size}", "disk", path])

    def set(self, options):
        subprocess.check_call(["mount", "-o", f"remount,{options}", self.path])

    def __str__(self):
        return self.path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.call(["umount", "--lazy", self.path])


def selection(work):
    os.mkdir(f"{work}/candidates")
    with open(f"{work}/candidates/ready.jsonl", "w") as ready, open(f"{work}/candidates/bare.jsonl", "w") as bare:
        for index in range(48):
            png(f"{work}/candidates/{index}.png", 96, index)
            line = {"prompt": f"prompt {index // 2}", "image": f"{index}.png"}
            bare.write(json.dumps(line) + "\n")
            line["scores"] = {"plausibility": 0.81 + index / 1000}
            ready.write(json.dumps(line) + "\n")
    common = ("--format", "imagefolder,webdataset,dpo,list", "--rejects")
    ready = ("--candidates", f"{work}/candidates/ready.jsonl", *common)
    run("select-finetune-data", *ready, "--out", f"{work}/reference")

    with Disk(f"{work}/full", "1m") as disk:
        full = ("select-finetune-data", *ready, "--out", f"{disk}/out")
        # The images fill it, or the lists do.
        for room in ("1m", "200k", "4k"):
            disk.set(f"size={room}")
            run(*full, code=1, says=[disk.path, "No space left on device"])
            check(os.listdir(disk.path) == [], f"left on the disk: {os.listdir(disk.path)}")
        disk.set("size=32m")
        run(*full)
        check(tree(f"{disk}/out") == tree(f"{work}/reference"), "with room, the output is as anywhere")
        shutil.rmtree(f"{disk}/out")
        disk.set("ro")
        run(*full, code=1, says=[disk.path, "Read-only file system"])
        disk.set("rw")
        check(os.listdir(disk.path) == [], "nothing was left on a read-only disk")

    # The store fills its disk while images are scored: what was stored stays, and is not scored again.
    bare = ("--candidates", f"{work}/candidates/bare.jsonl", *common, "--threshold", "none", "--model", model)
    run("select-finetune-data", *bare, "--out", f"{work}/scored")
    with Disk(f"{work}/store", "96k") as disk:
        store = ("select-finetune-data", *bare, "--store", f"{disk}/scores.sqlite", "--out", f"{work}/stored")
        text = run(*store, code=1, says=[f"{disk}/scores.sqlite"])
        check("full" in text or "disk I/O error" in text, f"a full store is not said:\n{text}")
        check(not os.path.exists(f"{work}/stored") and not os.path.exists(f"{work}/.stored.partial"), "half an output")
        disk.set("size=32m")
        database = sqlite3.connect(f"{disk}/scores.sqlite")
        kept = database.execute("SELECT count(*) FROM score").fetchone()[0]
        database.close()
        check(0 < kept < 48, f"{kept} of 48 scores were stored")
        text = run(*store)
        check(f"scored   {48 - kept} images now" in text, f"{kept} were stored, and:\n{text}")
        check(tree(f"{work}/stored") == tree(f"{work}/scored"), "the output after a full store")
        print(f"select-finetune-data: {kept} of 48 scores outlived the full disk")

    # Files that vanish: counted when looked at; an error when they were promised unseen.
    for index in (1, 5):
        os.remove(f"{work}/candidates/{index}.png")
    text = run("select-finetune-data", *ready, "--out", f"{work}/less", says=["2 missing_image"])
    check("24 of 48 candidates kept" in text, f"the others of their prompts are kept:\n{text}")
    run("select-finetune-data", *ready, "--check", "none", "--out", f"{work}/unseen", code=1, says=["1.png"])
    check(not os.path.exists(f"{work}/unseen"), "an output without its images")


def masks(work):
    os.mkdir(f"{work}/images")
    for index in range(12):
        png(f"{work}/images/{index:02}.png", 128, index)
    options = ("--images", f"{work}/images", "--prompt", "a cat", "--threshold", "p90", "--preview", "--model", model)
    run("make-inpaint-masks", *options, "--out", f"{work}/masks")
    with Disk(f"{work}/full-masks", "256k") as disk:
        text = run("make-inpaint-masks", *options, "--out", f"{disk}/out", code=1, says=["No space left on device"])
        whole(f"{disk}/out")
        index = json.load(open(f"{disk}/out/regions.json"))
        check(index["tool"] == "make-inpaint-masks", "regions.json is whole")
        print(f"make-inpaint-masks: {text.count('No space left')} of 12 images failed for want of room")
        disk.set("size=32m")
        run("make-inpaint-masks", *options, "--out", f"{disk}/out")
        check(tree(f"{disk}/out") == tree(f"{work}/masks"), "with room, the masks are as anywhere")
        disk.set("ro")
        run("make-inpaint-masks", *options, "--out", f"{disk}/out", code=1, says=["Read-only file system"])
        run("make-inpaint-masks", *options, "--out", f"{disk}/new", code=1, says=["Read-only file system"])
        check(tree(f"{disk}/out") == tree(f"{work}/masks"), "a read-only folder is as it was")

    # Reranked on a full disk: the pictures fail, the ranking is printed.
    rerank = (
        "rerank", "--model", model, "--original", f"{work}/images/00.png", "--mask", f"{work}/masks/00.png", "--prompt",
        "a cat", f"{work}/images/01.png", f"{work}/images/02.png", "--out")
    with Disk(f"{work}/full-rerank", "32k") as disk:
        run("rahf", *rerank, f"{disk}/out", code=1, says=["No space left on device"])
        whole(f"{disk}/out")
        disk.set("size=32m")
        run("rahf", *rerank, f"{disk}/out")
        check(os.path.exists(f"{disk}/out/sheets/00.png"), "the sheet, once there is room")


def scores(work):
    pictures = [f"{work}/images/{index:02}.png" for index in range(12)]
    score = ("score", "--model", model, "--prompt", "a cat", "--format", "json", "--heatmap-format", "npy", *pictures)
    gradient = ("gradient", "--model", model, "--prompt", "a cat", pictures[0], "--of", "overall=1", "--out")
    with Disk(f"{work}/full-score", "64k") as disk:
        text = run("rahf", *score, "--heatmaps-to", f"{disk}/maps", code=1, says=["No space left on device"])
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        failed = [line for line in lines if line["status"] == "error"]
        check(len(lines) == 12 and 0 < len(failed) < 12, f"{len(failed)} of {len(lines)} failed")
        check(all(line["error"]["code"] == "file_error" for line in failed), "each with its code")
        whole(f"{disk}/maps")
        print(f"rahf score: {len(failed)} of 12 images failed for want of room, each by itself")
        run("rahf", *gradient, f"{disk}/gradient.npy", code=1, says=["No space left on device"])
        whole(disk.path)
        disk.set("ro")
        text = run("rahf", *score, "--heatmaps-to", f"{disk}/maps", code=1, says=["Read-only file system"])
        check('"scores"' not in text, "a read-only folder is said before anything is scored")


with tempfile.TemporaryDirectory() as folder:
    model = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Models", "rahf-mini")
    selection(folder)
    masks(folder)
    scores(folder)
    print(f"disk-check: {checks} checks passed")
