"""The RAHF model in PyTorch, built from a model folder: the peer our engine is compared with.

ViT and T5 are the `transformers` package's; the heads are plain torch, written from the description of the
configuration. Everything runs in fp32 on the CPU, one item at a time unless batches are asked for.
"""
import json
import math
import pathlib
import re

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration, ViTConfig, ViTModel
from transformers.modeling_outputs import BaseModelOutput

SCORES = ["plausibility", "alignment", "aesthetics", "overall"]
HEATMAPS = ["implausibility", "misalignment"]


class ChannelNorm(nn.Module):
    """Normalises NCHW over C, or leaves it as it is ("none")."""

    def __init__(self, kind, channels, eps):
        super().__init__()
        self.kind, self.eps = kind, eps
        if kind != "none":
            self.weight = nn.Parameter(torch.ones(channels))
        if kind == "layer":
            self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        if self.kind == "none":
            return x
        if self.kind == "layer":
            y = F.layer_norm(x.movedim(1, -1), (x.shape[1],), self.weight, self.bias, self.eps)
            return y.movedim(-1, 1)
        return x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + self.eps) * self.weight[:, None, None]


class SameConv(nn.Conv2d):
    """Stride 1; `(kernel - 1) // 2` before, the rest after."""

    def forward(self, x):
        k = self.kernel_size[0]
        before = (k - 1) // 2
        after = k - 1 - before
        return super().forward(F.pad(x, (before, after, before, after)))


class Stem(nn.Module):
    """Stride-2 convolutions in the place of the ViT's patch embedding, with high-pass channels and residual blocks if
    asked for."""

    def __init__(self, config):
        super().__init__()
        self.high_pass, self.activation = config.get("high_pass"), getattr(F, config["activation"])
        self.convolutions, self.norms, self.blocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = 3 if self.high_pass is None else 6
        counts = config.get("residual_blocks") or [0] * len(config["channels"])
        for c, count in zip(config["channels"], counts):
            self.convolutions.append(nn.Conv2d(channels, c, 3, stride=2, padding=1))
            self.norms.append(ChannelNorm(config["norm"], c, config["norm_eps"]))
            self.blocks.append(nn.ModuleList(
                nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in range(2)) for _ in range(count)))
            channels = c

    @property
    def projection(self):
        """ViTModel asks it for its number type."""
        return self.convolutions[0]

    def map(self, x):
        """[B,3,H,W], normalised, to [B,C,h,w]."""
        if self.high_pass is not None:
            mean = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
            x = torch.cat([x, self.high_pass * (x - mean)], 1)
        for convolution, norm, blocks in zip(self.convolutions, self.norms, self.blocks):
            x = self.activation(norm(convolution(x)))
            for first, second in blocks:
                x = F.relu(x + second(F.relu(first(x))))
        return x

    def forward(self, x, interpolate_pos_encoding=False):
        return self.map(x).flatten(2).transpose(1, 2)


class ScoreHead(nn.Module):
    def __init__(self, config, channels, side, heatmaps):
        super().__init__()
        self.convolutions, self.convolution_norms, self.dense = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for c in config["convolutions"]:
            self.convolutions.append(SameConv(channels, c["channels"], c["kernel"]))
            channels = c["channels"]
            self.convolution_norms.append(ChannelNorm(config["norm"], channels, config["norm_eps"]))
        self.pooling, self.statistics = config.get("pooling"), config.get("heatmap_statistics")
        width = channels * side * side
        if self.pooling:
            width = channels * len(self.pooling)
            width += heatmaps * len(self.statistics["statistics"]) if self.statistics else 0
        for size in config["dense"]:
            self.dense.append(nn.Linear(width, size))
            width = size

    def pooled(self, x, maps):
        """`maps`: logits [B,S,S] of the heatmaps."""
        x = x.flatten(2)
        parts = [x.mean(2) if p == "mean" else x.max(2).values for p in self.pooling]
        if self.statistics:
            for values in (m.flatten(1) for m in maps):
                count = max(1, math.floor(self.statistics["top_fraction"] * values.shape[1] + 0.5))
                parts += [values.mean(1, keepdim=True) if s == "mean"
                          else values.topk(count, 1).values.mean(1, keepdim=True)
                          for s in self.statistics["statistics"]]
        return torch.cat(parts, 1)

    def logits(self, x, maps):
        for convolution, norm in zip(self.convolutions, self.convolution_norms):
            x = F.relu(norm(convolution(x)))
        x = self.pooled(x, maps) if self.pooling else x.flatten(1)
        for layer in self.dense[:-1]:
            x = F.relu(layer(x))
        return self.dense[-1](x)[:, 0]

    def last(self):
        return self.dense[-1]


class HeatmapHead(nn.Module):
    def __init__(self, config, channels):
        super().__init__()
        self.activation_first, self.residual = config["activation_first"], config["residual"]
        norm = lambda c: ChannelNorm(config["norm"], c, config["norm_eps"])
        self.reads_out = config.get("deconvolution_read_outs") is not False
        for name in ["convolutions", "convolution_norms", "deconvolutions", "deconvolution_norms", "read_outs",
                     "read_out_norms", "read_out"]:
            setattr(self, name, nn.ModuleList())
        for c in config["convolutions"]:
            self.convolutions.append(nn.Conv2d(channels, c, 3, padding=1))
            self.convolution_norms.append(norm(c))
            channels = c
        for c in config["deconvolutions"]:
            self.deconvolutions.append(nn.ConvTranspose2d(channels, c, 3, 2, 1, 1))
            self.deconvolution_norms.append(norm(c))
            parts = range(2 if self.reads_out else 0)
            self.read_outs.append(nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in parts))
            self.read_out_norms.append(nn.ModuleList(norm(c) for _ in parts))
            channels = c
        for c in config["read_out"]:
            self.read_out.append(nn.Conv2d(channels, c, 3, padding=1))
            channels = c

    def logits(self, x):
        for convolution, norm in zip(self.convolutions, self.convolution_norms):
            x = norm(F.relu(convolution(x))) if self.activation_first else F.relu(norm(convolution(x)))
        for deconvolution, norm, convolutions, norms in zip(
                self.deconvolutions, self.deconvolution_norms, self.read_outs, self.read_out_norms):
            x = F.relu(norm(deconvolution(x)))
            if not self.reads_out:
                continue
            y = F.relu(norms[0](convolutions[0](x)))
            y = norms[1](convolutions[1](y))
            x = F.relu(x + y) if self.residual else F.relu(y)
        for convolution in self.read_out[:-1]:
            x = F.relu(convolution(x))
        return self.read_out[-1](x)[:, 0]

    def last(self):
        return self.read_out[-1]


def vit_name(name):
    """Our name (transformers 4's) of a ViT tensor as transformers 5 calls it."""
    for old, new in [
            ("encoder.layer.", "layers."), ("attention.attention.query", "attention.q_proj"),
            ("attention.attention.key", "attention.k_proj"), ("attention.attention.value", "attention.v_proj"),
            ("attention.output.dense", "attention.o_proj"), ("intermediate.dense", "mlp.fc1"),
            ("output.dense", "mlp.fc2")]:
        name = name.replace(old, new)
    return name


class Reference(nn.Module):
    """`config` is config.json as a dictionary."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        v, t, size = config["vit"], config["t5"], config["image"]["size"]
        self.multi = config["variant"] == "multi_head"
        self.grid = size // v["patch_size"]
        self.vit = ViTModel(ViTConfig(
            hidden_size=v["hidden_size"], num_hidden_layers=v["num_hidden_layers"],
            num_attention_heads=v["num_attention_heads"], intermediate_size=v["intermediate_size"],
            patch_size=v["patch_size"], layer_norm_eps=v["layer_norm_eps"], image_size=size,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), add_pooling_layer=False)
        if v.get("stem"):
            self.vit.embeddings.patch_embeddings = Stem(v["stem"])
        self.visual_token_projection = nn.Linear(v["hidden_size"], t["d_model"])
        self.tagger = config.get("word_head")
        self.t5 = (T5EncoderModel if self.tagger else T5ForConditionalGeneration)(T5Config(
            vocab_size=t["vocab_size"], d_model=t["d_model"], d_kv=t["d_kv"], d_ff=t["d_ff"],
            num_heads=t["num_heads"], num_layers=t["num_layers"], num_decoder_layers=t["num_decoder_layers"],
            relative_attention_num_buckets=t["relative_attention_num_buckets"],
            relative_attention_max_distance=t["relative_attention_max_distance"],
            feed_forward_proj=t["feed_forward_proj"], tie_word_embeddings=t["tie_word_embeddings"],
            layer_norm_epsilon=t["layer_norm_epsilon"], pad_token_id=t["pad_token_id"],
            eos_token_id=t["eos_token_id"], decoder_start_token_id=t["decoder_start_token_id"], dropout_rate=0.0))
        if self.tagger:
            widths = [t["d_model"]] + self.tagger.get("dense", [1])
            self.word_head = nn.ModuleDict({"dense": nn.ModuleList(
                nn.Linear(a, b) for a, b in zip(widths, widths[1:]))})
        elif not t["tie_word_embeddings"]:
            # transformers 5 ties at construction whatever the setting says.
            self.t5.lm_head.weight = nn.Parameter(torch.empty_like(self.t5.shared.weight))
        if config.get("detail"):
            self.detail = nn.ModuleDict({"stem": Stem(config["detail"]["stem"])})
        score = lambda task=None: ScoreHead(config["score_head"], t["d_model"], self.grid, len(self.read_by(task)))
        heatmap = lambda: HeatmapHead(config["heatmap_head"], t["d_model"])
        self.score_head = nn.ModuleDict({k: score(k) for k in SCORES}) if self.multi else score()
        self.heatmap_head = nn.ModuleDict({k: heatmap() for k in HEATMAPS}) if self.multi else heatmap()
        self.eval()
        self.tokenizer = None

    # Weights

    def own_parameters(self):
        """Every tensor under the names of model.safetensors, without duplicates."""
        found = {}
        back = {}
        for i in range(self.config["vit"]["num_hidden_layers"]):
            for p in ["layernorm_before", "layernorm_after", "attention.attention.query", "attention.attention.key",
                      "attention.attention.value", "attention.output.dense", "intermediate.dense", "output.dense"]:
                for end in ["weight", "bias"]:
                    ours = f"encoder.layer.{i}.{p}.{end}"
                    back["vit." + vit_name(ours)] = "vit." + ours
        for name, tensor in self.state_dict().items():
            if name.endswith("embed_tokens.weight"):
                continue
            if name == "t5.lm_head.weight" and self.config["t5"]["tie_word_embeddings"]:
                continue
            if self.config["vit"].get("stem"):
                name = name.replace("vit.embeddings.patch_embeddings.", "vit.stem.")
            found[back.get(name, name)] = tensor
        return found

    def load_own(self, tensors):
        state = {}
        for name, tensor in tensors.items():
            key = "vit." + vit_name(name[4:]) if name.startswith("vit.") else name
            key = key.replace("vit.stem.", "vit.embeddings.patch_embeddings.")
            state[key] = tensor.float()
        shared = state["t5.shared.weight"]
        for name in ["t5.encoder.embed_tokens.weight"] if self.tagger else [
                "t5.encoder.embed_tokens.weight", "t5.decoder.embed_tokens.weight", "t5.lm_head.weight"]:
            state.setdefault(name, shared)
        self.load_state_dict(state, strict=True, assign=True)
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        return self

    @classmethod
    def load(cls, folder):
        folder = pathlib.Path(folder)
        with torch.device("meta"):
            model = cls(json.loads((folder / "config.json").read_text()))
        model.load_own(load_file(folder / "model.safetensors"))
        model.tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
        return model

    # Inputs

    def preprocess(self, pixels):
        """[B,3,H,W] in [0,1] at any size -> the ViT's input; differentiable."""
        image = self.config["image"]
        if pixels.shape[-2:] != (image["size"], image["size"]):
            pixels = F.interpolate(pixels, (image["size"],) * 2, mode=image["resample"], antialias=True)
        mean = torch.tensor(image["mean"])[:, None, None]
        std = torch.tensor(image["std"])[:, None, None]
        return (pixels - mean) / std

    @staticmethod
    def clean(prompt):
        return " ".join(w for w in re.split(r'[,.?!":; ]', prompt) if w)

    def tokens(self, cleaned, task=None):
        prefix = self.config["text"]["task_prefixes"][task] if task and not self.multi else ""
        return self.tokenizer.encode(prefix + cleaned) + [self.config["t5"]["eos_token_id"]]

    # The network

    def visual(self, pixels):
        return self.visual_token_projection(self.vit(self.preprocess(pixels)).last_hidden_state)

    def encode(self, visual, token_lists):
        """visual [B,1+P,d], one token list per row -> encoder output [B,1+P+T,d] and its mask."""
        longest = max(map(len, token_lists))
        ids = torch.zeros(len(token_lists), longest, dtype=torch.long)
        mask = torch.zeros(len(token_lists), visual.shape[1] + longest, dtype=torch.long)
        for row, tokens in enumerate(token_lists):
            ids[row, :len(tokens)] = torch.tensor(tokens)
            mask[row, :visual.shape[1] + len(tokens)] = 1
        joined = torch.cat([visual, self.t5.shared(ids)], 1)
        return self.t5.encoder(inputs_embeds=joined, attention_mask=mask).last_hidden_state, mask

    def feature_map(self, encoded):
        positions = encoded[:, 1:1 + self.grid ** 2]
        return positions.transpose(1, 2).unflatten(2, (self.grid, self.grid))

    def head(self, kind, task):
        module = self.score_head if kind == "score" else self.heatmap_head
        return module[task] if self.multi else module

    def on_detail(self, task):
        """Whether a score's or a heatmap's head reads the detail path."""
        detail = self.config.get("detail")
        return bool(detail) and task in detail["scores"] + detail["heatmaps"]

    def read_by(self, score):
        """The heatmaps whose logits a score's head reads."""
        if not self.reads_heatmaps():
            return []
        if not self.multi:
            return [None]
        return [h for h in HEATMAPS if not self.on_detail(score) or self.on_detail(h)]

    def features(self, task, encoded, pixels):
        """The map [B,D,grid,grid] that a head reads; `pixels` as `visual` takes them."""
        if self.on_detail(task):
            return self.detail["stem"].map(self.preprocess(pixels))
        return self.feature_map(encoded)

    def statistics_logits(self, score, encoded, pixels):
        """Logits of the heatmaps that a score's head reads."""
        return [self.head("heatmap", h).logits(self.features(h or score, encoded, pixels)) for h in self.read_by(score)]

    def forward(self, pixels, prompts, scores=True, heatmaps=True, words=True, logits=False):
        """Everything asked for, as a dictionary of tensors [B] and [B,side,side] and lists of texts."""
        finish = (lambda x: x) if logits else torch.sigmoid
        cleaned = [self.clean(p) for p in prompts]
        visual = self.visual(pixels)
        answer = {}
        shared = None
        if self.multi or words:
            shared = self.encode(visual, [self.tokens(c) for c in cleaned])
        wanted = [("score", s) for s in SCORES if scores] + [("heatmap", h) for h in HEATMAPS if heatmaps]
        for kind, task in wanted:
            encoded = shared[0] if self.multi else self.encode(visual, [self.tokens(c, task) for c in cleaned])[0]
            features = self.features(task, encoded, pixels)
            maps = self.statistics_logits(task, encoded, pixels) if kind == "score" else []
            head = self.head(kind, task)
            answer[task] = finish(head.logits(features, maps) if kind == "score" else head.logits(features))
        if words and self.tagger:
            answer |= self.tag(shared[0][:, visual.shape[1]:], cleaned)
        elif words:
            encoded, mask = shared
            answer["ids"], answer["margin"] = self.greedy(encoded[:, visual.shape[1]:], mask[:, visual.shape[1]:])
            answer["decoded"] = [self.detokenize(ids) for ids in answer["ids"]]
        return answer

    def reads_heatmaps(self):
        return bool(self.config["score_head"].get("heatmap_statistics"))

    def tag(self, text, cleaned):
        """One logit per token; a word is flagged if the largest of its tokens' is above 0. Words encoded one by one."""
        for layer in self.word_head["dense"][:-1]:
            text = F.relu(layer(text))
        logits = self.word_head["dense"][-1](text)[..., 0]
        flags, decoded, margin = [], [], float("inf")
        for row, prompt in enumerate(cleaned):
            words = prompt.split(" ")
            pieces = [self.tokenizer.encode(w) for w in words]
            if sum(pieces, []) != self.tokenizer.encode(prompt):
                raise ValueError(f"{prompt!r} is not encoded word by word")
            ends = np.cumsum([0] + [len(p) for p in pieces])
            largest = [logits[row, a:b].max().item() if b > a else -math.inf for a, b in zip(ends, ends[1:])]
            margin = min([margin] + [abs(x) for x in largest])
            flags.append([int(x > 0) for x in largest])
            decoded.append(" ".join(w + "_0" * f for w, f in zip(words, flags[-1])))
        return {"ids": flags, "decoded": decoded, "margin": margin, "word_logits": logits}

    def greedy(self, encoded, mask):
        """Greedy ids per row, and the smallest gap between the two best logits on the way."""
        t5 = self.config["t5"]
        rows = encoded.shape[0]
        token = torch.full((rows, 1), t5["decoder_start_token_id"])
        cache, ids, open_rows, margin = None, [[] for _ in range(rows)], set(range(rows)), float("inf")
        for _ in range(self.config["text"]["max_new_tokens"]):
            out = self.t5(decoder_input_ids=token, encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
                          attention_mask=mask, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            best = out.logits[:, -1].topk(2)
            token = best.indices[:, :1]
            for row in list(open_rows):
                margin = min(margin, (best.values[row, 0] - best.values[row, 1]).item())
                ids[row].append(token[row].item())
                if ids[row][-1] == t5["eos_token_id"]:
                    open_rows.discard(row)
            if not open_rows:
                break
        return ids, margin

    def detokenize(self, ids):
        """As `transformers` with skip_special_tokens: control pieces and ids outside the vocabulary are dropped."""
        size = self.tokenizer.get_piece_size()
        keep = [i for i in ids if i < size and not self.tokenizer.is_control(i) and not self.tokenizer.is_unknown(i)]
        return self.tokenizer.decode(keep)

    def objective(self, pixels, prompt, objective):
        """Weights over scores and heatmap means, summed, of pixels [3,H,W]."""
        scores = any(k in SCORES for k in objective)
        heatmaps = any(k in HEATMAPS for k in objective)
        out = self(pixels[None], [prompt], scores=scores, heatmaps=heatmaps, words=False)
        return sum(weight * out[name].mean() for name, weight in objective.items())

    def gradient(self, pixels, prompt, objective):
        """d objective / d pixels [3,H,W], and the objective."""
        x = pixels.clone().requires_grad_(True)
        total = self.objective(x, prompt, objective)
        total.backward()
        return x.grad, total.item()


def read_image(path):
    """[3,H,W] in [0,1]."""
    with Image.open(path) as image:
        return torch.from_numpy(np.asarray(image.convert("RGB"), np.float32)).permute(2, 0, 1).contiguous() / 255
