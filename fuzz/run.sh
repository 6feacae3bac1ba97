#!/bin/sh
# Runs every fuzz target one after another: `fuzz/run.sh [SECONDS] [TARGET...]`. Logs and findings stay in `fuzz/`.
#
# Seeds are the stand-ins (`cargo xtask corpus --unpack fuzz/seeds`), and what the tests build:
# `LAZARET_SEEDS=$PWD/fuzz/seeds cargo xtask tests`.
set -u
cd "$(dirname "$0")" || exit 1
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-$(ls fuzz_targets | sed 's/\.rs$//')}
# BIN is a folder of targets that are built already.
bin=${BIN:-}
mkdir -p logs
# Fast enough to find something, with the lines of what it finds.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=2 CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
for target in $targets; do
    mkdir -p "corpus/$target" "seeds/$target" "artifacts/$target"
    if [ -n "$bin" ]; then
        set -- "$bin/$target"
    else
        set -- cargo +nightly fuzz run --fuzz-dir . --features run "$target" --
        cargo +nightly fuzz build --fuzz-dir . --features run "$target" || exit 1
    fi
    "$@" "corpus/$target" "seeds/$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -max_len=65536 \
        -artifact_prefix="artifacts/$target/" -print_final_stats=1 > "logs/$target.log" 2>&1
    status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "logs/$target.log")
    echo "$target: status $status, ${runs:-no} executions in $seconds s"
done
