//! Firmware files as bytes at addresses.

use crate::flash::Segment;
use drydock_assets::Board;
use object::read::elf::{ElfFile32, ProgramHeader};

/// Reads a firmware file: ELF for now.
///
/// # Errors
/// Why it cannot be read.
pub fn segments(bytes: &[u8], _board: &Board, _address: Option<u32>) -> Result<Vec<Segment>, String> {
    let file = ElfFile32::<object::LittleEndian>::parse(bytes).map_err(|error| error.to_string())?;
    let endian = object::LittleEndian;
    let mut segments = Vec::new();
    for header in file.elf_program_headers() {
        let data = header.data(endian, bytes).map_err(|()| "a segment is cut off".to_owned())?;
        if header.p_type(endian) == object::elf::PT_LOAD && !data.is_empty() {
            segments.push(Segment {
                address: header.p_paddr(endian),
                bytes: data.to_vec(),
            });
        }
    }
    Ok(segments)
}
