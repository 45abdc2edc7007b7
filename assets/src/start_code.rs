//! The last steps of a bootloader, for Cortex-M boards whose image starts at another address than the chip does.
//!
//! New emulated boards have them at the start of flash. A physical board without a bootloader, or one whose bootloader was
//! erased with everything else, gets them together with the firmware.

use crate::{Board, Core};

impl Board {
    /// The last steps of a bootloader for this board, and their address. `None` if the image starts where the chip starts,
    /// or if the chip's own ROM starts it.
    pub fn start_code(&self) -> Option<(u32, [u8; 32])> {
        let base = self.chip.flash.base;
        let has_vectors = self.chip.core == Core::CortexM4f;
        let ram = self.chip.ram.iter().find(|ram| !ram.instructions)?;
        (has_vectors && self.boot != base).then(|| (base, cortex_m(base, ram.base + ram.bytes, self.boot)))
    }
}

/// Cortex-M code for address `base`: a vector table with initial stack `stack`, and code that sets VTOR, stack and PC
/// from the vector table of the image at `boot`.
pub fn cortex_m(base: u32, stack: u32, boot: u32) -> [u8; 32] {
    let words: [u32; 8] = [
        stack,
        base + 9,    // reset vector: the next word
        0x4904_4803, // ldr r0, [pc, #12]; ldr r1, [pc, #16]
        0x6801_6008, // str r0, [r1]; ldr r1, [r0]
        0x8808_f381, // msr msp, r1
        0x4700_6840, // ldr r0, [r0, #4]; bx r0
        boot,
        0xe000_ed08, // VTOR
    ];
    let mut bytes = [0; 32];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}
