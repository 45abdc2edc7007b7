//! The clock tree (chapter 9): HOCO at 48 MHz, which Arduino's bootloader selects in its option bytes (OFS1); half of
//! it for PCLKB (WDT) and the flash sequencer. Also starts the modules that are used (chapter 11).

use crate::register::Register;

const PRCR: Register<u16> = Register::at(0x4001_E3FE);
/// Clocks, and low-power modes; with the key.
const UNLOCK: u16 = 0xA503;
const LOCK: u16 = 0xA500;

const SCKDIVCR: Register<u32> = Register::at(0x4001_E020);
const SCKSCR: Register<u8> = Register::at(0x4001_E026);
const MEMWAIT: Register<u8> = Register::at(0x4001_E031);
const HOCOCR: Register<u8> = Register::at(0x4001_E036);
const MOCOCR: Register<u8> = Register::at(0x4001_E038);
const OSCSF: Register<u8> = Register::at(0x4001_E03C);
const LOCOCR: Register<u8> = Register::at(0x4001_E490);
const OPCCR: Register<u8> = Register::at(0x4001_E0A0);

const FROM_HOCO: u8 = 0;
const FROM_MOCO: u8 = 1;
const HOCOSF: u8 = 1;
const HIGH_SPEED: u8 = 0;
const OPCMTSF: u8 = 1 << 4;
/// ICLK, PCLKA, PCLKC and PCLKD undivided; FCLK and PCLKB halved.
const DIVIDERS: u32 = 1 << 28 | 1 << 8;

const MSTPCRB: Register<u32> = Register::at(0x4004_7000);
const MSTPCRD: Register<u32> = Register::at(0x4004_7008);
const SCI2: u32 = 1 << 29;
const AGT0: u32 = 1 << 3;
const GPT32: u32 = 1 << 5;

/// Hertz of ICLK and PCLKA and PCLKD.
pub(crate) const CORE_HZ: u32 = 48_000_000;
/// Megahertz of FCLK.
pub(crate) const FLASH_MHZ: u8 = 24;

pub(crate) fn start() {
    PRCR.write(UNLOCK);
    // Switches to MOCO first, whatever the bootloader left: MEMWAIT must not change above 32 MHz (9.2.14).
    MOCOCR.write(0);
    SCKSCR.write(FROM_MOCO);
    OPCCR.write(HIGH_SPEED);
    while OPCCR.read() & OPCMTSF != 0 {}
    MEMWAIT.write(1);
    HOCOCR.write(0);
    while OSCSF.read() & HOCOSF == 0 {}
    SCKDIVCR.write(DIVIDERS);
    SCKSCR.write(FROM_HOCO);
    LOCOCR.write(0);
    MSTPCRB.change(|stopped| stopped & !SCI2);
    MSTPCRD.change(|stopped| stopped & !(AGT0 | GPT32));
    PRCR.write(LOCK);
}
