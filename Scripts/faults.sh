#!/bin/sh
# The fault table against the built server: Scripts/faults.sh [--short] [--soak MINUTES] [NAME ...]
set -eu
cd "$(dirname "$0")/.."
Scripts/install-packages.sh libfaketime iproute2
. Scripts/parity/environment.sh
if ! cmp -s Examples/python/pyproject.toml .venv/client.toml; then
    "$python" -m pip install --quiet --disable-pip-version-check -e 'Examples/python[test]'
    cp Examples/python/pyproject.toml .venv/client.toml
fi
exec "$python" Scripts/faults/run.py "$@"
