//! RNG (RM0090 chapter 24): a word every 40 periods of the PLL's 48 MHz output, drawn from the machine's recorded seed.

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

const RNGEN: u32 = 1 << 2;
const IE: u32 = 1 << 3;
const DRDY: u32 = 1 << 0;
/// Clock error: current (CECS), and latched since it was last cleared (CEIS).
const CECS: u32 = 1 << 1;
const CEIS: u32 = 1 << 5;
const PERIODS: u64 = 40;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Rng {
    token: Token,
    cr: u32,
    /// CEIS; seed errors do not happen here.
    clock_failed: bool,
    /// When the next word is ready; `None` without a clock.
    ready: Option<VirtualTime>,
}

impl Rng {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            cr: 0,
            clock_failed: false,
            ready: None,
        }
    }

    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        *self = Self::new(self.token);
    }

    pub(super) fn interrupt(&self, now: VirtualTime) -> bool {
        self.cr & IE != 0 && (self.is_ready(now) || self.clock_failed)
    }

    pub(super) fn read(&mut self, fabric: &mut Fabric, clock: Option<u32>, offset: u32) -> Result<u32, AccessFault> {
        let now = fabric.now();
        Ok(match offset {
            0x00 => self.cr,
            0x04 => {
                let stands = if self.cr & RNGEN != 0 && clock.is_none() {
                    CECS
                } else {
                    0
                };
                let failed = if self.clock_failed { CEIS } else { 0 };
                (u32::from(self.is_ready(now)) * DRDY) | stands | failed
            }
            0x08 if self.is_ready(now) => {
                let mut bytes = [0; 4];
                fabric.entropy(&mut bytes);
                self.go_on(fabric, clock);
                u32::from_le_bytes(bytes)
            }
            0x08 => 0,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        clock: Option<u32>,
        offset: u32,
        value: u32,
    ) -> Result<(), AccessFault> {
        match offset {
            0x00 => {
                let rises = value & !self.cr & RNGEN != 0;
                self.cr = value & (RNGEN | IE);
                if rises {
                    self.go_on(fabric, clock);
                } else if self.cr & RNGEN == 0 {
                    self.ready = None;
                }
                // A word that is already ready interrupts as soon as interrupts are enabled.
                fabric.schedule(self.ready.unwrap_or(fabric.now()), self.token);
            }
            // The flags are cleared by writing zero.
            0x04 => self.clock_failed &= value & CEIS != 0,
            0x08 => return Err(AccessFault::Denied),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn is_ready(&self, now: VirtualTime) -> bool {
        self.cr & RNGEN != 0 && self.ready.is_some_and(|at| now >= at)
    }

    fn go_on(&mut self, fabric: &mut Fabric, clock: Option<u32>) {
        self.clock_failed |= clock.is_none();
        self.ready = clock.map(|hz| fabric.now() + VirtualTime::from_ticks(PERIODS, u64::from(hz)));
        if self.cr & IE != 0
            && let Some(at) = self.ready
        {
            fabric.schedule(at, self.token);
        }
    }
}
