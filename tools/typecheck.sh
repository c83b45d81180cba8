#!/bin/sh
# The type lint: checks Lua against its annotations, and FFI calls against the header of the native library.
set -eu
cd "$(dirname "$0")/.."
mkdir -p target/meta
luajit tools/declare_native.lua native/ljos/include/ljos.h >target/meta/native.lua
emmylua_check --config .emmyrc.json --warnings-as-errors lua
