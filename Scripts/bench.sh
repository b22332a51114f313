#!/bin/sh
# Speed against PyTorch, memory and start at the paper's sizes. Extra arguments go to Scripts/bench/bench.py.
set -eu
cd "$(dirname "$0")/.."
. Scripts/parity/environment.sh
rahf=${RAHF:-.build/release/rahf}
[ -x "$rahf" ] || swift build -c release --product rahf
work=out/parity
mkdir -p "$work"
vocabulary=$work/t5.model
[ -s "$vocabulary" ] || "$python" Scripts/t5-vocabulary.py "$vocabulary"
exec "$python" Scripts/bench/bench.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" "$@"
