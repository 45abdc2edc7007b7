//! Halting debug (ARMv7-M C1): what a debugger sets in the core, and its accesses to the bus.

use super::exceptions::number;
use super::run::StopReason;
use super::system::Scb;
use super::{CortexM, RunLoop};
use crate::core::fabric::{AccessFault, AccessSize, Request, ResetKind};
use crate::core::run::{catch_up, pass, serve_events};
use crate::machine::{CoreActivity, DebugAccess, VirtualTime, Watchpoint};

/// DFSR: why the core halted.
const DFSR_HALTED: u32 = 1 << 0;
pub(super) const DFSR_BKPT: u32 = 1 << 1;
const DFSR_DWTTRAP: u32 = 1 << 2;
const DFSR_VCATCH: u32 = 1 << 3;
/// DEMCR.VC_CORERESET: halt before the first instruction after a reset.
const VC_CORERESET: u32 = 1 << 0;
/// DEMCR's bits that only a power-on reset clears: the vector catches.
const VECTOR_CATCHES: u32 = 0x07f1;

/// What a debugger has set. It is no part of a snapshot.
#[derive(Clone, Debug, Default)]
pub(super) struct Debug {
    /// DHCSR.C_DEBUGEN.
    pub(super) enabled: bool,
    /// DHCSR.C_MASKINTS.
    masks_interrupts: bool,
    /// DHCSR.S_RESET_ST.
    was_reset: bool,
    breakpoints: Vec<u32>,
    watchpoints: Vec<Watchpoint>,
    /// Those that matched, one bit each.
    watched: u32,
}

impl Debug {
    /// Whether `exception` must not be taken now.
    pub(super) fn masks(&self, exception: u16) -> bool {
        self.enabled && self.masks_interrupts && exception >= number::PEND_SV
    }

    /// The core is being reset; returns what DEMCR keeps.
    pub(super) fn after_reset(&mut self, kind: ResetKind, scb: &Scb) -> u32 {
        let was_on = kind != ResetKind::PowerOn;
        if !was_on {
            *self = Self::default();
        }
        self.was_reset = true;
        if was_on { scb.demcr & VECTOR_CATCHES } else { 0 }
    }
}

impl CortexM {
    /// Halts the core for the reason that a bit of DFSR names.
    pub(super) fn debug_halt(&mut self, reason: u32) {
        self.system.scb.dfsr |= reason;
        self.sleeping = None;
        self.halted = Some(StopReason::DebugHalt);
        self.attention = true;
    }

    /// After a reset: halts if a debugger catches it.
    pub(super) fn catch_reset(&mut self) {
        if self.debug.enabled && self.system.scb.demcr & VC_CORERESET != 0 {
            self.debug_halt(DFSR_VCATCH);
        }
    }

    /// Why the core executes nothing, apart from a debugger's halt.
    pub(super) fn own_halt(&self) -> Option<StopReason> {
        self.halted.filter(|halt| *halt != StopReason::DebugHalt)
    }

    pub(in crate::core) fn has_breakpoints(&self) -> bool {
        self.debug.enabled && !self.debug.breakpoints.is_empty()
    }

    /// Halts the core if a breakpoint is at PC; returns whether it did.
    pub(in crate::core) fn halt_at_breakpoint(&mut self) -> bool {
        let pc = self.regs.pc();
        let hit = self.has_breakpoints() && self.halted.is_none() && self.debug.breakpoints.contains(&pc);
        if hit {
            self.debug_halt(DFSR_BKPT);
        }
        hit
    }

    /// A load or store of the running instruction: halts the core if a watchpoint matches. Pages that are watched are no part
    /// of the fast path, so that no access to them passes by here.
    #[inline(always)]
    pub(super) fn watch(&mut self, addr: u32, size: AccessSize, is_store: bool) {
        if !self.debug.watchpoints.is_empty() {
            self.compare(addr, size, is_store);
        }
    }

    #[cold]
    fn compare(&mut self, addr: u32, size: AccessSize, is_store: bool) {
        let matching = self.debug.watchpoints.iter().enumerate();
        let matching = matching.filter(|(_, watchpoint)| watchpoint.matches(addr, size.bytes(), is_store));
        let hits = matching.fold(0, |hits, (index, _)| hits | 1 << index);
        if hits != 0 && self.debug.enabled {
            self.debug.watched |= hits;
            self.debug_halt(DFSR_DWTTRAP);
        }
    }

    /// Memory at an aligned address, in one page.
    fn debug_load(&mut self, addr: u32, size: AccessSize) -> Option<u32> {
        let memory = self.fabric.memory_mut();
        match size {
            AccessSize::Byte => memory.load::<1>(addr).map(|[byte]| u32::from(byte)),
            AccessSize::Half => memory.load(addr).map(|bytes| u32::from(u16::from_le_bytes(bytes))),
            AccessSize::Word => memory.load(addr).map(u32::from_le_bytes),
        }
    }
}

impl DebugAccess for CortexM {
    fn read_bus(&mut self, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        if let Some(value) = self.debug_load(addr, size) {
            return Ok(value);
        }
        if let Some((target, bit)) = self.bit_band(addr, size) {
            return Ok(self.read_bus(target, size)? >> bit & 1);
        }
        self.place_fabric();
        let loaded = match Self::is_system(addr) {
            true => self.load_system(addr, size, true),
            false => self.chip.read(&mut self.fabric, addr, size),
        };
        self.attention |= self.fabric.take_attention();
        loaded
    }

    fn write_bus(&mut self, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        self.attention = true;
        let memory = self.fabric.memory_mut();
        let done = match size {
            AccessSize::Byte => memory.store(addr, [value as u8]),
            AccessSize::Half => memory.store(addr, (value as u16).to_le_bytes()),
            AccessSize::Word => memory.store(addr, value.to_le_bytes()),
        };
        if done.is_some() {
            return Ok(());
        }
        if let Some((target, bit)) = self.bit_band(addr, size) {
            let before = self.read_bus(target, size)?;
            return self.write_bus(target, before & !(1 << bit) | (value & 1) << bit, size);
        }
        let value = value & size.mask();
        self.place_fabric();
        let stored = match Self::is_system(addr) {
            true => self.store_system(addr, value, size, true),
            false => self.chip.write(&mut self.fabric, addr, value, size),
        };
        self.fabric.take_attention();
        stored
    }

    fn set_halting_debug(&mut self, enabled: bool) {
        if !enabled {
            self.fabric.skip_polls(false);
        }
        self.debug.enabled = enabled;
        if !enabled {
            self.go();
        }
    }

    fn halting_debug(&self) -> bool {
        self.debug.enabled
    }

    fn set_breakpoints(&mut self, breakpoints: &[u32]) {
        self.debug.breakpoints = breakpoints.to_vec();
    }

    fn set_watchpoints(&mut self, watchpoints: &[Watchpoint]) {
        let compares = |watchpoint: &Watchpoint| watchpoint.loads || watchpoint.stores;
        let used = watchpoints.iter().any(compares);
        self.debug.watchpoints = if used { watchpoints.to_vec() } else { Vec::new() };
        let blocks = watchpoints.iter().filter(|watchpoint| compares(watchpoint));
        let blocks = blocks.map(Watchpoint::block).collect();
        self.fabric.memory_mut().keep_slow(blocks);
    }

    fn take_watched(&mut self) -> u32 {
        std::mem::take(&mut self.debug.watched)
    }

    fn mask_interrupts(&mut self, masked: bool) {
        self.debug.masks_interrupts = masked;
    }

    fn halt(&mut self) {
        if self.halted != Some(StopReason::DebugHalt) {
            self.debug_halt(DFSR_HALTED);
        }
    }

    fn go(&mut self) {
        if self.is_debug_halted() {
            self.halted = None;
            self.attention = true;
        }
    }

    fn step_halted(&mut self) {
        if !self.is_debug_halted() {
            return;
        }
        self.halted = None;
        // An exception that is pending is taken first, and its handler's first instruction is executed.
        if catch_up(self).is_none() {
            let stalled_until = self.clock.cycle_at(self.fabric.stalled_until());
            if self.cycles < stalled_until {
                pass(self, stalled_until);
            }
            self.step();
        }
        if self.halted != Some(StopReason::DebugHalt) {
            self.debug_halt(DFSR_HALTED);
        }
    }

    fn core_activity(&self) -> CoreActivity {
        match self.halted {
            Some(StopReason::DebugHalt) => CoreActivity::Halted,
            Some(StopReason::Lockup(_)) => CoreActivity::LockedUp,
            Some(_) => CoreActivity::Off,
            None if self.sleeping.is_some() => CoreActivity::Sleeping,
            None => CoreActivity::Running,
        }
    }

    fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.debug.was_reset)
    }

    fn skip_polls(&mut self) {
        self.fabric.skip_polls(true);
    }

    fn pass_time(&mut self, span: VirtualTime) {
        let end = self.clock.cycle_at(self.now().saturating_add(span));
        while self.is_debug_halted() && self.cycles < end {
            let due = RunLoop::next_due(self).clamp(self.cycles + 1, end);
            self.slept += due - self.cycles;
            pass(self, due);
            serve_events(self);
            if let Some(Request::Reset(kind)) = self.fabric.take_request() {
                self.reset(kind);
            }
        }
    }
}
