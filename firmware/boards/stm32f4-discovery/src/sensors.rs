//! The chip's built-in sources: randomness (RNG, chapter 24) and its unique id (chapter 39).

use crate::register::Register;

const CR: Register = Register(0x5006_0800);
const SR: Register = Register(0x5006_0804);
const DR: Register = Register(0x5006_0808);
const RNGEN: u32 = 1 << 2;
const DRDY: u32 = 1 << 0;
/// Clock and seed errors: the current state, and the latched interrupts.
const ERRORS_NOW: u32 = 0b11 << 1;
const ERRORS_SEEN: u32 = 0b11 << 5;

const UNIQUE_ID: [Register; 3] = [Register(0x1FFF_7A10), Register(0x1FFF_7A14), Register(0x1FFF_7A18)];

/// Starts the generator, and leaves out the first word (24.3.1).
pub(crate) fn start() {
    CR.write(RNGEN);
    word();
}

/// Waits for each word, about a microsecond.
pub(crate) fn fill_random(out: &mut [u8]) {
    for piece in out.chunks_mut(4) {
        piece.copy_from_slice(&word().to_le_bytes()[..piece.len()]);
    }
}

fn word() -> u32 {
    loop {
        let status = SR.read();
        if status & (ERRORS_NOW | ERRORS_SEEN) != 0 {
            // The way back after a seed error (24.3.2).
            SR.write(!ERRORS_SEEN);
            CR.write(0);
            CR.write(RNGEN);
        } else if status & DRDY != 0 {
            return DR.read();
        }
    }
}

/// 64 bits from its 96: wafer coordinates, and lot and wafer number folded together.
pub(crate) fn chip_id() -> [u8; 8] {
    let [place, lot_and_wafer, lot] = UNIQUE_ID.map(Register::read);
    let mut id = [0; 8];
    id[..4].copy_from_slice(&place.to_be_bytes());
    id[4..].copy_from_slice(&(lot_and_wafer ^ lot.rotate_left(16)).to_be_bytes());
    id
}
