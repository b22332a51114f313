#!/bin/sh
# A million candidates with ready scores, beside DuckDB and Polars, in one run; then our memory over rising sizes.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install -q -r Scripts/select/requirements.txt
.venv/bin/python Scripts/select/bench.py .build/release/select-finetune-data "$@"
.venv/bin/python Scripts/select/bench.py .build/release/select-finetune-data --curve 1000000,4000000,8000000
