#!/usr/bin/env python3
"""A disk that is full or read-only, and files that vanish, during select, masks and train.

usage (as root): unshare -m Scripts/faults/disk.py

Each command must fail with a clear error and leave nothing half-written, and complete when run again, with the bytes of
an undisturbed run. Mounts small file systems in memory.
"""
from __future__ import annotations

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import MODEL, RAHF, ROOT, Failed, require  # noqa: E402

BIN = pathlib.Path(RAHF).parent
CONFIG = {
    "name": "tiny", "seed": 1, "optimizer": {}, "checkpoint_every": 4, "validate_every": 1000,
    "stages": [{"name": "all", "steps": 12, "batch": 4, "learning_rate": 1e-3, "schedule": "constant"}],
}


def digests(folder: pathlib.Path, ignored: tuple[str, ...] = ()) -> dict[str, str]:
    """Of all files; those whose content depends on time or place are left out."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in ignored}


class Disk:
    """A file system of a size in memory."""

    def __init__(self, path: pathlib.Path, size: str) -> None:
        self.path = path
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "rahf", path], check=True)

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)

    def release(self) -> None:
        subprocess.run(["umount", self.path], check=True)


def run(command: list[str]) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr + done.stdout


def disturbed(name: str, command, size: str, folder: pathlib.Path, whole, ignored: tuple[str, ...] = ()) -> str:
    """Full, then read-only, then with room: `whole(out)` checks what stands there after each failure."""
    reference = folder / f"{name}-reference"
    reference.mkdir()
    code, text = run(command(reference / "out"))
    require(code == 0, f"{name} undisturbed: {code} {text[-500:]}")
    disk = Disk(folder / name, size)
    try:
        out = disk.path / "out"
        code, text = run(command(out))
        require(code not in (0, 132, 133, 134, -4, -5, -6), f"{name} on a full disk: exit code {code}: {text[-300:]}")
        require("No space left" in text or "full" in text, f"{name} on a full disk says: {text[-300:]}")
        whole(out)
        disk.remount("ro")
        code, text = run(command(out))
        require(code not in (0, 132, 133, 134, -4, -5, -6), f"{name} read-only: exit code {code}")
        require("ead-only" in text or "readonly" in text, f"{name} on a read-only disk says: {text[-300:]}")
        disk.remount("rw,size=512m")
        code, text = run(command(out))
        require(code == 0, f"{name} with room again: {code} {text[-500:]}")
        wanted, found = digests(reference / "out", ignored), digests(out, ignored)
        require(found == wanted, f"{name}: other bytes: {sorted(set(found.items()) ^ set(wanted.items()))[:4]}")
        return f"{len(found)} files as undisturbed"
    finally:
        disk.release()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        world, model, config = folder / "world", folder / "model", folder / "config.json"
        code, text = run([RAHF, "synthesize", "--out", str(world), "--count", "60", "--size", "96"])
        require(code == 0, text)
        vocabulary = str(pathlib.Path(MODEL) / "spiece.model")
        code, text = run([RAHF, "create", "--preset", "tiny", "--out", str(model), "--tokenizer", vocabulary])
        require(code == 0, text)
        config.write_text(json.dumps(CONFIG))
        pictures = sorted((world / "images").rglob("*.png"))
        candidates = folder / "candidates.jsonl"
        candidates.write_text("".join(
            json.dumps({"prompt": f"prompt {number // 4}", "image": str(path)}) + "\n"
            for number, path in enumerate(pictures)))

        def select(out: pathlib.Path) -> list[str]:
            return [str(BIN / "select-finetune-data"), "--candidates", str(candidates), "--model", str(model), "--out",
                    str(out), "--format", "imagefolder,webdataset", "--threshold", "0"]

        def masks(out: pathlib.Path) -> list[str]:
            return [str(BIN / "make-inpaint-masks"), "--model", str(model), "--prompt", "a cat", "--out", str(out),
                    "--preview", *map(str, pictures[:20])]

        def train(out: pathlib.Path) -> list[str]:
            return [RAHF, "train", "--config", str(config), "--data", str(world), "--model", str(model), "--out",
                    str(out)]

        def absent(out: pathlib.Path) -> None:
            require(not out.exists(), f"select left {list(out.rglob('*'))[:3]}")

        def decodable(out: pathlib.Path) -> None:
            from PIL import Image

            for path in out.rglob("*.png"):
                with Image.open(path) as picture:
                    picture.load()

        def loadable(out: pathlib.Path) -> None:
            for path in [out / "model"] if (out / "model/model.safetensors").exists() else []:
                code, text = run([RAHF, "info", "--verify", "--model", str(path)])
                require(code == 0, f"train left a model that cannot be read: {text}")

        cases = [
            ("select", select, "200k", absent, ("manifest.json", "summary.json")),
            ("masks", masks, "100k", decodable, ()),
            ("train", train, "1m", loadable, ("log.csv", "loss.svg")),
        ]
        for case, command, size, whole, ignored in cases:
            print(f"held   {case:7} {disturbed(case, command, size, folder, whole, ignored)}", flush=True)
        vanishing(folder, world, pictures, select, masks, train)


def vanishing(folder: pathlib.Path, world: pathlib.Path, pictures: list[pathlib.Path], select, masks, train) -> None:
    """One image is missing when its turn comes; it comes back, and the same command completes."""
    lost = pictures[7]
    kept = folder / "kept.png"
    for name, command in (("select", select), ("masks", masks), ("train", train)):
        out = folder / f"vanished-{name}"
        shutil.move(lost, kept)
        code, text = run(command(out))
        shutil.move(kept, lost)
        said = text + "".join(path.read_text() for path in out.rglob("*.json*") if path.is_file())
        require(code != 0 or name == "select", f"{name} without an image: exit code 0")
        require(lost.name in said or "unreadable" in said or "missing" in said, f"{name} does not name it: {text[-300:]}")
        if name == "select":
            shutil.rmtree(out, ignore_errors=True)
        code, text = run(command(out))
        require(code == 0, f"{name} with the image again: {code} {text[-400:]}")
        reference = folder / f"{name}-reference/out"
        ignored = ("manifest.json", "summary.json", "log.csv", "loss.svg")
        require(digests(out, ignored) == digests(reference, ignored), f"{name} with the image again: other bytes")
        print(f"held   {name:7} without {lost.name}, then with it: as undisturbed", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        raise SystemExit(f"BROKE  {failure}") from failure
