#!/bin/sh
# Builds, then runs the demo twice: parsing in the process itself, and in a sandboxed actor.
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
for mode in "" --sandbox; do
    echo "== bin/ljos examples/logstat.lua $mode"
    # shellcheck disable=SC2086
    bin/ljos examples/logstat.lua $mode
done
