//! Builds the boards' images: `firmware/boards/<board>` → `assets/firmware/<board>.{elf,bin,sha256}`.
//!
//! A board's package says under `[package.metadata.drydock]` what it is built for:
//! `target` (default `thumbv7em-none-eabi`), `flash-budget-bytes` and `ram` (start and end of RAM, for the size table).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::graph::{self, Package};
use crate::{cross, function_attributes, image, step, workspace};

/// What was built, for the size check.
pub(crate) struct Built {
    pub(crate) board: String,
    pub(crate) flash_bytes: u64,
    pub(crate) flash_budget_bytes: u64,
}

/// DESIGN's figure for the nRF52840; a board with another one says so in its manifest.
const FLASH_BUDGET_BYTES: u64 = 480 * 1024;
const RAM: std::ops::Range<u64> = 0x2000_0000..0x4000_0000;

/// Builds every board, prints the size table.
pub(crate) fn build() -> Result<Vec<Built>> {
    let manifest = workspace::root().join("firmware/boards/Cargo.toml");
    anyhow::ensure!(manifest.is_file(), "there is no {} yet", manifest.display());
    let mut built = Vec::new();
    println!(
        "{:<14} {:>12} {:>12} {:>14}  sha256 (flat image)",
        "board", "flash", "of budget", "static RAM"
    );
    let packages = boards(&manifest)?;
    let attributes = function_attributes(&manifest, &packages)?;
    for package in &packages {
        let board = build_board(&manifest, package, &attributes);
        built.push(board.with_context(|| format!("firmware for {}", package.name))?);
    }
    Ok(built)
}

/// Builds those boards a first time whose functions get attributes, and returns the flag that gives them to all: with one
/// for each board, whatever boards have in common would be built again for each.
fn function_attributes(manifest: &Path, packages: &[Package]) -> Result<String> {
    let mut names = BTreeSet::new();
    for package in packages
        .iter()
        .filter(|it| function_attributes::are_given_for(target(it)))
    {
        let elf = compile(manifest, package, &[], &target_dir());
        let elf = elf.with_context(|| format!("firmware for {}, without attributes", package.name))?;
        names.extend(function_attributes::functions(&elf).context("reading the image's symbols")?);
    }
    function_attributes::listed(&names, &target_dir())
}

fn target(package: &Package) -> &str {
    package.text("target").unwrap_or("thumbv7em-none-eabi")
}

fn boards(manifest: &Path) -> Result<Vec<Package>> {
    let metadata = cross::cargo(&[
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--manifest-path",
        &manifest.to_string_lossy(),
    ]);
    let packages = graph::packages(metadata)?;
    Ok(packages
        .into_iter()
        .filter(|package| package.targets.iter().any(|target| target.kind == ["bin"]))
        .collect())
}

fn build_board(manifest: &Path, package: &Package, attributes: &str) -> Result<Built> {
    let elf = if function_attributes::are_given_for(target(package)) {
        // A place of its own: in one place each build would undo the other's, and all would be built anew each time.
        let place = target_dir().join("attributes");
        compile(manifest, package, &[attributes], &place)?
    } else {
        compile(manifest, package, &[], &target_dir())?
    };
    let image = image::read(&elf, package.range("ram").unwrap_or(RAM))?;
    let board = package
        .dir()
        .file_name()
        .context("a board lies in a folder")?
        .to_string_lossy()
        .into_owned();
    let digest = workspace::sha256(&image.flat);
    let out = workspace::root().join("assets/firmware");
    workspace::write_if_changed(&out.join(format!("{board}.elf")), &elf)?;
    workspace::write_if_changed(&out.join(format!("{board}.bin")), &image.flat)?;
    let line = format!("{digest}  {board}.bin\n{}  {board}.elf\n", workspace::sha256(&elf));
    workspace::write_if_changed(&out.join(format!("{board}.sha256")), line.as_bytes())?;

    let flash_bytes = image.flat.len() as u64;
    let flash_budget_bytes = package.number("flash-budget-bytes").unwrap_or(FLASH_BUDGET_BYTES);
    println!(
        "{board:<14} {flash_bytes:>12} {:>11.1}% {:>14}  {digest}  (from {:#x})",
        flash_bytes as f64 * 100.0 / flash_budget_bytes as f64,
        image.static_ram_bytes,
        image.base,
    );
    Ok(Built {
        board,
        flash_bytes,
        flash_budget_bytes,
    })
}

/// Builds a board's program, with these flags of rustc besides those of the board's `.cargo/config.toml`.
fn compile(manifest: &Path, package: &Package, flags: &[&str], place: &Path) -> Result<Vec<u8>> {
    let target = target(package);
    let program = package
        .targets
        .iter()
        .find(|it| it.kind == ["bin"])
        .context("the package has no program")?;
    let mut cargo = cross::cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        &package.name,
        "--target",
        target,
    ]);
    cargo
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(place);
    for flag in cross::no_machine_paths(target) {
        cargo.args(["--config", &flag]);
    }
    for flag in flags {
        cargo.args(["--config", &format!("target.{target}.rustflags=[{flag:?}]")]);
    }
    // the board's .cargo/config.toml is found from the folder cargo starts in
    cargo.current_dir(manifest.parent().unwrap_or(manifest));
    step::run_without(&mut cargo, function_attributes::is_chatter)?;
    std::fs::read(place.join(target).join("release").join(&program.name)).context("reading the ELF file")
}

fn target_dir() -> PathBuf {
    workspace::target_dir().join("firmware")
}
