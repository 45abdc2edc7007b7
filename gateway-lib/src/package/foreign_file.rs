//! Recognises files that are often given in place of a module, by their first bytes, and says what to do.

/// Says what a file is that is no module.
pub(super) fn describe(bytes: &[u8]) -> String {
    const FIRMWARE: &str = "give it to an emulated board as its firmware, or compile the program for wasm32 as an app";
    const PROGRAM: &str = "compile it for wasm32 instead, as the guest SDK says";
    const PACKED: &str = "unpack it and choose the .wasm file in it";
    if let Some((what, is_firmware)) = elf(bytes) {
        return format!("it is {what}: {}", if is_firmware { FIRMWARE } else { PROGRAM });
    }
    let (what, way_out) = match bytes {
        [b'U', b'F', b'2', b'\n', ..] => ("firmware in the UF2 format", FIRMWARE),
        _ if is_records(bytes, b':', 11) => ("firmware in the Intel HEX format", FIRMWARE),
        _ if is_records(bytes, b'S', 10) => ("firmware as Motorola S-records", FIRMWARE),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => ("a zip archive", PACKED),
        [0x1f, 0x8b, ..] => ("a gzip archive", PACKED),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => ("a library of object files (.a or .rlib)", PROGRAM),
        [b'B', b'C', 0xc0, 0xde, ..] => ("LLVM bitcode", PROGRAM),
        [b'M', b'Z', ..] => ("a program for Windows", PROGRAM),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => ("a program for macOS", PROGRAM),
        _ => {
            return "it is neither WebAssembly (.wasm) nor its text format (.wat): choose the file that the compiler made \
                    for wasm32"
                .to_owned();
        }
    };
    format!("it is {what}: {way_out}")
}

/// Describes an ELF file by type and machine of its header (System V ABI, chapter 4), and says whether it may be
/// firmware.
fn elf(bytes: &[u8]) -> Option<(String, bool)> {
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    let is_big_endian = bytes.get(5) == Some(&2);
    let field = |at: usize| {
        let pair = [*bytes.get(at)?, *bytes.get(at + 1)?];
        Some(if is_big_endian {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        })
    };
    let kind = if field(16) == Some(1) {
        "an object file"
    } else {
        "a program"
    };
    let (machine, is_firmware) = match field(18) {
        Some(40) => ("Arm", true),
        Some(243) => ("RISC-V", true),
        Some(94) => ("Xtensa", true),
        Some(3 | 62) => ("x86 computers", false),
        Some(183) => ("64-bit Arm computers", false),
        _ => ("another machine", false),
    };
    Some((format!("{kind} for {machine} (an ELF file)"), is_firmware))
}

/// Whether the first line is a record of hexadecimal digits with this mark and at least this length.
fn is_records(bytes: &[u8], mark: u8, length: usize) -> bool {
    let line = bytes
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .next()
        .unwrap_or_default();
    line.len() >= length && line[0] == mark && line[1..].iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[track_caller]
    fn check(bytes: &[u8], words: &[&str]) {
        let said = describe(bytes);
        for word in words {
            assert!(said.contains(word), "{word} in: {said}");
        }
    }

    fn elf(machine: u16) -> Vec<u8> {
        let mut header = b"\x7fELF\x01\x01\x01".to_vec();
        header.resize(16, 0);
        header.extend([2, 0]);
        header.extend(machine.to_le_bytes());
        header
    }

    #[test]
    fn each_file_is_named_with_its_way_out() {
        check(&elf(40), &["a program for Arm", "ELF", "as its firmware", "wasm32"]);
        check(&elf(243), &["a program for RISC-V", "as its firmware"]);
        check(&elf(62), &["x86", "compile it for wasm32"]);
        check(b"\x7fELF", &["ELF"]);
        check(
            b":10010000214601360121470136007EFE09D2190140\r\n",
            &["Intel HEX", "as its firmware"],
        );
        check(b"S00F000068656C6C6F202020202000003C\n", &["S-records"]);
        check(b"UF2\nWQ]\x9e", &["UF2"]);
        check(b"PK\x03\x04\x14\x00", &["zip", "unpack"]);
        check(b"\x1f\x8b\x08", &["gzip", "unpack"]);
        check(b"!<arch>\n", &["library", "wasm32"]);
        check(b"MZ\x90", &["Windows"]);
        check(b": some text", &["neither WebAssembly", "choose"]);
        check(b"", &["neither WebAssembly", "choose"]);
    }
}
