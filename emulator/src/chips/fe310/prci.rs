//! PRCI: oscillators, PLL and the core clock derived from them (FE310-G002 manual, chapter 6 "Clock Generation").

use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

/// The board's crystal.
const HFXOSC_HZ: u64 = 16_000_000;
/// The ring oscillator at its reset trim of 16 (nominal); each step of trim is assumed to be 1/32 of it.
const HFROSC_HZ: u64 = 72_000_000;
/// The core clock after a reset: HFROSC divided by 5.
pub(super) const RESET_HZ: u32 = 14_400_000;
/// How long PLL and oscillators take to lock (6.5: at most 100 µs).
const LOCK: VirtualTime = VirtualTime::from_us(100);

const EN: u32 = 1 << 30;
const READY: u32 = 1 << 31;
const PLLSEL: u32 = 1 << 16;
const PLLREFSEL: u32 = 1 << 17;
const PLLBYPASS: u32 = 1 << 18;
const DIVBY1: u32 = 1 << 8;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Prci {
    hfrosccfg: u32,
    hfxosccfg: u32,
    pllcfg: u32,
    plloutdiv: u32,
    /// When each of them is ready.
    hfrosc_at: VirtualTime,
    hfxosc_at: VirtualTime,
    pll_at: VirtualTime,
}

impl Prci {
    pub(super) fn new() -> Self {
        Self {
            hfrosccfg: EN | 16 << 16 | 4,
            hfxosccfg: EN,
            pllcfg: PLLREFSEL | PLLBYPASS | 3 << 10 | 31 << 4 | 1,
            plloutdiv: DIVBY1,
            hfrosc_at: VirtualTime::ZERO,
            hfxosc_at: VirtualTime::ZERO,
            pll_at: VirtualTime::ZERO,
        }
    }

    pub(super) fn read(&self, fabric: &Fabric, offset: u32) -> Result<u32, AccessFault> {
        let ready = |at: VirtualTime| if fabric.now() >= at { READY } else { 0 };
        Ok(match offset {
            0x00 => {
                self.hfrosccfg
                    | if self.hfrosccfg & EN != 0 {
                        ready(self.hfrosc_at)
                    } else {
                        0
                    }
            }
            0x04 => {
                self.hfxosccfg
                    | if self.hfxosccfg & EN != 0 {
                        ready(self.hfxosc_at)
                    } else {
                        0
                    }
            }
            0x08 => {
                self.pllcfg
                    | if self.pllcfg & PLLBYPASS == 0 {
                        ready(self.pll_at)
                    } else {
                        0
                    }
            }
            0x0c => self.plloutdiv,
            0xf0 => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let lock = fabric.now() + LOCK;
        match offset {
            0x00 => {
                if value & EN != 0 && self.hfrosccfg & EN == 0 {
                    self.hfrosc_at = lock;
                }
                self.hfrosccfg = value & (EN | 0x1f << 16 | 0x3f);
            }
            0x04 => {
                if value & EN != 0 && self.hfxosccfg & EN == 0 {
                    self.hfxosc_at = lock;
                }
                self.hfxosccfg = value & EN;
            }
            0x08 => {
                let shape = PLLREFSEL | PLLBYPASS | 3 << 10 | 0x3f << 4 | 7;
                if (value ^ self.pllcfg) & shape != 0 {
                    self.pll_at = lock;
                }
                self.pllcfg = value & (PLLSEL | shape);
            }
            0x0c => self.plloutdiv = value & (DIVBY1 | 0x3f),
            0xf0 => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        let hz = self.core_hz().ok_or(AccessFault::UnmodelledUse)?;
        fabric.set_cpu_hz(hz);
        Ok(())
    }

    /// The core clock (and that of all peripherals except AON's); `None` if its source is off, and the chip would hang.
    fn core_hz(&self) -> Option<u32> {
        let hfrosc = (self.hfrosccfg & EN != 0).then(|| {
            let trim = u64::from(self.hfrosccfg >> 16 & 0x1f);
            HFROSC_HZ * (16 + trim) / 32 / u64::from((self.hfrosccfg & 0x3f) + 1)
        });
        let hfxosc = (self.hfxosccfg & EN != 0).then_some(HFXOSC_HZ);
        if self.pllcfg & PLLSEL == 0 {
            return hfrosc.map(|hz| hz as u32);
        }
        let reference = if self.pllcfg & PLLREFSEL != 0 { hfxosc } else { hfrosc }?;
        let mut hz = reference;
        if self.pllcfg & PLLBYPASS == 0 {
            let (r, f, q) = (self.pllcfg & 7, self.pllcfg >> 4 & 0x3f, self.pllcfg >> 10 & 3);
            hz = (hz / u64::from(r + 1) * 2 * u64::from(f + 1)) >> q;
        }
        if self.plloutdiv & DIVBY1 == 0 {
            hz /= 2 * u64::from((self.plloutdiv & 0x3f) + 1);
        }
        Some(hz.max(1) as u32)
    }
}
