#!/bin/sh
# Lists the Lua files of the repository, for the lints.
cd "$(dirname "$0")/.." || exit 1
find lua tests bench examples tools doc -name '*.lua' 2>/dev/null
[ ! -e bin/ljos ] || echo bin/ljos
