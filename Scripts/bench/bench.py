#!/usr/bin/env python3
"""Times rahf beside the same model in PyTorch eager fp32, in one run, turn by turn; and its memory and start.

usage: bench.py --rahf PATH --vocabulary spiece.model --work DIR [--rounds 3] [--preset paper] [--threads 2]

Both sides get the same weights, image and prompt and the same number of threads. A round times ours, then PyTorch; the
ratio is the median over rounds of PyTorch's time over ours (above 1: ours is faster).
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy
import sentencepiece
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
import images  # noqa: E402
import model_folder  # noqa: E402
from PIL import Image  # noqa: E402
from reference import Reference  # noqa: E402

PROMPT = "a red cat sitting on a wooden chair beside the window in the evening"
ALL = "scores,heatmaps,words"
WORK = [("scores, batch 1", 1, "scores"), ("scores, batch 8", 8, "scores"), ("everything, batch 1", 1, ALL)]


class Ours:
    def __init__(self, options, folder, picture):
        self.process = subprocess.Popen(
            [options.rahf, "benchmark", "--model", folder, "--threads", str(options.threads), "--prompt", PROMPT,
             picture], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, batch, outputs):
        self.process.stdin.write(f"{batch} {outputs}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"bench: rahf stopped with exit code {self.process.wait()}")
        return json.loads(line)

    def memory(self, field):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", required=True)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pieces = sentencepiece.SentencePieceProcessor(model_file=options.vocabulary).get_piece_size()
    folder = model_folder.make(options.work / options.preset, model_folder.presets(pieces)[options.preset](),
                               options.vocabulary, seed=7, probes=2)
    side = json.loads((folder / "config.json").read_text())["image"]["size"]
    picture = options.work / f"bench-{side}.png"
    Image.fromarray(numpy.asarray(images.picture_array(1, side, side))).save(picture)
    weights = (folder / "model.safetensors").stat().st_size
    report = {"preset": options.preset, "threads": options.threads, "rows": []}

    starts = []
    for _ in range(2):
        started = time.perf_counter()
        ours = Ours(options, folder, picture)
        ours.run(1, "scores")
        starts.append(time.perf_counter() - started)
        ours.stop()
    report["start_s"] = starts
    print(f"start to first score: {min(starts):.2f} s", flush=True)

    reference = Reference.load(folder)
    pixels = torch.stack([images.picture(1, side, side)] * 8)
    ours = Ours(options, folder, picture)
    for label, batch, outputs in WORK:
        everything = outputs == ALL

        def theirs():
            with torch.inference_mode():
                reference(pixels[:batch], [PROMPT] * batch, heatmaps=everything, words=everything)

        ours.run(batch, outputs)
        theirs()
        rounds = [(ours.run(batch, outputs)["seconds"], timed(theirs)) for _ in range(options.rounds)]
        ratio = statistics.median(peer / mine for mine, peer in rounds)
        report["rows"].append({"what": label, "ratio": ratio, "rounds": rounds})
        print(f"{label:22} ratio {ratio:5.2f}   (ours {statistics.median(r[0] for r in rounds):.3f} s, "
              f"PyTorch {statistics.median(r[1] for r in rounds):.3f} s)", flush=True)
    resident = []
    for _ in range(3):
        ours.run(8, ALL)
        resident.append(ours.memory("VmRSS"))
    report["memory"] = {"resident": resident, "peak": ours.memory("VmHWM"), "weights": weights}
    print(f"resident, batch 8, everything: {resident[-1] / 1e9:.2f} GB, peak {ours.memory('VmHWM') / 1e9:.2f} GB, "
          f"weights {weights / 1e9:.2f} GB", flush=True)
    ours.stop()
    out = pathlib.Path("out")
    out.mkdir(exist_ok=True)
    (out / "bench.json").write_text(json.dumps(report, indent=2) + "\n")
    print("written: out/bench.json")


if __name__ == "__main__":
    main()
