#!/bin/sh
# Copies what was built into the folders of a rock: tools/install.sh LUADIR LIBDIR BINDIR
# The runner of actors lies beside the library, which is where the Lua side looks for it.
set -eu
cd "$(dirname "$0")/.."
lua=$1 lib=$2 bin=$3
mkdir -p "$lua" "$lib" "$bin"
cp -r lua/ljos "$lua/"
cp target/release/libljos.so "$lib/"
for program in ljos-actor libljos_preload.so; do
    [ ! -e "target/release/$program" ] || cp "target/release/$program" "$lib/"
done
cp bin/ljos "$bin/"
