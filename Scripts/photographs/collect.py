"""Lays out real photographs for `rahf synthesize`: DIR/{train,validation,test}/NAME.png and captions.jsonl.

    python Scripts/photographs/collect.py ROOT DIR

ROOT holds the unpacked packages (see Scripts/photographs.sh). catalogue.jsonl beside this file says which photographs,
from where, by whom, under which licence (for GCompris, what the README beside the pictures says), in which part, and what is written about them. Test photographs are never used
for training or for choosing a checkpoint.
"""

import io
import json
import pathlib
import struct
import sys
import zlib

from PIL import Image

LONGEST = 1200


def qt_resources(path: pathlib.Path) -> dict[str, bytes]:
    """Files of a binary Qt resource archive (`rcc --binary`), by their name after `src/activities/`."""
    octets = path.read_bytes()
    magic, version, tree, data, names = struct.unpack_from(">4sIIII", octets)
    if magic != b"qres":
        raise ValueError(f"{path} is no Qt resource archive")
    size = 14 if version == 1 else 22
    found: dict[str, bytes] = {}

    def visit(number: int, parent: str) -> None:
        at = tree + number * size
        name_at, flags = struct.unpack_from(">IH", octets, at)
        name = parent
        if number:
            (length,) = struct.unpack_from(">H", octets, names + name_at)
            start = names + name_at + 6
            name = f"{parent}/{octets[start:start + 2 * length].decode('utf-16-be')}"
        if flags & 2:
            count, first = struct.unpack_from(">II", octets, at + 6)
            for child in range(first, first + count):
                visit(child, name)
            return
        (place,) = struct.unpack_from(">I", octets, at + 10)
        (length,) = struct.unpack_from(">I", octets, data + place)
        content = octets[data + place + 4 : data + place + 4 + length]
        found[name.split("src/activities/")[-1]] = zlib.decompress(content[4:]) if flags & 1 else content

    visit(0, "")
    return found


def opened(root: pathlib.Path, member: str, archives: dict[pathlib.Path, dict[str, bytes]]) -> Image.Image:
    """A member of a package: a file, or `ARCHIVE.rcc#NAME`."""
    name, _, inner = member.partition("#")
    if not inner:
        return Image.open(root / name)
    path = root / name
    if path not in archives:
        archives[path] = qt_resources(path)
    return Image.open(io.BytesIO(archives[path][inner]))


def main(root: pathlib.Path, target: pathlib.Path) -> None:
    rows = [json.loads(line) for line in (pathlib.Path(__file__).parent / "catalogue.jsonl").open()]
    captions: dict[str, list[str]] = {}
    archives: dict[pathlib.Path, dict[str, bytes]] = {}
    licences = ["# Photographs\n", "| file | part | author | licence | from |", "|---|---|---|---|---|"]
    for row in rows:
        folder = target / row["split"]
        folder.mkdir(parents=True, exist_ok=True)
        with opened(root / row["package"], row["member"], archives) as picture:
            picture = picture.convert("RGB")
            picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
            picture.save(folder / row["file"], compress_level=6)
        caption = {key: row[key] for key in ("file", "caption", "short", "swaps")}
        captions.setdefault(row["split"], []).append(json.dumps(caption, ensure_ascii=False))
        origin = f"{row['package']}: {row['member'].split('/')[-1]}" + (f", {row['source']}" if "source" in row else "")
        licences.append(f"| {row['file']} | {row['split']} | {row['author']} | {row['licence']} | {origin} |")
    for split, lines in captions.items():
        (target / split / "captions.jsonl").write_text("\n".join(lines) + "\n")
        print(f"{target / split}: {len(lines)} photographs")
    (target / "LICENCES.md").write_text("\n".join(licences) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
