//! ST's ROM in DFU mode, "DfuSe" (AN3156, "USB DFU protocol used in the STM32 bootloader").
//!
//! Block 0 carries a command: set the address pointer, erase a sector or everything, end the protection against reading.
//! Blocks from 2 on are memory from the address pointer on. A chip that is protected against reading answers each of them
//! with errVENDOR; ending the protection erases everything and resets the chip.

use super::{Device, is_protected};
use crate::{
    binding::ChipId,
    dfu::{DfuDevices, DfuError, DfuInfo},
    flash::{FlashError, Flasher},
};
use drydock_assets::Board;
use std::{
    ops::Range,
    time::{Duration, Instant},
};

const METHOD: &str = "ST's USB DFU bootloader";

const SET_ADDRESS: u8 = 0x21;
const ERASE: u8 = 0x41;
const READ_UNPROTECT: u8 = 0x92;
/// Number of the block at the address pointer.
const FIRST: u16 = 2;

/// The unique id (RM0090, 39.1).
const UNIQUE_ID: u32 = 0x1fff_7a10;

/// How long a block, a sector and everything may take (datasheet DS8626, "Flash memory programming").
const BLOCK: Duration = Duration::from_secs(5);
const SECTOR: Duration = Duration::from_secs(10);
const EVERYTHING: Duration = Duration::from_secs(60);
/// How long a chip may take to come back after its protection was ended.
const BACK: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

pub(super) struct DfuSe {
    device: Device,
    devices: DfuDevices,
    info: DfuInfo,
    board: Board,
    flash: Range<u32>,
    /// Whether the ROM lets the unique id be read; `None` before it was tried.
    tells_id: Option<bool>,
}

impl DfuSe {
    pub(super) fn new(device: Device, devices: DfuDevices, info: DfuInfo, board: &Board) -> Self {
        let flash = &board.chip.flash;
        Self {
            device,
            devices,
            info,
            flash: flash.base..flash.base + flash.bytes,
            board: board.clone(),
            tells_id: None,
        }
    }

    fn set_address(&mut self, address: u32) -> Result<(), DfuError> {
        self.device.dfu.become_idle()?;
        self.command(SET_ADDRESS, address, BLOCK)
    }

    fn command(&mut self, command: u8, address: u32, patience: Duration) -> Result<(), DfuError> {
        let [a0, a1, a2, a3] = address.to_le_bytes();
        self.device.dfu.download(0, &[command, a0, a1, a2, a3], patience)
    }

    fn upload(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), DfuError> {
        self.set_address(address)?;
        self.device.dfu.become_idle()?;
        let size = usize::from(self.device.dfu.function.transfer_bytes);
        // A sector is 128 KiB at most: its blocks have numbers.
        for (block, piece) in (FIRST..).zip(bytes.chunks_mut(size)) {
            self.device.dfu.upload(block, piece)?;
        }
        self.device.dfu.become_idle()
    }

    fn check(&self, address: u32, bytes: usize) -> Result<(), FlashError> {
        let end = u64::from(address) + bytes as u64;
        if address >= self.flash.start && end <= u64::from(self.flash.end) {
            return Ok(());
        }
        Err(FlashError::Image(format!(
            "The chip has no flash at {address:#010x} to {end:#010x}."
        )))
    }

    /// Ends the protection against reading, which erases everything and resets the chip, and opens it again at its place.
    fn unprotect(&mut self) -> Result<(), FlashError> {
        let Some(place) = self.info.topology.clone() else {
            return Err(FlashError::NoAnswer(
                "this system does not say where the device's cable hangs, so it could not be found again".into(),
            ));
        };
        self.device.dfu.become_idle()?;
        match self.device.dfu.download(0, &[READ_UNPROTECT], EVERYTHING) {
            Err(error @ DfuError::Refused(_)) => return Err(error.into()),
            // It is gone, or back already and knows nothing of the command.
            Ok(()) | Err(DfuError::Fault(_) | DfuError::Garbled(_)) => {}
        }
        let deadline = Instant::now() + BACK;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let usb = &self.info.usb;
            let found = self
                .devices
                .wait_for_blocking(&place, |found| found.usb == *usb, left)
                .ok_or_else(|| {
                    FlashError::Lost(
                        "the chip was unlocked and erased, and did not come back in its bootloader; bring it there again"
                            .into(),
                    )
                })?;
            match Device::open(&self.devices, &found, &self.board) {
                Ok(device) => {
                    self.device = device;
                    return Ok(());
                }
                // The old one may be listed for a moment.
                Err(_) if Instant::now() < deadline => std::thread::sleep(LOOK),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Flasher for DfuSe {
    fn method(&self) -> &'static str {
        METHOD
    }

    fn chip(&mut self) -> Result<ChipId, FlashError> {
        self.device.check_serial()?;
        if self.tells_id != Some(false) {
            let mut id = [0; 12];
            match self.upload(UNIQUE_ID, &mut id) {
                Ok(()) => {
                    self.tells_id = Some(true);
                    return Ok(chip_id(&id));
                }
                Err(error) if is_protected(&error) => return Err(FlashError::Locked),
                Err(DfuError::Refused(_)) if self.tells_id.is_none() => self.tells_id = Some(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(ChipId::from_bytes(self.device.serial.as_bytes()))
    }

    fn tells_chip_id(&self) -> bool {
        self.tells_id != Some(false)
    }

    fn is_locked(&mut self) -> Result<bool, FlashError> {
        match self.upload(self.flash.start, &mut [0; 4]) {
            Ok(()) => Ok(false),
            Err(error) if is_protected(&error) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn writes_boot_area(&self) -> bool {
        true
    }

    fn erase_unit(&self, address: u32) -> Range<u32> {
        self.device
            .layout
            .unit(address)
            .unwrap_or(address..address.saturating_add(1))
    }

    fn erase(&mut self, range: Range<u32>) -> Result<(), FlashError> {
        self.check(range.start, range.len())?;
        self.device.dfu.become_idle()?;
        let mut address = range.start;
        while address < range.end {
            self.command(ERASE, address, SECTOR)?;
            address = self.erase_unit(address).end;
        }
        Ok(())
    }

    fn erase_all(&mut self) -> Result<(), FlashError> {
        if self.is_locked()? {
            return self.unprotect();
        }
        self.device.check_serial()?;
        self.device.dfu.become_idle()?;
        Ok(self.device.dfu.download(0, &[ERASE], EVERYTHING)?)
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.check(address, bytes.len())?;
        self.set_address(address)?;
        let size = usize::from(self.device.dfu.function.transfer_bytes);
        for (block, piece) in (FIRST..).zip(bytes.chunks(size)) {
            self.device.dfu.download(block, piece, BLOCK)?;
        }
        Ok(())
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.check(address, bytes.len())?;
        if !self.device.dfu.function.can_upload {
            return Err(FlashError::Unsupported {
                method: METHOD,
                what: "read flash",
            });
        }
        match self.upload(address, bytes) {
            Err(error) if is_protected(&error) => Err(FlashError::Locked),
            read => Ok(read?),
        }
    }

    fn start(&mut self) -> Result<(), FlashError> {
        self.set_address(self.flash.start)?;
        Ok(self.device.dfu.leave()?)
    }
}

/// The 96 bits of the unique id, folded as the firmware does (`chip_id` in `firmware/boards/stm32f4-discovery`).
fn chip_id(bytes: &[u8; 12]) -> ChipId {
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut id = [0; 8];
    id[..4].copy_from_slice(&word(0).to_be_bytes());
    id[4..].copy_from_slice(&(word(4) ^ word(8).rotate_left(16)).to_be_bytes());
    ChipId::from_bytes(&id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chip_id_is_folded_from_96_bits() {
        let id = chip_id(&[1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x20, 0x30, 0x40]);
        assert_eq!(id.as_str(), format!("04030201{:08x}", 0x0807_0605_u32 ^ 0x2010_4030));
    }
}
