#!/bin/sh
# A million candidates with ready scores, beside DuckDB and Polars, in one run.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install -q -r Scripts/select/requirements.txt
.venv/bin/python Scripts/select/bench.py .build/release/select-finetune-data "$@"
