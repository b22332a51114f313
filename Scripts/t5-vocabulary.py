#!/usr/bin/env python3
"""Rebuild T5's 32,000-piece SentencePiece model from a Python package that carries it.

usage: t5-vocabulary.py OUT.model
needs: pip install sentencepiece protobuf   (and pip itself, to download one source package)
"""
import base64
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "stable-diffusion-cpp-python==0.4.7"
SAMPLE = "translate English to German: The house is wonderful."
SAMPLE_IDS = [13959, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5]


def download(folder):
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps",
         "--no-binary", PACKAGE.split("==")[0], "-d", folder, PACKAGE],
        check=False)
    found = list(pathlib.Path(folder).glob("*.tar.gz"))
    if not found:
        sys.exit(f"t5-vocabulary: could not download {PACKAGE}")
    return found[0]


def tokenizer_json(archive):
    with tarfile.open(archive) as tar:
        member = next(m for m in tar.getmembers() if m.name.endswith("vocab/clip_t5.hpp"))
        text = tar.extractfile(member).read().decode()
    start = text.index("{", text.index("t5_tokenizer_json_str"))
    body = text[start:text.index("}", start)]
    return json.loads(bytes(int(x, 16) for x in re.findall(r"0x([0-9a-fA-F]{2})", body)).rstrip(b"\0"))


def charsmap(node):
    if node.get("type") == "Precompiled":
        return node["precompiled_charsmap"]
    return next(filter(None, (charsmap(n) for n in node.get("normalizers", []))), None)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as pb
    with tempfile.TemporaryDirectory() as folder:
        source = tokenizer_json(download(folder))
    pieces = source["model"]["vocab"][:32000]
    model = pb.ModelProto()
    for index, (piece, score) in enumerate(pieces):
        entry = model.pieces.add()
        entry.piece, entry.score = piece, score
        entry.type = {0: 3, 1: 3, 2: 2}.get(index, 1)
    trainer = model.trainer_spec
    trainer.model_type, trainer.vocab_size = 1, len(pieces)
    trainer.pad_id, trainer.eos_id, trainer.unk_id, trainer.bos_id = 0, 1, 2, -1
    trainer.pad_piece, trainer.eos_piece, trainer.unk_piece = (pieces[i][0] for i in (0, 1, 2))
    normalizer = model.normalizer_spec
    normalizer.name = "nmt_nfkc"
    normalizer.precompiled_charsmap = base64.b64decode(charsmap(source["normalizer"]))
    normalizer.add_dummy_prefix = normalizer.remove_extra_whitespaces = normalizer.escape_whitespaces = True
    pathlib.Path(sys.argv[1]).write_bytes(model.SerializeToString())
    ids = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1]).encode(SAMPLE)
    if ids != SAMPLE_IDS:
        sys.exit(f"t5-vocabulary: the rebuilt model encodes the sample as {ids}")
    print(f"{sys.argv[1]}: {len(pieces)} pieces")


main()
