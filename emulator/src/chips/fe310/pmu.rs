//! PMU: the power-management unit's registers (FE310-G002 manual, chapter 15). Sleep is not modelled: asking for it is a
//! typed fault. The two programs, which say in what order supplies and resets are switched, are kept and not run.

use crate::core::fabric::{AccessFault, ResetKind};

const UNLOCK: u32 = 0x51_f15e;
/// The programs after a reset (15.3).
const WAKE_PROGRAM: [u32; 8] = [0x3f0, 0x2f8, 0x030, 0x030, 0x030, 0x030, 0x030, 0x030];
const SLEEP_PROGRAM: [u32; 8] = [0x2f0, 0x3f0, 0x3d0, 0x3c0, 0x3c0, 0x3c0, 0x3c0, 0x3c0];
/// Bits of an instruction: delay, two supplies, resets, isolation.
const INSTRUCTION: u32 = 0x3ff;
/// Wake-up sources in `pmuie`: the reset, the clock, the pin.
const SOURCES: u32 = 0xf;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Pmu {
    /// The registers accept one write.
    unlocked: bool,
    wake: [u32; 8],
    sleep: [u32; 8],
    ie: u32,
    /// `pmucause`: the reset's cause from bit 8 on. The wake-up's cause is 0, a reset.
    cause: u32,
}

impl Pmu {
    pub(super) fn new(kind: ResetKind) -> Self {
        let cause = match kind {
            ResetKind::PowerOn => 0,
            ResetKind::Watchdog => 2,
            _ => 1,
        };
        Self {
            unlocked: false,
            wake: WAKE_PROGRAM,
            sleep: SLEEP_PROGRAM,
            ie: 1,
            cause: cause << 8,
        }
    }

    /// `offset` counts from AON's base.
    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x100..=0x11c => self.wake[(offset - 0x100) as usize / 4],
            0x120..=0x13c => self.sleep[(offset - 0x120) as usize / 4],
            0x140 => self.ie,
            0x144 => self.cause,
            0x148 => 0,
            0x14c => u32::from(self.unlocked),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        if offset == 0x14c {
            self.unlocked = value == UNLOCK;
            return Ok(());
        }
        // As with the watchdog's registers, any write removes the key, and one without it is ignored.
        if !std::mem::take(&mut self.unlocked) {
            return Ok(());
        }
        match offset {
            0x100..=0x11c => self.wake[(offset - 0x100) as usize / 4] = value & INSTRUCTION,
            0x120..=0x13c => self.sleep[(offset - 0x120) as usize / 4] = value & INSTRUCTION,
            0x140 => self.ie = value & SOURCES,
            0x144 => {}
            0x148 => return Err(AccessFault::UnmodelledUse),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
