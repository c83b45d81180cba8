#!/bin/sh
# Builds the native library and the runner of actors, and the declarations that the type lint reads.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:${CARGO_HOME:-${HOME-}/.cargo}/bin
lacks() {
    echo "ljos: $1 is missing. $2" >&2
    exit 1
}
command -v cargo >/dev/null || lacks cargo "Install Rust 1.85 or newer from https://rustup.rs, then run make again."
command -v cc >/dev/null || lacks "a C compiler" "\`make deps\` installs it on Debian."
cargo build --release --locked --target-dir target # where the others look for it, whatever CARGO_TARGET_DIR says
