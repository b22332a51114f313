#!/bin/sh
# Installs the Debian packages that are missing, and those named. Does nothing, and needs no network, when none is.
set -eu
packages="zlib1g-dev libssl-dev libpng-dev libjpeg-dev libwebp-dev libsentencepiece-dev libzmq3-dev libsqlite3-dev python3-venv $*"
missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "install as root:$missing" >&2; exit 1; }
    as_root=sudo
fi
echo "installing$missing"
$as_root apt-get update -qq
# The names are meant to be split.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
