//! A module's start function as an export.
//!
//! The runtime would call a start function while it instantiates the module, in one piece. Boards run all code of apps in
//! slices, so a module with a start section is loaded as a copy that exports the function instead.

use super::Export;
use alloc::vec::Vec;

/// The name under which the function is exported.
const START_EXPORT: &str = Export::ModuleStart.name();

const HEADER_BYTES: usize = 8;
const EXPORT_SECTION: u8 = 7;
const START_SECTION: u8 = 8;
const KIND_FUNCTION: u8 = 0;

/// The module with its start function as an export. `None` if it has no start function or no export, or is malformed:
/// the caller then loads it unchanged.
pub(super) fn export_start(module: &[u8]) -> Option<Vec<u8>> {
    // A start section contains the function's index, in the same encoding as an export.
    let (_, index) = sections(module).find(|(id, _)| *id == START_SECTION)?;
    let mut copy = Vec::with_capacity(module.len() + START_EXPORT.len() + 16);
    copy.extend_from_slice(module.get(..HEADER_BYTES)?);
    let mut exported = false;
    for (id, content) in sections(module) {
        match id {
            START_SECTION => {}
            EXPORT_SECTION => {
                let (count, rest) = read_u32(content)?;
                let mut exports = Vec::with_capacity(content.len() + START_EXPORT.len() + 8);
                write_u32(&mut exports, count.checked_add(1)?);
                exports.extend_from_slice(rest);
                exports.push(START_EXPORT.len() as u8);
                exports.extend_from_slice(START_EXPORT.as_bytes());
                exports.push(KIND_FUNCTION);
                exports.extend_from_slice(index);
                write_section(&mut copy, id, &exports);
                exported = true;
            }
            _ => write_section(&mut copy, id, content),
        }
    }
    exported.then_some(copy)
}

/// Id and content of each section, up to the first truncated one.
fn sections(module: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = module.get(HEADER_BYTES..).unwrap_or_default();
    core::iter::from_fn(move || {
        let (id, behind) = rest.split_first()?;
        let (len, behind) = read_u32(behind)?;
        let (content, behind) = behind.split_at_checked(len as usize)?;
        rest = behind;
        Some((*id, content))
    })
}

fn write_section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    write_u32(module, content.len() as u32);
    module.extend_from_slice(content);
}

/// An unsigned LEB128 number (WebAssembly core specification, 5.2.2) and the bytes after it.
fn read_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= u32::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn write_u32(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn check(text: &str, expected: Option<&str>) {
        let module = wat::parse_str(text).expect("valid text");
        let expected = expected.map(|text| wat::parse_str(text).expect("valid text"));
        assert_eq!(export_start(&module), expected, "{text}");
    }

    #[test]
    fn turns_the_start_section_into_an_export() {
        check(
            r#"(module (func $a) (func $b) (export "init" (func $a)) (start $b) (data "xyz"))"#,
            Some(r#"(module (func $a) (func $b) (export "init" (func $a)) (export "(start)" (func $b)) (data "xyz"))"#),
        );
        check(r#"(module (func $a) (export "init" (func $a)))"#, None);
        check("(module (func $a) (start $a))", None);
    }

    #[test]
    fn passes_sections_with_long_lengths_and_refuses_cut_ones() {
        let data = "y".repeat(20_000);
        let text = |start: &str| format!(r#"(module (func $a) (export "init" (func $a)) {start} (data "{data}"))"#);
        check(&text("(start $a)"), Some(&text(r#"(export "(start)" (func $a))"#)));
        let module = wat::parse_str(text("(start $a)")).expect("valid text");
        for len in 0..60 {
            let _ = export_start(&module[..len]);
        }
    }
}
