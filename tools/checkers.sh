#!/bin/sh
# Installs the checkers of dependencies and spelling below `target/tools`, where they are missing.
set -eu
cd "$(dirname "$0")/.."
root="$PWD/target/tools"
# Built without optimisation: they run for seconds.
for tool in cargo-machete@0.9.2 cargo-deny@0.20.2; do
    name=${tool%@*}
    [ -x "$root/bin/$name" ] || cargo install --quiet --debug --locked --root "$root" "$tool"
done
if [ ! -x "$root/bin/typos" ]; then
    if ! python3 -c 'import ensurepip' >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
        $as_root apt-get update -q
        $as_root apt-get install -qy --no-install-recommends python3 python3-venv
    fi
    python3 -m venv "$root"
    "$root/bin/pip" install --quiet --disable-pip-version-check typos==1.52.0
fi
