#!/bin/sh
# Builds the native library and the runner of actors, and the declarations that the type lint reads.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
if ! command -v cargo >/dev/null; then
    echo "ljos: cargo is missing. Install Rust 1.85 or newer from https://rustup.rs, then run make again." >&2
    exit 1
fi
cargo build --release --locked
