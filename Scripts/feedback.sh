#!/bin/sh
# Consolidates and evaluates a made-up set, and compares records and tables with independent readers and formulas.
# Installs what it needs into .venv; leaves its files in out/feedback.
set -eu
cd "$(dirname "$0")/.."
python=${RAHF_PYTHON:-}
if [ -z "$python" ]; then
    python=.venv/bin/python
    if ! cmp -s Scripts/feedback/requirements.txt .venv/feedback-requirements.txt; then
        [ -x "$python" ] || python3 -m venv .venv
        "$python" -m pip install --quiet --disable-pip-version-check -r Scripts/feedback/requirements.txt
        cp Scripts/feedback/requirements.txt .venv/feedback-requirements.txt
    fi
fi
rahf=${RAHF:-.build/release/rahf}
rm -rf out/feedback
mkdir -p out/feedback
"$python" -B Scripts/feedback/check.py "$rahf" Tests/RewardModelTests/Fixtures/golden-augmented-paper out/feedback
