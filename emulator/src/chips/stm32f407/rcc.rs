//! RCC (RM0090 chapter 7): oscillators and their start-up times, the PLLs, the clock tree, clock enables, peripheral
//! resets, and reset flags.

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric, ResetKind};
use crate::machine::VirtualTime;

const HSI_HZ: u32 = 16_000_000;
/// The crystal on ST's Discovery boards. There is none at the LSE pins (UM1472 6.10.2).
const HSE_HZ: u32 = 8_000_000;
/// The low-speed RC oscillator's typical frequency (datasheet table 36).
pub(super) const LSI_HZ: u64 = 32_000;

/// Typical start-up times (datasheet tables 31, 35, 36, 37). The typical 2 ms of HSE are those of a slower crystal: on ST's
/// boards it is ready before ST's start-up code gives up after 1.3 ms, and goes on with HSI without a word.
const HSI_STARTS: VirtualTime = VirtualTime::from_ns(2_200);
const HSE_STARTS: VirtualTime = VirtualTime::from_us(800);
const LSI_STARTS: VirtualTime = VirtualTime::from_us(15);
const PLL_LOCKS: VirtualTime = VirtualTime::from_us(100);

const HSION: u32 = 1 << 0;
const HSEON: u32 = 1 << 16;
const HSEBYP: u32 = 1 << 18;
const CSSON: u32 = 1 << 19;
const PLLON: u32 = 1 << 24;
const PLLI2SON: u32 = 1 << 26;
const HSITRIM: u32 = 0x1f << 3;
const LSION: u32 = 1;
const RMVF: u32 = 1 << 24;
/// BDCR.
const RTCSEL: u32 = 3 << 8;
const RTCSEL_LSI: u32 = 2 << 8;
const RTCEN: u32 = 1 << 15;
const BDRST: u32 = 1 << 16;

/// Reset flags in CSR.
const PINRSTF: u32 = 1 << 26;
const SFTRSTF: u32 = 1 << 28;
const IWDGRSTF: u32 = 1 << 29;
const POWER_ON_FLAGS: u32 = 0x0e00_0000;

/// AHB1, AHB2, AHB3, APB1, APB2: places in the lists of enables and resets.
const BUSES: usize = 5;
pub(super) const AHB1: usize = 0;
pub(super) const AHB2: usize = 1;
pub(super) const APB1: usize = 3;
pub(super) const APB2: usize = 4;
/// Bits that exist in the enable registers of an STM32F407 (7.3.10 to 7.3.14).
const ENABLES: [u32; BUSES] = [0x7e74_11ff, 0xf1, 1, 0x36fe_c9ff, 0x0007_5f33];
const LOW_POWER_ENABLES: [u32; BUSES] = [0x7e67_91ff, 0xf1, 1, 0x36fe_c9ff, 0x0007_5f33];
/// The clock of CCM data RAM is on.
const AHB1_ENABLED: u32 = 0x0010_0000;

/// The frequencies that follow from the registers, in Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Clocks {
    pub(super) hclk: u32,
    /// APB1 and APB2.
    pub(super) pclk: [u32; 2],
    /// Clocks of the timers on APB1 and APB2: twice the bus's clock if that is divided.
    pub(super) timer: [u32; 2],
    /// The PLL's output for USB and RNG; `None` if it is off.
    pub(super) pll48: Option<u32>,
}

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Rcc {
    token: Token,
    /// The enable bits of CR, without the ready bits.
    cr: u32,
    pllcfgr: u32,
    plli2scfgr: u32,
    sscgr: u32,
    /// CFGR without SWS.
    cfgr: u32,
    /// The system clock: 0 HSI, 1 HSE, 2 PLL.
    source: u32,
    hsi_ready: VirtualTime,
    hse_ready: VirtualTime,
    pll_ready: VirtualTime,
    plli2s_ready: VirtualTime,
    lsi_on: bool,
    lsi_ready: VirtualTime,
    bdcr: u32,
    flags: u32,
    resets: [u32; BUSES],
    enables: [u32; BUSES],
    low_power: [u32; BUSES],
}

impl Rcc {
    pub(super) fn new(token: Token) -> Self {
        let mut enables = [0; BUSES];
        enables[AHB1] = AHB1_ENABLED;
        Self {
            token,
            cr: 0x81 & !HSITRIM | 0x80,
            pllcfgr: 0x2400_3010,
            plli2scfgr: 0x2000_3000,
            sscgr: 0,
            cfgr: 0,
            source: 0,
            hsi_ready: VirtualTime::ZERO,
            hse_ready: VirtualTime::ZERO,
            pll_ready: VirtualTime::ZERO,
            plli2s_ready: VirtualTime::ZERO,
            lsi_on: false,
            lsi_ready: VirtualTime::ZERO,
            bdcr: 0,
            flags: POWER_ON_FLAGS,
            resets: [0; BUSES],
            enables,
            low_power: LOW_POWER_ENABLES,
        }
    }

    /// Reset. The reset flags accumulate until they are removed; the backup domain is reset only at power-on. NRST goes
    /// low with each reset inside the chip, so PINRSTF is set with every flag (7.1.1).
    pub(super) fn reset(&mut self, kind: ResetKind) {
        let cause = match kind {
            ResetKind::PowerOn => POWER_ON_FLAGS,
            ResetKind::Software => SFTRSTF | PINRSTF,
            ResetKind::Watchdog => IWDGRSTF | PINRSTF,
            ResetKind::Pin | ResetKind::Lockup | ResetKind::WakeUp => PINRSTF,
        };
        let (flags, bdcr) = match kind {
            ResetKind::PowerOn => (0, 0),
            _ => (self.flags, self.bdcr),
        };
        *self = Self {
            flags: flags | cause,
            bdcr,
            ..Self::new(self.token)
        };
    }

    pub(super) fn clocks(&self, now: VirtualTime) -> Clocks {
        let system = match self.source {
            0 => HSI_HZ,
            1 => HSE_HZ,
            _ => self.pll_hz(),
        };
        let hclk = system / ahb_divider(self.cfgr >> 4 & 15);
        let dividers = [10, 13].map(|shift| apb_divider(self.cfgr >> shift & 7));
        let pll_runs = self.cr & PLLON != 0 && now >= self.pll_ready;
        let q = (self.pllcfgr >> 24 & 15).max(1);
        Clocks {
            hclk,
            pclk: dividers.map(|divider| hclk / divider),
            timer: dividers.map(|divider| if divider == 1 { hclk } else { hclk / divider * 2 }),
            pll48: pll_runs.then(|| self.vco_hz() / q),
        }
    }

    /// Whether a peripheral's clock is on.
    pub(super) fn is_enabled(&self, bus: usize, bit: u32) -> bool {
        self.enables[bus] >> bit & 1 != 0
    }

    /// Whether a peripheral is held in reset.
    pub(super) fn is_held(&self, bus: usize, bit: u32) -> bool {
        self.resets[bus] >> bit & 1 != 0
    }

    /// The watchdog needs LSI and switches it on (21.3).
    /// The clock of RTC: LSI, where it is selected and runs. LSE has no crystal, and HSE is not modelled there.
    pub(super) fn rtc_hz(&self) -> Option<u32> {
        let selected = self.bdcr & (RTCEN | RTCSEL) == RTCEN | RTCSEL_LSI;
        (selected && self.lsi_on).then_some(LSI_HZ as u32)
    }

    pub(super) fn backup_is_in_reset(&self) -> bool {
        self.bdcr & BDRST != 0
    }

    pub(super) fn force_lsi(&mut self, now: VirtualTime) {
        if !self.lsi_on {
            self.lsi_on = true;
            self.lsi_ready = now + LSI_STARTS;
        }
    }

    pub(super) fn read(&self, now: VirtualTime, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => {
                let ready = |on: u32, at: VirtualTime| if self.cr & on != 0 && now >= at { on << 1 } else { 0 };
                self.cr
                    | ready(HSION, self.hsi_ready)
                    | ready(HSEON, self.hse_ready)
                    | ready(PLLON, self.pll_ready)
                    | ready(PLLI2SON, self.plli2s_ready)
            }
            0x04 => self.pllcfgr,
            0x08 => self.cfgr | self.source << 2,
            0x0c => 0,
            0x70 => self.bdcr,
            0x74 => {
                let ready = self.lsi_on && now >= self.lsi_ready;
                self.flags | u32::from(self.lsi_on) | u32::from(ready) << 1
            }
            0x80 => self.sscgr,
            0x84 => self.plli2scfgr,
            _ => {
                let (list, bus) = bus_register(offset).ok_or(AccessFault::Unmapped)?;
                [&self.resets, &self.enables, &self.low_power][list][bus]
            }
        })
    }

    /// `unprotected`: PWR lets the backup domain be written.
    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        offset: u32,
        value: u32,
        unprotected: bool,
    ) -> Result<(), AccessFault> {
        match offset {
            0x00 => self.switch(fabric, value)?,
            // Locked while the PLL is on (7.3.2).
            0x04 if self.cr & PLLON != 0 => return Err(AccessFault::UnmodelledUse),
            0x04 => self.pllcfgr = value & 0x0f43_7fff | 0x2000_0000,
            0x08 => {
                self.cfgr = value & 0xffff_fcf3;
                self.choose(fabric)?;
            }
            // Ready interrupts are not raised here; their clear bits do nothing.
            0x0c if value & 0x3f00 != 0 => return Err(AccessFault::UnmodelledUse),
            0x0c => {}
            0x70 if !unprotected => {}
            // BDRST
            0x70 if value & BDRST != 0 => self.bdcr = BDRST,
            // LSEON is stored, but LSE never becomes ready: there is no crystal.
            0x70 if value & (RTCEN | RTCSEL) == RTCEN | RTCSEL => return Err(AccessFault::UnmodelledUse),
            0x70 => self.bdcr = value & 0x0000_8305,
            0x74 => {
                if value & LSION == 0 {
                    self.lsi_on = false;
                } else {
                    self.force_lsi(fabric.now());
                }
                if value & RMVF != 0 {
                    self.flags = 0;
                }
            }
            0x80 if value & 1 << 31 != 0 => return Err(AccessFault::UnmodelledUse),
            0x80 => self.sscgr = value,
            0x84 => self.plli2scfgr = value & 0x7000_7fc0,
            _ => {
                let (list, bus) = bus_register(offset).ok_or(AccessFault::Unmapped)?;
                let mask = [ENABLES, ENABLES, LOW_POWER_ENABLES][list][bus];
                [&mut self.resets, &mut self.enables, &mut self.low_power][list][bus] = value & mask;
            }
        }
        Ok(())
    }

    /// The source that was chosen may be ready now.
    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        if let Err(fault) = self.choose(fabric) {
            fabric.log_fault(
                super::map::RCC + 0x08,
                crate::core::fabric::AccessSize::Word,
                Some(self.cfgr),
                fault,
            );
        }
    }

    fn switch(&mut self, fabric: &mut Fabric, value: u32) -> Result<(), AccessFault> {
        if value & CSSON != 0 {
            return Err(AccessFault::UnmodelledUse);
        }
        let mut wanted = value & (HSION | HSITRIM | HSEON | HSEBYP | PLLON | PLLI2SON);
        // The source of the system clock cannot be switched off (7.3.1).
        wanted |= match self.source {
            0 => HSION,
            1 => HSEON,
            _ if self.pllcfgr & 1 << 22 != 0 => PLLON | HSEON,
            _ => PLLON | HSION,
        };
        let now = fabric.now();
        let rises = wanted & !self.cr;
        // The factory calibration, with a typical value of ST's parts; nothing computes with it.
        self.cr = wanted;
        if rises & HSION != 0 {
            self.hsi_ready = now + HSI_STARTS;
        }
        if rises & HSEON != 0 {
            self.hse_ready = now + HSE_STARTS;
        }
        let source_ready = match self.pllcfgr & 1 << 22 {
            0 if self.cr & HSION != 0 => self.hsi_ready,
            0 => VirtualTime::MAX,
            _ if self.cr & HSEON != 0 => self.hse_ready,
            _ => VirtualTime::MAX,
        };
        let locks = now.max(source_ready).saturating_add(PLL_LOCKS);
        if rises & PLLON != 0 {
            self.check_pll()?;
            self.pll_ready = locks;
        }
        if rises & PLLI2SON != 0 {
            self.plli2s_ready = locks;
        }
        self.choose(fabric)
    }

    /// The limits of 7.3.2: outside them the PLL's real output differs from the computed one.
    fn check_pll(&self) -> Result<(), AccessFault> {
        let m = self.pllcfgr & 0x3f;
        let n = self.pllcfgr >> 6 & 0x1ff;
        let input = self.pll_source_hz() / m.max(1);
        let ok = (2..=63).contains(&m) && (50..=432).contains(&n) && (950_000..=2_100_000).contains(&input);
        if ok { Ok(()) } else { Err(AccessFault::UnmodelledUse) }
    }

    /// Switches the system clock to SW's source, at once or when the source is ready.
    fn choose(&mut self, fabric: &mut Fabric) -> Result<(), AccessFault> {
        fabric.cancel_token(self.token);
        let (on, at) = match self.cfgr & 3 {
            0 => (HSION, self.hsi_ready),
            1 => (HSEON, self.hse_ready),
            2 => (PLLON, self.pll_ready),
            _ => return Err(AccessFault::UnmodelledUse),
        };
        if self.cr & on == 0 || at == VirtualTime::MAX {
            // It is waited for.
        } else if fabric.now() >= at {
            self.source = self.cfgr & 3;
        } else {
            fabric.schedule(at, self.token);
        }
        let hclk = self.clocks(fabric.now()).hclk;
        fabric.set_cpu_hz(hclk);
        Ok(())
    }

    fn pll_source_hz(&self) -> u32 {
        if self.pllcfgr & 1 << 22 == 0 { HSI_HZ } else { HSE_HZ }
    }

    fn vco_hz(&self) -> u32 {
        let (m, n) = (u64::from(self.pllcfgr & 0x3f), u64::from(self.pllcfgr >> 6 & 0x1ff));
        (u64::from(self.pll_source_hz()) * n / m.max(1)) as u32
    }

    fn pll_hz(&self) -> u32 {
        self.vco_hz() / (2 * ((self.pllcfgr >> 16 & 3) + 1))
    }
}

/// The kind of register, resets (0), enables (1) or low-power enables (2), and its bus.
fn bus_register(offset: u32) -> Option<(usize, usize)> {
    let list = match offset {
        0x10..0x28 => 0,
        0x30..0x48 => 1,
        0x50..0x68 => 2,
        _ => return None,
    };
    let bus = match (offset - 0x10) & 0x1f {
        0x00 => 0,
        0x04 => 1,
        0x08 => 2,
        0x10 => 3,
        0x14 => 4,
        _ => return None,
    };
    Some((list, bus))
}

fn ahb_divider(hpre: u32) -> u32 {
    match hpre {
        0..8 => 1,
        8..12 => 2 << (hpre - 8),
        _ => 64 << (hpre - 12),
    }
}

fn apb_divider(ppre: u32) -> u32 {
    if ppre < 4 { 1 } else { 2 << (ppre - 4) }
}
