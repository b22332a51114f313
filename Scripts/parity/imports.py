#!/usr/bin/env python3
"""Imports checkpoints that PyTorch and transformers wrote, and compares the result with them.

usage: imports.py --rahf PATH --vocabulary spiece.model --work DIR

1. A port-shaped state_dict, saved as .pt (plain, wrapped, with `module.` names, with the names of either transformers
   version, as views) and as .safetensors, in fp32, fp16 and bf16: the same bits each time, and the outputs of the torch
   module it came from.
2. A ViT and a T5 of transformers, saved by save_pretrained (whole, in shards, as pytorch_model.bin, as a classifier,
   with T5 1.0's and 1.1's output layers, at another image size): the outputs of transformers' encoders under the
   imported heads.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import sentencepiece
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import T5Config, T5ForConditionalGeneration, ViTConfig, ViTForImageClassification, ViTModel

import images
import model_folder
from port_names import port_name
from reference import HEATMAPS, SCORES, Reference, read_image, vit_name

PROMPTS = ["a red cat, on a chair.", "two dogs running in the snow", "city at night"]


class Port(Reference):
    """The network with its parts named and nested as in the public PyTorch port."""

    def __init__(self, config):
        super().__init__(config)
        v, t = config["vit"], config["t5"]
        self.vit = ViTModel(self.vit.config)
        score, heatmap = config["score_head"], config["heatmap_head"]
        width, side = t["d_model"], self.grid
        scores = lambda: PortScore(score, width, side)
        heatmaps = lambda: PortHeatmap(heatmap, width)
        del self.score_head, self.heatmap_head
        self.score_predictor = nn.ModuleDict({s: scores() for s in SCORES}) if self.multi else scores()
        self.heatmap_predictor = nn.ModuleDict({h: heatmaps() for h in HEATMAPS}) if self.multi else heatmaps()
        self.eval()

    def head(self, kind, task):
        module = self.score_predictor if kind == "score" else self.heatmap_predictor
        return module[task] if self.multi else module


class Scale(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x):
        return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt() * self.scale


def conv(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class PortScore(nn.Module):
    def __init__(self, config, width, side):
        super().__init__()
        layers = []
        for layer in config["convolutions"]:
            layers += [conv(width, layer["channels"]), Scale(layer["channels"]), nn.ReLU()]
            width = layer["channels"]
        self.conv_layers = nn.Sequential(*layers)
        layers, width = [], width * side * side
        for size in config["dense"]:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        layers[-1] = nn.Sigmoid()
        self.linear_layers = nn.Sequential(*layers)

    def logits(self, x, maps=None):
        return self.linear_layers[:-1](self.conv_layers(x).flatten(1))[:, 0]


class PortHeatmap(nn.Module):
    def __init__(self, config, width):
        super().__init__()
        layers = []
        for size in config["convolutions"]:
            layers += [conv(width, size), nn.ReLU(), Scale(size)]
            width = size
        self.conv_layers = nn.Sequential(*layers)
        self.deconv_layers, self.conv_layers2 = nn.ModuleList(), nn.ModuleList()
        for size in config["deconvolutions"]:
            up = nn.ConvTranspose2d(width, size, 3, stride=2, padding=1, output_padding=1)
            self.deconv_layers.append(nn.Sequential(up, Scale(size), nn.ReLU()))
            self.conv_layers2.append(
                nn.Sequential(conv(size, size), Scale(size), nn.ReLU(), conv(size, size), Scale(size)))
            width = size
        self.last_conv1 = conv(width, config["read_out"][0])
        self.last_conv2 = conv(config["read_out"][0], 1)

    def logits(self, x):
        x = self.conv_layers(x)
        for up, block in zip(self.deconv_layers, self.conv_layers2):
            x = up(x)
            x = torch.relu(x + block(x))
        return self.last_conv2(torch.relu(self.last_conv1(x)))[:, 0]


class Check:
    def __init__(self, options):
        self.options, self.failed, self.count = options, False, 0

    def expect(self, what, good, detail=""):
        self.count += 1
        self.failed |= not good
        print(f"  {what:58} {'ok' if good else 'FAILED'}  {detail}", flush=True)

    def rahf(self, *arguments):
        done = subprocess.run([self.options.rahf, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"rahf {' '.join(map(str, arguments))}\nexited with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def outputs(self, what, folder, reference, paths):
        """rahf's answers beside the reference's, within the limits of the parity runs."""
        maps = folder / "maps"
        maps.mkdir()
        listing = maps / "list.jsonl"
        items = list(zip(paths, PROMPTS))
        listing.write_text("".join(json.dumps({"image": str(p), "prompt": t}) + "\n" for p, t in items))
        answers = [json.loads(line) for line in self.rahf(
            "score", "--model", folder, "--outputs", "scores,heatmaps,words", "--heatmaps-to", maps,
            "--heatmap-format", "npy", "--format", "json", "--list", listing).splitlines()]
        scores = heatmaps = wrong = 0
        for (path, prompt), answer in zip(items, answers, strict=True):
            with torch.no_grad():
                expected = reference(read_image(path)[None], [prompt])
            scores = max([scores] + [abs(answer["scores"][s] - expected[s].item()) for s in SCORES])
            for h in HEATMAPS:
                ours = np.load(answer["heatmaps"][h]).squeeze()
                heatmaps = max(heatmaps, float(np.abs(ours - expected[h][0].numpy()).max()))
            wrong += answer["decoded_text"] != expected["decoded"][0]
        self.expect(what, scores <= 1e-4 and heatmaps <= 1e-3 and wrong == 0,
                    f"scores {scores:.1e}, heatmaps {heatmaps:.1e}, {wrong} texts differ")
        shutil.rmtree(maps)


def port(check, work, vocabulary, paths, variant, dtype):
    """Every way of saving the same state_dict."""
    name = f"tiny-{variant}-port"
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary)).get_piece_size()
    own = model_folder.make(work / f"{name}-{dtype}".replace("torch.", ""), model_folder.presets(pieces)[name](),
                            vocabulary, seed=3, dtype=dtype)
    tensors = load_file(own / "model.safetensors")
    config = json.loads((own / "config.json").read_text())
    old = {}
    for ours, tensor in tensors.items():
        theirs = port_name(ours)
        old[theirs] = tensor[:, None, None].clone() if theirs.endswith(".scale") else tensor
    config["text"]["max_new_tokens"] = 100  # the port's
    module = Port(config)
    seen = {key: tensor for key, tensor in module.state_dict().items() if key.startswith("vit.pooler.")}
    for key in ["encoder.embed_tokens", "decoder.embed_tokens", "lm_head"]:
        seen[f"t5.{key}.weight"] = old["t5.shared.weight"]
    old |= {key: tensor.to(dtype) for key, tensor in seen.items()}
    new = {("vit." + vit_name(k[4:]) if k.startswith("vit.") else k): v for k, v in old.items()}
    module.load_state_dict({k: v.float() for k, v in new.items()})
    module.tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary))

    transposed = {k: (v.t().contiguous().t() if v.ndim == 2 else v) for k, v in old.items()}
    pool = torch.cat([v.flatten() for v in old.values()])
    views, start = {}, 0
    for key, value in old.items():
        views[key] = pool[start:start + value.numel()].view(value.shape)
        start += value.numel()
    unshared = {k: v.clone() for k, v in old.items()}
    tied = {k: v for k, v in unshared.items() if not k.endswith(("embed_tokens.weight", "lm_head.weight"))}
    saved = {
        "plain.pt": old, "transformers-5.pt": new, "wrapped.pt": {"epoch": 3, "loss": 0.5, "state_dict": old},
        "module.pt": {f"module.{k}": v for k, v in old.items()}, "transposed.pt": transposed, "one-storage.pt": views,
        "parameters.pt": {k: nn.Parameter(v) for k, v in old.items()}}
    if dtype != torch.float32:
        saved = {file: saved[file] for file in ["plain.pt", "transposed.pt"]}
    for file, state in saved.items():
        torch.save(state, work / file)
    for file, state in [("whole.safetensors", unshared), ("tied.safetensors", tied)]:
        save_file(state, work / file)
    first = None
    for file in [*saved, "whole.safetensors", "tied.safetensors"]:
        out = work / "imported"
        shutil.rmtree(out, ignore_errors=True)
        check.rahf("import", "--from", "richhf", work / file, "--tokenizer", vocabulary, "--out", out,
                   "--vision-heads", config["vit"]["num_attention_heads"])
        if first is None:
            got = load_file(out / "model.safetensors")
            same = got.keys() == tensors.keys() and all(
                got[k].dtype == tensors[k].dtype and torch.equal(got[k], tensors[k]) for k in tensors)
            check.expect(f"{name} {dtype}: {file} has the bits saved", same)
            check.outputs(f"{name} {dtype}: {file} answers as the module", out, module, paths)
            first = (out / "model.safetensors").read_bytes()
        else:
            check.expect(f"{name} {dtype}: {file} gives the same file",
                         (out / "model.safetensors").read_bytes() == first)
        (work / file).unlink()


def seeded(module, seed):
    """Weights that leave no part idle; see model_folder.initialise for why plain ones would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.ndim == 1 and "norm" in name and name.endswith("weight"):
                p.normal_(1, 0.1, generator=generator)
            elif p.ndim == 1:
                p.normal_(0, 0.1, generator=generator)
            elif "shared" in name or "cls" in name or "position" in name:
                p.normal_(0, 1 if "shared" in name else 0.5, generator=generator)
            elif "relative_attention_bias" in name:
                p.normal_(0, 0.5, generator=generator)
            else:
                p.normal_(0, p[0].numel() ** -0.5, generator=generator)
    return module


def huggingface(check, work, vocabulary, paths):
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary)).get_piece_size()
    vit_config = ViTConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
                           patch_size=4, image_size=48, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)

    def t5(gated, tie):
        return seeded(T5ForConditionalGeneration(T5Config(
            vocab_size=pieces + 28, d_model=20, d_kv=6, d_ff=28, num_heads=3, num_layers=2, num_decoder_layers=3,
            feed_forward_proj="gated-gelu" if gated else "relu", tie_word_embeddings=tie, decoder_start_token_id=0,
            dropout_rate=0.0)), 5)

    plain, classifier = seeded(ViTModel(vit_config), 4), seeded(ViTForImageClassification(vit_config), 4)
    table = [
        ("ViTModel, T5 1.0", plain, t5(False, True), "paper", "multi_head", None),
        ("classifier, T5 1.1 in shards", classifier, t5(True, False), "richhf", "augmented_prompt", None),
        ("pytorch_model.bin, own output layer", plain, t5(True, False), "tiny", "multi_head", None),
        ("positions for 64 pixels", plain, t5(False, True), "tiny", "augmented_prompt", 64),
    ]
    for index, (what, vit, text, preset, variant, side) in enumerate(table):
        for part in ["vit", "t5"]:
            shutil.rmtree(work / part, ignore_errors=True)
        vit.save_pretrained(work / "vit", max_shard_size="20KB" if index == 0 else "1GB")
        text.save_pretrained(work / "t5", max_shard_size="200KB" if index == 1 else "1GB")
        shutil.copyfile(vocabulary, work / "t5" / "spiece.model")
        output = None
        if index == 2:
            # As transformers 4 and Google's own T5 1.1 have it: untied, with an output layer of its own.
            output = torch.randn(text.shared.weight.shape, generator=torch.Generator().manual_seed(9)) * 0.2
            weights = load_file(work / "t5" / "model.safetensors") | {"lm_head.weight": output}
            (work / "t5" / "model.safetensors").unlink()
            torch.save(weights, work / "t5" / "pytorch_model.bin")
            path = work / "t5" / "config.json"
            config = json.loads(path.read_text()) | {"tie_word_embeddings": False}
            del config["scale_decoder_outputs"]
            path.write_text(json.dumps(config))
        out = work / "imported"
        shutil.rmtree(out, ignore_errors=True)
        check.rahf("import", "--from", "huggingface", "--vit", work / "vit", "--t5", work / "t5", "--out", out,
                   "--preset", preset, "--variant", variant, "--seed", 6, *(["--image-size", side] if side else []))
        # Heads as imported; encoders straight from transformers' objects.
        reference = Reference.load(out)
        encoder = vit.vit if hasattr(vit, "vit") else vit
        positions = encoder.embeddings.position_embeddings
        if side:
            positions = encoder.embeddings.interpolate_pos_encoding(torch.zeros(1, 257, 24), side, side)
        state = {k: v for k, v in encoder.state_dict().items() if not k.startswith("pooler.")}
        reference.vit.load_state_dict(state | {"embeddings.position_embeddings": positions})
        scaled = reference.t5.config.scale_decoder_outputs
        reference.t5.load_state_dict(text.state_dict() | ({} if output is None else {"lm_head.weight": output}))
        check.expect(f"{what}: output layer scaled as published", scaled == text.config.scale_decoder_outputs)
        check.outputs(f"{what}: answers as transformers", out, reference, paths)
        check.expect(f"{what}: untrained", not json.loads((out / "config.json").read_text())["trained"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", required=True)
    parser.add_argument("--vocabulary", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)  # these models are too small to share
    work = options.work / "imports"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    paths = [work / f"picture-{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        images.write_picture(path, 60 + i, *[(48, 48), (61, 37), (90, 120)][i])
    check = Check(options)
    print("imports:", flush=True)
    port(check, work, options.vocabulary, paths, "multi", torch.float32)
    port(check, work, options.vocabulary, paths, "augmented", torch.float32)
    port(check, work, options.vocabulary, paths, "multi", torch.float16)
    port(check, work, options.vocabulary, paths, "augmented", torch.bfloat16)
    huggingface(check, work, options.vocabulary, paths)
    print("imports: " + ("FAILED" if check.failed else f"{check.count} checks passed"))
    sys.exit(check.failed)


if __name__ == "__main__":
    main()
