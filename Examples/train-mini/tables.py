"""Prints the tables of a model card from what `rahf evaluate --format json` wrote.

    python3 Examples/train-mini/tables.py Examples/train-mini/evaluation
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

SETS = ["test-world", "test-photographs", "test-seen-kinds"]


def number(entry: dict[str, Any], places: int = 3, interval: bool = True) -> str:
    if "value" not in entry:
        return "–"
    text = f"{entry['value']:.{places}f}"
    return f"{text} [{entry['low']:.{places}f}, {entry['high']:.{places}f}]" if interval and "low" in entry else text


def table(head: list[str], rows: list[list[str]]) -> None:
    for row in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(row) + " |" if row[0] != "---" else "|" + "|".join(row) + "|")
    print()


def by(results: dict[str, Any], part: str, columns: list[tuple[str, str, int, bool]]) -> None:
    """One row per kind or photograph with pairs, the best first."""
    found = [(name, entry) for name, entry in results[part].items() if "value" in entry["pair_accuracy"]]
    found.sort(key=lambda item: -item[1]["pair_accuracy"]["value"])
    table([part[:-1].capitalize(), "Pairs", *(title for title, *_ in columns)],
          [[name, str(entry["pair_accuracy"]["n"]),
            *(number(entry[key], places, interval) for _, key, places, interval in columns)]
           for name, entry in found])


def main(folder: pathlib.Path) -> None:
    results = {name: json.loads((folder / f"{name}.json").read_text()) for name in SETS}
    rows = []

    def row(title: str, *path: str, places: int = 3) -> None:
        entries = []
        for result in results.values():
            entry = result
            for key in path:
                entry = entry[key]
            entries.append(number(entry, places))
        rows.append([title, *entries])

    for kind in ["plausibility", "alignment", "aesthetics", "overall"]:
        row(f"PLCC {kind}", "scores", kind, "plcc")
    for kind, empty in [("implausibility", "on undamaged pictures"), ("misalignment", "where nothing is misaligned")]:
        row(f"{kind}: shuffled AUC", "heatmaps", kind, "auc_shuffled")
        row(f"{kind}: CC", "heatmaps", kind, "cc")
        row(f"{kind}: MSE {empty}", "heatmaps", kind, "mse_empty", places=5)
    row("misaligned words, pooled F1", "words", "pooled", "f1")
    row("undamaged outscores damaged copy", "pairs", "plausibility", "accuracy")
    rows.append(["pairs", *(str(result["pairs"]["plausibility"]["accuracy"]["n"]) for result in results.values())])
    table(["", *SETS], rows)
    kinds = [("Undamaged outscores", "pair_accuracy", 3, True), ("CC", "cc", 3, False),
             ("Shuffled AUC", "auc_shuffled", 3, False), ("AUC on the planted mask", "mask_auc_shuffled", 3, False)]
    by(results["test-photographs"], "kinds", kinds)
    by(results["test-photographs"], "photographs", [
        ("Undamaged outscores", "pair_accuracy", 3, True), ("Shuffled AUC", "auc_shuffled", 3, False),
        ("MSE undamaged", "mse_clean", 4, False)])
    table(["Words (test-world)", "Precision", "Recall", "F1"],
          [[name, number(entry["precision"], interval=False), number(entry["recall"], interval=False),
            number(entry["f1"])] for name, entry in results["test-world"]["word_categories"].items()])
    by(results["test-seen-kinds"], "kinds", kinds)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
