//! WDT and IWDT (manual chapters 25 and 26). WDT starts with its first refresh (register start mode), IWDT as OFS0 in
//! flash says. Not modelled: refresh windows, and an interrupt instead of a reset.

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, AccessSize, Fabric, Request, ResetKind};
use crate::machine::VirtualTime;

/// IWDTCLK.
const IWDT_HZ: u32 = 15_000;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Watchdog {
    token: Token,
    /// WDTCR's reset value; IWDT has no such register.
    control: u16,
    reset_control: u8,
    stop_control: u8,
    /// It can be written once, before the first refresh.
    settled: bool,
    /// 0x00 was written, 0xFF must follow.
    half: bool,
    period: Option<VirtualTime>,
}

impl Watchdog {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            control: 0x33f3,
            reset_control: 0x80,
            stop_control: 0x80,
            settled: false,
            half: false,
            period: None,
        }
    }

    /// IWDT after a reset: OFS0 decides (7.2.1).
    pub(super) fn start_iwdt(&mut self, fabric: &mut Fabric, ofs0: u32) {
        *self = Self::new(self.token);
        if ofs0 >> 1 & 1 != 0 {
            return;
        }
        let cycles = [128, 512, 1_024, 2_048][(ofs0 >> 2 & 3) as usize];
        let divider = match ofs0 >> 4 & 15 {
            0 => 1,
            2 => 16,
            3 => 32,
            4 => 64,
            5 => 256,
            _ => 128,
        };
        self.period = Some(VirtualTime::from_ticks(cycles * divider, u64::from(IWDT_HZ)));
        self.reload(fabric);
    }

    pub(super) fn read_iwdt(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match (offset, size) {
            (0x00, AccessSize::Byte) => Ok(0xff),
            // The count is not modelled; no flag outlives the reset that comes with it.
            (0x04, AccessSize::Half) => Err(AccessFault::UnmodelledUse),
            _ => Err(AccessFault::Unmapped),
        }
    }

    pub(super) fn write_iwdt(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        if offset != 0 {
            return Err(AccessFault::Unmapped);
        }
        if self.refreshed(value) && self.period.is_some() {
            self.reload(fabric);
        }
        Ok(())
    }

    pub(super) fn read_wdt(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        Ok(match (offset, size) {
            (0x00, AccessSize::Byte) => 0xff,
            (0x02, AccessSize::Half) => self.control.into(),
            (0x04, AccessSize::Half) => return Err(AccessFault::UnmodelledUse),
            (0x06, AccessSize::Byte) => self.reset_control.into(),
            (0x08, AccessSize::Byte) => self.stop_control.into(),
            (0x00..=0x08, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write_wdt(
        &mut self,
        fabric: &mut Fabric,
        pclkb: u32,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        match (offset, size) {
            (0x00, AccessSize::Byte) => {
                if self.refreshed(value) {
                    self.settled = true;
                    self.period = Some(self.wdt_period(pclkb));
                    self.reload(fabric);
                }
            }
            // Writes after the first refresh are ignored (25.2.2).
            (0x02, AccessSize::Half) | (0x06 | 0x08, AccessSize::Byte) if self.settled => {}
            (0x02, AccessSize::Half) if value & 0x3300 != 0x3300 => return Err(AccessFault::UnmodelledUse),
            (0x02, AccessSize::Half) => self.control = value as u16,
            (0x06, AccessSize::Byte) if value & 0x80 == 0 => return Err(AccessFault::UnmodelledUse),
            (0x06, AccessSize::Byte) => self.reset_control = value as u8 & 0x80,
            (0x08, AccessSize::Byte) => self.stop_control = value as u8 & 0x80,
            (0x04, AccessSize::Half) => {}
            (0x00..=0x08, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    pub(super) fn wake(fabric: &mut Fabric) {
        fabric.request(Request::Reset(ResetKind::Watchdog));
    }

    /// 0x00 then 0xFF refreshes.
    fn refreshed(&mut self, value: u32) -> bool {
        let whole = self.half && value & 0xff == 0xff;
        self.half = value & 0xff == 0;
        whole
    }

    fn wdt_period(&self, pclkb: u32) -> VirtualTime {
        let cycles = [1_024, 4_096, 8_192, 16_384][usize::from(self.control & 3)];
        let divider = match self.control >> 4 & 15 {
            1 => 4,
            4 => 64,
            6 => 512,
            7 => 2_048,
            8 => 8_192,
            _ => 128,
        };
        VirtualTime::from_ticks(cycles * divider, u64::from(pclkb.max(1)))
    }

    fn reload(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        if let Some(period) = self.period {
            fabric.schedule_in(period, self.token);
        }
    }
}
