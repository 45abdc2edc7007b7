//! Programs for boards that tests build from their sources.

#[path = "../../../../emulator/tests/guests/building.rs"]
mod building;

use std::path::PathBuf;

const TARGET: &str = "thumbv7em-none-eabi";

/// The ELF file of a program for a Cortex-M, built from its source in a folder of the repository; `None` if the target is
/// not installed.
pub(super) fn guest(folder: &str, name: &str) -> Option<PathBuf> {
    if !building::is_installed(TARGET) {
        println!("drydock-skip: the target {TARGET} is not installed");
        return None;
    }
    Some(building::build(folder, TARGET, name).unwrap())
}
