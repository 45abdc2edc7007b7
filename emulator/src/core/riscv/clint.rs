//! The core-local interruptor (SiFive FE310-G002 manual, chapter 9 "Core-Local Interruptor"): `msip`, `mtimecmp`,
//! `mtime` for one hart, driving interrupt lines 3 and 7.

use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, AccessSize, Fabric};
use crate::machine::VirtualTime;

/// Interrupt lines, as bits of `mip`.
const MSI: u16 = 3;
const MTI: u16 = 7;

/// Registers, as offsets.
const MSIP: u32 = 0;
const MTIMECMP: u32 = 0x4000;
const MTIME: u32 = 0xbff8;

/// A CLINT. Its chip calls [`Self::wake`] when the event with its token is due.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Clint {
    /// Frequency of `mtime`.
    hz: u64,
    token: Token,
    /// `mtime` less the ticks since power-on.
    offset: u64,
    mtimecmp: u64,
    event: Option<EventId>,
}

impl Clint {
    /// Length of its register space in bytes.
    pub const BYTES: u32 = 0x1_0000;

    /// A CLINT whose time counts `hz` ticks a second and whose events have `token`.
    pub fn new(hz: u64, token: Token) -> Self {
        Self {
            hz,
            token,
            offset: 0,
            // The manual leaves the value open; with this one nothing is pending.
            mtimecmp: u64::MAX,
            event: None,
        }
    }

    /// `mtime` starts at zero; events and interrupt lines were dropped with the reset.
    pub fn reset(&mut self, fabric: &Fabric) {
        *self = Self::new(self.hz, self.token);
        self.offset = 0_u64.wrapping_sub(fabric.now().ticks(self.hz));
    }

    /// `mtime`.
    pub fn time(&self, fabric: &Fabric) -> u64 {
        fabric.now().ticks(self.hz).wrapping_add(self.offset)
    }

    /// A load from the register at `offset`.
    ///
    /// # Errors
    /// [`AccessFault`].
    pub fn read(&self, fabric: &Fabric, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        words_only(size)?;
        let time = self.time(fabric);
        Ok(match offset {
            MSIP => u32::from(fabric.irq_level(MSI)),
            MTIMECMP => self.mtimecmp as u32,
            _ if offset == MTIMECMP + 4 => (self.mtimecmp >> 32) as u32,
            MTIME => time as u32,
            _ if offset == MTIME + 4 => (time >> 32) as u32,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    /// A store to the register at `offset`.
    ///
    /// # Errors
    /// [`AccessFault`].
    pub fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        words_only(size)?;
        let low = |old: u64| old & !0xffff_ffff | u64::from(value);
        let high = |old: u64| old & 0xffff_ffff | u64::from(value) << 32;
        let time = self.time(fabric);
        match offset {
            MSIP => fabric.set_irq(MSI, value & 1 != 0),
            MTIMECMP => self.mtimecmp = low(self.mtimecmp),
            _ if offset == MTIMECMP + 4 => self.mtimecmp = high(self.mtimecmp),
            MTIME => self.offset = self.offset.wrapping_add(low(time).wrapping_sub(time)),
            _ if offset == MTIME + 4 => self.offset = self.offset.wrapping_add(high(time).wrapping_sub(time)),
            _ => return Err(AccessFault::Unmapped),
        }
        self.update(fabric);
        Ok(())
    }

    /// The event of its token is due.
    pub fn wake(&mut self, fabric: &mut Fabric) {
        self.event = None;
        self.update(fabric);
    }

    /// MTIP is a level: `mtime >= mtimecmp`.
    fn update(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        let time = self.time(fabric);
        fabric.set_irq(MTI, time >= self.mtimecmp);
        if time < self.mtimecmp {
            // If it is beyond the end of virtual time, it never comes.
            let ticks = fabric.now().ticks(self.hz).checked_add(self.mtimecmp - time);
            let last = VirtualTime::MAX.ticks(self.hz);
            if let Some(ticks) = ticks.filter(|ticks| *ticks < last) {
                self.event = Some(fabric.schedule(VirtualTime::from_ticks(ticks, self.hz), self.token));
            }
        }
    }
}

fn words_only(size: AccessSize) -> Result<(), AccessFault> {
    match size {
        AccessSize::Word => Ok(()),
        _ => Err(AccessFault::Width),
    }
}
