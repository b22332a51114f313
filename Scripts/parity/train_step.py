#!/usr/bin/env python3
"""One AdamW step of `rahf train` beside PyTorch's, weight by weight.

usage: train_step.py --rahf PATH --vocabulary spiece.model --work DIR [PRESET...]

A data set of two pairs is one batch, so the order does not matter: the loss has every part (scores, hinge, heatmaps by
squared error, cross-entropy and dice, words by the decoder or the tagger). PyTorch computes it in float64 by autograd,
clips the gradient's norm and takes the step with torch.optim.AdamW. The error of a weight is |ours - theirs| / |theirs|
over its update; updates that are zero but for rounding (an attention key's bias has no gradient) are taken from the
largest: below 1e-6 of the learning rate per element they only have to be as small.

A ReLU whose input lies within float32's rounding of zero may fall on either side, and its weights' gradients jump with
it: PyTorch's own float32 gradients move by up to 1e-3 when weights move by their last bit. Such weights are no ground to
compare on, so a model's seed is the first for which PyTorch's steps in float32, with weights off by up to half their last bit,
are all within a quarter of the limit of its step in float64. rahf has no part in that choice; its step is then held to
the limit.
"""
import argparse
import io
import json
import pathlib
import shutil
import subprocess
import sys

import numpy
import sentencepiece
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

import feedback_file
import model_folder
from reference import HEATMAPS, SCORES, Reference

LIMIT = 1e-4
PROMPTS = ["a red cat on a mat", "two dogs running"]
LOSSES = {"score": 1.5, "hinge": 0.5, "margin": 0.3, "heatmap": 2, "heatmap_entropy": 1, "positive_weight": 3, "dice": 0.5,
          "words": 0.7, "word_positive_weight": 2}
OPTIMIZER = {"beta1": 0.9, "beta2": 0.98, "epsilon": 1e-4, "weight_decay": 0.05, "clip_norm": 0.5, "average_decay": 0}
RATE = 1e-3
# Where the search for a seed begins: what it found before.
SEEDS = {"tiny-multi-port": 13, "tiny-multi-paper": 3, "tiny-augmented-port": 4, "tiny-augmented-paper": 2,
         "tiny-multi-mini": 4, "tiny-detail-mini": 6}


def make_data(folder, side):
    """Two pictures, each clean and damaged, at the model's size; the records as Python values too."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = numpy.random.default_rng(11)
    records, values = [], []
    for group, prompt in enumerate(PROMPTS):
        for state in ["clean", "damaged"]:
            name = f"{group}-{state}"
            pixels = rng.integers(0, 256, (side, side, 3), dtype=numpy.uint8)
            Image.fromarray(pixels).save(folder / f"{name}.png")
            scores = rng.uniform(0.1, 0.4, 4)
            scores[0] = 0.95 if state == "clean" else rng.uniform(0.2, 0.6)
            words = [int(x) for x in rng.integers(0, 2, len(prompt.split()))]
            maps = {}
            for kind in HEATMAPS:
                map_ = (rng.random((side, side)) < 0.2).astype(numpy.uint8) * 255
                if state == "clean" and kind == "implausibility":
                    map_[:] = 0
                maps[kind] = map_
            def png(map_):
                data = io.BytesIO()
                Image.fromarray(map_).save(data, "PNG")
                return data.getvalue()
            records.append({
                "filename": f"{name}.png", "prompt": prompt, "group": str(group),
                "prompt_misalignment_label": " ".join(str(1 - w) for w in words),
                "artifact_score": float(scores[0]), "misalignment_score": float(scores[1]),
                "aesthetics_score": float(scores[2]), "overall_score": float(scores[3]),
                "artifact_map": png(maps["implausibility"]), "misalignment_map": png(maps["misalignment"])})
            values.append({"pixels": pixels, "scores": numpy.float32(scores), "words": words, "maps": maps,
                           "prompt": prompt, "clean": state == "clean"})
    feedback_file.write(folder / "feedback.tfrecord", records)
    return values


def resized(map_, side):
    """As the records' cache holds it: antialiased bilinear, rounded to 1/255."""
    x = torch.from_numpy(map_).float()[None, None] / 255
    x = F.interpolate(x, (side, side), mode="bilinear", antialias=True)[0, 0] if x.shape[-1] != side else x[0, 0]
    return (x * 255).add(0.5).floor().clamp(0, 255).double() / 255


def tie(model):
    """One embedding table for text and decoder, and for the output where the configuration says so: loading leaves
    copies, whose gradients would not add up."""
    t5 = model.t5
    t5.encoder.embed_tokens = t5.shared
    if not model.tagger:
        t5.decoder.embed_tokens = t5.shared
        if model.config["t5"]["tie_word_embeddings"]:
            t5.lm_head.weight = t5.shared.weight


def entropy(z, t, weight):
    return (1 - t) * z + (1 + (weight - 1) * t) * F.softplus(-z)


def loss_of(model, values, dtype=torch.float64):
    """The whole loss of the batch, from the description in Sources/RewardTraining/Config/TrainingConfig.swift."""
    pixels = torch.stack([torch.from_numpy(v["pixels"]).to(dtype).permute(2, 0, 1) / 255 for v in values])
    prompts = [v["prompt"] for v in values]
    visual = model.visual(pixels)
    shared, mask = model.encode(visual, [model.tokens(p) for p in prompts])

    def states(task):
        return shared if model.multi else model.encode(visual, [model.tokens(p, task) for p in prompts])[0]

    logits = {kind: model.head("heatmap", kind).logits(model.features(kind, states(kind), pixels)) for kind in HEATMAPS}
    total = 0
    for index, kind in enumerate(SCORES):
        encoded = states(kind)
        maps = model.statistics_logits(kind, encoded, pixels)
        head = model.head("score", kind)
        score = torch.sigmoid(head.logits(model.features(kind, encoded, pixels), maps))
        target = torch.tensor([float(v["scores"][index]) for v in values], dtype=dtype)
        total = total + LOSSES["score"] * (score - target).pow(2).mean()
        if kind == "plausibility":
            clean = torch.stack([s for s, v in zip(score, values) if v["clean"]])
            damaged = torch.stack([s for s, v in zip(score, values) if not v["clean"]])
            total = total + LOSSES["hinge"] * F.relu(LOSSES["margin"] - (clean - damaged)).mean()
    for kind in HEATMAPS:
        z = logits[kind]
        p = torch.sigmoid(z)
        t = torch.stack([resized(v["maps"][kind], z.shape[-1]) for v in values]).to(dtype)
        total = total + LOSSES["heatmap"] * (p - t).pow(2).mean()
        total = total + LOSSES["heatmap_entropy"] * entropy(z, t, LOSSES["positive_weight"]).mean()
        sums = [x.flatten(1).sum(1) for x in (p * t, p, t)]
        dice = 1 - (2 * sums[0] + 1) / (sums[1] + sums[2] + 1)
        marked = (t.flatten(1) >= 0.5).any(1)
        total = total + LOSSES["dice"] * dice[marked].mean()
    return total + LOSSES["words"] * words(model, values, shared[:, visual.shape[1]:], mask[:, visual.shape[1]:])


def words(model, values, text, mask):
    if model.tagger:
        for layer in model.word_head["dense"][:-1]:
            text = F.relu(layer(text))
        z = model.word_head["dense"][-1](text)[..., 0]
        parts = []
        for row, v in enumerate(values):
            place = 0
            for word, wrong in zip(v["prompt"].split(), v["words"]):
                count = len(model.tokenizer.encode(word))
                label = torch.full((count,), float(wrong), dtype=z.dtype)
                parts.append(entropy(z[row, place:place + count], label, LOSSES["word_positive_weight"]))
                place += count
        return torch.cat(parts).mean()
    t5 = model.config["t5"]
    longest, targets = 0, []
    for v in values:
        suffixed = " ".join(w + "_0" * wrong for w, wrong in zip(v["prompt"].split(), v["words"]))
        ids = (model.tokenizer.encode(suffixed) + [t5["eos_token_id"]])[:model.config["text"]["max_new_tokens"]]
        targets.append(ids)
        longest = max(longest, len(ids))
    classes = torch.tensor([ids + [-100] * (longest - len(ids)) for ids in targets])
    inputs = torch.tensor([[t5["decoder_start_token_id"]] + ids[:-1] + [t5["pad_token_id"]] * (longest - len(ids))
                           for ids in targets])
    states = model.t5.decoder(input_ids=inputs, encoder_hidden_states=text, encoder_attention_mask=mask).last_hidden_state
    if t5["tie_word_embeddings"]:
        states = states * t5["d_model"] ** -0.5
    return F.cross_entropy(model.t5.lm_head(states).flatten(0, 1), classes.flatten(), ignore_index=-100)


def reference_step(folder, values, moved=None):
    """PyTorch's gradient norm, and every weight after its step. With `moved`, the gradients are float32's at weights that
    are off by up to half their last bit; `moved` says which way."""
    model = Reference.load(folder).double()
    tie(model)
    model.requires_grad_(True)
    if moved is None:
        loss_of(model, values).backward()
    else:
        single = Reference.load(folder)
        generator = torch.Generator().manual_seed(moved)
        with torch.no_grad():
            for parameter in single.parameters():
                parameter.mul_(1 + (torch.rand(parameter.shape, generator=generator) * 2 - 1) * 2 ** -24)
        tie(single)
        single.requires_grad_(True)
        loss_of(single, values, torch.float32).backward()
        for parameter, source in zip(model.parameters(), single.parameters()):
            parameter.grad = None if source.grad is None else source.grad.double()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=RATE, betas=(OPTIMIZER["beta1"], OPTIMIZER["beta2"]), eps=OPTIMIZER["epsilon"],
        weight_decay=OPTIMIZER["weight_decay"])
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIMIZER["clip_norm"])
    optimizer.step()
    return norm.item(), {key: value.detach() for key, value in model.own_parameters().items()}


def update_error(before, ours, theirs):
    update, mine = theirs - before.double(), ours.double() - before.double()
    floor = 1e-6 * RATE * update.numel() ** 0.5
    # A float32 weight cannot hold its update to better than half its last place.
    rounding = (before.double().abs().clamp_min(1e-30) * 2 ** -24).norm().item()
    return max((mine - update).norm().item() - rounding, 0) / max(update.norm().item(), floor)


def is_fair(folder, values, theirs):
    """True when PyTorch's own float32 steps agree with its float64 step, `theirs`, to a quarter of the limit, and the step
    moves nine tenths of the weights by more than their decay: a dead model has no kinks either."""
    before = load_file(folder / "model.safetensors")
    decayed = {key: before[key].double() * (1 - RATE * OPTIMIZER["weight_decay"]) for key in theirs}
    alive = sum(bool((value - decayed[key]).abs().max() > 1e-3 * RATE) for key, value in theirs.items())
    if alive < 0.9 * len(theirs):
        return False
    for moved in range(1, 7):
        _, other = reference_step(folder, values, moved)
        if any(update_error(before[key], other[key], value) > LIMIT / 4 for key, value in theirs.items()):
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rahf", required=True)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("presets", nargs="*", default=["tiny-multi-port", "tiny-multi-paper", "tiny-augmented-port",
                                                       "tiny-augmented-paper", "tiny-multi-mini", "tiny-augmented-mini", "tiny-detail-mini"])
    options = parser.parse_args()
    pieces = sentencepiece.SentencePieceProcessor(model_file=options.vocabulary).get_piece_size()
    failed = False
    for name in options.presets:
        for seed in range(SEEDS.get(name, 1), 200):
            folder = model_folder.make(options.work / f"step-{name}-{seed}", model_folder.presets(pieces)[name](),
                                       options.vocabulary, seed=seed, tries=1)
            values = make_data(options.work / "step-data", Reference.load(folder).config["image"]["size"])
            norm, theirs = reference_step(folder, values)
            if is_fair(folder, values, theirs):
                break
        else:
            raise SystemExit(f"{name}: at a kink with every seed")
        stage = {"name": "step", "steps": 1, "pairs": 2, "singles": 0, "learning_rate": RATE, "schedule": "constant",
                 "warm_up": 0, "exact_convolutions": True, "losses": LOSSES, "augmentation": {"crop": 0, "jitter": 0, "grey": 0, "flip": 0}}
        train = options.work / "step.json"
        train.write_text(json.dumps({"optimizer": OPTIMIZER, "stages": [stage]}))
        out = options.work / "step-run"
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run([options.rahf, "train", "--config", train, "--data", options.work / "step-data", "--model", folder,
                        "--out", out, "--format", "float32"], check=True, stdout=subprocess.DEVNULL)
        before, ours = load_file(folder / "model.safetensors"), load_file(out / "model" / "model.safetensors")

        errors = {key: update_error(before[key], ours[key], value) for key, value in theirs.items()}
        worst = max((error, key) for key, error in errors.items())
        ok = worst[0] <= LIMIT
        failed |= not ok
        print(f"{name:22} gradient norm {norm:9.4f}  {len(theirs)} weights  worst update error {worst[0]:.1e} "
              f"({worst[1]}), seed {seed}  {'ok' if ok else 'FAILED'}", flush=True)
    print("training step: " + ("FAILED" if failed else "passed"))
    sys.exit(failed)


if __name__ == "__main__":
    main()
