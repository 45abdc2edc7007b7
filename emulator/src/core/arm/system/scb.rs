//! The system control block's plain registers (ARMv7-M B3.2). `exceptions` reads them.

/// Registers that only hold values written by software or left by faults.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::core::arm) struct Scb {
    pub(in crate::core::arm) vtor: u32,
    pub(in crate::core::arm) cfsr: u32,
    pub(in crate::core::arm) hfsr: u32,
    pub(in crate::core::arm) dfsr: u32,
    pub(in crate::core::arm) mmfar: u32,
    pub(in crate::core::arm) bfar: u32,
    pub(super) scr: u32,
    pub(super) ccr: u32,
    pub(in crate::core::arm) cpacr: u32,
    pub(in crate::core::arm) demcr: u32,
    pub(super) actlr: u32,
}

/// CCR bits.
const NONBASETHRDENA: u32 = 1 << 0;
const UNALIGN_TRP: u32 = 1 << 3;
const DIV_0_TRP: u32 = 1 << 4;
const STKALIGN: u32 = 1 << 9;
/// CCR bits that can be written.
pub(super) const CCR_WRITABLE: u32 = 0x31b;
/// SCR bits.
const SLEEPONEXIT: u32 = 1 << 1;
const SEVONPEND: u32 = 1 << 4;
pub(super) const SCR_WRITABLE: u32 = 0x16;
/// DEMCR.TRCENA.
const TRCENA: u32 = 1 << 24;

impl Scb {
    pub(in crate::core::arm) fn new(vtor: u32) -> Self {
        Self {
            vtor,
            cfsr: 0,
            hfsr: 0,
            dfsr: 0,
            mmfar: 0,
            bfar: 0,
            scr: 0,
            ccr: STKALIGN,
            cpacr: 0,
            demcr: 0,
            actlr: 0,
        }
    }

    #[inline(always)]
    pub(in crate::core::arm) fn traps_unaligned(&self) -> bool {
        self.ccr & UNALIGN_TRP != 0
    }

    pub(in crate::core::arm) fn traps_division_by_zero(&self) -> bool {
        self.ccr & DIV_0_TRP != 0
    }

    pub(in crate::core::arm) fn aligns_stack(&self) -> bool {
        self.ccr & STKALIGN != 0
    }

    pub(in crate::core::arm) fn allows_thread_with_active(&self) -> bool {
        self.ccr & NONBASETHRDENA != 0
    }

    pub(in crate::core::arm) fn sleeps_on_exit(&self) -> bool {
        self.scr & SLEEPONEXIT != 0
    }

    pub(in crate::core::arm) fn sends_event_on_pend(&self) -> bool {
        self.scr & SEVONPEND != 0
    }

    /// Whether the trace block (DWT) is on.
    pub(super) fn trace_enabled(&self) -> bool {
        self.demcr & TRCENA != 0
    }
}
