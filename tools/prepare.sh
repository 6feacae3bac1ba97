#!/bin/sh
# Installs what building needs on Debian 12, where it is missing: a C compiler and linker.
set -eu
if ! command -v cc >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    $as_root apt-get update -q
    $as_root apt-get install -qy --no-install-recommends build-essential
fi
