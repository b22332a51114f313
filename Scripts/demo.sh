#!/bin/sh
# Serves a model, scores the sample photographs over ZeroMQ and writes pictures and a page to demo/.
set -eu
cd "$(dirname "$0")/.."
rahf=.build/release/rahf
mkdir -p demo
vocabulary=Tests/RewardModelTests/Fixtures/golden-multi-port/spiece.model
[ -f demo/model/model.safetensors ] || "$rahf" create --preset tiny --tokenizer "$vocabulary" --out demo/model
"$rahf" demo --model demo/model --out demo
