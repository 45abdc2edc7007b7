//! FICR (PS 4.4): factory information of one chip. Its identity derives from the machine's seed.

use super::temp;
use crate::core::fabric::AccessFault;
use crate::machine::entropy::EntropyStream;

pub(super) const BASE: u32 = 0x1000_0000;

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

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        let index = |base: u32| ((offset - base) / 4) as usize;
        Ok(match offset {
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
            // TEMP: this chip's sensor matches the reset values of the sensor's registers.
            0x404..0x41c => temp::SLOPES[index(0x404)],
            0x41c..0x434 => temp::INTERCEPTS[index(0x41c)],
            0x434..0x448 => temp::END_POINTS[index(0x434)],
            _ => return Err(AccessFault::Unmodelled),
        })
    }
}
