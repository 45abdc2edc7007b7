//! ST's ROM in DFU mode, "DfuSe" (AN3156, "USB DFU protocol used in the STM32 bootloader"; AN2606 for the chip).
//!
//! Block 0 carries commands: set the address pointer, erase, read unprotect. Blocks from 2 on are memory from the address
//! pointer on. A read-protected chip refuses everything but read unprotect, which erases the flash and resets the chip.

use std::ops::Range;

use drydock_assets::{Board, Flash};

use super::descriptors::{CAN_DNLOAD, CAN_UPLOAD, Descriptors, WILL_DETACH};
use super::{Chip, Next, Personality, Status};

const TRANSFER_BYTES: u16 = 2048;
/// The unique id (RM0090, 39.1).
const UNIQUE_ID: Range<u32> = 0x1fff_7a10..0x1fff_7a1c;

const GET_COMMANDS: u8 = 0x00;
const SET_ADDRESS: u8 = 0x21;
const ERASE: u8 = 0x41;
const READ_UNPROTECT: u8 = 0x92;

pub(super) struct Rom {
    descriptors: Descriptors,
    flash: Flash,
    ram: Vec<Range<u32>>,
    /// The address pointer.
    pointer: u32,
}

impl Rom {
    pub(super) fn new(board: &Board, chip: &mut Chip<'_>) -> Self {
        let words: Vec<u32> = (0..3).map(|at| chip.word(UNIQUE_ID.start + 4 * at)).collect();
        let sum = words[0].wrapping_add(words[2]);
        let flash = board.chip.flash.clone();
        Self {
            descriptors: Descriptors {
                usb_version: 0x0100,
                ids: (0x0483, 0xdf11),
                release: 0x2200,
                manufacturer: "STMicroelectronics",
                product: "STM32  BOOTLOADER",
                serial: format!("{sum:08X}{:04X}", words[1] >> 16),
                partitions: &[
                    "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg",
                    "@Option Bytes  /0x1FFFC000/01*016 e",
                    "@OTP Memory /0x1FFF7800/01*512 e,01*016 e",
                    "@Device Feature/0xFFFF0000/01*004 e",
                ],
                attributes: CAN_DNLOAD | CAN_UPLOAD | WILL_DETACH,
                detach_ms: 255,
                transfer_bytes: TRANSFER_BYTES,
                dfu_version: 0x011a,
            },
            pointer: flash.base,
            flash,
            ram: board
                .chip
                .ram
                .iter()
                .map(|ram| ram.base..ram.base + ram.bytes)
                .collect(),
        }
    }

    fn place(&self, block: u16) -> u32 {
        let offset = (u32::from(block) - 2) * u32::from(TRANSFER_BYTES);
        self.pointer.wrapping_add(offset)
    }

    fn flash(&self) -> Range<u32> {
        self.flash.base..self.flash.base + self.flash.bytes
    }

    fn command(&mut self, data: &[u8], chip: &mut Chip<'_>) -> Result<Next, Status> {
        let address = data
            .get(1..5)
            .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        match (data[0], address, data.len()) {
            (READ_UNPROTECT, _, 1) => {
                chip.erase(self.flash());
                chip.unprotect();
                Ok(Next::Again)
            }
            (SET_ADDRESS, Some(address), 5) => {
                let is_known = self.is_in(address, 1);
                self.pointer = address;
                is_known.then_some(Next::Wait).ok_or(Status::Target)
            }
            (ERASE, _, _) if chip.is_protected() => Err(Status::Vendor),
            (ERASE, None, 1) => {
                chip.erase(self.flash());
                Ok(Next::Wait)
            }
            (ERASE, Some(address), 5) => {
                let unit = self.flash.erase_unit(address).ok_or(Status::Target)?;
                chip.erase(unit);
                Ok(Next::Wait)
            }
            _ => Err(Status::StalledPacket),
        }
    }

    /// Whether memory that it knows is there.
    fn is_in(&self, address: u32, bytes: u32) -> bool {
        let last = address.saturating_add(bytes.max(1) - 1);
        let ranges = [self.flash(), UNIQUE_ID];
        ranges
            .iter()
            .chain(&self.ram)
            .any(|range| range.contains(&address) && range.contains(&last))
    }
}

impl Personality for Rom {
    fn descriptors(&self) -> &Descriptors {
        &self.descriptors
    }

    fn ends_from_idle(&self) -> bool {
        true
    }

    fn download(&mut self, block: u16, data: &[u8], chip: &mut Chip<'_>) -> Result<Next, Status> {
        match block {
            0 => self.command(data, chip),
            1 => Err(Status::StalledPacket),
            _ if chip.is_protected() => Err(Status::Vendor),
            _ => {
                let place = self.place(block);
                if !self.is_in(place, data.len() as u32) || UNIQUE_ID.contains(&place) {
                    return Err(Status::Target);
                }
                match self.flash().contains(&place) {
                    true => chip.program(place, data),
                    false => chip.write_ram(place, data),
                }
                Ok(Next::Wait)
            }
        }
    }

    fn upload(&mut self, block: u16, length: u16, chip: &mut Chip<'_>) -> Result<Vec<u8>, Status> {
        match block {
            0 => Ok([GET_COMMANDS, SET_ADDRESS, ERASE, READ_UNPROTECT]
                .into_iter()
                .take(length.into())
                .collect()),
            1 => Err(Status::StalledPacket),
            _ if chip.is_protected() => Err(Status::Vendor),
            _ => {
                let place = self.place(block);
                if !self.is_in(place, length.into()) {
                    return Err(Status::Target);
                }
                let mut bytes = vec![0; length.into()];
                if UNIQUE_ID.contains(&place) {
                    for (at, byte) in bytes.iter_mut().enumerate() {
                        let address = place + at as u32;
                        *byte = (chip.word(address & !3) >> (8 * (address & 3))) as u8;
                    }
                } else {
                    chip.read(place, &mut bytes);
                }
                Ok(bytes)
            }
        }
    }

    fn manifest(&mut self, _chip: &mut Chip<'_>) -> Next {
        // It jumps to the program at the address pointer. Here the chip starts from a reset.
        Next::Start
    }
}
