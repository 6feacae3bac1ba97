#!/bin/sh
# Installs the checkers of `tools/checkers.txt` into the user's cache, where they are missing.
set -eu
cd "$(dirname "$0")/.."
. tools/cache.sh
packages checkers checkers.txt
