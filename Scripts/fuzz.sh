#!/bin/sh
# Fuzzes the parsers of outside bytes with libFuzzer under the address sanitizer, C code under the undefined-behaviour
# one too. Inputs to start from are in Tests/RewardFuzzTests/Corpora; what it finds goes to out/fuzz.
#
#   Scripts/fuzz.sh                   a short run of each with a fixed seed, as CI does it
#   Scripts/fuzz.sh long [SECONDS]    ten minutes of each, or as many seconds; TARGETS="wire npy" chooses
#   Scripts/fuzz.sh keep              adds what covers more code to the checked-in corpora, smallest first
set -eu
cd "$(dirname "$0")/.."
targets=${TARGETS:-"wire header image safetensors torch tfrecord list npy"}
corpora=Tests/RewardFuzzTests/Corpora
program=.build/fuzz/release/rahf-fuzz
mode=${1:-short}
seconds=${2:-600}

RAHF_FUZZ=1 swift build -c release --product rahf-fuzz --scratch-path .build/fuzz --sanitize=fuzzer \
    -Xswiftc -sanitize=fuzzer,address \
    -Xcc -fsanitize=address,undefined,fuzzer-no-link -Xcc -fno-sanitize-recover=undefined

# The sanitizer's own reports are wanted, not Swift's.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
for target in $targets; do
    mkdir -p "out/fuzz/$target"
    export RAHF_FUZZ_TARGET=$target
    set -- -artifact_prefix="out/fuzz/$target-" -timeout=20 -rss_limit_mb=3000 -max_len=8192 -print_final_stats=1
    log=out/fuzz/$target.log
    case $mode in
    short) set -- "$@" -runs=20000 -max_total_time=60 -seed=1 "out/fuzz/$target" "$corpora/$target" ;;
    long) set -- "$@" -max_total_time="$seconds" "out/fuzz/$target" "$corpora/$target" ;;
    keep) set -- -merge=1 -max_len=2048 -rss_limit_mb=3000 "$corpora/$target" "out/fuzz/$target" ;;
    *) echo "usage: Scripts/fuzz.sh [short|long|keep]" >&2 && exit 64 ;;
    esac
    if "$program" "$@" </dev/null >"$log" 2>&1; then
        echo "$target: $(grep -E 'stat::number_of_executed_units|new files' "$log" | tail -1)"
    else
        tail -40 "$log" >&2
        echo "$target: FAILED; the input is out/fuzz/$target-*" >&2
        failed=1
    fi
done
exit ${failed:-0}
