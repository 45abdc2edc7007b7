//! Builds the boards' images: `firmware/boards/<board>` → `assets/firmware/<board>.{elf,bin,sha256}`.
//!
//! A board's package states its build settings under `[package.metadata.drydock]`: `target` (default
//! `thumbv7em-none-eabi`), `flash-budget-bytes` and `ram` (start and end of RAM, for the size table).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::graph::{self, Package};
use crate::step::Out;
use crate::{cross, function_attributes, image, workspace};

mod behind;
mod freshness;

pub(crate) use behind::{begin, build_first};
#[cfg(unix)]
pub(crate) use behind::{build_behind, start_behind};
pub(crate) use freshness::are_fresh;

/// The built image, for the size check.
pub(crate) struct Built {
    pub(crate) board: String,
    pub(crate) flash_bytes: u64,
    pub(crate) flash_budget_bytes: u64,
}

/// Flash budget of the nRF52840 (DESIGN); a board with another budget sets it in its manifest.
const FLASH_BUDGET_BYTES: u64 = 480 * 1024;
const RAM: std::ops::Range<u64> = 0x2000_0000..0x4000_0000;

/// Builds every board, writes the size table.
pub(crate) fn build(out: Out<'_>) -> Result<Vec<Built>> {
    build_with(out, |_, _| Ok(()))
}

/// Builds every board and calls `usable` with each image as soon as a working one exists. A board that is built twice
/// passes its first image.
fn build_with(out: Out<'_>, mut usable: impl FnMut(&str, &[u8]) -> Result<()>) -> Result<Vec<Built>> {
    let sources = freshness::sources()?;
    let manifest = manifest()?;
    let mut built = Vec::new();
    let (twice, once): (Vec<Package>, Vec<Package>) = boards(&manifest)?
        .into_iter()
        .partition(|package| function_attributes::are_given_for(target(package)));
    out.line(&format!(
        "{:<18} {:>12} {:>12} {:>14}  sha256 (flat image)",
        "board", "flash", "of budget", "static RAM"
    ));
    let attributes = function_attributes(out, &manifest, &twice, &mut usable)?;
    for package in once.iter().chain(&twice) {
        let (board, elf) = build_board(out, &manifest, package, &attributes)
            .with_context(|| format!("firmware for {}", package.name))?;
        usable(&board.board, &elf)?;
        built.push(board);
    }
    freshness::record(&sources)?;
    Ok(built)
}

fn manifest() -> Result<PathBuf> {
    let manifest = workspace::root().join("firmware/boards/Cargo.toml");
    anyhow::ensure!(manifest.is_file(), "there is no {}", manifest.display());
    Ok(manifest)
}

/// Builds the boards whose functions get attributes for the first time, and returns the flag that lists the attributes
/// for all of them. With a flag per board, shared crates would be built again for each board.
fn function_attributes(
    out: Out<'_>,
    manifest: &Path,
    packages: &[Package],
    usable: &mut impl FnMut(&str, &[u8]) -> Result<()>,
) -> Result<String> {
    let mut names = BTreeSet::new();
    for package in packages {
        let elf = compile(out, manifest, package, &[], &target_dir());
        let elf = elf.with_context(|| format!("firmware for {}, without attributes", package.name))?;
        names.extend(function_attributes::functions(&elf).context("reading the image's symbols")?);
        usable(&board_name(package)?, &elf)?;
    }
    function_attributes::listed(&names, &target_dir())
}

/// A board's name: the folder of its package.
fn board_name(package: &Package) -> Result<String> {
    let dir = package.dir();
    let name = dir.file_name().context("a board lies in a folder")?;
    Ok(name.to_string_lossy().into_owned())
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

fn build_board(out: Out<'_>, manifest: &Path, package: &Package, attributes: &str) -> Result<(Built, Vec<u8>)> {
    let elf = if function_attributes::are_given_for(target(package)) {
        // A separate folder: in a shared folder each build would invalidate the other's outputs.
        let place = target_dir().join("attributes");
        compile(out, manifest, package, &[attributes], &place)?
    } else {
        compile(out, manifest, package, &[], &target_dir())?
    };
    let image = image::read(&elf, package.range("ram").unwrap_or(RAM))?;
    let board = board_name(package)?;
    let digest = workspace::sha256(&image.flat);
    let folder = images();
    workspace::write_if_changed(&folder.join(format!("{board}.elf")), &elf)?;
    workspace::write_if_changed(&folder.join(format!("{board}.bin")), &image.flat)?;
    let line = format!("{digest}  {board}.bin\n{}  {board}.elf\n", workspace::sha256(&elf));
    workspace::write_if_changed(&folder.join(format!("{board}.sha256")), line.as_bytes())?;

    let flash_bytes = image.flat.len() as u64;
    let flash_budget_bytes = package.number("flash-budget-bytes").unwrap_or(FLASH_BUDGET_BYTES);
    out.line(&format!(
        "{board:<18} {flash_bytes:>12} {:>11.1}% {:>14}  {digest}  (from {:#x})",
        flash_bytes as f64 * 100.0 / flash_budget_bytes as f64,
        image.static_ram_bytes,
        image.base,
    ));
    let built = Built {
        board,
        flash_bytes,
        flash_budget_bytes,
    };
    Ok((built, elf))
}

/// Builds a board's program, with these rustc flags in addition to those of the board's `.cargo/config.toml`.
fn compile(out: Out<'_>, manifest: &Path, package: &Package, flags: &[&str], place: &Path) -> Result<Vec<u8>> {
    let target = target(package);
    let program = package
        .targets
        .iter()
        .find(|it| it.kind == ["bin"])
        .context("the package has no program")?;
    let mut cargo = cross::cargo(&["build", "--release", "--package", &package.name, "--target", target]);
    cargo
        .args(out.quiet())
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
    // cargo finds the board's .cargo/config.toml from its start folder
    cargo.current_dir(manifest.parent().unwrap_or(manifest));
    out.run_without(&mut cargo, function_attributes::is_chatter)?;
    std::fs::read(place.join(target).join("release").join(&program.name)).context("reading the ELF file")
}

/// The folder of the finished images.
fn images() -> PathBuf {
    workspace::root().join("assets/firmware")
}

fn target_dir() -> PathBuf {
    workspace::target_dir().join("firmware")
}
