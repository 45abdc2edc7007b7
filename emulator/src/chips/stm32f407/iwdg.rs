//! IWDG (RM0090 chapter 21): counts LSI down and resets the chip. Once started it cannot be stopped.

use super::rcc::LSI_HZ;
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric, Request, ResetKind};
use crate::machine::VirtualTime;

const RELOAD: u32 = 0xaaaa;
const ACCESS: u32 = 0x5555;
const START: u32 = 0xcccc;

/// A write of PR or RLR takes up to five periods of LSI to take effect (21.4.4).
const UPDATE: VirtualTime = VirtualTime::from_ticks(5, LSI_HZ);

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Iwdg {
    token: Token,
    running: bool,
    open: bool,
    pr: u32,
    rlr: u32,
    pr_updated: VirtualTime,
    rlr_updated: VirtualTime,
}

impl Iwdg {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            running: false,
            open: false,
            pr: 0,
            rlr: 0xfff,
            pr_updated: VirtualTime::ZERO,
            rlr_updated: VirtualTime::ZERO,
        }
    }

    /// Every reset stops it; an option byte starts it again.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.token);
    }

    pub(super) fn start(&mut self, fabric: &mut Fabric) {
        self.running = true;
        self.reload(fabric);
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    pub(super) fn read(&self, now: VirtualTime, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => 0,
            0x04 => self.pr,
            0x08 => self.rlr,
            0x0c => u32::from(now < self.pr_updated) | u32::from(now < self.rlr_updated) << 1,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let now = fabric.now();
        match offset {
            0x00 => {
                self.open = value & 0xffff == ACCESS;
                match value & 0xffff {
                    START => self.start(fabric),
                    RELOAD if self.running => self.reload(fabric),
                    _ => {}
                }
            }
            0x0c => return Err(AccessFault::Denied),
            // Protected until the key is written.
            0x04 | 0x08 if !self.open => {}
            0x04 => {
                self.pr = value & 7;
                self.pr_updated = now + UPDATE;
            }
            0x08 => {
                self.rlr = value & 0xfff;
                self.rlr_updated = now + UPDATE;
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    pub(super) fn wake(fabric: &mut Fabric) {
        fabric.request(Request::Reset(ResetKind::Watchdog));
    }

    fn reload(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        let divider = 4 << self.pr.min(6);
        let ticks = u64::from(self.rlr + 1) * divider;
        fabric.schedule_in(VirtualTime::from_ticks(ticks, LSI_HZ), self.token);
    }
}
