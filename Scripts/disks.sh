#!/bin/sh
# Full and read-only disks and vanishing files under the commands that write, in mounts only this process sees.
set -eu
cd "$(dirname "$0")/.."
as=
[ "$(id -u)" = 0 ] || as="--user --map-root-user"
# The options are meant to be split.
# shellcheck disable=SC2086
exec unshare --mount $as python3 Scripts/disks.py "${BINARIES:-.build/release}"
