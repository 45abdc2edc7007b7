//! The platform-level interrupt controller (RISC-V PLIC specification 1.0.0; SiFive FE310-G002 manual, chapter 10) for
//! one hart in machine mode, driving interrupt line 11.

use crate::core::fabric::{AccessFault, AccessSize, Fabric};

/// Interrupt line, as a bit of `mip`.
const MEI: u16 = 11;
/// Limit of interrupt sources, including the absent source 0.
const SOURCES_MAX: usize = 64;

/// Registers, as offsets.
const PENDING: u32 = 0x1000;
const ENABLE: u32 = 0x2000;
const THRESHOLD: u32 = 0x20_0000;
const CLAIM: u32 = 0x20_0004;

/// A PLIC.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Plic {
    /// Source numbers are 1 to this.
    sources: u32,
    priority_max: u32,
    #[serde(with = "crate::core::array")]
    priority: [u8; SOURCES_MAX],
    threshold: u32,
    /// One bit per source: its wire, its gateway's request, whether it is enabled, whether it is claimed and not
    /// completed.
    level: u64,
    pending: u64,
    enabled: u64,
    claimed: u64,
}

impl Plic {
    /// Length of its register space in bytes.
    pub const BYTES: u32 = 0x400_0000;

    /// A PLIC with sources 1 to `sources` (63 at most) and priorities 0 to `priority_max` (a power of two less one).
    pub fn new(sources: u32, priority_max: u32) -> Self {
        Self {
            sources: sources.min(SOURCES_MAX as u32 - 1),
            priority_max,
            priority: [0; SOURCES_MAX],
            threshold: 0,
            level: 0,
            pending: 0,
            enabled: 0,
            claimed: 0,
        }
    }

    /// Everything as after a reset.
    pub fn reset(&mut self) {
        *self = Self::new(self.sources, self.priority_max);
    }

    /// The wire of `source`: while it is high the gateway requests an interrupt, one at a time.
    pub fn set_level(&mut self, fabric: &mut Fabric, source: u32, level: bool) {
        let bit = self.bit(source);
        self.level = if level { self.level | bit } else { self.level & !bit };
        self.forward(fabric);
    }

    /// A load from the register at `offset`. Reading the claim register claims.
    ///
    /// # Errors
    /// [`AccessFault`].
    pub fn read(&mut self, fabric: &mut Fabric, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        if size != AccessSize::Word {
            return Err(AccessFault::Width);
        }
        Ok(match offset {
            0..PENDING if self.has(offset / 4) => u32::from(self.priority[offset as usize / 4]),
            PENDING => self.pending as u32,
            0x1004 => (self.pending >> 32) as u32,
            ENABLE => self.enabled as u32,
            0x2004 => (self.enabled >> 32) as u32,
            THRESHOLD => self.threshold,
            CLAIM => self.claim(fabric),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    /// A store to the register at `offset`. Writing the claim register completes.
    ///
    /// # Errors
    /// [`AccessFault`].
    pub fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        if size != AccessSize::Word {
            return Err(AccessFault::Width);
        }
        let present = (u64::MAX >> (63 - self.sources)) & !1;
        match offset {
            0..PENDING if self.has(offset / 4) => {
                self.priority[offset as usize / 4] = (value & self.priority_max) as u8
            }
            // Pending bits are read-only: a write is ignored.
            PENDING | 0x1004 => {}
            ENABLE => self.enabled = (self.enabled & !0xffff_ffff | u64::from(value)) & present,
            0x2004 => self.enabled = (self.enabled & 0xffff_ffff | u64::from(value) << 32) & present,
            THRESHOLD => self.threshold = value & self.priority_max,
            // A completion of a source that is not enabled is ignored (1.0.0, chapter 9).
            CLAIM if self.enabled & self.bit(value) != 0 => self.claimed &= !self.bit(value),
            CLAIM => {}
            _ => return Err(AccessFault::Unmapped),
        }
        self.forward(fabric);
        Ok(())
    }

    fn has(&self, source: u32) -> bool {
        (1..=self.sources).contains(&source)
    }

    fn bit(&self, source: u32) -> u64 {
        if self.has(source) { 1 << source } else { 0 }
    }

    /// Gateways forward a request once the previous one was completed; the hart sees any above the threshold.
    fn forward(&mut self, fabric: &mut Fabric) {
        self.pending |= self.level & !self.claimed;
        let best = self.best();
        let urgent = best.is_some_and(|source| u32::from(self.priority[source as usize]) > self.threshold);
        fabric.set_irq(MEI, urgent);
    }

    /// The enabled pending source of highest priority, the lowest number among equals; never one of priority 0.
    fn best(&self) -> Option<u32> {
        let mut waiting = self.pending & self.enabled;
        let mut best = None;
        let mut best_priority = 0;
        while waiting != 0 {
            let source = waiting.trailing_zeros();
            let priority = self.priority[source as usize];
            if priority > best_priority {
                (best, best_priority) = (Some(source), priority);
            }
            waiting &= waiting - 1;
        }
        best
    }

    /// A claim ignores the threshold (1.0.0, chapter 8).
    fn claim(&mut self, fabric: &mut Fabric) -> u32 {
        let Some(source) = self.best() else { return 0 };
        self.pending &= !(1 << source);
        self.claimed |= 1 << source;
        self.forward(fabric);
        source
    }
}
