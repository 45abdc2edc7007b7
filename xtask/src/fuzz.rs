//! `./x fuzz`: every decoder that takes input from a peer, each for its share of the time.
//!
//! The targets are plain functions listed in the `fuzz` crate. With cargo-fuzz and a nightly toolchain, libFuzzer
//! drives them, guided by coverage; otherwise the crate's own program does, with seeded mutations of its corpus.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{step, workspace};

const DEFAULT_SECONDS: u64 = 60;

/// Runs all targets for `--seconds N` in all, and compares with the decoders of others.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    run_with(args, &["--features", "drydock-fuzz/compare"])
}

/// As [`run`], without the decoders of others, which would have other crates built once more.
pub(crate) fn run_briefly(args: &[&str]) -> Result<()> {
    run_with(args, &[])
}

fn run_with(args: &[&str], features: &[&str]) -> Result<()> {
    let seconds = match args {
        [] => DEFAULT_SECONDS,
        ["--seconds", number] => number
            .parse()
            .with_context(|| format!("`{number}` is no number of seconds"))?,
        _ => bail!("fuzz takes `--seconds N`"),
    };
    // With the package that unifies features: the crates below are those of all other builds.
    let mut build = step::cargo(&[
        "build",
        "--quiet",
        "--package",
        "drydock-unify",
        "--package",
        "drydock-fuzz",
    ]);
    step::run(build.args(features))?;
    let list = step::output(&mut program(&["--list"]))?;
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
            program(&[target, "--seconds", &share])
        };
        step::run(&mut command).with_context(|| format!("fuzz target {target}"))?;
    }
    Ok(())
}

/// The crate's own program.
fn program(args: &[&str]) -> Command {
    let program = workspace::built("drydock-fuzz");
    step::command(&program.to_string_lossy(), args)
}

fn has_cargo_fuzz() -> bool {
    step::on_path("cargo-fuzz") && step::output(&mut step::command("cargo", &["+nightly", "--version"])).is_ok()
}
