#!/bin/sh
# Installs what the tests of the ATT&CK library are held against, a TAXII client; with `all` also what its benchmarks are,
# mitreattack-python.
set -eu
cd "$(dirname "$0")/.."
. tools/cache.sh
if [ "${1:-}" = all ]; then
    packages reference reference-all.txt
    if ! command -v zstd >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
        $as_root apt-get update -q
        $as_root apt-get install -qy --no-install-recommends zstd
    fi
elif [ ! -e target/tools/reference/complete ]; then
    packages reference reference.txt
fi
