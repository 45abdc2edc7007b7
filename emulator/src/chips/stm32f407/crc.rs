//! CRC (RM0090 chapter 4): the CRC-32 of Ethernet over words, most significant bit first. A word takes no time here; on silicon
//! it takes four cycles of AHB, in which the bus waits.

use crate::core::fabric::AccessFault;

const POLYNOMIAL: u32 = 0x04c1_1db7;

#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Crc {
    dr: u32,
    idr: u8,
}

impl Crc {
    pub(super) const fn new() -> Self {
        Self { dr: u32::MAX, idr: 0 }
    }

    pub(super) fn read(self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.dr,
            0x04 => self.idr.into(),
            // CR is write-only.
            0x08 => 0,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => {
                self.dr = (0..32).fold(self.dr ^ value, |crc, _| match crc >> 31 {
                    0 => crc << 1,
                    _ => crc << 1 ^ POLYNOMIAL,
                });
            }
            0x04 => self.idr = value as u8,
            // RESET leaves IDR alone.
            0x08 if value & 1 != 0 => self.dr = u32::MAX,
            0x08 => {}
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
