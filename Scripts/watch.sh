#!/bin/sh
# Checks /metrics with prometheus_client (and promtool, where there is one) and the page in Chromium.
# Usage: watch.sh [FOLDER]: where the screenshots go.
set -eu
cd "$(dirname "$0")/.."
Scripts/install-packages.sh chromium
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -m pip install -q -r Scripts/watch/requirements.txt
.venv/bin/python Scripts/watch/check.py "${RAHF:-.build/release/rahf}" "${RAHF_MODEL:-Models/rahf-mini}" "${1:-out/watch}" \
    $(command -v promtool || true)
