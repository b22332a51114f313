#!/bin/sh
# Compares rahf with PyTorch and with the sentencepiece package on random weights.
#
# usage: Scripts/parity.sh [tiny|port-multi|port|all]     default: tiny
#   tiny   tiny models (both variants, all styles of heads), the mini model's shapes, fp16 and bf16 weights, imported
#          checkpoints, 10,000 prompts
#   port-multi   the multi-head variant at the public port's size (2.6 GB of seeded weights, minutes)
#   port   that and the augmented-prompt variant (5 GB)
# Installs what it needs into .venv; leaves models in out/parity.
set -eu
cd "$(dirname "$0")/.."
what=${1:-tiny}
case $what in tiny | port-multi | port | all) ;; *)
    echo "usage: Scripts/parity.sh [tiny|port-multi|port|all]" >&2
    exit 2 ;;
esac

. Scripts/parity/environment.sh
rahf=${RAHF:-.build/release/rahf}
[ -x "$rahf" ] || swift build -c release --product rahf
work=out/parity
mkdir -p "$work"
vocabulary=$work/t5.model
[ -s "$vocabulary" ] || "$python" Scripts/t5-vocabulary.py "$vocabulary"

status=0
case $what in tiny | all)
    "$python" Scripts/parity/compare.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" \
        --photographs Examples/photographs tiny-multi-port tiny-multi-paper tiny-augmented-port \
        tiny-augmented-paper tiny-multi-port:f16 tiny-augmented-paper:bf16 tiny-multi-mini tiny-augmented-mini tiny-detail-mini \
        multi-mini:bf16 augmented-mini || status=1
    "$python" Scripts/parity/train_step.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" || status=1
    "$python" Scripts/parity/imports.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" || status=1
    "$python" Scripts/tokenizer-parity.py --rahf "$rahf" "$vocabulary" || status=1
    ;;
esac
large=
case $what in port-multi) large=port ;; port | all) large="port port-augmented" ;; esac
if [ -n "$large" ]; then
    # The names are meant to be split.
    # shellcheck disable=SC2086
    "$python" Scripts/parity/compare.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" $large || status=1
fi
exit $status
