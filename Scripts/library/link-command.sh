#!/bin/sh
# Links rahf with the Swift runtime inside, into .build/commands, for machines without Swift. Run `make build` first. The
# other commands are links to it.
#
# The link is done here and not by SwiftPM, whose --static-swift-stdlib would compile everything a second time.
set -eu
cd "$(dirname "$0")/../.."
out=.build/commands
mkdir -p "$out"

# SwiftPM gives an executable's main another name, so that tests can link it.
swiftc -emit-executable -static-stdlib -use-ld=lld -o "$out/rahf" @.build/release/rahf.product/Objects.LinkFileList \
    -lCoreFoundation -l_FoundationICU -l_FoundationCollections -l_FoundationCShims \
    -lpng -ljpeg -lwebp -lsentencepiece -lcrypto -lz -lzmq -lsqlite3 -lstdc++ \
    -Xlinker --defsym=main=rahf_main -Xlinker --gc-sections -Xlinker --as-needed \
    2>"$out/link.log" || { tail -20 "$out/link.log" >&2; exit 1; }
strip "$out/rahf"
for command in select-finetune-data make-inpaint-masks; do ln -sf rahf "$out/$command"; done
echo "$out/rahf: $(stat -c %s "$out/rahf") bytes"
