//! SYSCFG and EXTI (RM0090 chapters 9 and 12): selects the port of each external interrupt line, and detects its
//! edges.

use crate::core::fabric::AccessFault;

/// The pins, RTC's alarm and its wake-up. PVD, USB, Ethernet and tampering have no source here.
const MODELLED: u32 = 1 << 22 | 1 << 17 | 0xffff;
const LINES: u32 = 0x007f_ffff;

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Exti {
    imr: u32,
    emr: u32,
    rtsr: u32,
    ftsr: u32,
    swier: u32,
    pr: u32,
}

impl Exti {
    /// Lines that interrupt.
    pub(super) fn pending(&self) -> u32 {
        self.pr & self.imr
    }

    /// The level on a line changed.
    pub(super) fn edge(&mut self, line: u8, level: bool) {
        let wanted = if level { self.rtsr } else { self.ftsr };
        self.pr |= wanted & 1 << line;
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.imr,
            0x04 => self.emr,
            0x08 => self.rtsr,
            0x0c => self.ftsr,
            0x10 => self.swier,
            0x14 => self.pr,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        let value = value & LINES;
        match offset {
            // Refuses events for WFE, and lines without a source: software would wait for them forever.
            0x00 | 0x08 | 0x0c if value & !MODELLED != 0 => return Err(AccessFault::UnmodelledUse),
            0x04 if value != 0 => return Err(AccessFault::UnmodelledUse),
            0x00 => self.imr = value,
            0x04 => self.emr = value,
            0x08 => self.rtsr = value,
            0x0c => self.ftsr = value,
            0x10 => {
                self.pr |= value & !self.swier;
                self.swier |= value;
            }
            0x14 => {
                self.pr &= !value;
                self.swier &= !value;
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Syscfg {
    exticr: [u32; 4],
}

impl Syscfg {
    /// Whether the pin of port `port` is on external line `pin`.
    pub(super) fn is_wired(&self, port: u8, pin: u8) -> bool {
        self.exticr[usize::from(pin / 4)] >> (4 * (pin % 4)) & 15 == u32::from(port)
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            // MEMRMP: flash is at 0. PMC, CMPCR: at reset values.
            0x00 | 0x04 | 0x20 => 0,
            0x08..0x18 => self.exticr[(offset as usize - 0x08) / 4],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 | 0x04 | 0x20 if value != 0 => return Err(AccessFault::UnmodelledUse),
            0x00 | 0x04 | 0x20 => {}
            0x08..0x18 => self.exticr[(offset as usize - 0x08) / 4] = value & 0xffff,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
