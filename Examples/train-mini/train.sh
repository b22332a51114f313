#!/bin/sh
# Makes rahf-mini: the world's data sets, a fresh model, two runs that share no weight, their union, the evaluation.
#
#   Examples/train-mini/train.sh [FOLDER]        default: out/train-mini
#
# Interrupted at any moment, the same command goes on where it was. README.md says what it took.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-out/train-mini}
here=Examples/train-mini
rahf=.build/release/rahf
[ -x "$rahf" ] || swift build -c release --product rahf
mkdir -p "$out"
Scripts/make-world.sh world
[ -f "$out/start/model.safetensors" ] ||
    "$rahf" create --preset mini --tokenizer "$here/spiece.model" --seed 1 --out "$out/start"
all="world/train world/train-photographs world/train-kinds world/train-scenes"
# RUN START DATA FORMAT [OPTION…]
train() {
    run=$1 start=$2 data=$3 format=$4
    shift 4
    # The data sets are meant to be split.
    # shellcheck disable=SC2086
    "$rahf" train --config "$here/$run.json" --data $data --validation world/validation --model "$out/$start" \
        --out "$out/$run" --format "$format" "$@"
}
# Damage on crops; words and alignment on whole images. Neither touches what the other trains: on a machine with more
# processors they may run at the same time.
train crops start "$all" float32 --until 20941
train words start "world/train-scenes world/train" float32 --until 4029
[ -f "$out/joined/model.safetensors" ] ||
    "$rahf" graft --model "$out/words/model" --from "$out/crops/model" --out "$out/joined" \
        --weights detail. '*.plausibility.*' '*.implausibility.*'
train join joined "$all" bfloat16
for set in test-world test-photographs test-seen-kinds; do
    "$rahf" evaluate --model "$out/join/model" --data "world/$set" --format json > "$out/$set.json"
done
