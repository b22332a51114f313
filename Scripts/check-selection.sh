#!/bin/sh
# Loads what select-finetune-data writes with datasets, webdataset, pyarrow, polars, duckdb and Chromium.
# Usage: check-selection.sh [FOLDER]: where to leave what was made. The model is untrained and small: only forms matter.
set -eu
cd "$(dirname "$0")/.."
if ! command -v chromium >/dev/null; then
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
fi
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install -q -r Scripts/select/requirements.txt
if [ $# -gt 0 ]; then
    folder=$1
else
    parent=$(mktemp -d)
    trap 'rm -rf "$parent"' EXIT
    folder=$parent/check
fi
.venv/bin/python Scripts/select/check.py .build/release/select-finetune-data \
    Tests/RewardModelTests/Fixtures/golden-multi-port "$folder"
