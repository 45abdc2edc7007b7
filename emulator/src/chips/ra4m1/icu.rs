//! ICU (manual chapter 14): links events to the 32 interrupt lines, and the external interrupt pins.

use crate::core::fabric::{AccessFault, AccessSize};

pub(super) const LINES: usize = 32;
const PIN_IRQS: usize = 16;
/// IELSR.
const IR: u32 = 1 << 16;
const DTCE: u32 = 1 << 24;

/// Event numbers (14.3.2, table of interrupt vectors): the external pins begin at 1.
pub(super) const PIN_EVENTS: u8 = 0x01;
pub(super) const FRDYI: u8 = 0x18;

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Icu {
    ielsr: [u32; LINES],
    irqcr: [u8; PIN_IRQS],
    /// NMIER and NMICR: none of the sources of NMI is modelled.
    nmier: u16,
    nmicr: u8,
    /// WUPEN: Standby is not modelled.
    wupen: u32,
    /// Pins that are low with low-level detection.
    low: u16,
}

impl Icu {
    /// Lines that are asserted.
    pub(super) fn pending(&self) -> u32 {
        let asserted = self.ielsr.iter().enumerate().filter(|(_, ielsr)| **ielsr & IR != 0);
        asserted.fold(0, |bits, (line, _)| bits | 1 << line)
    }

    /// An event: asserts every line that is linked to it.
    pub(super) fn raise(&mut self, event: u8) {
        for ielsr in &mut self.ielsr {
            if *ielsr & 0xff == u32::from(event) {
                *ielsr |= IR;
            }
        }
    }

    /// The level at external interrupt pin `irq` changed.
    pub(super) fn pin(&mut self, irq: usize, level: bool) {
        let detects = match self.irqcr[irq] & 3 {
            0 => !level,
            1 => level,
            2 => true,
            _ => {
                self.low = self.low & !(1 << irq) | u16::from(!level) << irq;
                !level
            }
        };
        if detects {
            self.raise(PIN_EVENTS + irq as u8);
        }
    }

    pub(super) fn read(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match (offset, size) {
            (0x000..0x010, AccessSize::Byte) => Ok(self.irqcr[offset as usize].into()),
            (0x300..0x380, AccessSize::Word) => Ok(self.ielsr[(offset as usize - 0x300) / 4]),
            (0x100, AccessSize::Byte) => Ok(self.nmicr.into()),
            (0x120, AccessSize::Half) => Ok(self.nmier.into()),
            // NMICLR, NMISR: no NMI is pending. SELSR0, DELSRn: no snooze and no DMAC start.
            (0x130 | 0x140 | 0x200 | 0x280..0x290, AccessSize::Half) => Ok(0),
            (0x1a0, AccessSize::Word) => Ok(self.wupen),
            (0x000..0x010 | 0x100 | 0x120 | 0x130 | 0x140 | 0x1a0 | 0x200 | 0x280..0x290 | 0x300..0x380, _) => {
                Err(AccessFault::Width)
            }
            _ => Err(AccessFault::Unmapped),
        }
    }

    pub(super) fn write(&mut self, offset: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        match (offset, size) {
            (0x000..0x010, AccessSize::Byte) => self.irqcr[offset as usize] = value as u8 & 0xb3,
            (0x300..0x380, AccessSize::Word) if value & DTCE != 0 => return Err(AccessFault::UnmodelledUse),
            (0x300..0x380, AccessSize::Word) => {
                let ielsr = &mut self.ielsr[(offset as usize - 0x300) / 4];
                // IR can only be cleared.
                *ielsr = *ielsr & value & IR | value & 0xff;
                let event = *ielsr & 0xff;
                let pin = event.wrapping_sub(u32::from(PIN_EVENTS));
                if pin < PIN_IRQS as u32 && self.low >> pin & 1 != 0 {
                    // A level that is still active asserts it again.
                    *ielsr |= IR;
                }
            }
            (0x100, AccessSize::Byte) => self.nmicr = value as u8 & 0xb1,
            // A source that is enabled stays so (14.2.3).
            (0x120, AccessSize::Half) => self.nmier |= value as u16 & 0x1fcf,
            (0x130, AccessSize::Half) => {}
            (0x1a0, AccessSize::Word) => self.wupen = value,
            (0x200 | 0x280..0x290, AccessSize::Half) if value == 0 => {}
            (0x200 | 0x280..0x290, AccessSize::Half) => return Err(AccessFault::UnmodelledUse),
            (0x000..0x010 | 0x100 | 0x120 | 0x130 | 0x1a0 | 0x200 | 0x280..0x290 | 0x300..0x380, _) => {
                return Err(AccessFault::Width);
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
