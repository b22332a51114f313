"""The examples, as a reader would run them, against the real server."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from conftest import Server

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


def run(name: str, server: Server, *arguments: object) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, EXAMPLES / name, "--endpoint", server.endpoint, *map(str, arguments)], check=True,
        capture_output=True, text=True, env=environment).stdout


@pytest.mark.parametrize("pipeline, weight", [("sd", 60), ("sd3", 20), ("flux", 20)])
def test_guided_samples_score_higher_on_most_seeds(server: Server, pipeline: str, weight: float) -> None:
    output = run("guide_latent_diffusion.py", server, "--pipeline", pipeline, "--seeds", 4, "--steps", 6, "--weight", weight)
    found = re.search(r"(\d+) of 4 rose", output)
    assert found is not None and int(found[1]) >= 3, output


def test_muse_candidates_carry_their_scores(server: Server, tmp_path: pathlib.Path) -> None:
    run("best_of_n_muse.py", server, "--out", tmp_path, "--n", 2)
    lines = [json.loads(line) for line in (tmp_path / "candidates.jsonl").read_text().splitlines()]
    assert len(lines) == 6 and all(0 <= line["scores"]["overall"] <= 1 for line in lines)
    assert all((tmp_path / line["image"]).exists() for line in lines)


def test_a_repair_keeps_the_most_plausible(
    server: Server, photographs: list[pathlib.Path], tmp_path: pathlib.Path
) -> None:
    out = tmp_path / "repaired.png"
    output = run(
        "repair_muse.py", server, photographs[0], "--prompt", "a photograph", "--threshold", 0.3, "--n", 2, "--out",
        out)
    assert "nothing to repair" in output or out.exists()
