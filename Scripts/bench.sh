#!/bin/sh
# Speed against PyTorch, memory and start at the paper's sizes; a training step; memory over many mixed requests; how time
# grows; what the lower precisions cost in accuracy; the service beside the pass and beside a Flask server.
# usage: bench.sh [speed] [training] [memory] [growth] [precision] [service] [-- OPTIONS]
# All parts by default, which takes most of an hour; OPTIONS are those of Scripts/bench/bench.py.
set -eu
cd "$(dirname "$0")/.."
. Scripts/parity/environment.sh
parts=
while [ $# -gt 0 ] && [ "$1" != -- ]; do parts="$parts $1"; shift; done
[ $# -eq 0 ] || shift
if [ -z "$parts" ]; then
    # Every part runs, whatever became of the one before; those that did not hold are named at the end.
    missed=
    for part in speed training memory growth precision service; do
        echo "== $part"
        Scripts/bench.sh $part -- "$@" || missed="$missed $part"
    done
    [ -z "$missed" ] || { echo "bench.sh: did not hold:$missed" >&2; exit 1; }
    exit 0
fi
rahf=${RAHF:-.build/release/rahf}
[ -x "$rahf" ] || swift build -c release --product rahf
work=out/parity
mkdir -p "$work"
vocabulary=$work/t5.model
[ -s "$vocabulary" ] || "$python" Scripts/t5-vocabulary.py "$vocabulary"
for part in $parts; do
    case $part in
    speed) "$python" Scripts/bench/bench.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" "$@" ;;
    training) "$python" Scripts/bench/train.py --rahf "$rahf" --vocabulary "$vocabulary" --work "$work" ;;
    memory)
        image=Examples/photographs/coffee.jpg
        small=Tests/RewardModelTests/Fixtures/golden-multi-port/spiece.model
        "$rahf" create --preset tiny --tokenizer "$small" --out "$work/soak-tiny"
        "$rahf" create --preset paper --tokenizer "$vocabulary" --out "$work/soak-paper"
        "$python" Scripts/bench/soak.py --rahf "$rahf" --model "$work/soak-tiny" --image "$image" --longest 20
        # A thousand requests for everything, joined to batches of 8: ten minutes and more.
        "$python" Scripts/bench/served_memory.py --rahf "$rahf" --model "$work/soak-paper"
        ;;
    growth) "$python" Scripts/bench/growth.py --rahf "$rahf" ;;
    precision) "$python" Scripts/bench/precision.py --rahf "$rahf" --count 40 Models/rahf-mini "$work/paper" ;;
    service)
        python3 Scripts/bench/service.py --rahf "$rahf" --model "$work/paper"
        "$python" -m pip install --quiet --disable-pip-version-check -r Scripts/bench/requirements.txt
        for precision in float32 bfloat16; do
            "$python" Scripts/bench/reward_server.py --rahf "$rahf" --model "$work/paper" --precision $precision
        done
        ;;
    *) echo "bench.sh: no part is called '$part'" >&2; exit 64 ;;
    esac
done
