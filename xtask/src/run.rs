//! `./x run`: build all that is embedded, then the window; without a display the same job in the terminal.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{apps, cross, firmware, step, ui, workspace};

/// What `./x run` does where there is no display.
const DEMO: [&str; 6] = ["run", "assets/apps/blink.wasm", "--board", "nano33ble", "--for", "10s"];

/// `setup`, or the one part of it that needs no root.
pub(crate) fn setup(args: &[&str]) -> Result<()> {
    match args {
        [] => step::run(&mut step::command("sh", &["xtask/setup/setup.sh", "test", "setup"])),
        ["--part", "toolchain"] => cross::install(),
        _ => bail!("setup takes nothing or `--part toolchain`"),
    }
}

/// Builds and starts Drydock; returns only when it could not be started or, in the terminal, when it failed.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    embedded()?;
    if has_display() {
        ui::build()?;
        window()?;
        replace_with(step::command(
            &workspace::built("drydock-desktop").to_string_lossy(),
            args,
        ))
    } else {
        eprintln!(
            "There is no display (DISPLAY and WAYLAND_DISPLAY are unset): running the demo in the terminal instead of the window."
        );
        build(&["drydock"])?;
        let drydock = workspace::built("drydock");
        replace_with(step::command(
            &drydock.to_string_lossy(),
            if args.is_empty() { &DEMO } else { args },
        ))
    }
}

/// Firmware and apps, which every host build embeds.
pub(crate) fn embedded() -> Result<()> {
    firmware::build()?;
    apps::build()
}

/// The window with its front end inside, and the CLI beside it.
pub(crate) fn window() -> Result<()> {
    build(&["drydock", "drydock-desktop"])
}

/// Builds packages with the features that all builds of the workspace share, so that nothing is compiled twice.
fn build(packages: &[&str]) -> Result<()> {
    let mut cargo = step::cargo(&["build", "--package", "drydock-unify"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    step::run(&mut cargo)
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(unix)]
fn replace_with(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let shown = step::shown(&command);
    eprintln!("$ {shown}");
    Err(command.exec()).with_context(|| format!("starting `{shown}`"))
}

#[cfg(not(unix))]
fn replace_with(mut command: Command) -> Result<()> {
    step::run(&mut command)
}
