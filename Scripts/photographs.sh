#!/bin/sh
# Collects real photographs into photographs/{train,validation,test}, which git ignores. Needs Debian and PyPI.
# Who made them and under which licence: Scripts/photographs/catalogue.jsonl, and photographs/LICENCES.md afterwards.
set -eu
cd "$(dirname "$0")/.."
target=${1:-photographs}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for package in lomiri-wallpapers-16.04 mate-backgrounds gcompris-qt-data; do
    mkdir -p "$work/deb/$package" "$work/root/$package"
    chmod 777 "$work" "$work/deb" "$work/deb/$package"
    (cd "$work/deb/$package" && apt-get download -qq "$package") || {
        echo "could not download $package; run apt-get update first?" >&2
        exit 1
    }
    dpkg-deb -x "$work/deb/$package"/*.deb "$work/root/$package"
done
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check pillow==12.0.0
# Wheels only, without what they depend on: only their sample pictures are used.
for wheel in scikit-image==0.26.0 scikit-learn==1.8.0; do
    "$work/venv/bin/pip" download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$work/wheels" "$wheel"
    name=${wheel%%==*}
    mkdir -p "$work/root/$name"
    "$work/venv/bin/python" -m zipfile -e "$work/wheels/$(echo "$name" | tr - _)"-*.whl "$work/root/$name"
done
"$work/venv/bin/python" Scripts/photographs/collect.py "$work/root" "$target"
