//! The low-power block's watchdog (ESP32-C6 Technical Reference Manual 1.1, chapter 15). RC_SLOW clocks it, and it
//! can reset the whole chip. The super watchdog beside it only stores its registers: bootloader and HALs set it to
//! feed itself.

use super::watchdog::{Action, KEY, Watchdog};
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};

/// WDTCONFIG1 to 4 out of reset: the stages' ticks.
const RESET_TICKS: [u32; 4] = [200_000, 80_000, 0xfff, 0xfff];
/// INT_*: the watchdog's bit.
const WDT: u32 = 1 << 31;
/// The first stage's ticks count double if no fuse sets another factor (WDTCONFIG1).
const FIRST_STAGE_FACTOR: u64 = 2;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Rwdt {
    hz: u32,
    config0: u32,
    ticks: [u32; 4],
    swd: [u32; 2],
    int_raw: u32,
    int_ena: u32,
    watchdog: Watchdog,
}

impl Rwdt {
    pub(super) fn new(token: Token, hz: u32) -> Self {
        Self {
            hz,
            config0: 0,
            ticks: RESET_TICKS,
            swd: [0; 2],
            int_raw: 0,
            int_ena: 0,
            watchdog: Watchdog::new(token),
        }
    }

    /// The state that the second-stage bootloader leaves: 9 s to the reset of everything.
    pub(super) fn begin(&mut self, fabric: &mut Fabric) {
        self.ticks[0] = (9 * u64::from(self.hz) / FIRST_STAGE_FACTOR) as u32;
        self.config0 = 1 << 31 | 4 << 28;
        self.configure(fabric);
        self.watchdog.unlock(0);
    }

    pub(super) fn interrupt(&self) -> bool {
        self.int_raw & self.int_ena != 0
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.config0,
            0x04..=0x10 => self.ticks[(offset as usize - 4) / 4],
            0x14 | 0x30 => 0,
            0x18 => match self.watchdog.is_locked() {
                true => 0,
                false => KEY,
            },
            0x1c | 0x20 => self.swd[(offset as usize - 0x1c) / 4],
            0x24 => self.int_raw,
            0x28 => self.int_raw & self.int_ena,
            0x2c => self.int_ena,
            // DATE.
            0x3fc => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00..=0x14 if self.watchdog.is_locked() => {}
            0x00 => {
                self.config0 = value;
                self.configure(fabric);
            }
            0x04..=0x10 => {
                self.ticks[(offset as usize - 4) / 4] = value;
                self.configure(fabric);
            }
            0x14 => self.watchdog.feed(fabric),
            0x18 => self.watchdog.unlock(value),
            0x1c | 0x20 => self.swd[(offset as usize - 0x1c) / 4] = value,
            0x24 | 0x28 => {}
            0x2c => self.int_ena = value & WDT,
            0x30 => self.int_raw &= !value,
            // DATE.
            0x3fc => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// A stage is over.
    pub(super) fn due(&mut self, fabric: &mut Fabric) -> Action {
        let action = self.watchdog.due(fabric);
        if action == Action::Interrupt {
            self.int_raw |= WDT;
        }
        action
    }

    fn configure(&mut self, fabric: &mut Fabric) {
        let actions = [28, 25, 22, 19].map(|at| Action::of(self.config0 >> at & 7));
        let mut ticks = self.ticks.map(u64::from);
        ticks[0] *= FIRST_STAGE_FACTOR;
        let (running, hz) = (self.config0 >> 31 != 0, u64::from(self.hz));
        self.watchdog.configure(fabric, running, actions, ticks, hz);
    }
}
