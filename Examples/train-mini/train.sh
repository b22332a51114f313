#!/bin/sh
# Makes rahf-mini: the world's data sets, a fresh model, the three runs, the evaluation.
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
    "$rahf" create --preset mini --tokenizer Models/rahf-mini/spiece.model --seed 1 --out "$out/start"
train() {
    run=$1 start=$2
    shift 2
    "$rahf" train --config "$here/$run.json" --data world/train --validation world/validation --model "$start" \
        --out "$out/$run" "$@"
}
# The convolutions first, on crops around damage; then everything, on whole images; then the same more gently.
train crops "$out/start" --format float32
train whole "$out/crops/model" --format bfloat16 --until 547
train finish "$out/whole/model" --format bfloat16
for set in test-world test-photographs test-seen-kinds; do
    "$rahf" evaluate --model "$out/finish/model" --data "world/$set" --report "$out/$set.html" > "$out/$set.txt"
done
