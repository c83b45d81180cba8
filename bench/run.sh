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
    [ "$program" -nt "$source" ] && [ "$program" -nt bench/c/ring.h ] && [ "$program" -nt bench/c/load.h ] && continue
    libraries=
    case $source in
    */tls_*)
        [ -e /usr/include/openssl/ssl.h ] || continue
        libraries="-lssl -lcrypto"
        ;;
    esac
    # shellcheck disable=SC2086
    cc -O3 -march=native -Wall -Wextra -o "$program" "$source" $libraries
done
export LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;$PWD/bench/?.lua;;"
exec luajit bench/run.lua "$@"
