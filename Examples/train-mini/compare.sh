#!/bin/sh
# The paper's two variants at the same number of steps, far fewer than the model that ships took (README.md), and with the
# same parts: neither has a path of its own for damage.
#
#   Examples/train-mini/compare.sh [FOLDER]        default: out/compare-variants
set -eu
cd "$(dirname "$0")/../.."
out=${1:-out/compare-variants}
here=Examples/train-mini
rahf=${RAHF:-.build/release/rahf}
world=${WORLD:-world}
threads=${THREADS:-2}
mkdir -p "$out"
for variant in multi_head augmented_prompt; do
    [ -f "$out/$variant/model.safetensors" ] || "$rahf" create --preset mini --no-detail --variant "$variant" \
        --tokenizer "$here/spiece.model" --seed 2 --out "$out/$variant"
    "$rahf" train --config "$here/compare-crops.json" --data "$world/train" --validation "$world/validation" \
        --model "$out/$variant" --out "$out/$variant-crops" --format float32 --threads "$threads"
done
for variant in multi_head augmented_prompt; do
    "$rahf" train --config "$here/compare-whole.json" --data "$world/train-scenes" "$world/train" \
        --validation "$world/validation" --model "$out/$variant-crops/model" --out "$out/$variant-whole" \
        --format float32 --threads "$threads"
    "$rahf" evaluate --model "$out/$variant-whole/model" --data "$world/test-world" > "$out/$variant.txt"
done
