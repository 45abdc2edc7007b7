//! RTC (manual chapter 24), as far as start-up code brings it into a known state: registers keep what they are given, and
//! outlast every reset but power-on. It does not count: starting it is refused.

use std::collections::BTreeMap;

use crate::core::fabric::{AccessFault, AccessSize, ResetKind};

/// RCR2, with START, RESET and ADJ30: the last two read as zero when they are done, which is at once.
const RCR2: u32 = 0x24;
const START: u32 = 1 << 0;
const DONE_AT_ONCE: u32 = 3 << 1;
/// RYRCNT, RYRAR, RFRH, RFRL.
const HALVES: [u32; 4] = [0x0e, 0x1c, 0x2a, 0x2c];
/// R64CNT and the captured times are read-only.
const CAPTURED: u32 = 0x50;

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Rtc {
    registers: BTreeMap<u32, u16>,
}

impl Rtc {
    pub(super) fn reset(&mut self, kind: ResetKind) {
        if kind == ResetKind::PowerOn {
            self.registers.clear();
        }
    }

    pub(super) fn read(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        check(offset, size)?;
        Ok(self.registers.get(&offset).copied().unwrap_or(0).into())
    }

    pub(super) fn write(&mut self, offset: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        check(offset, size)?;
        match offset {
            RCR2 if value & START != 0 => return Err(AccessFault::UnmodelledUse),
            RCR2 => {
                self.registers.insert(offset, (value & !DONE_AT_ONCE) as u16);
            }
            0x00 | CAPTURED.. => {}
            _ => {
                self.registers.insert(offset, value as u16);
            }
        }
        Ok(())
    }
}

/// Registers are at even offsets.
fn check(offset: u32, size: AccessSize) -> Result<(), AccessFault> {
    let half = HALVES.contains(&offset);
    match size {
        AccessSize::Byte if offset.is_multiple_of(2) && !half => Ok(()),
        AccessSize::Half if half => Ok(()),
        AccessSize::Byte if !offset.is_multiple_of(2) => Err(AccessFault::Unmapped),
        _ => Err(AccessFault::Width),
    }
}
