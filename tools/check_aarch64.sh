#!/bin/sh
# Compares the constants and layouts of aarch64 with what its C compiler says, on a machine of another kind.
# Needs: `rustup target add aarch64-unknown-linux-gnu`; Debian's gcc-aarch64-linux-gnu and qemu-user.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The compiler; a program that it links becomes a script that runs the program in the emulator.
cat >"$work/cc" <<'END'
#!/bin/sh
program= previous= links=yes
for word in "$@"; do
    case $word in -c | -E | -S) links= ;; esac
    [ "$previous" = -o ] && program=$word
    previous=$word
done
aarch64-linux-gnu-gcc "$@" || exit $?
[ "$links" ] && [ "$program" ] || exit 0
mv "$program" "$program.aarch64"
printf '#!/bin/sh\nexec qemu-aarch64 "%s.aarch64" "$@"\n' "$program" >"$program"
chmod +x "$program"
END
chmod +x "$work/cc"

export QEMU_LD_PREFIX="${QEMU_LD_PREFIX:-/usr/aarch64-linux-gnu}"
export CC_aarch64_unknown_linux_gnu="$work/cc"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
cargo test --locked --target aarch64-unknown-linux-gnu -p ljos --test c_headers -- --nocapture
