//! Traps: exceptions and interrupts, their entry and return (priv 3.1.6 to 3.1.16, 3.3.2).

use super::{RiscV, StopReason, cycles};
use crate::machine::VirtualTime;

/// Why a trap was taken synchronously: `mcause` without the interrupt bit (priv, table 3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u32)]
pub enum Cause {
    /// 1: there is no memory to fetch from, or the PMP forbids it.
    #[error("instruction access fault")]
    InstructionAccess = 1,
    /// 2.
    #[error("illegal instruction")]
    IllegalInstruction = 2,
    /// 3: EBREAK.
    #[error("breakpoint")]
    Breakpoint = 3,
    /// 4.
    #[error("load address misaligned")]
    LoadMisaligned = 4,
    /// 5: the bus or the PMP refuses a load.
    #[error("load access fault")]
    LoadAccess = 5,
    /// 6.
    #[error("store/AMO address misaligned")]
    StoreMisaligned = 6,
    /// 7: the bus or the PMP refuses a store.
    #[error("store/AMO access fault")]
    StoreAccess = 7,
    /// 8.
    #[error("environment call from user mode")]
    CallFromUser = 8,
    /// 11.
    #[error("environment call from machine mode")]
    CallFromMachine = 11,
}

/// A synchronous trap on its way: cause and `mtval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trap {
    pub(super) cause: Cause,
    pub(super) value: u32,
}

impl Trap {
    pub(super) fn new(cause: Cause, value: u32) -> Self {
        Self { cause, value }
    }
}

/// A fault that the guest took, as a diagnostic for people: the guest's own handler may hide it. ECALL and EBREAK are
/// not faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrapTaken {
    /// When.
    pub at: VirtualTime,
    /// The instruction (`mepc`).
    pub pc: u32,
    /// `ra` then: in a leaf function, the caller.
    pub ra: u32,
    /// The fault.
    pub cause: Cause,
    /// `mtval`: the address, or the instruction.
    pub value: u32,
    /// The name of the code at `pc`, if the chip knows it: a ROM function that is not modelled.
    pub place: Option<&'static str>,
    /// The handler's first instruction traps again and again.
    pub endless: bool,
}

impl std::fmt::Display for TrapTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.cause {
            Cause::IllegalInstruction => format!("{} {:#x}", self.cause, self.value),
            _ => format!("{} ({:#010x})", self.cause, self.value),
        };
        let place = self
            .place
            .map_or_else(String::new, |name| format!(", the ROM's {name}, which is not modelled"));
        write!(
            f,
            "{what} at {:#010x}{place} (ra {:#010x}), {} s",
            self.pc, self.ra, self.at
        )
    }
}

/// `mcause` of interrupts.
const INTERRUPT: u32 = 1 << 31;
const TRAP_LOG_MAX: usize = 256;

impl RiscV {
    /// Takes a synchronous trap of the instruction at pc. It does not retire.
    pub(super) fn take_trap(&mut self, trap: Trap) {
        let Trap { cause, value } = trap;
        if self.repeats_trap(trap) {
            return self.stay_trapped(trap);
        }
        let told = !matches!(cause, Cause::Breakpoint | Cause::CallFromUser | Cause::CallFromMachine);
        let told = told && self.repeats.admit((self.regs.pc, cause));
        if told && self.traps_taken.len() < TRAP_LOG_MAX {
            self.traps_taken.push(TrapTaken {
                at: self.now(),
                pc: self.regs.pc,
                ra: self.regs.x[1],
                cause,
                value,
                place: self.chip.place_name(self.regs.pc),
                endless: false,
            });
        }
        self.csrs.instret.skip();
        self.enter(cause as u32, value);
        self.regs.pc = self.csrs.vector_base();
    }

    /// Whether the first instruction of the trap handler traps as it did the last time: machine mode, no interrupt can be
    /// taken, and nothing changes for the next time.
    fn repeats_trap(&self, trap: Trap) -> bool {
        let csrs = &self.csrs;
        let same = (csrs.mepc, csrs.mcause, csrs.mtval) == (self.regs.pc, trap.cause as u32, trap.value);
        same && self.regs.pc == csrs.vector_base() && !self.user && csrs.trapped_from_machine()
    }

    /// The core traps without end, as an Arm core locks up. Time passes until an event of the chip: a watchdog may end it.
    /// Without any, the run ends.
    fn stay_trapped(&mut self, trap: Trap) {
        let pc = self.regs.pc;
        self.csrs.instret.skip();
        self.cycles += u64::from(cycles::TRAP_ENTRY);
        self.attention = true;
        if self.repeats.admit(("lockup", pc)) && self.traps_taken.len() < TRAP_LOG_MAX {
            self.traps_taken.push(TrapTaken {
                at: self.now(),
                pc,
                ra: self.regs.x[1],
                cause: trap.cause,
                value: trap.value,
                place: None,
                endless: true,
            });
        }
        match self.fabric.next_event_at() {
            VirtualTime::MAX => {
                self.place_fabric();
                self.halted = Some(StopReason::Lockup { pc });
            }
            next => self.fabric.stall_until(next),
        }
    }

    /// The interrupt to take now, if any: MEI, MSI, MTI in this order (priv 3.1.9), and before them the platform's own,
    /// the highest first.
    pub(super) fn interrupting(&self) -> Option<u32> {
        let pending = self.pending();
        if pending == 0 || !(self.user || self.csrs.interrupts_enabled()) {
            return None;
        }
        let own = pending & !0xffff;
        if own != 0 {
            return Some(own.ilog2());
        }
        let standard = [11, 3, 7].into_iter().find(|line| pending & 1 << line != 0);
        standard.or(Some(pending.ilog2()))
    }

    /// Takes interrupt `line` before the instruction at pc.
    pub(super) fn take_interrupt(&mut self, line: u32) {
        self.enter(INTERRUPT | line, 0);
        let base = self.csrs.vector_base();
        self.regs.pc = match self.csrs.vectored() {
            true => base.wrapping_add(4 * line),
            false => base,
        };
    }

    /// Enabled interrupts that are pending, even if they may not be taken.
    pub(super) fn pending(&self) -> u32 {
        self.csrs.mie & self.interrupt_lines()
    }

    /// `mip`.
    pub(super) fn interrupt_lines(&self) -> u32 {
        self.fabric.irq_lines().levels()[0] & self.options.interrupts
    }

    fn enter(&mut self, cause: u32, value: u32) {
        self.csrs.mepc = self.regs.pc;
        self.csrs.mcause = cause;
        self.csrs.mtval = value;
        self.csrs.push_mode(self.user);
        self.user = false;
        self.reservation = None;
        self.cycles += u64::from(cycles::TRAP_ENTRY);
        self.record_exception(cause);
        self.attention = true;
        self.update_guard();
    }

    /// MRET: returns the address of the next instruction.
    pub(super) fn return_from_trap(&mut self) -> u32 {
        self.record_exception_return();
        self.user = self.csrs.pop_mode();
        self.reservation = None;
        self.attention = true;
        self.update_guard();
        self.csrs.mepc
    }

    /// The PMP is checked in user mode, and for machine mode's accesses on behalf of user mode (priv 3.7.1).
    pub(super) fn update_guard(&mut self) {
        self.guarded = self.pmp.has_entries() && self.data_as_user();
    }

    /// The PMP was written. If entries are locked, now or before, earlier fast paths are no longer valid.
    pub(super) fn update_locks(&mut self) {
        let locked = self.pmp.binds_machine_mode();
        if locked || self.locked {
            self.fabric.memory_mut().distrust();
        }
        self.locked = locked;
    }

    /// Whether loads and stores are checked with user mode's rights (`mstatus.MPRV`).
    pub(super) fn data_as_user(&self) -> bool {
        self.user || self.csrs.modifies_privilege()
    }
}
