//! Attributes for functions of Arm firmware that rustc cannot set and LLVM can, by a list of names and attributes.
//!
//! - No frame pointers. rustc's Thumb targets give every function one, for debuggers, and `-Cforce-frame-pointers` can
//!   only add to that. Nothing here reads them: a panic searches for return addresses by itself. They take 15 KB of the
//!   Nano's image and 5 % of the instructions that its interpreter executes.
//! - The interpreter's most frequent instructions are not outlined. LLVM's outliner moves code that functions share
//!   into a new function, and each of these would call it every time: 7 % of the executed instructions, for 2 KB.
//! - The same for the functions that every instruction of a module passes when an app is loaded.
//!
//! Names are known only after a first build, so such images are built twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use object::read::elf::{FileHeader, Sym};
use object::{Endianness, elf};

use crate::workspace;

/// Whether images for the target are built twice.
pub(crate) fn are_given_for(target: &str) -> bool {
    target.starts_with("thumb")
}

/// Writes the list for functions with these names and returns rustc's flag that refers to it. The list's content is
/// part of its file name, so that cargo rebuilds when it changes.
pub(crate) fn listed(names: &BTreeSet<String>, dir: &Path) -> Result<String> {
    let mut list = String::new();
    for name in names {
        list.push_str(&format!("{name},frame-pointer=none\n"));
        if stays_whole(name) || is_passed_in_loading(name) {
            list.push_str(&format!("{name},nooutline=true\n"));
        }
    }
    let digest = workspace::sha256(list.as_bytes());
    let path: PathBuf = dir.join(format!("function-attributes-{}.csv", &digest[..16]));
    workspace::write_if_changed(&path, list.as_bytes())?;
    Ok(format!("-Cllvm-args=-forceattrs-csv-path={}", path.display()))
}

/// LLVM reports this for each crate and each name that is in another crate.
pub(crate) fn is_chatter(line: &str) -> bool {
    line.starts_with("Function in CSV file at line ")
}

/// Whether it is a handler of wasmi's for the most frequent instructions: control, copies, arithmetic on `i32`.
fn stays_whole(mangled: &str) -> bool {
    let Some((path, name)) = mangled.rsplit_once("8Executor") else {
        return false;
    };
    let name = name.trim_start_matches(|c: char| c.is_ascii_digit());
    // Handlers that take long by themselves, or are rare, may call.
    let may_call = [
        "_load", "_store", "_trunc", "_div", "_rem", "_rot", "_not", "_select", "clz", "ctz", "popcnt",
    ]
    .iter()
    .any(|part| name.contains(part));
    path.contains("5wasmi6engine8executor")
        && !may_call
        && [
            "branch",
            "call_internal",
            "consume_fuel",
            "return",
            "i32_",
            "u32_",
            "u64_copy",
        ]
        .iter()
        .any(|start| name.starts_with(start))
        && !["branch_f", "branch_i64", "branch_u64", "return_call"]
            .iter()
            .any(|start| name.starts_with(start))
}

/// Whether it is a function of wasmi's validator or translator that most instructions of a module pass.
fn is_passed_in_loading(mangled: &str) -> bool {
    let modules = [
        "10wasmparser9validator9operators",
        "10wasmparser13binary_reader",
        "6engine10translator4func",
    ];
    let names = [
        "15check_binary_op",
        "11pop_operand",
        "12push_operand",
        "12read_var_i32",
        "16read_var_i32_big",
        "12read_var_u32",
        "5Stack3pop",
        "5Stack4pop2",
        "14push_immediate",
        "9push_temp",
        "15push_result_reg",
        "15resolve_operand",
        "31translate_binary_commutative_vt",
        "24stage_op_with_result_reg",
        "11encode_impl",
        "7Encoder11write_bytes",
    ];
    modules.iter().any(|module| mangled.contains(module)) && names.iter().any(|name| mangled.contains(name))
}

/// Names of an image's functions that the compiler knows; the outliner creates its functions later.
pub(crate) fn functions(image: &[u8]) -> Result<BTreeSet<String>> {
    let header = elf::FileHeader32::<Endianness>::parse(image)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, image)?;
    let symbols = sections.symbols(endian, image, elf::SHT_SYMTAB)?;
    let mut names = BTreeSet::new();
    for symbol in symbols.iter().filter(|symbol| symbol.st_type() == elf::STT_FUNC) {
        let name = std::str::from_utf8(symbol.name(endian, symbols.strings())?)?;
        if !name.starts_with("OUTLINED_FUNCTION") && !name.contains(',') {
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_thumb_images_are_built_twice() {
        assert!(are_given_for("thumbv7em-none-eabi"));
        assert!(!are_given_for("riscv32imac-unknown-none-elf"));
    }

    #[test]
    fn what_programs_are_made_of_stays_whole() {
        const PATH: &str =
            "_RNvMs0_NtNtNtNtNtCs2CXqPQpptkW_5wasmi6engine8executor7handler8dispatch7backendNtB5_8Executor";
        for (name, whole) in [
            ("11i32_add_rss", true),
            ("16branch_u32_lt_si", true),
            ("13call_internal", true),
            ("11i32_load_ss", false),
            ("11f64_add_rss", false),
        ] {
            assert_eq!(stays_whole(&format!("{PATH}{name}")), whole, "{name}");
        }
        assert!(!stays_whole("main"));
    }

    #[test]
    fn what_loading_passes_is_known_by_name() {
        for (name, passed) in [
            (
                "_RNvMs0_NtNtNtNtCs2CXqPQpptkW_5wasmi6engine10translator4func5stackNtB5_5Stack3pop",
                true,
            ),
            (
                "_RNvMs1_NtCs1dWkGZQ0Lmg_10wasmparser13binary_readerNtB5_12BinaryReader12read_var_i32",
                true,
            ),
            ("_RNvMs3_NtNtNtCsaFjvQsOnSLx_5alloc11collections5Stack3pop", false),
            ("main", false),
        ] {
            assert_eq!(is_passed_in_loading(name), passed, "{name}");
        }
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        assert!(functions(b"\x7fELF").is_err());
    }
}
