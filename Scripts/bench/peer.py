"""The same model in PyTorch, as fast as PyTorch makes it: eager, compiled with freezing, and both in bfloat16.

As a program it answers like `rahf benchmark` does, for its own start and memory: for each line 'BATCH everything' or
'BATCH scores' on standard input one pass, timed, and its resident memory.

usage: peer.py --model DIR --image FILE --prompt TEXT [--threads 2]
"""
import argparse
import gc
import json
import pathlib
import sys
import time

import torch
from torch import nn
from torch._dynamo import config as dynamo
from torch._inductor import config as inductor
from transformers.modeling_outputs import BaseModelOutput

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from reference import HEATMAPS, SCORES, Reference, read_image  # noqa: E402

# Every way PyTorch has on the CPU; a precision's peer is the fastest of its ways.
WAYS = {"float32": ["eager", "compiled"],
        "bfloat16": ["eager autocast", "eager weights", "compiled autocast", "compiled weights"]}


class Pass(nn.Module):
    """Pixels and token ids to stacked scores, and stacked heatmaps if asked for: tensors only, so that it compiles."""

    def __init__(self, model, heatmaps):
        super().__init__()
        self.model, self.heatmaps = model, heatmaps

    def forward(self, pixels, ids):
        model = self.model
        visual = model.visual_token_projection(model.vit(pixels).last_hidden_state)
        joined = torch.cat([visual, model.t5.shared(ids)], 1)
        features = model.feature_map(model.t5.encoder(inputs_embeds=joined).last_hidden_state)
        scores = torch.stack([torch.sigmoid(model.head("score", s).logits(features, [])) for s in SCORES], 1)
        if not self.heatmaps:
            return scores
        return scores, torch.stack([torch.sigmoid(model.head("heatmap", h).logits(features)) for h in HEATMAPS], 1)


class Peer:
    """One multi-head model and its passes, made when first asked for."""

    def __init__(self, folder):
        self.folder = folder
        self.reference = Reference.load(folder)
        self.halved = None
        self.passes = {}

    def inputs(self, picture, prompt, batch):
        ids = torch.tensor([self.reference.tokens(self.reference.clean(prompt))] * batch)
        return self.reference.preprocess(picture[None].expand(batch, -1, -1, -1)).contiguous(), ids

    def make(self, way, heatmaps):
        """A function of (pixels, ids). Compiling happens at the first call of each batch size."""
        key = (way, heatmaps)
        if key not in self.passes:
            model = self.reference
            if "weights" in way:
                if self.halved is None:
                    self.halved = Reference.load(self.folder).bfloat16()
                model = self.halved
            module = Pass(model, heatmaps)
            if "compiled" in way:
                inductor.freezing = True
                dynamo.cache_size_limit = 64
                module = torch.compile(module, dynamic=False)

            def run(pixels, ids):
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled="autocast" in way):
                    return module(pixels.bfloat16() if "weights" in way else pixels, ids)

            self.passes[key] = run
        return self.passes[key]

    def forget(self):
        """Lets go of everything compiled, and of the bfloat16 weights."""
        self.passes, self.halved = {}, None
        torch._dynamo.reset()
        gc.collect()

    def words(self, pixels, ids, tokens):
        """Encoders, then transformers' own greedy `generate` of that many tokens."""
        model = self.reference
        with torch.inference_mode():
            visual = model.visual_token_projection(model.vit(pixels).last_hidden_state)
            joined = torch.cat([visual, model.t5.shared(ids)], 1)
            states = model.t5.encoder(inputs_embeds=joined).last_hidden_state[:, visual.shape[1]:]
            return model.t5.generate(
                encoder_outputs=BaseModelOutput(last_hidden_state=states.contiguous()),
                attention_mask=torch.ones(states.shape[:2], dtype=torch.long), do_sample=False, num_beams=1,
                min_new_tokens=tokens, max_new_tokens=tokens)

    def gradient(self, pixels, ids, compiled=False):
        """Forward, and backward from plausibility to the pixels."""
        key = ("gradient", compiled)
        if key not in self.passes:
            model = self.reference

            def plausibility(pixels, ids):
                visual = model.visual_token_projection(model.vit(pixels).last_hidden_state)
                joined = torch.cat([visual, model.t5.shared(ids)], 1)
                features = model.feature_map(model.t5.encoder(inputs_embeds=joined).last_hidden_state)
                return torch.sigmoid(model.head("score", "plausibility").logits(features, [])).sum()

            self.passes[key] = torch.compile(plausibility, dynamic=False) if compiled else plausibility
        x = pixels.clone().requires_grad_(True)
        self.passes[key](x, ids).backward()
        return x.grad


def resident():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ["model", "image", "prompt"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    peer = Peer(options.model)
    picture = read_image(options.image)
    for line in sys.stdin:
        batch, what = line.split()
        started = time.perf_counter()
        pixels, ids = peer.inputs(picture, options.prompt, int(batch))
        peer.make("eager", what == "everything")(pixels, ids)
        if what == "everything":
            peer.words(pixels, ids, peer.reference.config["text"]["max_new_tokens"])
        print(json.dumps({"seconds": time.perf_counter() - started, "resident": resident()}), flush=True)


if __name__ == "__main__":
    main()
