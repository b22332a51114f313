#!/usr/bin/env python3
"""Writes the first inputs of every fuzz target into Tests/RewardFuzzTests/Corpora, from vectors and fixtures.

usage: Scripts/fuzz/make-seeds.py

What libFuzzer adds there later (Scripts/fuzz.sh keep) stays.
"""
import json
import pathlib
import struct
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "Tests/RewardFuzzTests/Corpora"
LARGEST = 6000


def write(target: str, name: str, data: bytes) -> None:
    if len(data) > LARGEST:
        return
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def wire() -> None:
    for path in sorted((ROOT / "Protocols/vectors").glob("*.json")):
        frames = [bytes.fromhex(frame) for frame in json.loads(path.read_text())["frames"]]
        if all(len(frame) < 1 << 16 for frame in frames):
            write("wire", path.stem, b"".join(struct.pack("<H", len(frame)) + frame for frame in frames))
        write("header", path.stem, frames[0])


def files() -> None:
    images = ROOT / "Tests/RewardImageTests/Fixtures"
    for path in sorted([*images.glob("*.png"), *images.glob("*.jpg"), *images.glob("*.webp"), *images.glob("png/*.png")]):
        write("image", path.name, path.read_bytes())
    for path in sorted((ROOT / "Tests/RewardModelTests/Fixtures/import").glob("*.pt")):
        write("torch", path.name, path.read_bytes())
        with zipfile.ZipFile(path) if zipfile.is_zipfile(path) else open(path, "rb") as archive:
            if isinstance(archive, zipfile.ZipFile):
                for name in archive.namelist():
                    if name.endswith("data.pkl"):
                        write("torch", f"{path.stem}.pickle", b"\1" + archive.read(name))
    header = json.dumps({
        "__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]},
        "c": {"dtype": "I64", "shape": [1], "data_offsets": [22, 30]},
        "d": {"dtype": "F16", "shape": [], "data_offsets": [30, 32]}}).encode()
    write("safetensors", "four", struct.pack("<Q", len(header)) + header + bytes(range(32)))
    write("safetensors", "empty", struct.pack("<Q", 2) + b"{}")
    for name, kind, shape, data in [("f4", "<f4", "(2, 3)", bytes(24)), ("f8", "<f8", "(3,)", bytes(24)),
                                    ("u1", "|u1", "(1, 2, 2)", b"\0\x7f\xff\1"), ("scalar", "<f4", "()", bytes(4))]:
        for order in ("False", "True"):
            text = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
            text += b" " * (-(len(text) + 11) % 64) + b"\n"
            write("npy", f"{name}-{order}", b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data)
            write("npy", f"{name}-{order}-2", b"\x93NUMPY\2\0" + struct.pack("<I", len(text)) + text + data)


def records() -> None:
    data = (ROOT / "Tests/RewardDataTests/Fixtures/richhf.tfrecord").read_bytes()
    start = 0
    while start < len(data):
        length = struct.unpack_from("<Q", data, start)[0]
        record = data[start:start + 16 + length]
        write("tfrecord", f"record-{start}", record)
        write("tfrecord", f"example-{start}", b"\1" + record[12:-4])
        start += 16 + length


def lists() -> None:
    write("list", "candidates", "\n".join([
        '{"prompt": "a cat", "image": "a.png"}',
        '{"prompt": "a cat", "image": "b.png", "group": 7, "scores": {"plausibility": 0.5, "overall": 1e-3}}',
        '{"image":"c.webp","prompt":"\\u00fc \\"x\\"","group":"g","seed":1,"note":null,"ok":true}',
        '{"prompt": "a", "image": "d", "place": {"shard": "0.tar", "offset": 512, "size": 9}}', '{"prompt": 3}', '[]',
    ]).encode())
    write("list", "feedback", json.dumps({
        "image": "a.png", "prompt": "a cat", "annotations": [{
            "plausibility": 3, "alignment": 4, "aesthetics": 5, "overall": 2, "misaligned_words": [1],
            "implausible": [[0.5, 0.25]], "misaligned": [{"x": 1, "y": 2}]}]}).encode())
    write("list", "prompts", (ROOT / "Tests/RewardDataTests/Fixtures/prompts.jsonl").read_bytes()[:LARGEST])


wire()
files()
records()
lists()
for folder in sorted(OUT.iterdir()):
    print(folder.name, len(list(folder.iterdir())), sum(path.stat().st_size for path in folder.iterdir()))
