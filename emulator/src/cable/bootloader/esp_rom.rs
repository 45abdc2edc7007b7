//! The serial download mode of the ESP32-C6's mask ROM: esptool's documentation, "Serial Protocol" and "Flasher Stub".
//!
//! Programs for RAM are refused, and with them esptool's flasher stub: it would need the SPI controller at full depth. Hosts
//! have an option to go without it.

use std::collections::BTreeMap;

use drydock_assets::Board;
use flate2::{Decompress, FlushDecompress, Status};
use md5::{Digest as _, Md5};

use super::slip::{self, Decoder};
use super::{Bootloader, Chip, Next};

/// Longest packet: a header, and a block with its own header. Hosts send blocks of 1 KiB to the ROM.
const PACKET_BYTES: usize = 8 + 16 + 0x4000;
const HEADER_BYTES: usize = 8;
const BLOCK_HEADER_BYTES: usize = 16;
/// Longest piece of `READ_FLASH_SLOW`.
const READ_BYTES: u32 = 64;
const CHECKSUM_SEED: u8 = 0xef;
const SYNC_ANSWERS: usize = 8;
const SYNC: [u8; 4] = [0x07, 0x07, 0x12, 0x20];
const CHIP_ID: u32 = 13;

/// The register by which hosts told chips apart before `GET_SECURITY_INFO`, and its value.
const MAGIC: (u32, u32) = (0x4000_1000, 0x2ce0_806f);
/// Registers of SPI1, with which hosts ask the flash for its size.
const SPI_CMD: u32 = 0x6000_3000;
const SPI_USR2: u32 = 0x6000_3020;
const SPI_W0: u32 = 0x6000_3058;
const SPI_END: u32 = 0x6000_4000;
const SPI_USR: u32 = 1 << 18;
const RDID: u32 = 0x9f;
const JEDEC_ID: u32 = 0x16_40ef;

mod op {
    pub(super) const FLASH_BEGIN: u8 = 0x02;
    pub(super) const FLASH_DATA: u8 = 0x03;
    pub(super) const FLASH_END: u8 = 0x04;
    pub(super) const SYNC: u8 = 0x08;
    pub(super) const WRITE_REG: u8 = 0x09;
    pub(super) const READ_REG: u8 = 0x0a;
    pub(super) const SPI_SET_PARAMS: u8 = 0x0b;
    pub(super) const SPI_ATTACH: u8 = 0x0d;
    pub(super) const READ_FLASH_SLOW: u8 = 0x0e;
    pub(super) const CHANGE_BAUDRATE: u8 = 0x0f;
    pub(super) const FLASH_DEFL_BEGIN: u8 = 0x10;
    pub(super) const FLASH_DEFL_DATA: u8 = 0x11;
    pub(super) const FLASH_DEFL_END: u8 = 0x12;
    pub(super) const SPI_FLASH_MD5: u8 = 0x13;
    pub(super) const GET_SECURITY_INFO: u8 = 0x14;
}

/// Why a command failed, as the ROM numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Failure {
    InvalidMessage = 0x05,
    CannotAct = 0x06,
    Checksum = 0x07,
    FlashRead = 0x09,
    ReadLength = 0x0a,
    Inflate = 0x0b,
}

/// The ROM, waiting for a download.
#[derive(Debug)]
pub(super) struct EspRom {
    slip: Decoder,
    /// `None` until a host sets one: the ROM measures the rate of what it hears.
    baud: Option<u32>,
    /// What hosts wrote to SPI1.
    spi: BTreeMap<u32, u32>,
    attached: bool,
    writing: Option<Writing>,
    flash: u32,
    flash_bytes: u32,
    sector: u32,
}

/// A download to flash.
#[derive(Debug)]
struct Writing {
    /// Offset in flash of the next byte, and of the first behind the download.
    next: u32,
    end: u32,
    sequence: u32,
    inflater: Option<Decompress>,
}

/// What a command is answered with: a value and data.
type Answer = Result<(u32, Vec<u8>), Failure>;

const DONE: Answer = Ok((0, Vec::new()));

impl EspRom {
    pub(super) fn new(board: &Board) -> Self {
        let flash = &board.chip.flash;
        Self {
            slip: Decoder::new(PACKET_BYTES),
            baud: None,
            spi: BTreeMap::new(),
            attached: false,
            writing: None,
            flash: flash.base,
            flash_bytes: flash.bytes,
            sector: flash.erase_units.first().map_or(1, |units| units.bytes),
        }
    }

    /// Carries out one packet.
    fn execute(&mut self, packet: &[u8], chip: &mut Chip<'_>, answer: &mut Vec<u8>) -> Next {
        // Direction, command, length and checksum; what is not a request is not answered.
        let Some((&[0, op, low, high, c0, c1, c2, c3], data)) = packet.split_first_chunk::<HEADER_BYTES>() else {
            return Next::Wait;
        };
        let whole = usize::from(u16::from_le_bytes([low, high])) == data.len();
        let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
        let done = match whole {
            true => self.command(op, data, checksum, chip),
            false => Err(Failure::InvalidMessage),
        };
        let copies = if op == op::SYNC && done.is_ok() {
            SYNC_ANSWERS
        } else {
            1
        };
        for _ in 0..copies {
            slip::encode(&response(op, &done), answer);
        }
        let ends = matches!(op, op::FLASH_END | op::FLASH_DEFL_END) && word(data, 0) == Ok(0);
        if ends && done.is_ok() { Next::Start } else { Next::Wait }
    }

    fn command(&mut self, op: u8, data: &[u8], checksum: u32, chip: &mut Chip<'_>) -> Answer {
        match op {
            // Not zero: that would be a flasher stub.
            op::SYNC if data.starts_with(&SYNC) => Ok((u32::from_le_bytes(SYNC), Vec::new())),
            op::READ_REG => Ok((self.read_register(word(data, 0)?, chip), Vec::new())),
            op::WRITE_REG => {
                self.write_register(word(data, 0)?, word(data, 1)?, word(data, 2)?);
                DONE
            }
            op::SPI_ATTACH => {
                self.attached = true;
                DONE
            }
            op::SPI_SET_PARAMS => DONE,
            op::CHANGE_BAUDRATE => {
                self.baud = Some(word(data, 0)?);
                DONE
            }
            op::GET_SECURITY_INFO => Ok((0, security_info())),
            op::FLASH_BEGIN | op::FLASH_DEFL_BEGIN => self.begin(op, data, chip),
            op::FLASH_DATA | op::FLASH_DEFL_DATA => self.block(op, data, checksum, chip),
            op::FLASH_END | op::FLASH_DEFL_END => {
                self.writing = None;
                DONE
            }
            op::SPI_FLASH_MD5 => {
                let (offset, length) = (word(data, 0)?, word(data, 1)?);
                let mut bytes = vec![0; self.range(offset, length).ok_or(Failure::FlashRead)?];
                chip.read(self.flash + offset, &mut bytes);
                let digits = Md5::digest(&bytes)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>();
                Ok((0, digits.into_bytes()))
            }
            op::READ_FLASH_SLOW => {
                let (offset, length) = (word(data, 0)?, word(data, 1)?);
                if length > READ_BYTES {
                    return Err(Failure::ReadLength);
                }
                // Always a whole piece; what was not asked for is zero.
                let mut bytes = vec![0; READ_BYTES as usize];
                let count = self.range(offset, length).ok_or(Failure::FlashRead)?;
                chip.read(self.flash + offset, &mut bytes[..count]);
                Ok((0, bytes))
            }
            _ => Err(Failure::InvalidMessage),
        }
    }

    fn begin(&mut self, op: u8, data: &[u8], chip: &mut Chip<'_>) -> Answer {
        let (length, offset) = (word(data, 0)?, word(data, 3)?);
        self.writing = None;
        self.range(offset, length).ok_or(Failure::CannotAct)?;
        let end = offset + length;
        let first = self.flash + offset / self.sector * self.sector;
        let last = self.flash + end.next_multiple_of(self.sector);
        if first < last {
            chip.erase(first..last);
        }
        self.writing = Some(Writing {
            next: offset,
            end,
            sequence: 0,
            inflater: (op == op::FLASH_DEFL_BEGIN).then(|| Decompress::new(true)),
        });
        DONE
    }

    fn block(&mut self, op: u8, data: &[u8], checksum: u32, chip: &mut Chip<'_>) -> Answer {
        let (length, sequence) = (word(data, 0)? as usize, word(data, 1)?);
        let block = data.get(BLOCK_HEADER_BYTES..).ok_or(Failure::InvalidMessage)?;
        if block.len() != length {
            return Err(Failure::InvalidMessage);
        }
        let sum = block.iter().fold(CHECKSUM_SEED, |sum, byte| sum ^ byte);
        if u32::from(sum) != checksum {
            return Err(Failure::Checksum);
        }
        let writing = self.writing.as_mut().ok_or(Failure::CannotAct)?;
        if sequence != writing.sequence || writing.inflater.is_some() != (op == op::FLASH_DEFL_DATA) {
            return Err(Failure::CannotAct);
        }
        let inflated = match &mut writing.inflater {
            Some(inflater) => inflate(inflater, block, (writing.end - writing.next) as usize)?,
            None => block.to_vec(),
        };
        // The last block is filled up to the length of a block.
        let count = inflated.len().min((writing.end - writing.next) as usize);
        if inflated[count..].iter().any(|byte| *byte != 0xff) {
            return Err(Failure::CannotAct);
        }
        chip.program(self.flash + writing.next, &inflated[..count]);
        writing.next += count as u32;
        writing.sequence += 1;
        DONE
    }

    /// The length of a range of the flash; `None` if it leaves the flash, or if none is attached.
    fn range(&self, offset: u32, length: u32) -> Option<usize> {
        let fits = offset.checked_add(length).is_some_and(|end| end <= self.flash_bytes);
        (self.attached && fits).then_some(length as usize)
    }

    fn read_register(&self, address: u32, chip: &mut Chip<'_>) -> u32 {
        match address {
            _ if address == MAGIC.0 => MAGIC.1,
            SPI_CMD..SPI_END => self.spi.get(&address).copied().unwrap_or(0),
            _ => chip.word(address),
        }
    }

    /// Writes a register of SPI1. Others would reach into the chip, and are left alone.
    fn write_register(&mut self, address: u32, value: u32, mask: u32) {
        if !(SPI_CMD..SPI_END).contains(&address) {
            return;
        }
        let before = self.spi.get(&address).copied().unwrap_or(0);
        let value = before & !mask | value & mask;
        if address == SPI_CMD && value & SPI_USR != 0 {
            // The command is done at once.
            if self.attached && self.spi.get(&SPI_USR2).is_some_and(|command| command & 0xff == RDID) {
                self.spi.insert(SPI_W0, JEDEC_ID);
            }
            return;
        }
        self.spi.insert(address, value);
    }
}

impl Bootloader for EspRom {
    fn baud(&self) -> Option<u32> {
        self.baud
    }

    fn receive(&mut self, bytes: &[u8], chip: &mut Chip<'_>, answer: &mut Vec<u8>) -> Next {
        for byte in bytes {
            if let Some(packet) = self.slip.take(*byte)
                && self.execute(&packet, chip, answer) == Next::Start
            {
                return Next::Start;
            }
        }
        Next::Wait
    }
}

fn word(data: &[u8], index: usize) -> Result<u32, Failure> {
    let bytes = data
        .get(index * 4..index * 4 + 4)
        .and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_le_bytes).ok_or(Failure::InvalidMessage)
}

/// A response's value, data and four status bytes.
fn response(op: u8, done: &Answer) -> Vec<u8> {
    let (value, data, status) = match done {
        Ok((value, data)) => (*value, data.as_slice(), [0; 4]),
        Err(failure) => (0, [].as_slice(), [1, *failure as u8, 0, 0]),
    };
    let length = (data.len() + status.len()) as u16;
    let mut packet = vec![1, op];
    packet.extend(length.to_le_bytes());
    packet.extend(value.to_le_bytes());
    packet.extend(data);
    packet.extend(status);
    packet
}

/// No flag, no key; the chip's number and its revision for programs in RAM.
fn security_info() -> Vec<u8> {
    let mut info = vec![0; 12];
    info.extend(CHIP_ID.to_le_bytes());
    info.extend(0_u32.to_le_bytes());
    info
}

/// Inflates a part of a zlib stream; more than `room` bytes are an error.
fn inflate(inflater: &mut Decompress, mut bytes: &[u8], room: usize) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(room + 1);
    while !bytes.is_empty() {
        let before = inflater.total_in();
        let status = inflater
            .decompress_vec(bytes, &mut out, FlushDecompress::None)
            .map_err(|_| Failure::Inflate)?;
        let taken = (inflater.total_in() - before) as usize;
        bytes = &bytes[taken..];
        if out.len() > room {
            return Err(Failure::Inflate);
        }
        match status {
            // Padding follows.
            Status::StreamEnd => break,
            _ if taken == 0 => return Err(Failure::Inflate),
            _ => {}
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Engine as _;
    use crate::builtin::engine::Builtin;
    use crate::machine::{Machine, Seed};
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    fn board() -> Board {
        drydock_assets::board("esp32-c6").unwrap()
    }

    /// A ROM with its chip, and the flash attached.
    struct Bench {
        machine: Box<dyn Machine>,
        rom: EspRom,
    }

    impl Bench {
        fn new() -> Self {
            let machine = Builtin.open(&board(), Seed([1; 32])).unwrap();
            let rom = EspRom::new(&board());
            let mut bench = Self { machine, rom };
            assert_eq!(bench.send(op::SPI_ATTACH, &[0; 8], 0), Ok(Vec::new()));
            bench
        }

        fn receive(&mut self, bytes: &[u8]) -> (Vec<u8>, Next) {
            let mut answer = Vec::new();
            let mut chip = Chip::new(&mut *self.machine, None);
            let next = self.rom.receive(bytes, &mut chip, &mut answer);
            (answer, next)
        }

        /// Sends a command; the answer's data, or its error number.
        fn send(&mut self, op: u8, data: &[u8], checksum: u32) -> Result<Vec<u8>, u8> {
            let mut packet = vec![0, op];
            packet.extend((data.len() as u16).to_le_bytes());
            packet.extend(checksum.to_le_bytes());
            packet.extend(data);
            let mut bytes = Vec::new();
            slip::encode(&packet, &mut bytes);
            let (answer, _) = self.receive(&bytes);
            let mut decoder = Decoder::new(PACKET_BYTES);
            let packet = answer.iter().find_map(|byte| decoder.take(*byte)).unwrap();
            assert_eq!((packet[0], packet[1]), (1, op));
            let (data, status) = packet[8..].split_last_chunk::<4>().unwrap();
            if status[0] == 0 {
                Ok(data.to_vec())
            } else {
                Err(status[1])
            }
        }

        fn words(&mut self, op: u8, words: &[u32]) -> Result<Vec<u8>, u8> {
            let data: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.send(op, &data, 0)
        }

        fn block(&mut self, op: u8, sequence: u32, block: &[u8]) -> Result<Vec<u8>, u8> {
            let mut data: Vec<u8> = [block.len() as u32, sequence, 0, 0]
                .iter()
                .flat_map(|it| it.to_le_bytes())
                .collect();
            data.extend(block);
            let sum = block.iter().fold(CHECKSUM_SEED, |sum, byte| sum ^ byte);
            self.send(op, &data, sum.into())
        }

        fn flash(&mut self, offset: u32, bytes: usize) -> Vec<u8> {
            let mut flash = vec![0; bytes];
            self.machine.read_memory(0x1000_0000 + offset, &mut flash).unwrap();
            flash
        }
    }

    #[test]
    fn what_a_host_must_not_do_is_refused_with_the_roms_numbers() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.words(op::FLASH_BEGIN, &[0x1000, 1, 0x400, 0x40_0000, 0]),
            Err(6),
            "behind the flash"
        );
        assert_eq!(bench.block(op::FLASH_DATA, 0, &[1; 8]), Err(6), "before it began");
        assert_eq!(bench.words(op::FLASH_BEGIN, &[8, 1, 8, 0x1000, 0]), Ok(Vec::new()));
        assert_eq!(bench.block(op::FLASH_DATA, 1, &[1; 8]), Err(6), "out of order");
        assert_eq!(
            bench.block(op::FLASH_DEFL_DATA, 0, &[1; 8]),
            Err(6),
            "of the other kind"
        );
        let mut data = vec![8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        data.extend([1; 8]);
        assert_eq!(bench.send(op::FLASH_DATA, &data, 0), Err(7), "a wrong checksum");
        assert_eq!(bench.words(op::SPI_FLASH_MD5, &[0x3f_ffff, 2, 0, 0]), Err(9));
        assert_eq!(bench.words(op::READ_FLASH_SLOW, &[0, 65]), Err(10));
        assert_eq!(bench.words(op::READ_REG, &[]), Err(5));
        assert_eq!(bench.send(0x05, &[0; 16], 0), Err(5), "a program for RAM");
        assert_eq!(bench.flash(0x1000, 8), [0xff; 8]);
        // All of it changed nothing: the download goes on.
        assert_eq!(bench.block(op::FLASH_DATA, 0, &[1; 8]), Ok(Vec::new()));
        assert_eq!(bench.flash(0x1000, 8), [1; 8]);
    }

    #[test]
    fn a_reboot_starts_the_flash_and_staying_does_not() {
        for (word, expected) in [(0_u32, Next::Start), (1, Next::Wait)] {
            let mut packet = vec![0, op::FLASH_END, 4, 0, 0, 0, 0, 0];
            packet.extend(word.to_le_bytes());
            let mut bytes = Vec::new();
            slip::encode(&packet, &mut bytes);
            assert_eq!(Bench::new().receive(&bytes).1, expected);
        }
    }

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() * 2 + 100);
        let mut deflate = Compress::new(Compression::default(), true);
        deflate.compress_vec(bytes, &mut out, FlushCompress::Finish).unwrap();
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn downloads_arrive_plain_and_deflated(image in proptest::collection::vec(any::<u8>(), 1..9_000), sector in 0_u32..900, block in 16_usize..2_000) {
            let mut bench = Bench::new();
            let offset = sector * 0x1000;
            for (begin, data, sent) in [
                (op::FLASH_BEGIN, op::FLASH_DATA, image.clone()),
                (op::FLASH_DEFL_BEGIN, op::FLASH_DEFL_DATA, deflated(&image)),
            ] {
                let blocks = sent.len().div_ceil(block) as u32;
                prop_assert_eq!(bench.words(begin, &[image.len() as u32, blocks, block as u32, offset, 0]), Ok(Vec::new()));
                for (sequence, part) in sent.chunks(block).enumerate() {
                    prop_assert_eq!(bench.block(data, sequence as u32, part), Ok(Vec::new()));
                }
                prop_assert!(bench.flash(offset, image.len()) == image);
                // Behind it nothing but erased flash, and nothing before it is touched.
                let behind = 0x1000 - image.len() % 0x1000;
                prop_assert!(bench.flash(offset + image.len() as u32, behind % 0x1000).iter().all(|byte| *byte == 0xff));
            }
            let sum = bench.words(op::SPI_FLASH_MD5, &[offset, image.len() as u32, 0, 0]);
            let digits: String = Md5::digest(&image).iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(sum, Ok(digits.into_bytes()));
        }

        #[test]
        fn any_commands_are_survived(commands in proptest::collection::vec((0_u8..0x16, proptest::collection::vec(any::<u8>(), 0..60), any::<u32>()), 0..60), noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bench = Bench::new();
            bench.receive(&noise);
            for (op, mut data, sum) in commands {
                // Offsets and lengths that may fit.
                for word in data.as_chunks_mut::<4>().0 {
                    word[3] = 0;
                    word[2] &= 0x3f;
                }
                let _ = bench.receive(&[0xc0]);
                let _ = bench.send(op, &data, sum);
            }
        }
    }
}
