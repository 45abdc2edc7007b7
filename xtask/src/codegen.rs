//! Generated files: which crate generates which, and one command that renews them or finds the stale ones.
//!
//! A crate that generates files has an example named `codegen`: `codegen FILE` writes FILE, `codegen FILE --check`
//! changes nothing and fails if it differs.

use anyhow::{Context, Result, bail, ensure};

use crate::{graph, step, workspace};

/// The package and the file that its generator writes, relative to the top of the checkout.
const GENERATED: &[(&str, &str)] = &[
    ("drydock-protocol", "firmware/guest/src/calls.rs"),
    ("drydock-protocol", "firmware/guest/include/drydock.h"),
    ("drydock-api", "ui/src/lib/backend/generated.ts"),
];

/// Renews every generated file.
pub(crate) fn renew() -> Result<()> {
    each(&[])
}

/// Fails if a generated file differs from its generator's output.
pub(crate) fn check() -> Result<()> {
    each(&["--check"]).context("renew with `cargo xtask codegen`")
}

fn each(args: &[&str]) -> Result<()> {
    for package in graph::host()?
        .iter()
        .filter(|package| package.has("example", "codegen"))
    {
        let listed = GENERATED.iter().any(|(name, _)| *name == package.name);
        ensure!(
            listed,
            "{} has a generator but no file in GENERATED, xtask/src/codegen.rs",
            package.name
        );
    }
    let mut stale = Vec::new();
    for (package, file) in GENERATED {
        // The example has the same name in each crate, so it is built right before it runs, with the features that all
        // builds share.
        let mut cargo = step::cargo(&["build", "--quiet", "--package", "drydock-unify", "--package", package]);
        step::run(cargo.args(["--example", "codegen"]))?;
        let generator = workspace::built("examples/codegen");
        let mut generator = step::command(&generator.to_string_lossy(), &[file]);
        if let Err(error) = step::run(generator.args(args)) {
            eprintln!("{error:#}");
            stale.push(*file);
        }
    }
    if !stale.is_empty() {
        bail!("not as their generators make them: {}", stale.join(", "));
    }
    Ok(())
}
