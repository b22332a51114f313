"""Lays out real photographs for `rahf synthesize`: DIR/{train,validation,test}/NAME.png and captions.jsonl.

    python Scripts/photographs/collect.py ROOT DIR

ROOT holds the unpacked packages (see Scripts/photographs.sh). catalogue.jsonl beside this file says which photographs,
from where, by whom, under which licence, in which part, and what is written about them. Test photographs are never used
for training or for choosing a checkpoint.
"""

import json
import pathlib
import sys

from PIL import Image

LONGEST = 1200


def main(root: pathlib.Path, target: pathlib.Path) -> None:
    rows = [json.loads(line) for line in (pathlib.Path(__file__).parent / "catalogue.jsonl").open()]
    captions: dict[str, list[str]] = {}
    licences = ["# Photographs\n", "| file | part | author | licence | from |", "|---|---|---|---|---|"]
    for row in rows:
        folder = target / row["split"]
        folder.mkdir(parents=True, exist_ok=True)
        with Image.open(root / row["package"] / row["member"]) as picture:
            picture = picture.convert("RGB")
            picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
            picture.save(folder / row["file"], compress_level=6)
        caption = {key: row[key] for key in ("file", "caption", "short", "swaps")}
        captions.setdefault(row["split"], []).append(json.dumps(caption, ensure_ascii=False))
        licences.append(
            f"| {row['file']} | {row['split']} | {row['author']} | {row['licence']} "
            f"| {row['package']}: {row['member'].split('/')[-1]} |"
        )
    for split, lines in captions.items():
        (target / split / "captions.jsonl").write_text("\n".join(lines) + "\n")
        print(f"{target / split}: {len(lines)} photographs")
    (target / "LICENCES.md").write_text("\n".join(licences) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
