//! Arduino's bootloader on Renesas chips, as its source tells it (arduino-renesas-bootloader, `main.c`).
//!
//! The number of a downloaded block is its place in the firmware; that of an uploaded block is its place in the whole flash.
//! A page is erased when its first block arrives, and written when all of its blocks are there. So only whole pages are
//! sent. The data flash is out of reach.
//!
//! The first page is written last: until then the bootloader finds no firmware, and waits for a host after a reset too.

use super::Device;
use crate::{
    binding::ChipId,
    flash::{FlashError, Flasher, postponed::Postponed},
};
use drydock_assets::Board;
use std::{ops::Range, time::Duration};

const METHOD: &str = "Arduino's USB DFU bootloader";
/// How long a block may take: the last one of a page programs 2 KiB.
const BLOCK: Duration = Duration::from_secs(5);

pub(super) struct Arduino {
    device: Device,
    /// The firmware's place.
    firmware: Range<u32>,
    flash: Range<u32>,
    page: u32,
    /// Writing a page erases it.
    to_erase: Postponed,
    /// The first page of the firmware, which waits until everything else is written.
    first: Option<Vec<u8>>,
}

impl Arduino {
    pub(super) fn new(device: Device, board: &Board) -> Self {
        let flash = &board.chip.flash;
        let end = flash.base + flash.bytes;
        Self {
            device,
            firmware: board.boot..end,
            flash: flash.base..end,
            page: flash.erase_unit(board.boot).map_or(2048, |unit| unit.end - unit.start),
            to_erase: Postponed::default(),
            first: None,
        }
    }

    /// Erases what is still to be erased, then writes the first page.
    fn settle(&mut self) -> Result<(), FlashError> {
        self.erase_pending()?;
        if let Some(first) = &self.first {
            let first = first.clone();
            self.write_page(self.firmware.start, &first)?;
            self.first = None;
        }
        Ok(())
    }

    fn erase_pending(&mut self) -> Result<(), FlashError> {
        while let Some(page) = self.to_erase.next(self.page) {
            self.write_page(page.start, &vec![0xff; self.page as usize])?;
            self.to_erase.take(&page);
        }
        Ok(())
    }

    fn write_page(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let dfu = &mut self.device.dfu;
        dfu.become_idle()?;
        let size = dfu.function.transfer_bytes;
        if !self.page.is_multiple_of(size.into()) {
            let text = format!("it takes blocks of {size} bytes, which make no page of {}", self.page);
            return Err(FlashError::Garbled(text));
        }
        let first = (address - self.firmware.start) / u32::from(size);
        for (number, block) in bytes.chunks(size.into()).enumerate() {
            dfu.download(first as u16 + number as u16, block, BLOCK)?;
        }
        dfu.become_idle()?;
        Ok(())
    }

    fn check(&self, address: u32, bytes: usize) -> Result<(), FlashError> {
        let end = u64::from(address) + bytes as u64;
        if address >= self.firmware.start && end <= u64::from(self.firmware.end) {
            return Ok(());
        }
        Err(FlashError::Image(format!(
            "The bootloader writes {:#x} to {:#x}, and not {bytes} bytes at {address:#x}.",
            self.firmware.start, self.firmware.end
        )))
    }
}

impl Flasher for Arduino {
    fn method(&self) -> &'static str {
        METHOD
    }

    fn chip(&mut self) -> Result<ChipId, FlashError> {
        self.device.check_serial()?;
        chip_id(&self.device.serial).ok_or_else(|| {
            FlashError::Garbled(format!(
                "its serial number {} does not hold the chip's id",
                self.device.serial
            ))
        })
    }

    fn reaches(&self, address: u32) -> bool {
        self.flash.contains(&address) && self.device.dfu.function.can_upload
    }

    fn erase_unit(&self, address: u32) -> Range<u32> {
        let start = address / self.page * self.page;
        start..start.saturating_add(self.page)
    }

    fn erase(&mut self, range: Range<u32>) -> Result<(), FlashError> {
        self.check(range.start, range.len())?;
        if !self.to_erase.is_continued_by(&range) {
            self.erase_pending()?;
        }
        self.to_erase.add(range);
        Ok(())
    }

    fn erase_all(&mut self) -> Result<(), FlashError> {
        self.first = None;
        self.to_erase = Postponed::default();
        self.to_erase.add(self.firmware.clone());
        self.erase_pending()
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.check(address, bytes.len())?;
        let whole = self.erase_unit(address).start..self.erase_unit(address + bytes.len().max(1) as u32 - 1).end;
        let mut content = vec![0xff; whole.len()];
        if whole.len() != bytes.len() {
            // The rest of the pages stays.
            self.read(whole.start, &mut content)?;
        }
        let from = (address - whole.start) as usize;
        content[from..from + bytes.len()].copy_from_slice(bytes);
        for (number, page) in content.chunks(self.page as usize).enumerate() {
            let place = whole.start + number as u32 * self.page;
            if !self.to_erase.take(&(place..place + self.page)) {
                self.erase_pending()?;
            }
            if place == self.firmware.start {
                self.write_page(place, &vec![0xff; self.page as usize])?;
                self.first = Some(page.to_vec());
            } else {
                self.write_page(place, page)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        // Also where nothing can be read: whoever asks has written everything.
        self.settle()?;
        if !self.device.dfu.function.can_upload {
            return Err(FlashError::Unsupported {
                method: METHOD,
                what: "read flash",
            });
        }
        let end = u64::from(address) + bytes.len() as u64;
        if address < self.flash.start || end > u64::from(self.flash.end) {
            return Err(FlashError::Unsupported {
                method: METHOD,
                what: "read the chip's data flash",
            });
        }
        let dfu = &mut self.device.dfu;
        dfu.become_idle()?;
        let size = u32::from(dfu.function.transfer_bytes);
        let mut block = vec![0; size as usize];
        let mut done = 0;
        while done < bytes.len() {
            let place = address + done as u32;
            // The flash is small enough for numbers of 16 bits.
            dfu.upload((place / size) as u16, &mut block)?;
            let from = (place % size) as usize;
            let count = (block.len() - from).min(bytes.len() - done);
            bytes[done..done + count].copy_from_slice(&block[from..from + count]);
            done += count;
        }
        dfu.become_idle()?;
        Ok(())
    }

    fn start(&mut self) -> Result<(), FlashError> {
        self.settle()?;
        self.device.dfu.become_idle()?;
        Ok(self.device.dfu.detach()?)
    }
}

/// The chip's id from the bootloader's serial number, which is the 128 bits of the unique id as four words in hexadecimal
/// digits. They are folded as the firmware does (`chip_id` in `firmware/boards/uno-r4-minima`).
fn chip_id(serial: &str) -> Option<ChipId> {
    if serial.len() != 32 || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let words: Result<Vec<u32>, _> = (0..4)
        .map(|at| u32::from_str_radix(&serial[8 * at..8 * at + 8], 16))
        .collect();
    let bytes: Vec<u8> = words.ok()?.into_iter().flat_map(u32::to_le_bytes).collect();
    let id: [u8; 8] = std::array::from_fn(|at| bytes[at] ^ bytes[at + 8]);
    Some(ChipId::from_bytes(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chip_id_is_in_the_serial_number() {
        let id = chip_id("0403020108070605000000000000FF00").unwrap();
        assert_eq!(id.as_str(), "0102030405f90708");
        for other in [
            "",
            "0403020108070605",
            "0403020108070605000000000000FF0G",
            "04030201080706050000000000000é0",
        ] {
            assert_eq!(chip_id(other), None, "{other}");
        }
    }
}
