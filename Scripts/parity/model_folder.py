"""Configurations of the sizes we compare, seeded weights for them, and model folders on disk."""
import hashlib
import json
import math
import pathlib
import shutil

import sentencepiece
import torch

import images
from reference import HEATMAPS, SCORES, Reference

PREFIXES = {s: f"<output> SCORE: {s} </output> " for s in SCORES}
PREFIXES |= {h: f"<output> HEATMAP: {h} </output> " for h in HEATMAPS}


def t5(d_model, d_kv, d_ff, heads, layers, decoder_layers, vocab, v11):
    return {
        "vocab_size": vocab, "d_model": d_model, "d_kv": d_kv, "d_ff": d_ff, "num_heads": heads,
        "num_layers": layers, "num_decoder_layers": decoder_layers, "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128, "feed_forward_proj": "gated-gelu" if v11 else "relu",
        "tie_word_embeddings": not v11, "layer_norm_epsilon": 1e-6, "pad_token_id": 0, "eos_token_id": 1,
        "decoder_start_token_id": 0}


def vit(hidden, layers, heads, intermediate, patch):
    return {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
            "intermediate_size": intermediate, "patch_size": patch, "layer_norm_eps": 1e-12}


def config(name, variant, size, vit, t5, score, heatmap, max_new_tokens):
    return {
        "format": "rahf", "format_version": 1, "name": name, "variant": variant, "trained": False,
        "image": {"size": size, "resample": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3},
        "vit": vit, "t5": t5,
        "text": {"max_tokens": 512, "max_new_tokens": max_new_tokens,
                 "task_prefixes": PREFIXES if variant == "augmented_prompt" else {}},
        "score_head": score, "heatmap_head": heatmap}


def score_head(channels, kernel, dense, norm, eps):
    return {"convolutions": [{"channels": c, "kernel": kernel} for c in channels], "dense": dense, "norm": norm,
            "norm_eps": eps}


def heatmap_head(convolutions, deconvolutions, read_out, port, norm, eps):
    return {"convolutions": convolutions, "activation_first": port, "deconvolutions": deconvolutions,
            "residual": port, "read_out": read_out, "norm": norm, "norm_eps": eps}


def tiny(name, variant, port, vocab):
    """Odd sizes on purpose; enough positions for T5's logarithmic buckets."""
    norm, eps = ("rms", 1e-8) if port else ("layer", 1e-6)
    return config(
        name, variant, 48, vit(24, 2, 3, 40, 4), t5(20, 6, 28, 3, 2, 2, vocab, not port),
        score_head([20, 12, 9, 7], 3 if port else 2, [16, 8, 1], norm, eps),
        heatmap_head([20, 12], [20, 10, 6], [6, 1], port, norm, eps), 24)


def golden(name, variant, port, vocab):
    """The smallest: for fixtures in the tree."""
    norm, eps = ("rms", 1e-8) if port else ("layer", 1e-6)
    return config(
        name, variant, 20, vit(12, 2, 2, 18, 4), t5(10, 4, 14, 3, 2, 2, vocab, not port),
        score_head([8, 6, 5], 3 if port else 2, [8, 1], norm, eps),
        heatmap_head([10, 8], [8, 6], [6, 1], port, norm, eps), 16)


def stem(channels, norm, activation, high_pass):
    return {"channels": channels, "norm": norm, "norm_eps": 1e-6, "activation": activation, "high_pass": high_pass}


def pooled(head, pooling, statistics, fraction):
    return head | {"pooling": pooling,
                   "heatmap_statistics": {"statistics": statistics, "top_fraction": fraction}}


def detailed(config, channels, blocks):
    """With a path of its own for damage, as `mini` has it."""
    return config | {"detail": {
        "stem": stem(channels, "none", "relu", 6.0) | {"residual_blocks": blocks},
        "scores": ["plausibility"], "heatmaps": ["implausibility"]}}


def small_mini(name, variant, size, patch, channels, d_model, vocab):
    """The parts of `mini` at odd sizes; the two variants take turns at the choices the configuration leaves."""
    multi = variant == "multi_head"
    norm = "layer" if multi else "rms"
    hidden = channels[-1]
    return config(
        name, variant, size,
        vit(hidden, 2, 3, 2 * hidden - 5, patch) | {
            "stem": stem(channels, norm, "relu" if multi else "gelu", 6.0 if multi else -2.5),
            "zero_init_residual": True},
        t5(d_model, 6, 28, 3, 2, 0, vocab, not multi),
        pooled(score_head([11, 9] if multi else [7], 3 if multi else 2, [8, 1], norm, 1e-6),
               ["mean", "max"] if multi else ["max"], ["mean", "top_mean"] if multi else ["top_mean"],
               0.02 if multi else 0.1),
        heatmap_head([10], [8, 6], [6, 1], not multi, norm, 1e-6), 16) | {
            "word_head": {"kind": "tagger", "dense": [9, 1]} if multi else {"kind": "tagger"}}


def mini(name, variant, vocab):
    """The shapes of `rahf create --preset mini`."""
    return config(
        name, variant, 192,
        vit(192, 3, 6, 768, 16) | {"layer_norm_eps": 1e-6, "stem": stem([32, 64, 128, 192], "none", "relu", 6.0)},
        t5(192, 32, 512, 6, 3, 0, vocab, True),
        pooled(score_head([96], 3, [64, 1], "none", 1e-6), ["mean", "max"], ["mean", "top_mean"], 0.02),
        heatmap_head([96], [48, 32], [1], False, "none", 1e-6) | {"deconvolution_read_outs": False}, 64) | {
            "word_head": {"kind": "tagger", "dense": [96, 1]}}


def presets(vocab):
    """`vocab`: number of pieces of the vocabulary the model will be given."""
    return {
        "tiny-multi-port": lambda: tiny("tiny-multi-port", "multi_head", True, vocab),
        "tiny-multi-paper": lambda: tiny("tiny-multi-paper", "multi_head", False, vocab + 28),
        "tiny-augmented-port": lambda: tiny("tiny-augmented-port", "augmented_prompt", True, vocab + 28),
        "tiny-augmented-paper": lambda: tiny("tiny-augmented-paper", "augmented_prompt", False, vocab),
        "golden-multi-port": lambda: golden("golden-multi-port", "multi_head", True, vocab),
        "golden-augmented-paper": lambda: golden("golden-augmented-paper", "augmented_prompt", False, vocab),
        "tiny-multi-mini": lambda: small_mini(
            "tiny-multi-mini", "multi_head", 48, 8, [6, 10, 24], 20, vocab),
        "tiny-augmented-mini": lambda: small_mini(
            "tiny-augmented-mini", "augmented_prompt", 40, 4, [7, 24], 20, vocab + 28),
        "golden-multi-mini": lambda: small_mini(
            "golden-multi-mini", "multi_head", 20, 4, [5, 12], 10, vocab),
        "golden-augmented-mini": lambda: small_mini(
            "golden-augmented-mini", "augmented_prompt", 20, 4, [5, 12], 10, vocab),
        "tiny-detail-mini": lambda: detailed(small_mini(
            "tiny-detail-mini", "multi_head", 48, 8, [6, 10, 24], 20, vocab), [5, 9, 20], [0, 2, 1]),
        "multi-mini": lambda: detailed(
            mini("multi-mini", "multi_head", vocab), [32, 64, 128, 192], [0, 1, 1, 1]),
        "augmented-mini": lambda: mini("augmented-mini", "augmented_prompt", vocab),
        "port": lambda: config(
            "port", "multi_head", 384, vit(1024, 24, 16, 4096, 16), t5(768, 64, 3072, 12, 12, 12, 32128, False),
            score_head([768, 384, 192, 96, 48, 12], 3, [512, 128, 1], "rms", 1e-8),
            heatmap_head([768, 384], [768, 384, 384, 192], [192, 1], True, "rms", 1e-8), 100),
        "port-augmented": lambda: config(
            "port-augmented", "augmented_prompt", 384, vit(1024, 24, 16, 4096, 16),
            t5(768, 64, 3072, 12, 12, 12, 32128, False),
            score_head([768, 384, 192, 96, 48, 12], 3, [512, 128, 1], "rms", 1e-8),
            heatmap_head([768, 384], [768, 384, 384, 192], [192, 1], True, "rms", 1e-8), 100),
        "paper": lambda: config(
            "paper", "multi_head", 224, vit(768, 12, 12, 3072, 16), t5(768, 64, 2048, 12, 12, 12, 32128, True),
            score_head([768, 384, 128, 64], 2, [2048, 1024, 1], "layer", 1e-6),
            heatmap_head([768, 384], [768, 384, 384, 192], [192, 1], False, "layer", 1e-6), 64),
    }


def initialise(model, seed, pieces):
    """Weights that keep every stage alive: no vanishing attention, no dead heads, texts that vary.

    Rows of the embedding past the vocabulary's pieces are small, so that text seldom holds them.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor, std, mean=0.0):
        tensor.normal_(mean, std, generator=generator)

    d_model, d_kv = model.config["t5"]["d_model"], model.config["t5"]["d_kv"]
    with torch.no_grad():
        for name, p in model.own_parameters().items():
            last = name.split(".")[-1]
            if name in ("vit.embeddings.cls_token", "vit.embeddings.position_embeddings"):
                normal(p, 0.5)
            elif name == "t5.shared.weight":
                normal(p, 1.0)
                p[pieces:] *= 0.1
                p[1] *= 1.2
            elif name == "t5.lm_head.weight":
                normal(p, d_model ** -0.5)
                p[pieces:] *= 0.1
                p[1] *= 1.2
            elif "relative_attention_bias" in name:
                normal(p, 0.5)
            elif p.ndim == 1 and "norm" in name:
                normal(p, 0.1, 1.0 if last == "weight" else 0.0)
            elif p.ndim == 1:
                normal(p, 0.1)
            else:
                fan_in = p[0].numel()
                gain = 1.0
                if "deconvolutions" in name:
                    fan_in = p.shape[0] * 9 / 4
                if name.startswith(("score_head", "heatmap_head")):
                    gain = math.sqrt(2.0)
                if name.startswith("t5."):
                    if name.endswith("Attention.q.weight"):
                        gain = 1.5 * d_kv ** -0.5
                    elif name.startswith("t5.decoder") and name.endswith(".wo.weight"):
                        gain = 4.0  # so that the next token is not the last one again
                    elif "EncDecAttention.o" in name:
                        gain = 2.0
                normal(p, gain * fan_in ** -0.5)


PROBE_PROMPTS = ["a red cat on a chair", "two dogs, running in the snow", "city at night", "an old man's hat"]


@torch.no_grad()
def variety(model, seed, pieces):
    """How much the texts of the probes vary with these weights."""
    initialise(model, seed, pieces)
    size = model.config["image"]["size"]
    found = [model(images.picture(i, size, size)[None], [p], scores=False, heatmaps=False)["ids"][0]
             for i, p in enumerate(PROBE_PROMPTS)]
    return sum(len(set(ids)) for ids in found) + 4 * len({tuple(ids[:3]) for ids in found}) + len(set(map(len, found)))


@torch.no_grad()
def calibrate(model, probes):
    """Scales each head's last layer so that its logits spread around 0 instead of saturating."""
    size = model.config["image"]["size"]
    outs = [model(images.picture(seed, size, size)[None], [PROBE_PROMPTS[seed % 4]], words=False, logits=True)
            for seed in range(probes)]
    heads = ([(model.head("score", s), [s]) for s in SCORES] + [(model.head("heatmap", h), [h]) for h in HEATMAPS]
             if model.multi else [(model.score_head, SCORES), (model.heatmap_head, HEATMAPS)])
    if model.tagger:
        out = [model(images.picture(s, size, size)[None], [PROBE_PROMPTS[s % 4]], scores=False, heatmaps=False)
               for s in range(probes)]
        last = model.word_head["dense"][-1]
        values = torch.cat([o["word_logits"].flatten() for o in out])
        last.weight /= values.std()
        last.bias.copy_((last.bias - values.mean()) / values.std())
    for head, tasks in heads:
        values = torch.cat([out[t].flatten() for out in outs for t in tasks])
        scale = min(8.0, 0.7 / max(values.std().item(), 1e-6))
        last = head.last()
        last.weight *= scale
        last.bias.copy_((last.bias - values.mean()) * scale)


def write_safetensors(path, tensors, dtype):
    """A safetensors file whose metadata carries the hash of its data, as our own writer's do."""
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    header, offset, digest = {}, 0, hashlib.sha256()
    ordered = sorted(tensors)
    raw = lambda n: tensors[n].to(dtype).contiguous().view(torch.uint8).numpy()
    for name in ordered:
        count = tensors[name].numel() * dtype.itemsize
        header[name] = {"dtype": names[dtype], "shape": list(tensors[name].shape),
                        "data_offsets": [offset, offset + count]}
        offset += count
        digest.update(raw(name))
    header["__metadata__"] = {"format": "pt", "rahf.data_sha256": digest.hexdigest()}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in ordered:
            file.write(raw(name))


def make(folder, configuration, vocabulary, seed=1, dtype=torch.float32, probes=4, tries=1):
    """Writes config.json, model.safetensors and spiece.model, unless the folder is already complete.

    With `tries`, takes the seed of that many whose texts vary most: tiny decoders like to repeat one token.
    """
    folder = pathlib.Path(folder)
    done = folder / ".complete"
    if done.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        model = Reference(configuration)
    model.load_own({k: torch.empty(v.shape) for k, v in model.own_parameters().items()})
    shutil.copyfile(vocabulary, folder / "spiece.model")
    model.tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary))
    pieces = model.tokenizer.get_piece_size()
    if tries > 1:
        seed = max(range(seed, seed + tries), key=lambda s: variety(model, s, pieces))
    initialise(model, seed, pieces)
    if dtype != torch.float32:
        model.load_own({k: v.to(dtype) for k, v in model.own_parameters().items()})
    calibrate(model, probes)
    write_safetensors(folder / "model.safetensors", model.own_parameters(), dtype)
    (folder / "config.json").write_text(json.dumps(configuration, indent=2, sort_keys=True) + "\n")
    done.touch()
    return folder
