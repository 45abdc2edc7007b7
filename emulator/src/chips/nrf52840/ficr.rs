//! FICR (PS 4.4): factory information of one chip. Its identity derives from the machine's seed.
//!
//! The page is flash: a word that the factory does not write reads all ones, and no read of it is refused. Besides the
//! words of the PS, start-up code of the vendor reads two that identify the chip, to decide which errata apply. A table
//! of the debug system at 0xF000_0000 has the same identification; older start-up code reads it there.

use super::temp;
use crate::machine::entropy::EntropyStream;

pub(super) const BASE: u32 = 0x1000_0000;
/// Peripheral and component identification of the chip's ROM table (IHI 0031 9.1), as the core reads it.
pub(super) const ROM_TABLE_ID: std::ops::Range<u32> = 0xf000_0fd0..0xf000_1000;

/// The nRF52840 among Nordic's chips, and its revision: the variants AAC0, AAD0 and AAF0 have 2, 3 and 5. Not in the PS;
/// Nordic's MDK reads both.
const PART_ID: u32 = 0x08;
const REVISION: u32 = 3;
/// The signature of the production test (PS 4.4.1, PRODTEST[n]: Done).
const TESTED: u32 = 0xbb42_319f;
/// Nordic's manufacturer number in the header of NFC tags (PS 4.4.1, NFC.TAGHEADER0.MFGID).
const NFC_MANUFACTURER: u32 = 0xffff_ff5f;

/// The factory's page.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Ficr {
    device_id: [u32; 2],
    encryption_root: [u32; 4],
    identity_root: [u32; 4],
    device_addr: [u32; 2],
}

impl Ficr {
    /// The information of the chip in the machine with `seed`. These numbers are independent of those that the RNG will
    /// draw.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let mut stream = EntropyStream::new(seed.map(|byte| byte ^ 0xf1));
        let mut word = || {
            let mut bytes = [0; 4];
            stream.fill(&mut bytes);
            u32::from_le_bytes(bytes)
        };
        Self {
            device_id: [word(), word()],
            encryption_root: [word(), word(), word(), word()],
            identity_root: [word(), word(), word(), word()],
            // A random static address: the two top bits of 48 are set (Bluetooth Core 6.B 1.3.2.1).
            device_addr: [word(), word() | 0xc000],
        }
    }

    pub(super) fn read(&self, offset: u32) -> u32 {
        let index = |base: u32| ((offset - base) / 4) as usize;
        match offset {
            // CODEPAGESIZE, CODESIZE
            0x010 => 4_096,
            0x014 => 256,
            0x060..0x068 => self.device_id[index(0x060)],
            0x080..0x090 => self.encryption_root[index(0x080)],
            0x090..0x0a0 => self.identity_root[index(0x090)],
            // DEVICEADDRTYPE: random
            0x0a0 => 1,
            0x0a4..0x0ac => self.device_addr[index(0x0a4)],
            // INFO.PART, VARIANT ("AAD0"), PACKAGE (QI, aQFN73), RAM and FLASH in KiB
            0x100 => 0x0005_2840,
            0x104 => u32::from_be_bytes(*b"AAD0"),
            0x108 => 0x2004,
            0x10c => 256,
            0x110 => 1_024,
            0x130 => PART_ID,
            0x134 => REVISION,
            0x350..0x35c => TESTED,
            // TEMP: this chip's sensor matches the reset values of the sensor's registers.
            0x404..0x41c => temp::SLOPES[index(0x404)],
            0x41c..0x434 => temp::INTERCEPTS[index(0x41c)],
            0x434..0x448 => temp::END_POINTS[index(0x434)],
            0x450 => NFC_MANUFACTURER,
            _ => u32::MAX,
        }
    }
}

/// A word of [`ROM_TABLE_ID`]: PIDR4 to 7, PIDR0 to 3, CIDR0 to 3. The maker is Nordic (JEP106: 2, 0x44), the class a ROM
/// table.
pub(super) fn rom_table_id(addr: u32) -> u32 {
    match addr & 0xfff {
        0xfd0 => 0x02,
        0xfe0 => PART_ID,
        0xfe4 => 0x40,
        0xfe8 => REVISION << 4 | 0x0c,
        0xff0 => 0x0d,
        0xff4 => 0x10,
        0xff8 => 0x05,
        0xffc => 0xb1,
        _ => 0,
    }
}
