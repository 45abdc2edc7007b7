//! The cross compiler: a cargo whose toolchain has the firmware's and the guests' targets.
//!
//! `xtask/setup/toolchain.sh` chooses that toolchain; its shell exports are used here.

use std::process::Command;

use anyhow::Result;

use crate::{step, workspace};

const TOOLCHAIN: &str = "xtask/setup/toolchain.sh";

/// `cargo ARGS` under the cross toolchain. The host toolchain's settings (`RUSTC`, its wrapper, flags) do not leak in.
pub(crate) fn cargo(args: &[&str]) -> Command {
    shell("cross-cargo", "exec cargo \"$@\"", args)
}

/// Runs LLVM's linker as `wasm-ld` does, for guests that are not Rust.
pub(crate) fn wasm_ld(args: &[&str]) -> Command {
    shell("wasm-ld", "exec \"$DRYDOCK_LLD\" -flavor wasm \"$@\"", args)
}

/// Prints shell exports for `eval "$(cargo xtask firmware --print-env)"`.
pub(crate) fn print_env() -> Result<()> {
    print!(
        "{}",
        step::output(&mut clean(step::command("sh", &[TOOLCHAIN, "print-env"])))?
    );
    Ok(())
}

/// Prints which toolchain is used; fetches one if there is none.
pub(crate) fn install() -> Result<()> {
    step::run(&mut clean(step::command("sh", &[TOOLCHAIN, "install"])))
}

/// `--config` values that keep this machine's folder names out of panic messages, so that the same source gives the
/// same image anywhere. They extend the flags of a `.cargo/config.toml`; the environment would replace them.
pub(crate) fn no_machine_paths(target: &str) -> Vec<String> {
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let mut pairs = vec![(workspace::root().to_string_lossy().into_owned(), "drydock")];
    pairs.extend(home.ok().map(|home| (home, "cargo")));
    pairs
        .into_iter()
        .map(|(from, to)| format!("target.{target}.rustflags=[\"--remap-path-prefix={from}={to}\"]"))
        .collect()
}

fn shell(name: &str, last: &str, args: &[&str]) -> Command {
    let script = format!(
        "set -eu; env=$(sh '{}' print-env); eval \"$env\"; {last}",
        workspace::root().join(TOOLCHAIN).display()
    );
    let mut command = step::command("sh", &["-c", &script, name]);
    command.args(args);
    clean(command)
}

fn clean(mut command: Command) -> Command {
    for name in [
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTDOC",
        "CARGO",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}
