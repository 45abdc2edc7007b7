//! Arduino's bootloader of the Uno R4 Minima, as its source tells it (arduino-renesas-bootloader, `main.c` and
//! `usb_descriptors.c`).
//!
//! A downloaded block of 64 bytes has its place in the firmware by its number. A block at the start of a page erases the
//! page; 2 KiB of blocks, wherever they belong, are written together. An uploaded block has its place in the whole flash by
//! its number: the two do not count from the same address. DETACH resets the chip.

use drydock_assets::Board;

use super::descriptors::{CAN_DNLOAD, CAN_UPLOAD, Descriptors, MANIFESTATION_TOLERANT};
use super::{Chip, Next, Personality, Status};

const TRANSFER_BYTES: u16 = 64;
/// FMIFRT: the address of the factory data (Renesas' board support package), and where the unique id is in it.
const FACTORY: u32 = 0x407f_b19c;
const UNIQUE_ID: u32 = 0x14;
/// What is programmed at once. A chip of this family programs only what is blank.
const CELL_BYTES: usize = 8;

pub(super) struct Arduino {
    descriptors: Descriptors,
    base: u32,
    end: u32,
    page: usize,
    /// Blocks that wait until there is a page of them. It survives an ABORT.
    buffer: Vec<u8>,
    last_block: u16,
}

impl Arduino {
    pub(super) fn new(board: &Board, chip: &mut Chip<'_>) -> Self {
        let factory = chip.word(FACTORY);
        let words = (0..4).map(|at| chip.word(factory + UNIQUE_ID + 4 * at));
        let flash = &board.chip.flash;
        Self {
            descriptors: Descriptors {
                usb_version: 0x0200,
                ids: (0x2341, 0x0369),
                release: 0x0100,
                manufacturer: "Arduino",
                product: "UNO R4 Minima DFU",
                serial: words.map(|word| format!("{word:08X}")).collect(),
                partitions: &["@CodeFlash /0x00000000/8*2Ka,120*2Kg", "@DataFlash /0x08000000/8*1Kg"],
                attributes: CAN_DNLOAD | CAN_UPLOAD | MANIFESTATION_TOLERANT,
                detach_ms: 1000,
                transfer_bytes: TRANSFER_BYTES,
                dfu_version: 0x0101,
            },
            base: board.boot,
            end: flash.base + flash.bytes,
            page: flash.erase_units.first().map_or(2048, |units| units.bytes as usize),
            buffer: Vec::new(),
            last_block: 0,
        }
    }

    fn place(&self, block: u16) -> u32 {
        self.base + u32::from(block) * u32::from(TRANSFER_BYTES)
    }

    fn write_buffer(&self, chip: &mut Chip<'_>) {
        let page = self.place(self.last_block) / self.page as u32 * self.page as u32;
        if page >= self.end {
            return;
        }
        for (number, cell) in self.buffer.chunks(CELL_BYTES).enumerate() {
            let address = page + (number * CELL_BYTES) as u32;
            let mut found = [0; CELL_BYTES];
            chip.read(address, &mut found);
            if found == [0xff; CELL_BYTES] {
                chip.program(address, cell);
            }
        }
    }
}

impl Personality for Arduino {
    fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }

    fn download(&mut self, block: u16, data: &[u8], chip: &mut Chip<'_>) -> Result<Next, Status> {
        let place = self.place(block);
        self.last_block = block;
        if place.is_multiple_of(self.page as u32) && place < self.end {
            chip.erase(place..place + self.page as u32);
        }
        self.buffer.extend(data);
        if self.buffer.len() >= self.page {
            self.write_buffer(chip);
            self.buffer.clear();
        }
        Ok(Next::Wait)
    }

    fn upload(&mut self, block: u16, length: u16, chip: &mut Chip<'_>) -> Result<Vec<u8>, Status> {
        let mut bytes = vec![0; length.into()];
        chip.read(u32::from(block) * u32::from(length), &mut bytes);
        Ok(bytes)
    }

    fn manifest(&mut self, chip: &mut Chip<'_>) -> Next {
        self.write_buffer(chip);
        Next::Wait
    }

    fn detach(&mut self) -> Option<Next> {
        Some(Next::Start)
    }
}
