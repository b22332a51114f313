#!/bin/sh
# The mask tools beside diffusers, OpenCV and scikit-image: conventions, speed, and repairs of planted damage.
#
# usage: Scripts/masks.sh [MODEL]
# MODEL scores the repairs; the default is Models/rahf-mini, or none: then the repairs are left out.
# Installs what it needs into .venv; leaves its files in out/masks.
set -eu
cd "$(dirname "$0")/.."
model=${1:-Models/rahf-mini}
. Scripts/parity/environment.sh
if [ -z "${RAHF_PYTHON:-}" ] && ! cmp -s Scripts/masks/requirements.txt .venv/requirements-masks.txt; then
    "$python" -m pip install --quiet --disable-pip-version-check -r Scripts/masks/requirements.txt
    cp Scripts/masks/requirements.txt .venv/requirements-masks.txt
fi
binaries=${BINARIES:-.build/release}
status=0
"$python" Scripts/masks/conventions.py --binaries "$binaries" --photographs Examples/photographs \
    --work out/masks/conventions || status=1
"$python" Scripts/masks/speed.py --rahf "$binaries/rahf" --work out/masks/speed || status=1
if [ -f "$model/model.safetensors" ]; then
    photographs=${PHOTOGRAPHS:-photographs}
    [ -d "$photographs/test" ] || Scripts/photographs.sh "$photographs"
    "$python" Scripts/masks/planted.py --model "$model" --photographs "$photographs/test" "$photographs/validation" \
        --binaries "$binaries" --work out/masks/planted || status=1
else
    echo "no model in $model: repairs of planted damage are left out"
fi
exit $status
