//! The chip's unique id: 16 bytes in its factory data, at an address that a register holds.

use crate::register::Register;

/// FMIFRT and the id's offset, after Renesas' board support package; the manual has neither.
const FACTORY: Register<u32> = Register::at(0x407F_B19C);
const OFFSET: u32 = 0x14;

/// All of it.
pub(crate) fn unique_id() -> [u8; 16] {
    let factory = FACTORY.read();
    let mut id = [0; 16];
    for (place, word) in id.chunks_exact_mut(4).enumerate() {
        let register = Register::<u32>::at(factory + OFFSET + 4 * place as u32);
        word.copy_from_slice(&register.read().to_le_bytes());
    }
    id
}

/// 64 of its 128 bits' worth: both halves folded together.
pub(crate) fn chip_id() -> [u8; 8] {
    let id = unique_id();
    core::array::from_fn(|at| id[at] ^ id[at + 8])
}
