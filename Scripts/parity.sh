#!/bin/sh
# Compares rahf with PyTorch and with the sentencepiece package on random weights.
#
# usage: Scripts/parity.sh [tiny|port|all]     default: tiny
#   tiny   tiny models (both variants, all styles of heads), the mini model's shapes, fp16 and bf16 weights, 10,000 prompts
#   port   the public port's size (2.6 GB of seeded weights, minutes)
# Installs what it needs into .venv; leaves models in out/parity.
set -eu
cd "$(dirname "$0")/.."
what=${1:-tiny}
case $what in tiny | port | all) ;; *) echo "usage: Scripts/parity.sh [tiny|port|all]" >&2; exit 2 ;; esac

. Scripts/parity/environment.sh
rahf=${RAHF:-.build/release/rahf}
[ -x "$rahf" ] || swift build -c release --product rahf
work=out/parity
mkdir -p "$work"
vocabulary=$work/t5.model
[ -s "$vocabulary" ] || "$python" Scripts/t5-vocabulary.py "$vocabulary"

status=0
if [ "$what" != port ]; then
    "$python" Scripts/parity/compare.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" \
        --photographs Examples/photographs tiny-multi-port tiny-multi-paper tiny-augmented-port \
        tiny-augmented-paper tiny-multi-port:f16 tiny-augmented-paper:bf16 tiny-multi-mini tiny-augmented-mini \
        multi-mini:bf16 augmented-mini || status=1
    "$python" Scripts/parity/train_step.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" || status=1
    "$python" Scripts/tokenizer-parity.py --rahf "$rahf" "$vocabulary" || status=1
fi
if [ "$what" != tiny ]; then
    "$python" Scripts/parity/compare.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" port || status=1
fi
exit $status
