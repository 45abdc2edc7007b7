//! Whether the finished images were built from the current sources, without ten calls of cargo.

use std::path::PathBuf;

use anyhow::Result;

use super::{board_name, boards, images, manifest, target_dir};
use crate::workspace;

/// Folders and files that images are built from.
const SOURCES: &[&str] = &[
    "Cargo.toml", // packages of the host workspace inherit from it
    "firmware/",
    "protocol/",
    "xtask/setup/toolchain.sh",
    "xtask/src/cross.rs",
    "xtask/src/firmware",
    "xtask/src/function_attributes.rs",
    "xtask/src/image.rs",
];

/// A digest of all inputs of the images except the compiler.
pub(super) fn sources() -> Result<String> {
    workspace::digest_of(|name| SOURCES.iter().any(|source| name.starts_with(source)))
}

/// The file that records the sources of all finished images.
pub(super) fn stamp() -> PathBuf {
    target_dir().join("built-from")
}

/// Notes that all images were built from `sources`.
pub(super) fn record(sources: &str) -> Result<()> {
    workspace::write_if_changed(&stamp(), sources.as_bytes()).map(|_| ())
}

/// Whether every image exists and was built from the current sources.
pub(crate) fn are_fresh() -> Result<bool> {
    if !std::fs::read_to_string(stamp()).is_ok_and(|built_from| sources().is_ok_and(|now| now == built_from)) {
        return Ok(false);
    }
    for package in boards(&manifest()?)? {
        if !images().join(format!("{}.elf", board_name(&package)?)).is_file() {
            return Ok(false);
        }
    }
    Ok(true)
}
