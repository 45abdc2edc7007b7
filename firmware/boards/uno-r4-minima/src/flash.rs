//! The flash for data (chapter 44; assets/boards/uno-r4-minima.toml): records in two areas of four blocks of 1 KiB.
//! There is no app store. Code continues to run from the other flash during a write.

use crate::{register::Register, tree::FLASH_MHZ};
use drydock_device::board::{Flash, FlashError, FlashGeometry};

const DFLCTL: Register<u8> = Register::at(0x407E_C090);
const FPMCR: Register<u8> = Register::at(0x407E_C100);
const FASR: Register<u8> = Register::at(0x407E_C104);
const FSARL: Register<u16> = Register::at(0x407E_C108);
const FSARH: Register<u16> = Register::at(0x407E_C110);
const FCR: Register<u8> = Register::at(0x407E_C114);
const FEARL: Register<u16> = Register::at(0x407E_C118);
const FEARH: Register<u16> = Register::at(0x407E_C120);
const FRESETR: Register<u8> = Register::at(0x407E_C124);
const FSTATR1: Register<u8> = Register::at(0x407E_C12C);
const FWBL0: Register<u16> = Register::at(0x407E_C130);
const FPR: Register<u8> = Register::at(0x407E_C180);
const FISR: Register<u8> = Register::at(0x407E_C1D8);
const FSTATR2: Register<u16> = Register::at(0x407E_C1F0);
const FENTRYR: Register<u16> = Register::at(0x407E_FFB2);

const FPR_KEY: u8 = 0xA5;
const READ_MODE: u8 = 0x08;
const DATA_MODE: u8 = 0x10;
const ENTER_DATA: u16 = 0xAA80;
const LEAVE: u16 = 0xAA00;
const PROGRAM: u8 = 0x81;
const ERASE: u8 = 0x84;
const FRDY: u8 = 1 << 6;
/// ERERR, PRGERR, BCERR, ILGLERR.
const ERRORS: u16 = 0b1_1011;

const BASE: u32 = 0x4010_0000;
/// Where the sequencer's commands have it.
const COMMAND_BASE: u32 = 0xFE00_0000;
const BLOCK_BYTES: u32 = 1024;
const BLOCKS: u32 = 8;
const BYTES: u32 = BLOCKS * BLOCK_BYTES;

/// 10 µs at 48 MHz: longer than each of the required waits between modes (44.3.4; 5 µs at most).
const MODE_CYCLES: u32 = 480;

pub(crate) struct DataFlash;

impl DataFlash {
    /// Lets it be read.
    pub(crate) fn start() -> Self {
        DFLCTL.write(1);
        cortex_m::asm::delay(MODE_CYCLES);
        Self
    }
}

fn is_within(offset: u32, len: usize) -> bool {
    offset.checked_add(len as u32).is_some_and(|end| end <= BYTES)
}

fn set_mode(mode: u8) {
    FPR.write(FPR_KEY);
    FPMCR.write(mode);
    FPMCR.write(!mode);
    FPMCR.write(mode);
    cortex_m::asm::delay(MODE_CYCLES);
}

/// Does work in P/E mode.
fn unlocked(work: impl FnOnce() -> Result<(), FlashError>) -> Result<(), FlashError> {
    FENTRYR.write(ENTER_DATA);
    cortex_m::asm::delay(MODE_CYCLES);
    set_mode(DATA_MODE);
    FISR.write(FLASH_MHZ - 1);
    FASR.write(0);
    let done = work();
    set_mode(READ_MODE);
    FENTRYR.write(LEAVE);
    while FENTRYR.read() != 0 {}
    cortex_m::asm::delay(MODE_CYCLES);
    done
}

fn command(command: u8, first: u32, last: u32) -> Result<(), FlashError> {
    let (first, last) = (COMMAND_BASE + first, COMMAND_BASE + last);
    FSARH.write((first >> 16) as u16);
    FSARL.write(first as u16);
    FEARH.write((last >> 16) as u16);
    FEARL.write(last as u16);
    FCR.write(command);
    while FSTATR1.read() & FRDY == 0 {}
    FCR.write(0);
    while FSTATR1.read() & FRDY != 0 {}
    if FSTATR2.read() & ERRORS == 0 {
        return Ok(());
    }
    FRESETR.write(1);
    FRESETR.write(0);
    Err(FlashError)
}

impl Flash for DataFlash {
    fn geometry(&self) -> FlashGeometry {
        FlashGeometry {
            unit_bytes: BLOCK_BYTES,
            word_bytes: 1,
            record_units: BLOCKS / 2,
            units: BLOCKS,
        }
    }

    fn with(&self, offset: u32, len: u32, lend: &mut dyn FnMut(&[u8])) {
        if is_within(offset, len as usize) {
            // SAFETY: the range is flash; nothing writes to it while it is lent, because only `self` writes and it is
            // not reentered.
            lend(unsafe { core::slice::from_raw_parts((BASE + offset) as *const u8, len as usize) });
        } else {
            lend(&[]);
        }
    }

    fn write(&self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        if !is_within(offset, data.len()) {
            return Err(FlashError);
        }
        unlocked(|| {
            (offset..).zip(data).try_for_each(|(at, byte)| {
                // Erased flash already reads like that.
                if *byte == 0xFF {
                    return Ok(());
                }
                FWBL0.write((*byte).into());
                command(PROGRAM, at, at)
            })
        })
    }

    fn erase(&self, offset: u32) -> Result<(), FlashError> {
        if !is_within(offset, BLOCK_BYTES as usize) || !offset.is_multiple_of(BLOCK_BYTES) {
            return Err(FlashError);
        }
        unlocked(|| command(ERASE, offset, offset + BLOCK_BYTES - 1))
    }
}
