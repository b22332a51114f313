#!/usr/bin/env python3
"""Writes a small SentencePiece vocabulary that respells text as T5's does, for a few characters.

usage: make-spelling-vocabulary.py FILE          needs: pip install sentencepiece
The whole NFKC table would take 240 kB; this one holds what the tests write. U+1F431 stays unknown.
"""
import io
import pathlib
import sys
import tempfile
import unicodedata

import sentencepiece

words = "a b cat dog yellow red hat fine the and caté é e\u0308 \u0308 \u0301 _0 _ 0 ' - 1".split(" ")
rules = {"\t": " ", "\n": " ", "\u3000": " ", "\u200b": " "}
for code in [*range(0xFB00, 0xFB07), *range(0xFF01, 0xFF5F), *range(0x2460, 0x2469)]:
    rules[chr(code)] = unicodedata.normalize("NFKC", chr(code))
for letter in "abcdefghijklmnopqrstuvwxyz":
    for mark in "\u0301\u0308":
        composed = unicodedata.normalize("NFKC", letter + mark)
        if len(composed) == 1:
            rules[letter + mark] = composed


def codes(text):
    return " ".join(f"{ord(c):X}" for c in text)


with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
    table.write("".join(f"{codes(a)}\t{codes(b)}\n" for a, b in rules.items()))
    table.flush()
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words)] * 50 + ["abcdefghijklmnopqrstuvwxyz äáéíóúýöüëï"]), model_writer=out,
        vocab_size=90, character_coverage=1.0, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False,
        normalization_rule_tsv=table.name, minloglevel=2)
pathlib.Path(sys.argv[1]).write_bytes(out.getvalue())
