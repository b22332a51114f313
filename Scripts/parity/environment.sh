# Sourced from the top of the tree: sets $python to an interpreter that has what the comparisons need.
python=${RAHF_PYTHON:-}
if [ -z "$python" ]; then
    python=.venv/bin/python
    if ! cmp -s Scripts/parity/requirements.txt .venv/requirements.txt; then
        [ -x "$python" ] || python3 -m venv .venv
        "$python" -m pip install --quiet --disable-pip-version-check -r Scripts/parity/requirements.txt
        cp Scripts/parity/requirements.txt .venv/requirements.txt
    fi
fi
export PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1
