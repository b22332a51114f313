#!/bin/bash
# Checks librahf.so as a stranger meets it: header, symbols, installation, examples, memory, threads, a machine without
# Swift. Run `make library-check`, which builds the library and the command first. The first run makes a clean Debian.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$PWD/.build/library
work=$build/check
rahf=$PWD/.build/commands/rahf
model=$PWD/Tests/RewardModelTests/Fixtures/golden-multi-mini
decoder_model=$PWD/Tests/RewardModelTests/Fixtures/golden-augmented-paper
photographs=(Examples/photographs/*.jpg)
strict=(-Wall -Wextra -pedantic -Werror)
step() { echo "== $*"; }
fail() { echo "library-check: $*" >&2; exit 1; }
Scripts/install-packages.sh gcc g++ pkgconf valgrind debootstrap
rm -rf "$work"
mkdir -p "$work"

step "symbols: exactly those of the list, which are those of the header"
nm -D --defined-only "$build/librahf.so" | awk '$2 != "A" { sub(/@@RAHF_1$/, "", $3); print $3 }' | LC_ALL=C sort >"$work/exported"
diff Scripts/library/symbols.txt "$work/exported" || fail "the library exports other symbols than the list"
grep -oE '\brahf_[a-z0-9_]+\(' Sources/CRAHF/include/rahf.h | tr -d '(' | LC_ALL=C sort -u |
    diff Scripts/library/symbols.txt - || fail "the header declares other functions than the list"
echo "$(wc -l <"$work/exported") symbols"

step "what it needs: C's and C++'s libraries, codecs, tokenizer, hashes, and nothing of Swift"
readelf -d "$build/librahf.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | LC_ALL=C sort >"$work/needed"
diff - "$work/needed" <<'LIST' || fail "the library needs other libraries"
ld-linux-x86-64.so.2
libc.so.6
libcrypto.so.3
libgcc_s.so.1
libjpeg.so.62
libm.so.6
libpng16.so.16
libsentencepiece.so.0
libstdc++.so.6
libwebp.so.7
libz.so.1
LIST
if ldd "$build/librahf.so" | grep -iE 'swift|foundation|dispatch|not found'; then fail "it needs Swift, or more"; fi
readelf -d "$build/librahf.so" | grep -q 'SONAME.*\[librahf.so.1\]' || fail "its SONAME is not librahf.so.1"
size=$(stat -Lc %s "$build/librahf.so")
echo "$size bytes"
[ "$size" -lt 20000000 ] || fail "it has grown beyond 20 MB"

step "installation"
prefix=$work/prefix
Scripts/library/install.sh "$prefix" >"$work/install.log"
for file in lib/librahf.so lib/librahf.so.1 include/rahf.h lib/pkgconfig/rahf.pc bin/rahf bin/select-finetune-data \
    bin/make-inpaint-masks; do
    [ -e "$prefix/$file" ] || fail "$file was not installed"
done
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs rahf)"
[ "$(pkg-config --modversion rahf)" = "$("$prefix/bin/rahf" --version)" ] || fail "pkg-config and rahf differ in version"
export LD_LIBRARY_PATH=$prefix/lib
if ldd "$prefix/bin/rahf" | grep -iE 'swift|foundation|dispatch|not found'; then fail "rahf needs Swift, or more"; fi
echo "rahf, $(stat -Lc %s "$prefix/bin/rahf") bytes, needs no Swift; the other commands are links to it"

step "C99 and C++11 clients, gcc and clang, ${strict[*]}"
for compiler in gcc clang; do
    $compiler -std=c99 "${strict[@]}" -g Examples/c/score.c "${flags[@]}" -o "$work/score-$compiler"
done
for compiler in g++ clang++; do
    for standard in c++11 c++20; do
        $compiler -std=$standard "${strict[@]}" Examples/c/batch.cpp "${flags[@]}" -o "$work/batch-$compiler"
    done
done
gcc -std=gnu99 "${strict[@]}" -O2 Scripts/library/threads.c "${flags[@]}" -pthread -o "$work/threads"

step "the examples"
prompt="a cup of coffee, and a spoon"
"$work/score-gcc" "$model" Examples/photographs/coffee.jpg "$prompt" "$work/gcc.pgm" >"$work/gcc.txt" 2>/dev/null
"$work/score-clang" "$model" Examples/photographs/coffee.jpg "$prompt" "$work/clang.pgm" >"$work/clang.txt" 2>/dev/null
cat "$work/gcc.txt"
cmp "$work/gcc.txt" "$work/clang.txt"
cmp "$work/gcc.pgm" "$work/clang.pgm"
if "$work/score-gcc" "$model" Makefile "$prompt" "$work/no.pgm" >/dev/null 2>&1; then fail "a Makefile was scored"; fi
"$work/batch-g++" "$model" | tee "$work/batch.txt"
[ "$(grep -c ': overall 0\.' "$work/batch.txt")" = 3 ] || fail "the C++ example did not score three pictures"
grep -q '2: INVALID_PROMPT' "$work/batch.txt" || fail "the C++ example did not report the bad prompt"
RAHF_LIBRARY=$prefix/lib/librahf.so.1 python3 Examples/c/score.py "$model" "a yellow cat" "${photographs[@]}" Makefile |
    tee "$work/python.txt"
[ "$(grep -c '"scores"' "$work/python.txt")" = "${#photographs[@]}" ] || fail "the Python example did not score"
grep -q '"error": "INVALID_IMAGE"' "$work/python.txt" || fail "the Python example did not report the bad image"

step "the same bits as the command line"
for folder in "$model" "$decoder_model"; do
    python3 Scripts/library/same_bits.py "$rahf" "$prefix/lib/librahf.so.1" "$folder" "$work/bits" "${photographs[@]}" \
        Tests/RewardImageTests/Fixtures/{rgba.png,orientation-6.jpg,grey.jpg,lossless.webp}
done

step "8 threads on one model, 1,000 calls each"
"$work/threads" "$model" Tests/RewardModelTests/Fixtures/golden-multi-mini/picture-0.png

step "valgrind on the C example"
# valgrind 3.19 knows no AVX-512: the portable kernels run. "Possibly lost" is what the Swift runtime points into the
# middle of, its table of types; it is as long as the program uses types.
RAHF_ISA=portable valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite,indirect \
    "$work/score-gcc" "$model" Examples/photographs/coffee.jpg "$prompt" "$work/valgrind.pgm" >"$work/valgrind.txt" \
    2>"$work/valgrind.log" || { cat "$work/valgrind.log" >&2; fail "valgrind found errors"; }
cmp -s "$work/valgrind.txt" /dev/null && fail "the example said nothing under valgrind"

step "a Debian without Swift, in a chroot"
Scripts/library/chroot.sh
root=$build/debian
rm -rf "$root/opt/rahf" "$root/home/check"
mkdir -p "$root/home/check"
DESTDIR=$root Scripts/library/install.sh /opt/rahf >/dev/null
cp -r Examples/c/score.c Examples/photographs/coffee.jpg "$model" "$root/home/check/"
chroot "$root" /bin/sh -eu -c '
    if command -v swift || find / -xdev -name "libswift*" 2>/dev/null | grep .; then echo "Swift is here" >&2; exit 1; fi
    cd /home/check
    export PKG_CONFIG_PATH=/opt/rahf/lib/pkgconfig LD_LIBRARY_PATH=/opt/rahf/lib
    cc -std=c99 score.c $(pkg-config --cflags --libs rahf) -o score
    ./score golden-multi-mini coffee.jpg "a cup of coffee, and a spoon" heatmap.pgm 2>/dev/null
' >"$work/chroot.txt"
cmp "$work/gcc.txt" "$work/chroot.txt"
cmp "$work/gcc.pgm" "$root/home/check/heatmap.pgm"
echo "the library's output is the same without Swift"

step "the commands there"
# The same three commands, here as SwiftPM linked them and there as they are installed.
commands='
    rahf score --prompt "a cup of coffee" --format json --heatmaps-to maps coffee.jpg
    make-inpaint-masks --prompt "a cup of coffee" --threshold p95 --preview --out masks coffee.jpg
    printf "%s\n" "{\"prompt\": \"a cup of coffee\", \"image\": \"coffee.jpg\"}" >list.jsonl
    select-finetune-data --candidates list.jsonl --model /opt/rahf/share/rahf/models/rahf-mini --threshold none \
        --format imagefolder,webdataset,list --report --out set | grep kept
    rahf serve --bind ipc:///home/check/socket 2>serve.log &
    for i in $(seq 100); do [ -S socket ] && break; sleep 0.1; done
    rahf score --server ipc:///home/check/socket --prompt "a cup of coffee" --format json coffee.jpg
    kill -TERM $!
    wait $! && echo served
'
# With /proc, where a program finds its own place and with it the model.
unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" /bin/sh -eu -c "$1"' "$root" \
    "PATH=/opt/rahf/bin:\$PATH; cd /home/check; $commands" >"$work/commands-there.txt"
# The same on this machine, seen under the same names.
here=$work/here
mkdir -p "$here/home/check" "$here/bin"
cp Examples/photographs/coffee.jpg "$here/home/check/"
for command in rahf select-finetune-data make-inpaint-masks; do ln -s "$PWD/.build/release/$command" "$here/bin/"; done
sed "s,/opt/rahf/share/rahf/models,$PWD/Models,; s,/home/check,$here/home/check,g" <<<"$commands" >"$here/commands.sh"
(cd "$here/home/check" && PATH=$here/bin:$PATH /bin/sh -eu "$here/commands.sh") >"$work/commands-here.txt"
diff "$work/commands-here.txt" "$work/commands-there.txt" || fail "the installed commands answer otherwise"
for file in maps masks set; do
    diff -r "$here/home/check/$file" "$root/home/check/$file" || fail "the installed commands write other files"
done
echo "rahf, make-inpaint-masks and select-finetune-data give the same bytes without Swift"
echo "library-check: all is well"
