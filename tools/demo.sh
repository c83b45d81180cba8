#!/bin/sh
# Builds, then runs the demo twice: parsing in the process itself, and in a sandboxed actor.
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
demo() {
    echo "== bin/ljos examples/logstat.lua $*"
    bin/ljos examples/logstat.lua "$@"
}
demo
if unshare --user --mount --pid --net --ipc --uts --fork true 2>/dev/null; then
    demo --sandbox
else
    echo "== a sandbox cannot be made here: this host forbids user namespaces, or others in them"
fi
