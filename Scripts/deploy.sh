#!/bin/sh
# Examples/deploy: the unit under systemd-analyze, the container's last stage in a Debian of its own. Needs root.
set -eu
cd "$(dirname "$0")/.."
Scripts/install-packages.sh systemd debootstrap iproute2
exec python3 Scripts/deploy/check.py "$@"
