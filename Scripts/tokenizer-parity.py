#!/usr/bin/env python3
"""Compares `rahf tokenize` with the sentencepiece package on 10,000 seeded prompts, whole and word by word.

usage: tokenizer-parity.py [--rahf PATH] VOCABULARY
"""
import argparse
import json
import random
import re
import subprocess
import sys

import sentencepiece

WORDS = ("a an the red yellow cat dog two astronaut riding horse on Mars photorealistic 4k highly-detailed isn't "
         "man's trending artstation naïve café Ångström 東京 夜 кошка собака قطة 🐱 👩‍🚀 ½ ﬁne ＡＢＣ e\u0301 \u200b x_0 "
         "1girl 8K --ar 16:9 (masterpiece:1.2) <output> </output> SCORE: <extra_id_0> </s> <pad>").split(" ")
MARKS = list(",.?!\":;'-_/\\()[]{}<>@#$%^&*+=|~` ") + ["  ", "\t", "\u00a0", "\u3000", "..."]


def prompts(count):
    rng = random.Random(20240617)
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 24)):
            roll = rng.random()
            if roll < 0.7:
                parts.append(rng.choice(WORDS))
            elif roll < 0.85:
                parts.append("".join(chr(rng.choice((rng.randint(33, 126), rng.randint(0xA1, 0x17F),
                                                     rng.randint(0x3041, 0x30FF), rng.randint(0x1F300, 0x1F5FF))))
                                     for _ in range(rng.randint(1, 8))))
            else:
                parts.append(rng.choice(MARKS))
        yield rng.choice((" ", " ", " ", "", "  ")).join(parts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rahf", default=".build/release/rahf")
    parser.add_argument("vocabulary")
    arguments = parser.parse_args()
    texts = list(prompts(10_000))
    processor = sentencepiece.SentencePieceProcessor(model_file=arguments.vocabulary)
    wrong = compare("prompts", texts, run(arguments, texts), processor.encode(texts))
    words = [[w for w in re.split(r'[,.?!":; ]', text) if w] for text in texts]
    cleaned = [" ".join(w) for w in words]
    groups = run(arguments, cleaned, "--words")
    wrong |= compare("cleaned prompts in words", cleaned, [sum(g, []) for g in groups], processor.encode(cleaned))
    wrong |= compare("prompts' words", cleaned, groups, [processor.encode(w) for w in words])
    sys.exit(wrong)


def run(arguments, texts, *flags):
    lines = subprocess.run([arguments.rahf, "tokenize", "--tokenizer", arguments.vocabulary, *flags],
                           input="\n".join(texts) + "\n", capture_output=True, check=True, text=True).stdout
    return [json.loads(line) for line in lines.splitlines()]


def compare(name, texts, ours, theirs):
    different = [i for i in range(len(texts)) if i >= len(ours) or ours[i] != theirs[i]]
    for index in different[:3]:
        print(f"{texts[index]!r}: {ours[index] if index < len(ours) else None}, expected {theirs[index]}")
    print(f"tokenizer: {len(texts) - len(different)} of {len(texts)} {name} identical")
    return bool(different) or len(ours) != len(texts)

main()
