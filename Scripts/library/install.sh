#!/bin/sh
# Installs what `make lib` and `make commands` made: the library, its header and pkg-config file, and the commands.
#
# usage: Scripts/library/install.sh PREFIX      DESTDIR, when set, stands before it
set -eu
cd "$(dirname "$0")/../.."
case ${1:-} in /*) ;; *) echo "usage: $0 PREFIX, an absolute path" >&2; exit 2 ;; esac
prefix=$1
to=${DESTDIR:-}$prefix
library=.build/library

install -d "$to/lib/pkgconfig" "$to/include" "$to/bin"
for file in "$library"/librahf.so.*.*.*; do install -m 755 "$file" "$to/lib/"; done
cp -P "$library/librahf.so" "$library/librahf.so.1" "$to/lib/"
install -m 644 Sources/CRAHF/include/rahf.h "$to/include/"
sed "s,@PREFIX@,$prefix," "$library/rahf.pc.in" > "$to/lib/pkgconfig/rahf.pc"
install -m 755 .build/commands/rahf "$to/bin/"
for command in select-finetune-data make-inpaint-masks; do ln -sf rahf "$to/bin/$command"; done
# Where the commands look for the model that ships.
install -d "$to/share/rahf/models/rahf-mini"
install -m 644 Models/rahf-mini/* "$to/share/rahf/models/rahf-mini/"
# A system's own folder is in the loader's cache.
if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ]; then ldconfig 2>/dev/null || true; fi
echo "installed in $to"
