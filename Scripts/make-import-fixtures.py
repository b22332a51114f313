#!/usr/bin/env python3
"""Writes the checkpoints that the import's tests read, good and bad.

usage: make-import-fixtures.py Tests/RewardModelTests/Fixtures
needs: Scripts/parity/requirements.txt

`import/port.pt` is the model of `golden-multi-port` under the names of the public PyTorch port, saved by `torch.save`
with what such files hold beside it: copies of the embedding table, a pooler, transposed and strided views. The other
`.pt` files are bad in one way each; their names say how. `vit`, `vit-classifier` and `t5` are the same model's encoders
as `transformers` saves them: plain, as `pytorch_model.bin` under a classifier's names, and in shards.
`positions-7.npy` is what PyTorch makes of the ViT's 5×5 grid of positions for 7×7.
"""
import io
import json
import os
import pathlib
import pickle
import shutil
import sys
import zipfile

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import T5EncoderModel, ViTForImageClassification

sys.path.insert(0, str(pathlib.Path(__file__).parent / "parity"))
import model_folder  # noqa: E402
from port_names import port_name  # noqa: E402
from reference import Reference  # noqa: E402


def port_state(folder):
    tensors = load_file(folder / "model.safetensors")
    state = {}
    for name, tensor in tensors.items():
        theirs = port_name(name)
        state[theirs] = tensor[:, None, None].clone() if theirs.endswith(".scale") else tensor.clone()
    shared = state["t5.shared.weight"]
    for copy in ["t5.encoder.embed_tokens.weight", "t5.decoder.embed_tokens.weight", "t5.lm_head.weight"]:
        state[copy] = shared
    width = tensors["vit.layernorm.weight"].numel()
    state["vit.pooler.dense.weight"] = torch.zeros(width, width, dtype=shared.dtype)
    state["vit.pooler.dense.bias"] = torch.zeros(width, dtype=shared.dtype)
    weight = state["visual_token_projection.weight"]
    state["visual_token_projection.weight"] = weight.t().contiguous().t()
    bias = state["visual_token_projection.bias"]
    state["visual_token_projection.bias"] = torch.stack([torch.zeros_like(bias), bias], 1)[:, 1]  # every other element
    return state


class Call:
    """Pickles as a call of a global, and would run it on loading."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def archive(path, pickled, entries=(), method=zipfile.ZIP_STORED, byteorder=b"little"):
    """An archive laid out as torch.save's, around any pickle."""
    with zipfile.ZipFile(path, "w", method) as out:
        for name, data in [("data.pkl", pickled), ("byteorder", byteorder), *entries, ("version", b"3\n")]:
            out.writestr(zipfile.ZipInfo(f"{path.stem}/{name}", (1980, 1, 1, 0, 0, 0)), data,
                         compress_type=method if name in dict(entries) else zipfile.ZIP_STORED)


class Storage:
    """Stands for a storage when pickling by hand."""

    def __init__(self, count, kind="FloatStorage", key="0"):
        self.id = ("storage", getattr(torch, kind), key, "cpu", count)


def pickled(value):
    buffer = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            return item.id if isinstance(item, Storage) else None

    Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue()


def tensor(count, offset, shape, strides, kind="FloatStorage"):
    return Call(torch._utils._rebuild_tensor_v2, Storage(count, kind), offset, shape, strides, False, {})


def overlapping():
    """A larger model, all of whose tensors look into one small storage."""
    score = model_folder.score_head([64, 64, 32], 3, [64, 1], "rms", 1e-8)
    heatmap = model_folder.heatmap_head([64, 64], [64, 64], [64, 1], True, "rms", 1e-8)
    config = model_folder.config("", "multi_head", 20, model_folder.vit(64, 2, 2, 128, 4),
                                 model_folder.t5(64, 16, 128, 4, 2, 2, 54, False), score, heatmap, 16)
    with torch.device("meta"):
        tensors = Reference(config).own_parameters()
    pool = torch.zeros(max(t.numel() for t in tensors.values()), dtype=torch.bfloat16)
    state = {}
    for name, tensor in tensors.items():
        view = pool[:tensor.numel()].view(tensor.shape)
        name = port_name(name)
        state[name] = view[:, None, None] if name.endswith(".scale") else view
    return state


def encoders(folder, out):
    model = Reference.load(folder)
    model.vit.bfloat16().save_pretrained(out / "vit")
    classifier = ViTForImageClassification(model.vit.config)
    classifier.vit.load_state_dict(model.vit.state_dict())
    classifier.bfloat16().save_pretrained(out / "vit-classifier")
    weights = out / "vit-classifier" / "model.safetensors"
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    weights.unlink()
    (out / "vit-classifier" / "preprocessor_config.json").write_text(json.dumps({
        "do_normalize": True, "do_resize": True, "do_rescale": True, "rescale_factor": 0.00392156862745098,
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3,
        "image_processor_type": "ViTImageProcessor", "size": {"height": 20, "width": 20}}, indent=2) + "\n")
    model.t5.bfloat16().save_pretrained(out / "t5", max_shard_size="12KB")
    (out / "t5" / "generation_config.json").unlink()
    shutil.copyfile(folder / "spiece.model", out / "t5" / "spiece.model")
    encoder = T5EncoderModel(model.t5.config)
    encoder.bfloat16().save_pretrained(out / "t5-encoder")
    embeddings = model.vit.float().embeddings
    with torch.no_grad():
        resized = embeddings.interpolate_pos_encoding(torch.zeros(1, 50, model.vit.config.hidden_size), 28, 28)
    np.save(out / "positions-7.npy", resized.numpy())


def main():
    torch.manual_seed(1)
    root = pathlib.Path(sys.argv[1])
    out = root / "import"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    torch.save(port_state(root / "golden-multi-port"), out / "port.pt")
    eight = [("data/0", bytes(32))]
    archive(out / "system.pt", pickled({"w": Call(os.system, "touch /tmp/rahf-was-run")}))
    archive(out / "eval.pt", pickled({"w": Call(eval, "1+1")}))
    archive(out / "namespace.pt", pickled({"args": __import__("argparse").Namespace(), "state_dict": {}}))
    archive(out / "lying-size.pt", pickled({"w": tensor(1 << 40, 0, (8,), (1,))}), eight)
    archive(out / "outside.pt", pickled({"w": tensor(8, 4, (2, 4), (4, 1))}), eight)
    archive(out / "expanded.pt", pickled({"w": tensor(8, 0, (1 << 30, 1 << 30), (0, 0))}), eight)
    archive(out / "overflow.pt", pickled({"w": tensor(8, 1, (1 << 62, 2), (1 << 62, 1))}), eight)
    archive(out / "negative.pt", pickled({"w": tensor(8, 7, (8,), (-1,))}), eight)
    archive(out / "no-storage.pt", pickled({"w": tensor(8, 0, (8,), (1,))}))
    archive(out / "untyped.pt", pickled({"w": tensor(32, 0, (8,), (1,), "UntypedStorage")}), eight)
    archive(out / "big-endian.pt", pickled({"w": tensor(8, 0, (8,), (1,))}), eight, byteorder=b"big")
    archive(out / "number.pt", pickled({"w": 3}))
    archive(out / "list.pt", pickled([1, 2.5, None, True, 1 << 40]))
    archive(out / "nested.pt", b"\x80\x02" + b")" + b"\x85" * 100_000 + b".")
    archive(out / "protocol-4.pt", pickle.dumps({"w": 1}, protocol=4))
    archive(out / "bomb.pt", pickled({"w": tensor(1 << 24, 0, (1 << 24,), (1,))}),
            [("data/0", bytes(1 << 26))], method=zipfile.ZIP_DEFLATED)
    torch.save({"w": torch.ones(2)}, out / "legacy.pt", _use_new_zipfile_serialization=False)
    misfit = {name: torch.zeros_like(value) for name, value in port_state(root / "golden-multi-port").items()}
    for copy in ["t5.encoder.embed_tokens.weight", "t5.decoder.embed_tokens.weight", "t5.lm_head.weight"]:
        del misfit[copy]
    misfit["visual_token_projection.bias"] = misfit["visual_token_projection.bias"].double()
    del misfit["score_predictor.overall.linear_layers.0.bias"]
    misfit["score_predictor.overall.extra"] = torch.ones(1)
    misfit["vit.layernorm.weight"] = torch.ones(5)
    torch.save(misfit, out / "misfit.pt")
    torch.save(overlapping(), out / "overlapping.pt")
    encoders(root / "golden-multi-port", out)
    for path in sorted(out.rglob("*.*")):
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
