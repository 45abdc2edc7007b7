//! WDT (PS 6.36): counts LFCLK down and resets the chip. Once started it can neither be stopped nor configured.

use super::block::{Bus, Events, Peripheral};
use super::lfclk::LFCLK_HZ;
use crate::core::events::EventId;
use crate::core::fabric::{AccessFault, Request, ResetKind};
use crate::machine::VirtualTime;

pub(super) const ID: u8 = 16;
const TIMEOUT: u32 = 0;
const RELOAD: u32 = 0x6e52_4635;
const CHANNELS: usize = 8;

const WAKE_TIMEOUT: u16 = 0;
const WAKE_RESET: u16 = 1;
/// PS 6.36.2: the reset follows the TIMEOUT event after two cycles of 32.768 kHz.
const GRACE: VirtualTime = VirtualTime::from_ticks(2, LFCLK_HZ);

/// The peripheral.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Wdt {
    pub(super) events: Events,
    running: bool,
    crv: u32,
    rren: u32,
    config: u32,
    /// Enabled channels that have not requested a reload yet.
    reqstatus: u32,
    due: VirtualTime,
    timeout: Option<EventId>,
}

impl Wdt {
    pub(super) fn new() -> Self {
        Self {
            events: Events::new(ID, 1 << TIMEOUT),
            running: false,
            crv: 0xffff_ffff,
            rren: 1,
            config: 1,
            reqstatus: 1,
            due: VirtualTime::ZERO,
            timeout: None,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// PS 5.3.6.8: a software reset or a lockup does not stop a running watchdog.
    pub(super) fn reset(&mut self, bus: &mut Bus<'_>, kind: ResetKind) {
        let survives = matches!(kind, ResetKind::Software | ResetKind::Lockup);
        if self.running && survives {
            self.events.reset();
            self.timeout = Some(bus.schedule(ID, WAKE_TIMEOUT, self.due));
        } else {
            *self = Self::new();
        }
    }

    fn reload(&mut self, bus: &mut Bus<'_>) {
        self.reqstatus = self.rren;
        let span = VirtualTime::from_ticks(u64::from(self.crv) + 1, LFCLK_HZ);
        self.due = bus.now() + span;
        bus.cancel(&mut self.timeout);
        self.timeout = Some(bus.schedule(ID, WAKE_TIMEOUT, self.due));
    }
}

impl Peripheral for Wdt {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            0x000 if self.running => Ok(()),
            // CONFIG.SLEEP = 0: a watchdog that stops while the core sleeps
            0x000 if self.config & 1 == 0 => Err(AccessFault::UnmodelledUse),
            0x000 => {
                self.running = true;
                self.reload(bus);
                Ok(())
            }
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x400 => u32::from(self.running),
            0x404 => self.reqstatus & 0xff,
            0x504 => self.crv,
            0x508 => self.rren,
            0x50c => self.config,
            // RR[n] are write-only
            0x600..0x620 => 0,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x400 | 0x404 => return Err(AccessFault::Denied),
            // Locked while it runs.
            0x504 | 0x508 | 0x50c if self.running => {}
            // CRV has a least value of 0xF.
            0x504 => self.crv = value.max(0xf),
            0x508 => {
                self.rren = value & 0xff;
                self.reqstatus = self.rren;
            }
            0x50c => self.config = value & 0x9,
            0x600..0x620 => {
                let channel = (offset as usize - 0x600) / 4;
                if value == RELOAD && self.running && channel < CHANNELS {
                    self.reqstatus &= !(1 << channel);
                    if self.reqstatus == 0 {
                        self.reload(bus);
                    }
                }
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        self.timeout = None;
        if what == WAKE_RESET {
            bus.fabric.request(Request::Reset(ResetKind::Watchdog));
            return;
        }
        self.events.raise(bus, TIMEOUT);
        // From here on no reload request helps.
        let at = bus.now() + GRACE;
        self.reqstatus = u32::MAX;
        bus.schedule(ID, WAKE_RESET, at);
    }
}
