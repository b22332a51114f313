#!/bin/sh
# Makes a clean Debian 12 without Swift in .build/library/debian, with a C compiler and what librahf.so and rahf need.
# Does nothing when it is there. Needs root, for debootstrap and chroot.
set -eu
cd "$(dirname "$0")/../.."
root=.build/library/debian
# What librahf.so and rahf need, and a compiler.
packages=libpng16-16,libjpeg62-turbo,libwebp7,libsentencepiece0,libssl3,zlib1g,libstdc++6,gcc,libc6-dev,pkgconf
packages=$packages,libzmq5,libsqlite3-0
[ "$(cat "$root/complete" 2>/dev/null)" != "$packages" ] || exit 0
# Where this machine's own apt gets its packages.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || { echo "apt knows no bookworm" >&2; exit 1; }
rm -rf "$root"
mkdir -p "$root"
echo "making a clean Debian in $root"
debootstrap --variant=minbase --include="$packages" bookworm "$root" "$mirror" \
    >.build/library/debootstrap.log 2>&1 ||
    { tail -5 .build/library/debootstrap.log >&2; exit 1; }
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
echo "$packages" >"$root/complete"
