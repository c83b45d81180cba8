#!/bin/sh
# Installs what is missing, and only that: Debian packages through apt, the Lua lints through cargo.
#   tools/deps.sh run   what building and running needs
#   tools/deps.sh all   what the tests and lints need, too
set -u
scope=${1:-all}

emmylua_version=0.25.1
stylua_version=2.6.0

die() {
    printf 'ljos: %s\n' "$@" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

has cargo || die "cargo is missing. Install Rust 1.85 or newer from https://rustup.rs, then run make again."

missing=
# want PACKAGE PROBE...: notes the Debian package when the probe fails.
want() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

has_library() { PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -q "$1"; }

want gcc has cc
want libc6-dev test -e /usr/include/stdio.h
want pkg-config has pkg-config
want luajit has luajit
want libluajit-5.1-dev pkg-config --exists luajit
want libssl3 has_library 'libssl\.so\.3'
if [ "$scope" = all ]; then
    want luarocks has luarocks
    want lua-busted has busted
    want lua-check has luacheck
    want mawk has mawk
    want openssl has openssl
    want g++ has c++
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install_packages() {
    has apt-get || die "these Debian packages, or what your system calls them, are missing:$missing" \
        "There is no apt-get here: install them by other means, then run make again."
    if [ "$(id -u)" != 0 ] && ! has sudo; then
        die "these packages are missing and need root to install. As root, run:" \
            "  apt-get install --no-install-recommends$missing"
    fi
    echo "== apt-get install$missing"
    install="apt-get -q -y install --no-install-recommends"
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive $install $missing </dev/null ||
        { as_root apt-get -q update && as_root env DEBIAN_FRONTEND=noninteractive $install $missing </dev/null; } ||
        die "apt could not install the missing packages. By hand, as root:" \
            "  apt-get update && apt-get install --no-install-recommends$missing"
}

[ -z "$missing" ] || install_packages

[ "$scope" = all ] || exit 0

# component NAME SUBCOMMAND: a part of the Rust toolchain that minimal installations lack.
component() {
    cargo "$2" --version >/dev/null 2>&1 && return
    has rustup || die "cargo $2 is missing: install $1 of your Rust toolchain."
    rustup component add "$1" || die "rustup could not add $1."
}
component clippy clippy
component rustfmt fmt

# Lints of fixed versions, so that their verdict does not change overnight. stylua reads LuaJIT's 1ULL only when told
# so at build time.
cargo_tool() {
    echo "== cargo install $* (some minutes, once)"
    cargo install --locked --force "$@" || die "cargo could not install $1."
}
[ "$(emmylua_check --version 2>/dev/null)" = "emmylua_check $emmylua_version" ] ||
    cargo_tool "emmylua_check@$emmylua_version"
[ "$(stylua --version 2>/dev/null)" = "stylua $stylua_version" ] && echo "return 1ULL" | stylua - >/dev/null 2>&1 ||
    cargo_tool "stylua@$stylua_version" --features luajit
