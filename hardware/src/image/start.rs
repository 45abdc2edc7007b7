//! How a program begins: Cortex-M chips start with a vector table (Armv7-M Architecture Reference Manual, B1.5.3), which a
//! file for another chip rarely has right.

use super::{Format, ImageError};
use crate::flash::Segment;
use drydock_assets::{Board, Core};

/// Checks the beginning of a program that covers the address where the board starts.
pub(super) fn check(segments: &[Segment], board: &Board, format: Format) -> Result<(), ImageError> {
    if board.chip.core != Core::CortexM4f {
        return Ok(());
    }
    let program = segments.iter().find_map(|segment| {
        let at = board.boot.checked_sub(segment.address)? as usize;
        segment.bytes.get(at..).filter(|bytes| !bytes.is_empty())
    });
    let Some(program) = program else {
        return Ok(());
    };
    let table = program.first_chunk::<8>().ok_or(ImageError::Truncated(format))?;
    let [a, b, c, d, e, f, g, h] = *table;
    let (stack, reset) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    let wrong = |what: String| {
        let chip = board.chip.title.clone();
        Err(ImageError::Start { format, chip, what })
    };
    let in_ram = |ram: &drydock_assets::Ram| ram.base < stack && stack <= ram.base + ram.bytes;
    if !stack.is_multiple_of(4) || !board.chip.ram.iter().any(in_ram) {
        return wrong(format!("its stack pointer {stack:#010x} is in no RAM of the chip"));
    }
    let flash = &board.chip.flash;
    if reset % 2 == 0 || !(flash.base..flash.base + flash.bytes).contains(&reset) {
        return wrong(format!("its reset vector {reset:#010x} is no code in the chip's flash"));
    }
    Ok(())
}
