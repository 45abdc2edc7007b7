//! `./x fuzz`: every decoder that takes input from a peer, each for its share of the time.
//!
//! The targets are plain functions listed in the `fuzz` crate. With cargo-fuzz and a nightly toolchain, libFuzzer
//! drives them, guided by coverage; otherwise the crate's own program does, with seeded mutations of its corpus.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{step, workspace};

const DEFAULT_SECONDS: u64 = 60;

/// Runs all targets for `--seconds N` in all.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let seconds = match args {
        [] => DEFAULT_SECONDS,
        ["--seconds", number] => number
            .parse()
            .with_context(|| format!("`{number}` is no number of seconds"))?,
        _ => bail!("fuzz takes `--seconds N`"),
    };
    step::run(&mut program(&["build", "--quiet"]))?;
    let list = step::output(&mut program(&["run", "--quiet", "--", "--list"]))?;
    let targets: Vec<&str> = list.lines().filter(|line| !line.is_empty()).collect();
    ensure!(!targets.is_empty(), "the fuzz crate lists no targets");
    let share = (seconds / targets.len() as u64).max(1).to_string();
    let guided = has_cargo_fuzz();
    eprintln!(
        "{} targets, {share} s each, {}",
        targets.len(),
        if guided {
            "by cargo-fuzz"
        } else {
            "by seeded mutations (cargo-fuzz is not installed)"
        }
    );
    for target in &targets {
        let mut command = if guided {
            step::command(
                "cargo",
                &[
                    "+nightly",
                    "fuzz",
                    "run",
                    target,
                    "--",
                    &format!("-max_total_time={share}"),
                ],
            )
        } else {
            program(&["run", "--quiet", "--", target, "--seconds", &share])
        };
        step::run(&mut command).with_context(|| format!("fuzz target {target}"))?;
    }
    Ok(())
}

/// cargo on the fuzz crate, optimised but with overflow checks and debug assertions, as its manifest sets.
pub(crate) fn program(args: &[&str]) -> Command {
    let (subcommand, rest) = args.split_first().expect("a subcommand of cargo");
    let manifest = workspace::root().join("fuzz/Cargo.toml");
    let target_dir = workspace::target_dir().join("fuzz");
    let mut cargo = step::cargo(&[subcommand, "--release", "--manifest-path"]);
    cargo.arg(manifest).arg("--target-dir").arg(target_dir).args(rest);
    cargo
}

fn has_cargo_fuzz() -> bool {
    step::on_path("cargo-fuzz") && step::output(&mut step::command("cargo", &["+nightly", "--version"])).is_ok()
}
