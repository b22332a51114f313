#!/bin/sh
# Checks and tests the Python client, its examples included, against the real server. Installs what it needs into
# .venv. The header classes are generated from Protocols/rahf.proto by --generate (protobuf-compiler 3.21).
set -eu
cd "$(dirname "$0")/.."
if [ "${1:-}" = --generate ]; then
    protoc -I Protocols --python_out=Examples/python/src/rahf_client Protocols/rahf.proto
    exit
fi
rahf=${RAHF:-$PWD/.build/release/rahf}
. Scripts/parity/environment.sh
case $python in /*) ;; *) python=$PWD/$python ;; esac
if ! cmp -s Examples/python/pyproject.toml .venv/client.toml; then
    "$python" -m pip install --quiet --disable-pip-version-check -e 'Examples/python[test]'
    cp Examples/python/pyproject.toml .venv/client.toml
fi
model=${RAHF_MODEL:-}
if [ -z "$model" ]; then
    model=$PWD/out/python-client/model
    [ -f "$model/model.safetensors" ] || "$rahf" create --preset tiny --out "$model" \
        --tokenizer Tests/RewardModelTests/Fixtures/golden-multi-port/spiece.model
fi
cd Examples/python
export PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
"$python" -m mypy
RAHF_BINARY=$rahf RAHF_MODEL=$model exec "$python" -m pytest -q "$@"
