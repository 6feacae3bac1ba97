#!/bin/sh
# Installs what the benchmarks of the ATT&CK library, and its tests, are held against: mitreattack-python and a TAXII client.
set -eu
cd "$(dirname "$0")/.."
root="$PWD/target/tools/reference"
if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
if ! python3 -c 'import ensurepip' >/dev/null 2>&1; then
    $as_root apt-get update -q
    $as_root apt-get install -qy --no-install-recommends python3 python3-venv
fi
[ -x "$root/bin/python" ] || python3 -m venv "$root"
[ -d "$(ls -d "$root"/lib/python3*/site-packages)/taxii2client" ] || "$root/bin/pip" install --quiet --disable-pip-version-check taxii2-client==2.3.0
# The larger one only where it is asked for.
if [ "${1:-}" = all ]; then
    [ -d "$(ls -d "$root"/lib/python3*/site-packages)/mitreattack" ] || "$root/bin/pip" install --quiet --disable-pip-version-check mitreattack-python==6.3.1
    command -v zstd >/dev/null 2>&1 || { $as_root apt-get update -q; $as_root apt-get install -qy --no-install-recommends zstd; }
fi
