#!/bin/sh
# Runs fuzz targets: `fuzz/run.sh [-t SECONDS] [-j TARGETS-AT-ONCE] [-c stable|nightly] [-n NUMBER] [-a] [TARGET...]`, all where none is named.
#
# With a nightly compiler each is built with AddressSanitizer, with a stable one without. A target that had its time with the
# same commit, changes included, is not run again; -a runs it all the same. Seeds are the stand-ins; what the tests build is added by
# `LAZARET_SEEDS=$PWD/fuzz/seeds cargo xtask tests`. Logs, inputs and findings stay in `fuzz/`; a table ends the run, and its
# status is 1 where there was a crash.
#
# What every target had is added up in `fuzz/record.tsv`, which is part of the repository: -n takes so many of those that had the least,
# so that time adds up over many short runs and machines.
#
# BIN is a folder of targets that are built already; then nothing is built and no seeds are made.
set -u
cd "$(dirname "$0")" || exit 2

# Crashes of one target in one run after which it is left alone: the rest would be the same.
most_crashes=5

# One target, in a process of its own: seconds that are left are used after a crash as well.
one() {
    target=$1
    mkdir -p "corpus/$target" "seeds/$target" "artifacts/$target" logs results
    log=logs/$target.log
    : >"$log"
    runs=0 crashes=0 used=0 cover=– state=whole end=no
    while [ $used -lt "$FUZZ_SECONDS" ]; do
        begin=$(date +%s)
        "$FUZZ_BIN/$target" "corpus/$target" "seeds/$target" -max_total_time=$((FUZZ_SECONDS - used)) -rss_limit_mb=2048 \
            -timeout=10 -max_len=65536 -artifact_prefix="artifacts/$target/" -print_final_stats=1 >"$log.part" 2>&1
        status=$?
        used=$((used + $(date +%s) - begin))
        now=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log.part" | tail -n 1)
        runs=$((runs + ${now:-0}))
        now=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log.part" | tail -n 1)
        cover=${now:-$cover}
        case $status in
            0) end=yes ;;
            # A signal, or libFuzzer's own status for being interrupted: somebody wants it to end.
            72 | 130 | 143) end=yes state=interrupted ;;
            *)
                crashes=$((crashes + 1))
                if ! grep -q 'Test unit written to' "$log.part"; then
                    # It ended without an input that shows why, and would again.
                    end=yes state=failed
                elif [ $crashes -ge $most_crashes ]; then
                    end=yes state='left alone'
                fi
                ;;
        esac
        cat "$log.part" >>"$log"
        rm -f "$log.part"
        [ $end = no ] || break
    done
    echo "$FUZZ_COMMIT|$FUZZ_COMPILER|$FUZZ_SECONDS|$state|$runs|$used|$cover|$crashes" >"results/$target"
    # One line, written at once: several targets end beside each other.
    printf '%s\t%s\t%.12s\t%s\t%s\t%s\t%s\n' "$target" "$(date -u +%F)" "$FUZZ_COMMIT" "$FUZZ_COMPILER" "$used" "$runs" "$crashes" >>record.tsv
    echo "$target: $state, $runs executions in $used s, $crashes crashes" >&2
}

if [ "${1:-}" = --one ]; then
    one "$2"
    exit 0
fi

usage() {
    sed -n '2s/^# //p' run.sh >&2
    exit 2
}

seconds=60 jobs=1 compiler='' again=no number=''
while getopts t:j:c:n:a option; do
    case $option in
        t) seconds=$OPTARG ;;
        j) jobs=$OPTARG ;;
        c) compiler=$OPTARG ;;
        n) number=$OPTARG ;;
        a) again=yes ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
for count in "$seconds" "$jobs" "${number:-1}"; do
    case $count in
        '' | 0 | *[!0-9]*) usage ;;
    esac
done
case $compiler in
    '' | stable | nightly) ;;
    *) usage ;;
esac
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # Names of targets have no blanks.
    set -- $(find fuzz_targets -name '*.rs' | sed 's/.*\///; s/\.rs$//' | sort)
fi
if [ -n "$number" ]; then
    # shellcheck disable=SC2046 # Names of targets have no blanks.
    set -- $(printf '%s\n' "$@" | awk -F '\t' 'NR == FNR { had[$1] += $5; next } { print had[$1] + 0, $1 }' record.tsv - |
        sort -n -k 1,1 -k 2,2 | head -n "$number" | cut -d ' ' -f 2)
fi
for target in "$@"; do
    if [ ! -f "fuzz_targets/$target.rs" ]; then
        echo "fuzz/run.sh: there is no target \`$target\`" >&2
        exit 2
    fi
done

if [ -z "$compiler" ]; then
    compiler=stable
    if cargo +nightly --version >/dev/null 2>&1; then
        compiler=nightly
    fi
fi
# What is under test: the commit, and whatever differs from it.
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
changes() {
    git "$@" -- :/ ':(exclude)record.tsv' 2>/dev/null
}
if [ -n "$(changes status --porcelain)" ]; then
    commit=$commit+$({ changes diff HEAD; changes status --porcelain; } | cksum | tr ' ' -)
fi
export FUZZ_SECONDS="$seconds" FUZZ_COMMIT="$commit" FUZZ_COMPILER="$compiler"

# The fields of what was written down about a target.
field() {
    cut -d '|' -f "$2" "results/$1" 2>/dev/null
}

all=$*
wanted=''
for target in "$@"; do
    had=$(field "$target" 3)
    if [ $again = no ] && [ "$commit" != unknown ] && [ "$(field "$target" 1)" = "$commit" ] && [ "$(field "$target" 2)" = "$compiler" ] &&
        [ "$(field "$target" 4)" = whole ] && [ "${had:-0}" -ge "$seconds" ]; then
        echo "$target: had its time with this commit" >&2
    else
        wanted="$wanted $target"
    fi
done

if [ -n "${BIN:-}" ]; then
    FUZZ_BIN=$(cd "$BIN" && pwd) || exit 2
elif [ -n "$wanted" ]; then
    host=$(rustc -vV | sed -n 's/^host: //p')
    # Coverage as libFuzzer counts it (LLVM, SanitizerCoverage): of every edge, with what is compared.
    flags='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters'
    flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
    flags="$flags -Cdebug-assertions --cfg fuzzing"
    toolchain=''
    if [ $compiler = nightly ]; then
        toolchain=+nightly
        flags="$flags -Zsanitizer=address"
    fi
    bins=''
    for target in $wanted; do
        bins="$bins --bin $target"
    done
    # Fast enough to find something, with the lines of what it finds. With `--target` the flags are for the targets alone, and not
    # for what runs while they are built. `--cap-lints` is cargo's for what is not ours; warnings are for `cargo xtask ci`.
    # shellcheck disable=SC2086 # Flags and names have no blanks.
    RUSTFLAGS="$flags" CARGO_PROFILE_RELEASE_OPT_LEVEL=2 CARGO_PROFILE_RELEASE_DEBUG=line-tables-only \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo $toolchain build --release --locked --target "$host" --target-dir "target/$compiler" --package fuzz --features run $bins ||
        exit 2
    FUZZ_BIN=$PWD/target/$compiler/$host/release
    cargo run --quiet --locked --package corpus -- --unpack "$PWD/seeds" >&2 || exit 2
else
    FUZZ_BIN=$PWD
fi
export FUZZ_BIN

# shellcheck disable=SC2086 # Names of targets have no blanks.
[ -z "$wanted" ] || printf '%s\n' $wanted | xargs -n 1 -P "$jobs" sh ./run.sh --one

echo "| target ($compiler) | runs | seconds | coverage | crashes | |"
echo '|---|---:|---:|---:|---:|---|'
total_runs=0 total_seconds=0 total_crashes=0 bad=no
for target in $all; do
    state=$(field "$target" 4)
    [ "$state" = whole ] && [ "$(field "$target" 1)" != "$commit" ] && state='of another commit'
    runs=$(field "$target" 5) used=$(field "$target" 6) crashes=$(field "$target" 8)
    echo "| $target | ${runs:-–} | ${used:-–} | $(field "$target" 7) | ${crashes:-–} | ${state:-did not run} |"
    total_runs=$((total_runs + ${runs:-0})) total_seconds=$((total_seconds + ${used:-0}))
    total_crashes=$((total_crashes + ${crashes:-0}))
    case $state in
        whole) ;;
        *) bad=yes ;;
    esac
done
echo "| all | $total_runs | $total_seconds | | $total_crashes | |"
[ $total_crashes -gt 0 ] && echo "fuzz/run.sh: inputs that crash are in fuzz/artifacts" >&2
[ $total_crashes -eq 0 ] && [ $bad = no ]
