//! Arduino's extended SAM-BA monitor, as the bootloader of the Nano 33 BLE speaks it. The commands: Microchip's SAM D21
//! data sheet, "SAM-BA Monitor"; Arduino's extensions I, K, X, Y, Z: its fork of BOSSA, branch `nrf`, `Samba.cpp`; a
//! session with a real board: the documentation of `rumbac`.
//!
//! A command is a letter, hexadecimal arguments with a comma between them, and `#`. S fills a buffer of the bootloader, Y
//! copies from it to flash. X and Y count flash from the firmware's first byte; the other commands take addresses as the
//! chip has them. Hosts write without having erased, so Y erases the pages that it begins.

use std::ops::Range;

use drydock_assets::Board;

use super::{Bootloader, Chip, Next};

/// Longest command that is kept: a letter and two words, with some room for spaces.
const COMMAND_BYTES: usize = 32;
/// Longest piece that is received, sent, written or summed at once.
const PIECE_BYTES: u32 = 0x8000;
// The zero at the end is sent too.
const VERSION: &[u8] = b"Arduino Bootloader (SAM-BA extended) 2.0 [Arduino:IKXYZ]\n\r\0";
const IDENTITY: &[u8] = b"nRF52840-QIAA\n\r\0";

/// The monitor, in binary mode: what hosts use.
#[derive(Debug)]
pub(super) struct SamBa {
    command: Vec<u8>,
    receiving: Option<Receiving>,
    /// What S brought last, at the address that it named.
    buffer: (u32, Vec<u8>),
    /// Where Y takes bytes from.
    source: u32,
    /// First byte of the firmware, and the first byte behind the chip's flash.
    base: u32,
    end: u32,
    page: u32,
    ram: Vec<Range<u32>>,
    version: &'static [u8],
    /// Registers by which hosts tell chips apart that have no command I.
    registers: &'static [(u32, u32)],
}

/// The bytes that follow S.
#[derive(Debug)]
struct Receiving {
    address: u32,
    count: u32,
    bytes: Vec<u8>,
}

impl SamBa {
    pub(super) fn new(board: &Board) -> Self {
        let flash = &board.chip.flash;
        Self {
            command: Vec::new(),
            receiving: None,
            buffer: (0, Vec::new()),
            source: 0,
            base: board.boot,
            end: flash.base + flash.bytes,
            page: flash.erase_units.first().map_or(1, |units| units.bytes),
            ram: board
                .chip
                .ram
                .iter()
                .map(|ram| ram.base..ram.base + ram.bytes)
                .collect(),
            version: VERSION,
            registers: &[],
        }
    }

    fn execute(&mut self, chip: &mut Chip<'_>, answer: &mut Vec<u8>) -> Next {
        let command = std::mem::take(&mut self.command);
        let Some(Parsed { letter, first, second }) = parse(&command) else {
            return Next::Wait;
        };
        match letter {
            b'N' => answer.extend(b"\n\r"),
            b'V' => answer.extend(self.version),
            b'I' => answer.extend(IDENTITY),
            b'w' => answer.extend(self.word(chip, first).to_le_bytes()),
            b'o' => answer.push((self.word(chip, first & !3) >> (8 * (first & 3))) as u8),
            b'W' => self.write_ram(chip, first, &second.to_le_bytes()),
            b'O' => self.write_ram(chip, first, &[second as u8]),
            b'R' => {
                let mut bytes = vec![0; second.min(PIECE_BYTES) as usize];
                chip.read(first, &mut bytes);
                answer.extend(bytes);
            }
            b'S' if second > 0 => {
                self.receiving = Some(Receiving {
                    address: first,
                    count: second.min(PIECE_BYTES),
                    bytes: Vec::new(),
                });
            }
            b'X' => {
                self.erase_from(chip, first);
                answer.extend(b"X\n\r");
            }
            b'Y' => {
                match second {
                    0 => self.source = first,
                    count => self.program(chip, first, count),
                }
                answer.extend(b"Y\n\r");
            }
            b'Z' => {
                let mut bytes = vec![0; second.min(PIECE_BYTES) as usize];
                chip.read(first, &mut bytes);
                let sum = bytes.iter().fold(0, |sum, byte| crc16(sum, *byte));
                answer.extend(format!("Z{sum:08X}#\n\r").bytes());
            }
            b'K' => return Next::Start,
            _ => {}
        }
        Next::Wait
    }

    fn word(&self, chip: &mut Chip<'_>, address: u32) -> u32 {
        let register = self.registers.iter().find(|(at, _)| *at == address);
        register.map_or_else(|| chip.word(address), |(_, value)| *value)
    }

    /// Writes RAM. A store to flash has no effect, nor has one to the chip's registers here.
    fn write_ram(&self, chip: &mut Chip<'_>, address: u32, bytes: &[u8]) {
        let last = address.saturating_add(bytes.len() as u32 - 1);
        if self.ram.iter().any(|ram| ram.contains(&address) && ram.contains(&last)) {
            chip.write_ram(address, bytes);
        }
    }

    /// Erases from an offset to the end of the chip, as the factory's bootloader does. Offsets are rounded down to pages.
    fn erase_from(&self, chip: &mut Chip<'_>, offset: u32) {
        let from = self.base.saturating_add(offset) / self.page * self.page;
        if from < self.end {
            chip.erase(from..self.end);
        }
    }

    fn program(&self, chip: &mut Chip<'_>, offset: u32, count: u32) {
        let to = self.base.saturating_add(offset);
        if to >= self.end {
            return;
        }
        let count = count.min(PIECE_BYTES).min(self.end - to);
        let (at, bytes) = &self.buffer;
        let from = self.source.wrapping_sub(*at) as usize;
        let Some(bytes) = bytes.get(from..).and_then(|bytes| bytes.get(..count as usize)) else {
            return;
        };
        let mut page = to.next_multiple_of(self.page);
        while page < to + count {
            chip.erase(page..page + self.page);
            page += self.page;
        }
        chip.program(to, bytes);
    }
}

impl Bootloader for SamBa {
    fn baud(&self) -> Option<u32> {
        // The chip's own USB device has no baud rate.
        None
    }

    fn receive(&mut self, bytes: &[u8], chip: &mut Chip<'_>, answer: &mut Vec<u8>) -> Next {
        for byte in bytes {
            if let Some(receiving) = &mut self.receiving {
                receiving.bytes.push(*byte);
                if receiving.bytes.len() == receiving.count as usize {
                    self.buffer = (receiving.address, std::mem::take(&mut receiving.bytes));
                    self.receiving = None;
                }
            } else if *byte == b'#' {
                if self.execute(chip, answer) == Next::Start {
                    return Next::Start;
                }
            } else if self.command.len() < COMMAND_BYTES {
                self.command.push(*byte);
            } else {
                // No command is that long: what comes is noise.
                self.command.clear();
            }
        }
        Next::Wait
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    letter: u8,
    first: u32,
    second: u32,
}

/// A command without its `#`. Arguments that are left out are zero.
fn parse(command: &[u8]) -> Option<Parsed> {
    let text = std::str::from_utf8(command).ok()?.trim();
    let letter = *text.as_bytes().first().filter(|letter| letter.is_ascii_alphabetic())?;
    let mut arguments = text[1..].split(',');
    let mut argument = || match arguments.next().map(str::trim) {
        None | Some("") => Some(0),
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
    };
    Some(Parsed {
        letter,
        first: argument()?,
        second: argument()?,
    })
}

/// CRC-16 of XMODEM: polynomial 0x1021, begins with 0.
fn crc16(sum: u16, byte: u8) -> u16 {
    (0..8).fold(sum ^ u16::from(byte) << 8, |sum, _| {
        let shifted = sum << 1;
        if sum & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
    })
}

#[cfg(test)]
mod tests {
    mod bossac;

    use super::*;
    use crate::Engine as _;
    use crate::builtin::engine::Builtin;
    use crate::machine::{Machine, Seed};
    use proptest::prelude::*;

    fn board() -> Board {
        drydock_assets::board("nano33ble").unwrap()
    }

    fn nano() -> Box<dyn Machine> {
        Builtin.open(&board(), Seed([1; 32])).unwrap()
    }

    fn talk(monitor: &mut SamBa, machine: &mut dyn Machine, bytes: &[u8]) -> (Vec<u8>, Next) {
        let mut answer = Vec::new();
        let next = monitor.receive(bytes, &mut Chip::new(machine, None), &mut answer);
        (answer, next)
    }

    #[test]
    fn flash_is_erased_written_and_summed() {
        let (mut machine, mut monitor) = (nano(), SamBa::new(&board()));
        let mut say = |bytes: &[u8]| talk(&mut monitor, &mut *machine, bytes).0;
        assert_eq!(say(b"N#"), b"\n\r");
        assert!(say(b"V#").ends_with(b"[Arduino:IKXYZ]\n\r\0"));
        assert_eq!(say(b"I#"), b"nRF52840-QIAA\n\r\0");
        // In one piece and byte by byte.
        assert_eq!(say(b"S00000000,00000009#123456789"), b"");
        let pieces: Vec<u8> = b"Y0,0#Y00000010,9#".iter().flat_map(|byte| say(&[*byte])).collect();
        assert_eq!(pieces, b"Y\n\rY\n\r");
        assert_eq!(say(b"R00010010,9#"), b"123456789");
        // The check value of CRC-16/XMODEM.
        assert_eq!(say(b"Z00010010,9#"), b"Z000031C3#\n\r");
        // Within a page only bits are cleared; a page that is begun is erased.
        say(b"S4,1#\x0fY4,0#Y10,1#");
        assert_eq!(say(b"R00010010,1#"), [b'1' & 0x0f]);
        say(b"Y0,1#");
        assert_eq!(say(b"R00010000,2#R00010010,1#"), [0x0f, 0xff, 0xff]);
        assert_eq!(say(b"Y11,1#X00000000#"), b"Y\n\rX\n\r");
        assert_eq!(say(b"R00010011,1#"), [0xff]);
    }

    #[test]
    fn the_bootloaders_own_place_is_out_of_reach() {
        let (mut machine, mut monitor) = (nano(), SamBa::new(&board()));
        machine.write_memory(0xfffc, &[1, 2, 3, 4]).unwrap();
        let mut say = |bytes: &[u8]| talk(&mut monitor, &mut *machine, bytes).0;
        say(b"S0,2000#");
        say(&[0; 0x2000]);
        say(b"X0#Y0,0#Y0,1000#Yffffffff,8#Yeffff,8#Xffffffff#");
        say(b"Y7777,0#Y0,1000#");
        assert_eq!(say(b"RFFFC,4#"), [1, 2, 3, 4]);
        // The last byte of the flash is written, and nothing behind it.
        assert_eq!(say(b"RFFFFE,2#"), [0xff, 0]);
    }

    #[test]
    fn words_are_written_to_ram_only() {
        let (mut machine, mut monitor) = (nano(), SamBa::new(&board()));
        let mut say = |bytes: &[u8]| talk(&mut monitor, &mut *machine, bytes).0;
        assert_eq!(
            say(b"W20000010,12345678#O20000010,9a#w20000010,4#o20000013,4#"),
            [0x9a, 0x56, 0x34, 0x12, 0x12]
        );
        let before = say(b"w00010000,4#w0,4#");
        assert_eq!(say(b"W00010000,0#O3,0#w00010000,4#w0,4#"), before);
    }

    #[test]
    fn the_reset_ends_it() {
        let (mut machine, mut monitor) = (nano(), SamBa::new(&board()));
        assert_eq!(talk(&mut monitor, &mut *machine, b"K#").1, Next::Start);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"NVIwoWORSXYZK#,0f8".to_vec())], 0..400)) {
            let (mut machine, mut monitor) = (nano(), SamBa::new(&board()));
            let (answer, _) = talk(&mut monitor, &mut *machine, &bytes);
            prop_assert!(answer.len() <= bytes.len() * PIECE_BYTES as usize);
            prop_assert!(monitor.command.len() <= COMMAND_BYTES);
        }
    }
}
