#!/bin/sh
# Installs what the tests need and runs every check.
set -eu
cd "$(dirname "$0")/.."
sh tools/prepare.sh
exec cargo xtask ci "$@"
