#!/bin/sh
# The cross toolchain for firmware and guests, found or fetched the cheapest way that works on this machine:
#   1. targets that the active Rust toolchain already has,
#   2. `rustup target add`,
#   3. Debian's packages of a Rust compiler, unpacked into a private folder (no root needed), with core and alloc
#      built from their source once per target.
# It is sh, not Rust, because way 3 must also work where no usable Rust is installed yet.
#
#   toolchain.sh install     make it ready (a second run finds it and does nothing); says which way it took
#   toolchain.sh way         rustup | debian | none, without changing anything
#   toolchain.sh print-env   shell exports under which `cargo build --target T` works
#   toolchain.sh print-host-env   the same compiler as a host compiler, for a machine whose own Rust is too old
#
# DRYDOCK_TOOLCHAIN=debian takes way 3 even where the first two would do.
set -eu

TARGETS="thumbv7em-none-eabi thumbv7em-none-eabihf riscv32imac-unknown-none-elf wasm32-unknown-unknown"
RECIPE=3 # raise when the steps below change, so that older folders are made anew
HOME_DIR="${XDG_CACHE_HOME:-$HOME/.cache}/drydock/toolchain"
ROOT="$HOME_DIR/root"
USR="$ROOT/usr"
STAMP="$ROOT/drydock-stamp"

say() { echo "toolchain: $*" >&2; }

# --- what is installed -------------------------------------------------------------------------------------------

# The sysroot of the Rust on PATH, or nothing.
host_sysroot() { env -u RUSTC -u LD_LIBRARY_PATH rustc --print sysroot 2>/dev/null || true; }

host_linker() {
    for lld in "$(host_sysroot)"/lib/rustlib/*/bin/rust-lld; do
        if [ -x "$lld" ]; then echo "$lld"; return 0; fi
    done
    return 1
}

host_has_targets() {
    [ "${DRYDOCK_TOOLCHAIN:-}" != debian ] || return 1 # asked for the Debian way, to try it where rustup would do
    sysroot=$(host_sysroot)
    [ -n "$sysroot" ] && host_linker >/dev/null || return 1
    for target in $TARGETS; do
        has_core "$sysroot" "$target" || return 1
    done
}

has_core() { # sysroot target
    for rlib in "$1/lib/rustlib/$2/lib"/libcore-*.rlib; do
        [ -s "$rlib" ] && return 0
    done
    return 1
}

private_is_whole() {
    [ "$(sed -n 1p "$STAMP" 2>/dev/null)" = "recipe $RECIPE" ] || return 1
    private_env "$USR" rustc -vV >/dev/null 2>&1 && [ -x "$USR/bin/rust-lld" ] || return 1
    for target in $TARGETS; do
        has_core "$USR" "$target" || return 1
    done
}

library_dir() { # usr
    for dir in "$1"/lib/*-linux-gnu; do echo "$dir"; return; done
}

private_env() { # usr command...
    usr=$1; shift
    env -u RUSTUP_TOOLCHAIN -u RUSTFLAGS -u CARGO_TARGET_DIR \
        LD_LIBRARY_PATH="$(library_dir "$usr")" RUSTC="$usr/bin/rustc" PATH="$usr/bin:$PATH" "$@"
}

# --- the Debian way ----------------------------------------------------------------------------------------------

# Every apt call uses this function. Without system package lists it keeps its own, so that no root is needed.
apt_own_lists=
apt_call() { # apt-get|apt-cache arguments...
    tool=$1; shift
    if [ -n "$apt_own_lists" ]; then
        "$tool" -o "Dir::State::Lists=$HOME_DIR/apt/lists" -o "Dir::Cache=$HOME_DIR/apt/cache" \
            -o Debug::NoLocking=true -o APT::Sandbox::User= "$@"
    else
        "$tool" -o APT::Sandbox::User= "$@"
    fi
}

find_packages() {
    apt_call apt-cache show rustc-web >/dev/null 2>&1 && return 0
    say "no package list names rustc-web yet; fetching package lists into $HOME_DIR/apt"
    apt_own_lists=yes
    mkdir -p "$HOME_DIR/apt/lists/partial" "$HOME_DIR/apt/cache/archives/partial"
    apt_call apt-get -qq update >&2 || true
    apt_call apt-cache show rustc-web >/dev/null 2>&1
}

# The compiler's packages, and the shared libraries that they need and this system lacks.
list_packages() {
    wanted="rustc-web cargo-web rust-web-src libstd-rust-web-dev"
    queue=$wanted
    while [ -n "$queue" ]; do
        next=
        for package in $queue; do
            for needed in $(apt_call apt-cache depends "$package" | sed -n 's/^ *|\{0,1\}Depends: \(lib[^ <]*\)$/\1/p'); do
                case $needed in
                libstd-rust-web*) ;;
                *-dev) continue ;;
                *) if installed "$needed"; then continue; fi ;;
                esac
                case " $wanted " in *" $needed "*) continue ;; esac
                wanted="$wanted $needed"
                next="$next $needed"
                # the linker of the same LLVM: Debian's default one is too old for `--page-size=1`
                case $needed in libllvm[0-9]*) wanted="$wanted lld-${needed#libllvm}" ;; esac
            done
        done
        queue=$next
    done
    case " $wanted " in *" lld-"*) ;; *)
        llvm=$(apt_call apt-cache depends rustc-web libstd-rust-web-[0-9]* | sed -n 's/.*Depends: libllvm\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
        wanted="$wanted lld-$llvm" ;;
    esac
    echo "$wanted"
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Builds core and alloc for one target; cargo then finds them as if rustup had installed the target.
build_core() { # usr target
    private_env "$1" env RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Cembed-bitcode=yes -Zforce-unstable-if-unmarked" \
        "$1/bin/cargo" build --quiet --release --target "$2" --manifest-path "$HOME_DIR/stub/Cargo.toml" \
        --target-dir "$HOME_DIR/stub/target" -Zbuild-std=core,alloc -Zbuild-std-features=compiler-builtins-mem >&2
    mkdir -p "$1/lib/rustlib/$2/lib"
    for crate in core alloc compiler_builtins; do
        cp "$HOME_DIR/stub/target/$2/release/deps/lib$crate"-*.rlib "$1/lib/rustlib/$2/lib/"
    done
}

install_debian() {
    new="$HOME_DIR/root.new" # only a whole folder is ever moved to its place
    rm -rf "$new" "$HOME_DIR/stub"
    mkdir -p "$new" "$HOME_DIR/debs" "$HOME_DIR/stub/src"
    if ! find_packages; then
        say "this system's package sources have no rustc-web (Debian 12 and newer have it in 'main' and 'security')."
        say "On a machine that can reach static.rust-lang.org: rustup target add $TARGETS"
        exit 3
    fi
    packages=$(list_packages)
    say "downloading $packages (about 150 MB)"
    (cd "$HOME_DIR/debs" && rm -f ./*.deb && apt_call apt-get -qq download $packages >&2)
    for deb in "$HOME_DIR"/debs/*.deb; do dpkg -x "$deb" "$new"; done
    for lld in "$new"/usr/lib/llvm-*/bin/lld; do ln -sf "$lld" "$new/usr/bin/rust-lld"; done
    # a link that stays right after the move
    ln -sf "$(readlink "$new/usr/bin/rust-lld" | sed "s|^$new/usr|..|")" "$new/usr/bin/rust-lld"

    printf '[package]\nname = "stub"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$HOME_DIR/stub/Cargo.toml"
    echo '#![no_std]' >"$HOME_DIR/stub/src/lib.rs"
    for target in $TARGETS; do
        say "building core and alloc for $target (about half a minute)"
        build_core "$new/usr" "$target"
    done
    { echo "recipe $RECIPE"; private_env "$new/usr" rustc -V; } >"$new/drydock-stamp"
    rm -rf "$HOME_DIR/stub" "$HOME_DIR/debs" "$new"/usr/src/rustc-* "$new/usr/share/doc"
    rm -rf "$ROOT"
    mv "$new" "$ROOT"
    private_is_whole || { say "the new toolchain in $ROOT does not work: see the messages above"; exit 4; }
}

# --- verbs -------------------------------------------------------------------------------------------------------

way() {
    if host_has_targets; then echo rustup
    elif private_is_whole; then echo debian
    else echo none
    fi
}

install() {
    case $(way) in
    rustup) say "using the targets that $(rustc -V) has in $(host_sysroot)"; return ;;
    debian) say "using $(sed -n 2p "$STAMP") from Debian's packages in $ROOT"; return ;;
    esac
    if command -v rustup >/dev/null 2>&1 && [ "${DRYDOCK_TOOLCHAIN:-}" != debian ]; then
        say "trying: rustup target add $TARGETS"
        # shellcheck disable=SC2086
        if timeout 300 rustup target add $TARGETS >&2 && host_has_targets; then
            say "took rustup's targets"
            return
        fi
        say "rustup could not fetch them here"
    fi
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg >/dev/null 2>&1; then
        say "no target, no rustup that can fetch one and no apt-get: run 'rustup target add $TARGETS' once where there is a network"
        exit 3
    fi
    mkdir -p "$HOME_DIR"
    exec 8>"$HOME_DIR/lock"
    flock 8 2>/dev/null || true # two builds at once: the second waits, then finds it done
    private_is_whole || install_debian
    say "took the Debian way: $(sed -n 2p "$STAMP") in $ROOT"
}

# A value in single quotes, for the shell that evaluates it.
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

print_linkers() { # lld
    for target in $TARGETS; do
        echo "export CARGO_TARGET_$(echo "$target" | tr 'a-z-' 'A-Z_')_LINKER=$(quoted "$1")"
    done
    echo "export DRYDOCK_LLD=$(quoted "$1")"
}

print_env() {
    case $(way) in
    rustup) print_linkers "$(host_linker)" ;;
    debian) print_host_env; print_linkers "$USR/bin/rust-lld" ;;
    none) say "no cross toolchain yet: run './x setup'"; exit 3 ;;
    esac
}

print_host_env() {
    private_is_whole || { say "the private toolchain is not there: run './x setup'"; exit 3; }
    echo "unset RUSTUP_TOOLCHAIN"
    echo "export PATH=$(quoted "$USR/bin"):\"\$PATH\""
    echo "export LD_LIBRARY_PATH=$(quoted "$(library_dir "$USR")")"
    echo "export RUSTC=$(quoted "$USR/bin/rustc")"
    echo "export RUSTDOC=$(quoted "$USR/bin/rustdoc")"
    echo "export CARGO=$(quoted "$USR/bin/cargo")"
}

case ${1:-install} in
install) install ;;
way) way ;;
print-env) print_env ;;
print-host-env) print_host_env ;;
*) say "unknown subcommand '$1' (install, way, print-env, print-host-env)"; exit 2 ;;
esac
