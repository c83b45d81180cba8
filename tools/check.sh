#!/bin/sh
# Runs the checks and ends with one line, `N passed, M failed`, summed over all tools; fails when any failed
# or none ran. A lint counts as one; cargo test and busted count their cases.
#   tools/check.sh lint   formatters and lints
#   tools/check.sh all    lints and tests, busted once per engine
set -u
cd "$(dirname "$0")/.." || exit 1
scope=${1:-all}
logs=target/check
mkdir -p "$logs"
passed=0
failed=0
failures=

# tally NAME PASSED FAILED: adds to the sums.
tally() {
    passed=$((passed + $2))
    failed=$((failed + $3))
    [ "$3" = 0 ] || failures="$failures
  $1: $3 failed"
}

# run NAME COMMAND...: runs with the output kept back, and shown if the command fails. The output is in $log.
run() {
    name=$1
    shift
    log=$logs/$(printf '%s' "$name" | tr -c 'a-z0-9_\n' '-').log
    printf '== %s ... ' "$name"
    began=$(date +%s)
    if timeout -k 10 1800 "$@" >"$log" 2>&1 </dev/null; then
        echo "ok ($(($(date +%s) - began)) s)"
        return 0
    fi
    echo "FAILED"
    sed 's/^/    /' "$log"
    return 1
}

# lint NAME COMMAND...: a check that counts as one.
lint() {
    if run "$@"; then tally "$1" 1 0; else tally "$1" 0 1; fi
}

# rust_tests NAME COMMAND...: counts the cases in cargo's "test result" lines.
rust_tests() {
    status=0
    run "$@" || status=1
    # shellcheck disable=SC2046
    set -- "$1" $(awk '/^test result:/ { p += $4; f += $6 } END { print p + 0, f + 0 }' "$log")
    if [ $status != 0 ] && [ "$3" = 0 ]; then set -- "$1" "$2" 1; fi
    tally "$@"
}

# lua_tests ENGINE: busted reports one line per spec file and leaves its counts in a file.
lua_tests() {
    counts=$logs/busted-$1.counts
    echo "== busted, $1"
    rm -f "$counts"
    LJOS_ENGINE=$1 timeout -k 10 1800 busted --output=tools/busted_report.lua -Xoutput "$counts" </dev/null
    status=$?
    set -- "busted, $1" 0 0
    # shellcheck disable=SC2046
    [ ! -e "$counts" ] || set -- "$1" $(head -n 1 "$counts")
    if [ "$status" != 0 ] && [ "$3" = 0 ]; then
        echo "busted ended with status $status"
        set -- "$1" "$2" 1
    fi
    tally "$@"
    details=$(sed 1d "$counts" 2>/dev/null)
    [ -z "$details" ] || failures="$failures
$details"
}

luacheck_all() { tools/lua_files.sh | xargs luacheck -q; }
stylua_all() { tools/lua_files.sh | xargs stylua --check; }

# The shell's `timeout` runs programs, not functions: a function is run by calling this file again.
case $scope in
call)
    shift
    "$@"
    exit
    ;;
esac
self() { lint "$1" "$0" call "$2"; }

lint "cargo fmt" cargo fmt --all --check
lint "cargo clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
! cargo deny --version >/dev/null 2>&1 || lint "cargo deny" cargo deny --offline check bans licenses sources
self "luacheck" luacheck_all
self "stylua" stylua_all
lint "build" tools/build.sh
lint "emmylua_check" tools/typecheck.sh

if [ "$scope" = all ] && [ -e target/release/libljos.so ]; then
    ulimit -l unlimited 2>/dev/null || ulimit -l "$(ulimit -H -l)"
    rust_tests "cargo test" cargo test --workspace --locked
    if luajit tools/has_io_uring.lua; then
        lua_tests io_uring
    else
        echo "== busted, io_uring: pending, because io_uring_setup(2) is forbidden here, or RLIMIT_MEMLOCK below 2 MiB"
    fi
    lua_tests epoll
fi

[ "$passed" -gt 0 ] || failures="$failures
  nothing ran"
[ -z "$failures" ] || printf 'Failed:%s\n' "$failures"
echo "$passed passed, $failed failed"
[ -z "$failures" ]
