#!/bin/sh
# Trains Examples/train-mini/spiece.model on the world's prompts, the captions of photographs that are not for testing, and
# a sample of clip-interrogator's prompt fragments (MIT). The same inputs give the same bytes.
set -eu
cd "$(dirname "$0")/.."
out=${1:-Examples/train-mini/spiece.model}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -d photographs/train ] || Scripts/photographs.sh
.build/release/rahf synthesize --out "$work/world" --count 12000 --seed 11 --size 64 --scenes 0.9 \
    --damaged-photographs 0 --damaged-scenes 0 --photographs photographs/train
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check sentencepiece==0.2.1
"$work/venv/bin/pip" download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$work" clip-interrogator==0.6.0
"$work/venv/bin/python" -m zipfile -e "$work"/clip_interrogator-*.whl "$work/fragments"
"$work/venv/bin/python" Scripts/vocabulary/train.py "$work/world" photographs "$work/fragments/clip_interrogator/data" "$out"
