//! Flash by Arduino's extended SAM-BA bootloader, which the Nano 33 BLE has from the factory. The commands: Microchip's
//! SAM D21 data sheet, "SAM-BA Monitor"; Arduino's fork of BOSSA, branch `nrf`.
//!
//! Whole pages are written, as BOSSA does: the bootloader erases a page when it is written. A bootloader that does not is
//! found out by reading back; erasing everything first then helps.

use super::{CHUNK_BYTES, FlashError, Flasher, postponed::Postponed};
use crate::binding::ChipId;
use crate::port::BlockingLine;
use drydock_assets::Board;
use std::{
    io::{self, Read as _, Write as _},
    ops::Range,
    time::Duration,
};

const METHOD: &str = "SAM-BA bootloader";
/// DEVICEID (nRF52840 Product Specification 1.7, "FICR"), lower word first.
const DEVICE_ID: [u32; 2] = [0x1000_0060, 0x1000_0064];
/// What the bootloader calls the chip.
const CHIP_NAME: &str = "nRF52840-QIAA";
/// How long an answer may take, and that of erasing the whole flash.
const ANSWER: Duration = Duration::from_secs(2);
const ERASING: Duration = Duration::from_secs(60);
/// Longest read: bootloaders of this family are known to damage longer ones over USB (BOSSA, `Samba.cpp`).
const READ_BYTES: usize = 63;
/// Longest answer that is a line.
const LINE_BYTES: usize = 256;

/// Connects to a bootloader that waits at this port: after `Ports::touch_1200`, or after a double tap of the reset button.
///
/// # Errors
/// [`FlashError::NoAnswer`]: no bootloader answers; [`FlashError::Refused`]: it is the bootloader of another chip.
pub fn open(mut line: BlockingLine, board: &Board) -> Result<Box<dyn Flasher>, FlashError> {
    line.set_timeout(ANSWER).map_err(lost)?;
    let flash = &board.chip.flash;
    let mut samba = SamBa {
        line,
        base: board.boot,
        end: flash.base + flash.bytes,
        page: flash.erase_units.first().map_or(CHUNK_BYTES, |units| units.bytes),
        to_erase: Postponed::default(),
    };
    // What an earlier program left unfinished ends here.
    samba.line.write_all(b"#").map_err(lost)?;
    samba.command("N#")?;
    samba.line()?;
    samba.command("V#")?;
    let version = samba.line()?;
    let powers = version
        .split_once("[Arduino:")
        .and_then(|(_, rest)| rest.split_once(']'));
    let powers = powers.map_or("", |(powers, _)| powers);
    if let Some(lacking) = "IKXY".chars().find(|power| !powers.contains(*power)) {
        let text = format!("its bootloader, \"{version}\", has no command {lacking}");
        return Err(FlashError::Refused(text));
    }
    samba.command("I#")?;
    let name = samba.line()?;
    if name != CHIP_NAME {
        return Err(FlashError::Refused(format!("it is an {name}, and not an {CHIP_NAME}")));
    }
    Ok(Box::new(samba))
}

struct SamBa {
    line: BlockingLine,
    /// First address of the firmware: offsets of the bootloader count from here.
    base: u32,
    /// First address behind the flash.
    end: u32,
    page: u32,
    /// Writing a page erases it.
    to_erase: Postponed,
}

impl SamBa {
    /// Sends a command. Answers that nobody waited for, and zeroes behind the last one, are dropped before.
    fn command(&mut self, command: &str) -> Result<(), FlashError> {
        self.line.discard_input().map_err(lost)?;
        self.line.write_all(command.as_bytes()).map_err(lost)
    }

    /// Reads an answer that is a line, without its end.
    fn line(&mut self) -> Result<String, FlashError> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\n\r") {
            if bytes.len() == LINE_BYTES {
                return Err(FlashError::Garbled("its answer does not end".into()));
            }
            let mut byte = [0];
            self.receive(&mut byte)?;
            bytes.extend(byte.iter().filter(|byte| **byte != 0));
        }
        bytes.truncate(bytes.len() - 2);
        match String::from_utf8(bytes) {
            Ok(text) if text.chars().all(|char| !char.is_control()) => Ok(text),
            _ => Err(FlashError::Garbled("its answer is no text".into())),
        }
    }

    fn expect(&mut self, expected: &str) -> Result<(), FlashError> {
        let found = self.line()?;
        match found == expected {
            true => Ok(()),
            false => Err(FlashError::Garbled(format!(
                "it answered \"{found}\" and not \"{expected}\""
            ))),
        }
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.line.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => FlashError::NoAnswer("no bootloader answers at this port".into()),
            io::ErrorKind::UnexpectedEof => FlashError::Lost("the port is gone".into()),
            _ => lost(error),
        })
    }

    fn word(&mut self, address: u32) -> Result<u32, FlashError> {
        self.command(&format!("w{address:08X},4#"))?;
        let mut word = [0; 4];
        self.receive(&mut word)?;
        Ok(u32::from_le_bytes(word))
    }

    /// Erases what is still to be erased, page by page: the bootloader has no command for less than everything.
    fn settle(&mut self) -> Result<(), FlashError> {
        while let Some(page) = self.to_erase.next(self.page) {
            self.write_page(page.start, &vec![0xff; self.page as usize])?;
            self.to_erase.take(&page);
        }
        Ok(())
    }

    fn write_page(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.command(&format!("S00000000,{:08X}#", bytes.len()))?;
        // Some of these bootloaders lose data that arrives in one packet with its command.
        self.line.flush().map_err(lost)?;
        self.line.write_all(bytes).map_err(lost)?;
        self.line.flush().map_err(lost)?;
        self.command("Y00000000,0#")?;
        self.expect("Y")?;
        self.command(&format!("Y{:08X},{:08X}#", address - self.base, bytes.len()))?;
        self.expect("Y")
    }

    fn check(&self, address: u32, bytes: usize) -> Result<(), FlashError> {
        let end = u64::from(address) + bytes as u64;
        if address >= self.base && end <= u64::from(self.end) {
            return Ok(());
        }
        Err(FlashError::Image(format!(
            "The bootloader writes {:#x} to {:#x}, and not {bytes} bytes at {address:#x}.",
            self.base, self.end
        )))
    }
}

impl Flasher for SamBa {
    fn method(&self) -> &'static str {
        METHOD
    }

    fn chip(&mut self) -> Result<ChipId, FlashError> {
        let words = [self.word(DEVICE_ID[0])?, self.word(DEVICE_ID[1])?];
        if words == [0; 2] || words == [u32::MAX; 2] {
            return Err(FlashError::Garbled("its bootloader does not tell the chip's id".into()));
        }
        Ok(ChipId::from_bytes(&words.map(u32::to_be_bytes).concat()))
    }

    fn erase_unit(&self, address: u32) -> Range<u32> {
        let start = address / self.page * self.page;
        start..start.saturating_add(self.page)
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
        self.command("X00000000#")?;
        self.line.set_timeout(ERASING).map_err(lost)?;
        let erased = self.expect("X");
        self.line.set_timeout(ANSWER).map_err(lost)?;
        erased
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.check(address, bytes.len())?;
        let mut address = address;
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let page = self.erase_unit(address);
            let (here, rest) = bytes.split_at(bytes.len().min((page.end - address) as usize));
            let mut content = vec![0xff; self.page as usize];
            if here.len() < content.len() {
                // The rest of the page stays.
                self.read(page.start, &mut content)?;
            }
            let from = (address - page.start) as usize;
            content[from..from + here.len()].copy_from_slice(here);
            if !self.to_erase.take(&page) {
                self.settle()?;
            }
            self.write_page(page.start, &content)?;
            (address, bytes) = (page.end, rest);
        }
        Ok(())
    }

    fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.settle()?;
        let mut address = address;
        for piece in bytes.chunks_mut(READ_BYTES) {
            self.command(&format!("R{address:08X},{:08X}#", piece.len()))?;
            self.receive(piece)?;
            address += piece.len() as u32;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), FlashError> {
        self.settle()?;
        self.command("K#")?;
        // The port may vanish before this returns.
        let _ = self.line.flush();
        Ok(())
    }
}

fn lost(error: io::Error) -> FlashError {
    match error.kind() {
        io::ErrorKind::TimedOut => FlashError::NoAnswer("the port takes nothing more".into()),
        _ => FlashError::Lost(error.to_string()),
    }
}
