//! DAC12 (manual chapter 36): a voltage on DA0 (P014), at once and without error, that ADC140 measures there.
//!
//! Not modelled: the reference that is no supply (DAVREFCR besides AVCC0), conversion in step with ADC140.

use super::adc::SUPPLY_UV;
use super::ports::pin;
use crate::core::fabric::{AccessFault, AccessSize};

const DA0: u16 = pin(0, 14);
/// DACR.
const DAOE0: u8 = 1 << 6;
/// DADPR: the value is aligned to the left.
const DPSEL: u8 = 1 << 7;
/// DAADSCR.
const DAADST: u8 = 1 << 7;

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Dac {
    dadr0: u16,
    dacr: u8,
    dadpr: u8,
    davrefcr: u8,
}

impl Dac {
    /// The pin that it drives, and its voltage in microvolts.
    pub(super) fn output(&self) -> Option<(u16, u64)> {
        let value = match self.dadpr & DPSEL {
            0 => self.dadr0 & 0xfff,
            _ => self.dadr0 >> 4,
        };
        let has_reference = self.davrefcr == 1;
        // Rounded up, so that a converter with the same steps finds the same step.
        let uv = (SUPPLY_UV * u64::from(value) * u64::from(has_reference)).div_ceil(4_096);
        (self.dacr & DAOE0 != 0).then_some((DA0, uv))
    }

    pub(super) fn read(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match (offset, size) {
            (0x00, AccessSize::Half) => Ok(self.dadr0.into()),
            (0x04, AccessSize::Byte) => Ok((self.dacr | 0x1f).into()),
            (0x05, AccessSize::Byte) => Ok(self.dadpr.into()),
            (0x06, AccessSize::Byte) => Ok(0),
            (0x07, AccessSize::Byte) => Ok(self.davrefcr.into()),
            (0x00 | 0x04..0x08, _) => Err(AccessFault::Width),
            _ => Err(AccessFault::Unmapped),
        }
    }

    pub(super) fn write(&mut self, offset: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        let byte = value as u8;
        match (offset, size) {
            (0x00, AccessSize::Half) => self.dadr0 = value as u16,
            (0x04, AccessSize::Byte) => self.dacr = byte & DAOE0,
            (0x05, AccessSize::Byte) => self.dadpr = byte & DPSEL,
            (0x06, AccessSize::Byte) if byte & DAADST != 0 => return Err(AccessFault::UnmodelledUse),
            (0x06, AccessSize::Byte) => {}
            // None, or AVCC0 and AVSS0.
            (0x07, AccessSize::Byte) if byte & 7 > 1 => return Err(AccessFault::UnmodelledUse),
            (0x07, AccessSize::Byte) => self.davrefcr = byte & 7,
            (0x00 | 0x04..0x08, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
