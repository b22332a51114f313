"""Trains rahf-mini's SentencePiece vocabulary: 2,048 pieces by T5's conventions.

    python Scripts/vocabulary/train.py WORLD CAPTIONS FRAGMENTS OUT.model

WORLD is a data set of `rahf synthesize`, CAPTIONS a folder of photographs, FRAGMENTS the data folder of
clip-interrogator. Pad is 0, end of sequence 1, unknown 2, text is normalised by nmt_nfkc, a word starts with a space.
Bytes are pieces (256 of the 2,048), so that no prompt in any script holds an unknown piece: the decoder must be able to
write every word back. `_0`, which marks a misaligned word in the decoder's text, is one piece, so that marking a word
never changes the pieces of the word itself.
"""

import json
import os
import pathlib
import random
import shutil
import sys
import tempfile

import sentencepiece

PIECES = 2048
FRAGMENTS = 30_000


def lines(world: pathlib.Path, photographs: pathlib.Path, fragments: pathlib.Path) -> list[str]:
    chosen = random.Random(1)
    prompts = [json.loads(line)["prompt"] for line in (world / "annotations.jsonl").open()]
    for path in sorted(photographs.glob("*/captions.jsonl")):
        if path.parent.name == "test":
            continue
        for row in map(json.loads, path.open()):
            # Every word that may stand in a caption, often enough to weigh.
            prompts += [row["caption"], row["short"]] * 20
            prompts += [other for swap in row["swaps"] for other in swap["instead"]] * 10
    pieces = []
    for name in ("flavors.txt", "mediums.txt", "movements.txt"):
        pieces += (fragments / name).read_text(encoding="utf-8").splitlines()
    chosen.shuffle(pieces)
    pieces = pieces[:FRAGMENTS]
    # Prompts people write are a subject and a tail of fragments.
    tails = [", ".join(pieces[i : i + 3]) for i in range(0, len(pieces), 3)]
    return prompts + tails * 2


def main(world: str, photographs: str, fragments: str, out: str) -> None:
    target = pathlib.Path(out).resolve()
    text = "\n".join(lines(pathlib.Path(world), pathlib.Path(photographs), pathlib.Path(fragments)))
    with tempfile.TemporaryDirectory() as folder:
        # The model records the names it was made with: bare ones, so that the same text gives the same bytes.
        os.chdir(folder)
        pathlib.Path("text.txt").write_text(text, encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input="text.txt",
            model_prefix="spiece",
            model_type="unigram",
            vocab_size=PIECES,
            character_coverage=0.9995,
            byte_fallback=True,
            required_chars="".join(map(chr, range(33, 127))),
            normalization_rule_name="nmt_nfkc",
            add_dummy_prefix=True,
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            user_defined_symbols=["_0"],
            num_threads=1,
            max_sentence_length=4096,
            minloglevel=1,
        )
        shutil.copyfile("spiece.model", target)
        os.chdir(target.parent)
    model = sentencepiece.SentencePieceProcessor(model_file=str(target))
    words = (
        "a an one two three four five red orange yellow green cyan blue purple pink brown black white grey circle circles "
        "square squares triangle triangles star stars ring rings cross crosses heart hearts diamond diamonds hexagon "
        "hexagons crescent crescents left right top bottom centre above below under striped dotted checked"
    ).split()
    split = [word for word in words if len(model.encode(word)) > 1]
    print(f"{out}: {model.get_piece_size()} pieces; words of scenes that take more than one: {split or 'none'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
