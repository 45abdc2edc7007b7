//! Flash of Espressif chips by the serial download mode of their mask ROM, through `espflash`, without its flasher stub.
//!
//! Addresses are those of the board's flash map; the ROM counts from the first byte of the flash.

mod files;
mod rom;

pub use files::segments;
pub(crate) use files::{APP_MAGIC, flash_image, is_flash_image};

use super::{CHUNK_BYTES, FlashError, Flasher, postponed::Postponed};
use crate::binding::ChipId;
use crate::port::{BlockingLine, ModemLines};
use drydock_assets::Board;
use md5::{Digest as _, Md5};
use rom::Rom;
use std::{ops::Range, sync::Arc, thread::sleep, time::Duration};

const METHOD: &str = "ESP serial bootloader";
/// RD_MAC_SYS_0 and 1 of the ESP32-C6 (Technical Reference Manual 1.1, "eFuse Controller").
const RD_MAC_SYS: [u32; 2] = [0x600b_0844, 0x600b_0848];
/// How long EN is held down, and how long the boot strap then stays down: esptool's times.
const RESET_HELD: Duration = Duration::from_millis(100);
const STRAP_HELD: Duration = Duration::from_millis(50);
/// Flash that is erased with one command; the ROM needs up to a few seconds for it.
const ERASED_AT_ONCE: u32 = 0x8_0000;

/// Resets a board into its ROM's download mode and connects to it. The line's baud rate is then the board's link's.
///
/// A port without DTR and RTS is taken to lead to a chip that somebody brought into its download mode by hand.
///
/// # Errors
/// [`FlashError::NoAnswer`] after about ten seconds; [`FlashError::Refused`] if it is another chip.
pub fn open(line: BlockingLine, board: &Board) -> Result<Box<dyn Flasher>, FlashError> {
    let (port, lines) = line.into_native();
    let has_lines = reset(&*lines, true).is_ok();
    let rom = Rom::connect(port, board)?;
    let flash = &board.chip.flash;
    Ok(Box::new(Esp {
        rom,
        lines,
        has_lines,
        flash: flash.base..flash.base + flash.bytes,
        sector: flash.erase_units.first().map_or(CHUNK_BYTES, |units| units.bytes),
        to_erase: Postponed::default(),
    }))
}

/// Resets the chip by DTR and RTS; with its boot strap held down it waits for a download.
fn reset(lines: &dyn ModemLines, download: bool) -> std::io::Result<()> {
    lines.set(false, true)?;
    sleep(RESET_HELD);
    if download {
        lines.set(true, false)?;
        sleep(STRAP_HELD);
    }
    lines.set(false, false)
}

struct Esp {
    rom: Rom,
    lines: Arc<dyn ModemLines>,
    has_lines: bool,
    flash: Range<u32>,
    sector: u32,
    /// The ROM erases what a write begins with; erasing it before would do it twice.
    to_erase: Postponed,
}

impl Esp {
    /// Erases what is still to be erased.
    fn settle(&mut self) -> Result<(), FlashError> {
        while let Some(sectors) = self.to_erase.next(ERASED_AT_ONCE) {
            self.rom
                .erase(sectors.start - self.flash.start, sectors.end - sectors.start)?;
            self.to_erase.take(&sectors);
        }
        Ok(())
    }

    fn sectors(&self, address: u32, bytes: usize) -> Range<u32> {
        let first = self.erase_unit(address).start;
        first..self.erase_unit(address + (bytes.max(1) as u32 - 1)).end
    }

    fn check(&self, address: u32, bytes: usize) -> Result<(), FlashError> {
        let end = u64::from(address) + bytes as u64;
        if address >= self.flash.start && end <= u64::from(self.flash.end) {
            return Ok(());
        }
        Err(FlashError::Image(format!(
            "The chip has no flash for {bytes} bytes at {address:#x}."
        )))
    }
}

impl Flasher for Esp {
    fn method(&self) -> &'static str {
        METHOD
    }

    fn chip(&mut self) -> Result<ChipId, FlashError> {
        let [low, high] = [self.rom.register(RD_MAC_SYS[0])?, self.rom.register(RD_MAC_SYS[1])?];
        Ok(chip_id(low, high))
    }

    fn writes_boot_area(&self) -> bool {
        true
    }

    fn can_start(&self) -> bool {
        self.has_lines
    }

    fn erase_unit(&self, address: u32) -> Range<u32> {
        let start = address / self.sector * self.sector;
        start..start.saturating_add(self.sector)
    }

    fn erase(&mut self, range: Range<u32>) -> Result<(), FlashError> {
        self.check(range.start, range.len())?;
        if !self.to_erase.is_continued_by(&range) {
            self.settle()?;
        }
        self.to_erase.add(range);
        Ok(())
    }

    fn erase_all(&mut self) -> Result<(), FlashError> {
        self.to_erase = Postponed::default();
        self.to_erase.add(self.flash.clone());
        self.settle()
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.check(address, bytes.len())?;
        let whole = self.sectors(address, bytes.len());
        if whole != (address..address + bytes.len() as u32) {
            // The ROM erases whole sectors: the rest of them is written again.
            self.settle()?;
            let mut content = vec![0; whole.len()];
            self.read(whole.start, &mut content)?;
            let from = (address - whole.start) as usize;
            content[from..from + bytes.len()].copy_from_slice(bytes);
            return self.rom.write(whole.start - self.flash.start, &content);
        }
        if !self.to_erase.take(&whole) {
            self.settle()?;
        }
        self.rom.write(address - self.flash.start, bytes)
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.check(address, bytes.len())?;
        self.settle()?;
        self.rom.read(address - self.flash.start, bytes)
    }

    fn holds(&mut self, address: u32, bytes: &[u8]) -> Result<bool, FlashError> {
        self.check(address, bytes.len())?;
        self.settle()?;
        let sum = self.rom.md5(address - self.flash.start, bytes.len() as u32)?;
        Ok(sum.to_be_bytes() == Md5::digest(bytes)[..])
    }

    fn start(&mut self) -> Result<(), FlashError> {
        self.settle()?;
        if !self.has_lines {
            return self.rom.reboot();
        }
        let done = reset(&*self.lines, false);
        done.map_err(|error| FlashError::Lost(format!("the board could not be reset by its lines ({error})")))
    }
}

/// The MAC address behind two zeroes, as the firmware reports it.
fn chip_id(low: u32, high: u32) -> ChipId {
    let (low, high) = (low.to_be_bytes(), (high as u16).to_be_bytes());
    ChipId::from_bytes(&[0, 0, high[0], high[1], low[0], low[1], low[2], low[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chip_id_is_the_mac_address() {
        assert_eq!(chip_id(0xca01_0203, 0x1234_404c).as_str(), "0000404cca010203");
    }
}
