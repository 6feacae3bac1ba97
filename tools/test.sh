#!/bin/sh
# Installs what the tests need and runs every check. The first run builds the rule engine, which takes a while.
set -eu
cd "$(dirname "$0")/.."
sh tools/prepare.sh
sh tools/checkers.sh
sh tools/servers.sh
sh tools/reference.sh
# The licence check looks at the dependencies of every system, without the network.
cargo fetch --locked
PATH="$PWD/target/tools/bin:$PATH" exec cargo xtask ci
