#!/bin/sh
# Links librahf.so, with the Swift runtime inside, into .build/library. Run `make lib`, which builds the archive first.
#
# The link is done here and not by SwiftPM: it needs flags that SwiftPM calls unsafe, which would bar the package from
# being a dependency, and that must not reach the tests.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^public let rahfVersion = "\(.*\)"$/\1/p' "Sources/RewardModel/Prediction/ModelInfo+Identity.swift")
out=.build/library
objects=.build/release/RAHFLibrary.product/Objects.LinkFileList
mkdir -p "$out"

# The archive's objects and not the archive: swiftc reads from objects what to link beside them.
# nodelete: the Swift runtime cannot be unloaded.
swiftc -emit-library -static-stdlib -use-ld=lld -o "$out/librahf.so.$version" "@$objects" \
    -l_FoundationCollections -l_FoundationCShims -lpng -ljpeg -lwebp -lsentencepiece -lcrypto -lz -lstdc++ \
    -Xlinker -soname=librahf.so.1 -Xlinker --version-script=Scripts/library/rahf.map \
    -Xlinker --gc-sections -Xlinker --as-needed -Xlinker -z -Xlinker nodelete -Xlinker -z -Xlinker defs \
    2>"$out/link.log" || { tail -20 "$out/link.log" >&2; exit 1; }
strip --strip-unneeded "$out/librahf.so.$version"
ln -sf "librahf.so.$version" "$out/librahf.so.1"
ln -sf librahf.so.1 "$out/librahf.so"
sed -e "s/@VERSION@/$version/" Scripts/library/rahf.pc.in > "$out/rahf.pc.in"
echo "$out/librahf.so.$version: $(stat -c %s "$out/librahf.so.$version") bytes"
