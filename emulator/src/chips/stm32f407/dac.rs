//! DAC (RM0090 chapter 14): both channels, at once or by software trigger. PA4 and PA5 have their voltages, which ADC reads
//! there. A conversion takes no time: the manual gives a settling time, not a latency. Not modelled: triggers by timers
//! and EXTI, noise and triangle waves, DMA.

use super::adc::SUPPLY_UV;
use crate::core::fabric::AccessFault;

/// PA4 and PA5.
const PINS: [u16; 2] = [4, 5];

/// CR, for each channel.
const EN: u32 = 1 << 0;
const TEN: u32 = 1 << 2;
const TSEL: u32 = 7 << 3;
const WAVE: u32 = 3 << 6;
const DMAEN: u32 = 1 << 12;

#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Dac {
    cr: u32,
    /// DHR and DOR of each channel, 12 bits, aligned to the right.
    dhr: [u32; 2],
    dor: [u32; 2],
}

impl Dac {
    /// The voltage that a channel puts on `pin`, in microvolts; `None` if none does.
    pub(super) fn output_uv(&self, pin: u16) -> Option<u64> {
        let index = PINS.iter().position(|its| *its == pin)?;
        // Rounded up, so that a converter with the same steps finds the same step.
        (self.channel(index) & EN != 0).then(|| (u64::from(self.dor[index]) * SUPPLY_UV).div_ceil(4_096))
    }

    fn channel(&self, index: usize) -> u32 {
        self.cr >> (16 * index) & 0xffff
    }

    pub(super) fn read(self, offset: u32) -> Result<u32, AccessFault> {
        let [one, two] = self.dhr;
        Ok(match offset {
            0x00 => self.cr,
            // SWTRIGR is write-only; SR tells of underruns of DMA.
            0x04 | 0x34 => 0,
            0x08..0x20 => {
                let dhr = self.dhr[usize::from(offset >= 0x14)];
                [dhr, dhr << 4, dhr >> 4][((offset - 0x08) / 4 % 3) as usize]
            }
            0x20 => one | two << 16,
            0x24 => one << 4 | two << 20,
            0x28 => one >> 4 | two >> 4 << 8,
            0x2c | 0x30 => self.dor[(offset as usize - 0x2c) / 4],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => {
                for channel in [value & 0xffff, value >> 16] {
                    let is_triggered_elsewhere = channel & TEN != 0 && channel & TSEL != TSEL;
                    if channel & (WAVE | DMAEN) != 0 || is_triggered_elsewhere {
                        return Err(AccessFault::UnmodelledUse);
                    }
                }
                self.cr = value & 0x3fff_3fff;
                self.convert(0);
            }
            0x04 => self.convert(value & 3),
            0x08..0x20 => {
                let dhr = [value, value >> 4, value << 4][((offset - 0x08) / 4 % 3) as usize];
                self.dhr[usize::from(offset >= 0x14)] = dhr & 0xfff;
                self.convert(0);
            }
            0x20 | 0x24 | 0x28 => {
                self.dhr = match offset {
                    0x20 => [value, value >> 16],
                    0x24 => [value >> 4, value >> 20],
                    _ => [value << 4 & 0xff0, value >> 4 & 0xff0],
                }
                .map(|dhr| dhr & 0xfff);
                self.convert(0);
            }
            0x2c | 0x30 => return Err(AccessFault::Denied),
            0x34 => {}
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// DOR takes DHR: in channels without a trigger, and in those that software triggers.
    fn convert(&mut self, triggered: u32) {
        for index in 0..2 {
            let channel = self.channel(index);
            let is_due = channel & TEN == 0 || triggered >> index & 1 != 0;
            if channel & EN != 0 && is_due {
                self.dor[index] = self.dhr[index];
            }
        }
    }
}
