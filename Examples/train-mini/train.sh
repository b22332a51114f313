#!/bin/sh
# Makes rahf-mini: the world's data sets, a fresh model, the four runs, the evaluation.
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
# RUN START FORMAT [OPTION…]
whole() {
    run=$1 start=$2 format=$3
    shift 3
    "$rahf" train --config "$here/$run.json" --data world/train-photographs world/train-scenes \
        --validation world/validation --model "$out/$start" --out "$out/$run" --format "$format" "$@"
}
# The convolutions first, on crops around damage; then everything, on whole images, with crops to keep what was learned.
"$rahf" train --config "$here/crops.json" --data world/train --validation world/validation --model "$out/start" \
    --out "$out/crops" --format float32
whole whole crops/model float32 --until 2339
whole finish whole/model bfloat16 --until 1971
whole settle finish/model bfloat16
for set in test-world test-photographs test-seen-kinds; do
    "$rahf" evaluate --model "$out/settle/model" --data "world/$set" --format json > "$out/$set.json"
done
