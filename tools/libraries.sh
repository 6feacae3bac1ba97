#!/bin/sh
# Fetches the web libraries of tools/libraries.txt that pages in tests load, into the cache: the first twenty, or `all`.
# They stay outside the tree. Each lies in a folder named after its package (`@a/b`: `a-b`), at `target/tools/libraries`.
set -eu
cd "$(dirname "$0")/.."
. tools/cache.sh
most=20
[ "${1:-}" = all ] && most=1000
folder="$cache/tools/libraries-$(cksum < tools/libraries.txt | cut -d ' ' -f 1)"
mkdir -p "$folder" target/tools
[ -L target/tools/libraries ] || rm -rf target/tools/libraries
ln -sfn "$folder" target/tools/libraries
if ! command -v npm >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    $as_root apt-get update -q
    $as_root apt-get install -qy --no-install-recommends npm
fi
grep -v '^#' tools/libraries.txt | head -n "$most" | while read -r package _; do
    name=$(printf %s "${package%@*}" | sed 's,^@,,; s,/,-,g')
    [ -e "$folder/$name" ] && continue
    rm -rf "$folder/.fetched"
    mkdir "$folder/.fetched"
    # npm compares the archive's digest with the one that its registry gives.
    (cd "$folder/.fetched" && npm pack --silent "$package" >/dev/null && tar --extract --gzip --no-same-owner --file ./*.tgz && rm ./*.tgz)
    mv "$folder/.fetched"/* "$folder/$name"
done
rm -rf "$folder/.fetched"
