#!/bin/sh
# Compiles the C references and runs the benchmarks: bench/run.sh [SUITE...]
#   BENCH_QUICK=1    short runs, few rounds
#   BENCH_ROUNDS=N   rounds per benchmark (7)
#   BENCH_CPU=N      the processor that everything runs on (the last)
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
mkdir -p target/bench
for source in bench/c/*.c; do
    program=target/bench/$(basename "$source" .c)
    [ "$program" -nt "$source" ] && [ "$program" -nt bench/c/ring.h ] || cc -O3 -march=native -Wall -Wextra -o "$program" "$source"
done
export LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;$PWD/bench/?.lua;;"
exec luajit bench/run.lua "$@"
