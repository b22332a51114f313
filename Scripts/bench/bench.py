#!/usr/bin/env python3
"""Times rahf beside the same model in PyTorch, in one run, turn by turn; and its start and memory beside PyTorch's.

usage: bench.py --rahf PATH --vocabulary spiece.model --work DIR [--rounds 3] [--preset paper] [--threads 2]
                [--only WORDS]

Both sides get the same weights, images and prompt and the same number of threads. PyTorch runs at its best: eager,
compiled with freezing, and, for the rows in bfloat16, both with autocast and with bfloat16 weights; the fastest of them
in a trial is the peer. A round times ours, then PyTorch; the ratio is the median over rounds of PyTorch's time over ours
(above 1: ours is faster). --only keeps the rows whose names contain one of the comma-separated words.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

# Compiled code is kept, so that a second run starts at once.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(pathlib.Path("out/inductor").absolute()))

import sentencepiece  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
import images  # noqa: E402
import model_folder  # noqa: E402
from peer import WAYS, Peer  # noqa: E402

PROMPT = "a red cat sitting on a wooden chair beside the window in the evening"
ALL = "scores,heatmaps,words"
# Name, our precision, our line, peer's precision, batch, heatmaps, the goal.
ROWS = [
    ("scores, batch 1, fp32", "float32", "1 scores", "float32", 1, False, 1.25),
    ("scores, batch 8, fp32", "float32", "8 scores", "float32", 8, False, 1.25),
    ("scores and heatmaps, fp32", "float32", "1 scores,heatmaps", "float32", 1, True, 2.5),
    ("scores, batch 1, bf16", "bfloat16", "1 scores", "bfloat16", 1, False, 1.25),
    ("scores, batch 8, bf16", "bfloat16", "8 scores", "bfloat16", 8, False, 1.25),
    ("scores and heatmaps, bf16", "bfloat16", "1 scores,heatmaps", "bfloat16", 1, True, 1.25),
    ("scores, batch 1, int8 to bf16", "int8", "1 scores", "bfloat16", 1, False, 2.0),
    ("scores, batch 8, int8 to bf16", "int8", "8 scores", "bfloat16", 8, False, 2.0),
]


class Ours:
    def __init__(self, options, folder, picture, precision="float32"):
        self.process = subprocess.Popen(
            [options.rahf, "benchmark", "--model", folder, "--threads", str(options.threads), "--precision", precision,
             "--prompt", PROMPT, picture], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"bench: rahf stopped with exit code {self.process.wait()}")
        return json.loads(answer)

    def seconds(self, line):
        return self.run(line)["seconds"]

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


class Bench:
    def __init__(self, options):
        self.options = options
        vocabulary = sentencepiece.SentencePieceProcessor(model_file=options.vocabulary)
        pieces = vocabulary.get_piece_size()
        # And the end.
        self.ids = vocabulary.encode(PROMPT) + [1]
        self.folder = model_folder.make(
            options.work / options.preset, model_folder.presets(pieces)[options.preset](), options.vocabulary, seed=7,
            probes=2)
        self.config = json.loads((self.folder / "config.json").read_text())
        side = self.config["image"]["size"]
        self.picture = options.work / f"bench-{side}.png"
        Image.fromarray(images.picture_array(1, side, side)).save(self.picture)
        self.pixels = images.picture(1, side, side)
        self.report = {"preset": options.preset, "threads": options.threads, "rows": []}
        self.servers = {}
        self.best = {}
        self.failed = {}

    def wanted(self, name):
        return not self.options.only or any(word in name for word in self.options.only.split(","))

    def ours(self, precision="float32"):
        if precision not in self.servers:
            self.servers[precision] = Ours(self.options, self.folder, self.picture, precision)
        return self.servers[precision]

    def row(self, name, ours, theirs, goal, way=""):
        ours()
        rounds = [(ours(), timed(theirs)) for _ in range(self.options.rounds)]
        ratio = statistics.median(peer / mine for mine, peer in rounds)
        self.add(name, ratio, goal, way, rounds=rounds)

    def add(self, name, value, goal, remark="", **more):
        self.report["rows"].append({"what": name, "ratio": value, "goal": goal, "remark": remark} | more)
        print(f"{name:44} {value:6.2f}   goal {goal:5.2f}   {remark}", flush=True)

    def quickest(self, peer, precision, batch, heatmaps):
        """PyTorch's fastest way in one trial after a warm-up."""
        key, first = (precision, batch, heatmaps), (precision, 1, False)
        if key not in self.best:
            inputs = peer.inputs(self.pixels, PROMPT, batch)
            times = {}
            # Compiling takes a minute: a way that lost with one image is not compiled for more.
            ways = [way for way in WAYS[precision]
                    if first not in self.best or "compiled" not in way or way == self.best[first][0]]
            for way in ways:
                run = peer.make(way, heatmaps)
                try:
                    run(*inputs)
                except Exception as error:
                    self.failed[way] = f"{type(error).__name__}: {error}".splitlines()[0]
                    print(f"PyTorch, {way}: cannot be run: {self.failed[way]}", flush=True)
                    continue
                times[way] = min(timed(lambda: run(*inputs)) for _ in range(2))
            way = min(times, key=times.get)
            self.best[key] = (way, lambda: peer.make(way, heatmaps)(*inputs))
        return self.best[key]

    def start(self):
        def first(command, line):
            started = time.perf_counter()
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            process.stdin.write(line)
            process.stdin.flush()
            process.stdout.readline()
            seconds = time.perf_counter() - started
            process.stdin.close()
            process.wait()
            return seconds

        common = ["--model", str(self.folder), "--threads", str(self.options.threads), "--prompt", PROMPT]
        ours = [self.options.rahf, "benchmark", *common, str(self.picture)]
        peer = [sys.executable, str(pathlib.Path(__file__).with_name("peer.py")), *common, "--image", str(self.picture)]
        # Once untimed: programs and weights are then in the page cache for both.
        for command in (ours, peer):
            first(command, "1 scores\n")
        rounds = [(first(ours, "1 scores\n"), first(peer, "1 scores\n")) for _ in range(3)]
        self.add("start to the first score", statistics.median(b / a for a, b in rounds), 5.0,
                 f"ours {min(a for a, _ in rounds):.2f} s", rounds=rounds)

    def memory(self):
        ours = Ours(self.options, self.folder, self.picture)
        for _ in range(2):
            ours.run(f"8 {ALL}")
        mine = ours.memory("VmRSS")
        self.report["memory"] = {"ours": mine, "ours_peak": ours.memory("VmHWM")}
        ours.stop()
        command = [sys.executable, str(pathlib.Path(__file__).with_name("peer.py")), "--model", str(self.folder),
                   "--image", str(self.picture), "--prompt", PROMPT, "--threads", str(self.options.threads)]
        answer = subprocess.run(command, input="8 everything\n8 everything\n", stdout=subprocess.PIPE, text=True,
                                check=True).stdout.splitlines()[-1]
        theirs = json.loads(answer)["resident"]
        self.report["memory"]["pytorch"] = theirs
        self.add("resident, batch 8, everything", theirs / mine, 1.0,
                 f"ours {mine / 1e9:.2f} GB, PyTorch eager {theirs / 1e9:.2f} GB")

    def operations(self):
        """Floating-point operations of one image's scores: products and convolutions, two for each multiplication."""
        config = self.config
        vit, t5, head = config["vit"], config["t5"], config["score_head"]
        grid = config["image"]["size"] // vit["patch_size"]
        width, patches = vit["hidden_size"], grid * grid
        visual, tokens = patches + 1, patches + 1 + len(self.ids)
        inner = t5["num_heads"] * t5["d_kv"]
        gated = 3 if t5["feed_forward_proj"].startswith("gated") else 2
        count = patches * 3 * vit["patch_size"] ** 2 * width + visual * width * t5["d_model"]
        count += vit["num_hidden_layers"] * (
            visual * width * (4 * width + 2 * vit["intermediate_size"]) + 2 * visual ** 2 * width)
        count += t5["num_layers"] * (
            tokens * t5["d_model"] * (4 * inner + gated * t5["d_ff"]) + 2 * tokens ** 2 * inner)
        channels = t5["d_model"]
        for layer in head["convolutions"]:
            count += 4 * patches * layer["kernel"] ** 2 * channels * layer["channels"]
            channels = layer["channels"]
        before = patches * channels
        for after in head["dense"]:
            count += 4 * before * after
            before = after
        return 2 * count

    def peak(self):
        """Our whole pass beside a loop of multiply-adds between registers, turn by turn."""
        program = pathlib.Path("out/peak").absolute()
        subprocess.run(["gcc", "-O2", "-pthread", str(pathlib.Path(__file__).with_name("peak.c")), "-o", program],
                       check=True)
        ours = self.ours()
        for batch in (1, 8):
            ours.seconds(f"{batch} scores")
            rounds = []
            for _ in range(self.options.rounds):
                highest = float(subprocess.run([program, str(self.options.threads), "3"], stdout=subprocess.PIPE,
                                               text=True, check=True).stdout)
                rounds.append(batch * self.operations() / ours.seconds(f"{batch} scores") / 1e9 / highest)
            self.add(f"scores, batch {batch}, fp32, of the peak", statistics.median(rounds), 0.85,
                     f"{self.operations() / 1e9:.1f} GFLOP an image", rounds=rounds)

    def sharing(self):
        """Prompts on one image beside as many images: the share of the time that is left."""
        ours = self.ours()
        length = len(PROMPT.split())
        ours.run(f"8 scores {length} shared")
        rounds = [(ours.seconds(f"8 scores {length} shared"), ours.seconds("8 scores"))
                  for _ in range(self.options.rounds)]
        self.add("8 prompts on one image, to 8 images", statistics.median(b / a for a, b in rounds), 1.0,
                 "ours to ours: the image is encoded once", rounds=rounds)

    def words(self, peer):
        steps = self.config["text"]["max_new_tokens"]
        inputs = peer.inputs(self.pixels, PROMPT, 1)
        ours = self.ours()
        theirs = lambda: peer.words(*inputs, steps)
        theirs()
        self.row(f"words, {steps} tokens, greedy", lambda: ours.seconds("1 words"), theirs, 2.0,
                 "to transformers' generate, encoders included")

    def gradient(self, peer):
        inputs = peer.inputs(self.pixels, PROMPT, 1)
        ours = self.ours()
        ways = {}
        for compiled in (False, True):
            run = lambda compiled=compiled: peer.gradient(*inputs, compiled)
            try:
                run()
            except Exception as error:
                print(f"PyTorch, gradient compiled: cannot be run: {error}".splitlines()[0], flush=True)
                continue
            ways["compiled" if compiled else "eager"] = (min(timed(run) for _ in range(2)), run)
        way = min(ways, key=lambda name: ways[name][0])
        self.row("pixel gradient of a score, fp32", lambda: ours.seconds("1 gradient"), ways[way][1], 1.3, way)
        rounds = [(ours.seconds("1 scores"), ours.seconds("1 gradient")) for _ in range(self.options.rounds)]
        self.add("own forward to pixel gradient", statistics.median(a / b for a, b in rounds), 1 / 2.2,
                 "ours to ours", rounds=rounds)

    def run(self):
        if self.wanted("start"):
            self.start()
        if self.wanted("memory"):
            self.memory()
        if self.wanted("peak"):
            self.peak()
        if self.wanted("sharing"):
            self.sharing()
        peer = Peer(self.folder)
        before = "float32"
        for name, precision, line, peers, batch, heatmaps, goal in ROWS:
            if self.wanted(name):
                if peers != before:
                    # Frozen copies of the weights are large.
                    peer.forget()
                    before = peers
                way, theirs = self.quickest(peer, peers, batch, heatmaps)
                self.row(name, lambda: self.ours(precision).seconds(line), theirs, goal, f"PyTorch: {way}")
        peer.forget()
        if self.wanted("words"):
            self.words(peer)
        if self.wanted("gradient"):
            self.gradient(peer)
        for server in self.servers.values():
            server.stop()
        self.report["failed"] = self.failed
        out = pathlib.Path("out")
        out.mkdir(exist_ok=True)
        (out / "bench.json").write_text(json.dumps(self.report, indent=2) + "\n")
        print("written: out/bench.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", required=True)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only")
    options = parser.parse_args()
    if shutil.which("g++") is None:
        print("no g++: PyTorch cannot compile, and runs eagerly", flush=True)
    torch.set_num_threads(options.threads)
    Bench(options).run()


if __name__ == "__main__":
    main()
