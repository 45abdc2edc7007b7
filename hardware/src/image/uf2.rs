//! UF2 (Microsoft, "USB Flashing Format (UF2)"): blocks of 512 bytes, each with an address. Family numbers: `uf2families.json`
//! beside that document.

use super::{Format, ImageError};
use crate::flash::Segment;
use drydock_assets::Board;

const BLOCK_BYTES: usize = 512;
const MAGIC_START: [u32; 2] = [0x0a32_4655, 0x9e5d_5157];
const MAGIC_END: u32 = 0x0ab1_6f30;
const DATA_BYTES: usize = 476;
const NOT_MAIN_FLASH: u32 = 0x1;
const FILE_CONTAINER: u32 = 0x1000;
const FAMILY_ID_PRESENT: u32 = 0x2000;

/// Whether a file's first block says that it is one.
pub(super) fn is_uf2(file: &[u8]) -> bool {
    word(file, 0) == Some(MAGIC_START[0]) && word(file, 1) == Some(MAGIC_START[1])
}

/// The data of all blocks for main flash.
pub(super) fn segments(file: &[u8], board: &Board) -> Result<Vec<Segment>, ImageError> {
    let damaged = |block: usize, what: &str| ImageError::Damaged {
        format: Format::Uf2,
        what: format!("block {block} {what}"),
    };
    let (blocks, rest) = file.as_chunks::<BLOCK_BYTES>();
    if !rest.is_empty() {
        return Err(ImageError::Truncated(Format::Uf2));
    }
    let mut segments = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let field = |at: usize| word(block, at).unwrap_or(0);
        let magics = [field(0), field(1), field(BLOCK_BYTES / 4 - 1)];
        if magics != [MAGIC_START[0], MAGIC_START[1], MAGIC_END] {
            return Err(damaged(index, "has other magic numbers"));
        }
        let [flags, address, bytes, number, count, family] = [2, 3, 4, 5, 6, 7].map(field);
        if number as usize != index {
            return Err(damaged(index, "is not in its place"));
        }
        // A file may hold several images one after the other; none is known for one board.
        match (count as usize).cmp(&blocks.len()) {
            std::cmp::Ordering::Greater => return Err(ImageError::Truncated(Format::Uf2)),
            std::cmp::Ordering::Less => return Err(damaged(index, "counts fewer blocks than there are")),
            std::cmp::Ordering::Equal => {}
        }
        let data = block[32..32 + DATA_BYTES].get(..bytes as usize);
        let data = data.ok_or_else(|| damaged(index, "claims more bytes than a block has"))?;
        if flags & FAMILY_ID_PRESENT != 0 {
            check_family(family, board)?;
        }
        if flags & (NOT_MAIN_FLASH | FILE_CONTAINER) == 0 {
            segments.push(Segment {
                address,
                bytes: data.to_vec(),
            });
        }
    }
    Ok(segments)
}

fn check_family(found: u32, board: &Board) -> Result<(), ImageError> {
    let family = match board.chip.name.as_str() {
        "nrf52840" => Some(0xada5_2840),
        "stm32f407" => Some(0x5775_5a57),
        "ra4m1" => Some(0x7be8_976d),
        "esp32-c6" => Some(0x540d_df62),
        _ => None,
    };
    if family == Some(found) {
        return Ok(());
    }
    Err(ImageError::Family {
        found,
        chip: board.chip.title.clone(),
        expected: family.map_or_else(|| "in no family".into(), |family| format!("{family:#010x}")),
    })
}

fn word(bytes: &[u8], index: usize) -> Option<u32> {
    let bytes = bytes.get(index * 4..index * 4 + 4)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
