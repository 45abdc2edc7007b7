//! Leaves out the frame pointers of Arm firmware, which take 16 KB of the Nano's image and a good part of what its
//! interpreter executes.
//!
//! rustc's Thumb targets give every function one, for debuggers, and `-Cforce-frame-pointers` can only add to that. Here
//! nobody reads them: a panic looks for return addresses by itself. But LLVM takes attributes of functions from a list of
//! names. Names are known after a first build, and so such an image is built twice.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::read::elf::{FileHeader, Sym};
use object::{Endianness, elf};

use crate::workspace;

/// Whether the target's functions have frame pointers that nobody asked for.
pub(crate) fn are_kept_for(target: &str) -> bool {
    target.starts_with("thumb")
}

/// Writes the list for the functions of an image and returns rustc's flag that names it. What is in the list is part of
/// its name, so that cargo builds anew when it changes.
pub(crate) fn left_out_of(image: &[u8], dir: &Path) -> Result<String> {
    let mut list = String::new();
    for name in functions(image).context("reading the image's symbols")? {
        list.push_str(&name);
        list.push_str(",frame-pointer=none\n");
    }
    let digest = workspace::sha256(list.as_bytes());
    let path: PathBuf = dir.join(format!("no-frame-pointers-{}.csv", &digest[..16]));
    workspace::write_if_changed(&path, list.as_bytes())?;
    Ok(format!("-Cllvm-args=-forceattrs-csv-path={}", path.display()))
}

/// LLVM says so of each crate and each name that is in another.
pub(crate) fn is_chatter(line: &str) -> bool {
    line.starts_with("Function in CSV file at line ")
}

/// Names of the functions that the compiler knows; the outliner's come into being behind it.
fn functions(image: &[u8]) -> Result<Vec<String>> {
    let header = elf::FileHeader32::<Endianness>::parse(image)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, image)?;
    let symbols = sections.symbols(endian, image, elf::SHT_SYMTAB)?;
    let mut names = Vec::new();
    for symbol in symbols.iter().filter(|symbol| symbol.st_type() == elf::STT_FUNC) {
        let name = std::str::from_utf8(symbol.name(endian, symbols.strings())?)?;
        if !name.starts_with("OUTLINED_FUNCTION") && !name.contains(',') {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_thumb_has_them() {
        assert!(are_kept_for("thumbv7em-none-eabi"));
        assert!(!are_kept_for("riscv32imac-unknown-none-elf"));
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        assert!(left_out_of(b"\x7fELF", &std::env::temp_dir()).is_err());
    }
}
