//! RV32 in the shared run loop ([`crate::core::run`]): why it stops, when it sleeps and wakes, and which interrupts it
//! takes.

use super::code::{BLOCK_BYTES_MAX, Slot, decode_block, decode_slot};
use super::exec::Flow;
use super::pmp::Want;
use super::trap::{Cause, Trap};
use super::{RiscV, cycles};
use crate::core::dispatch::{self, Slot as _};
use crate::core::fabric::ResetKind;
use crate::core::limits::Limits;
use crate::core::memory::PAGE_BYTES;
use crate::core::run::{self, CommonStop, Parts, RunLoop};
use crate::core::semihosting::{self, Outcome};
use crate::debug::profile::Watched;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum StopReason {
    /// [`Limits::until`] is reached.
    Time,
    /// [`Limits::instructions`] is reached.
    Instructions,
    /// Asleep with [`Limits::stop_when_idle`]; or asleep without a scheduled event that could wake it and without a
    /// time limit.
    Idle,
    /// The machine was reset and is about to execute its first instruction.
    Reset(ResetKind),
    /// The guest called semihosting's exit.
    Exit {
        /// 0 for ADP_Stopped_ApplicationExit, the code of SYS_EXIT_EXTENDED, otherwise 1.
        code: u32,
    },
    /// A semihosting call that there is not; pc is at the breakpoint.
    Semihosting {
        /// a0.
        operation: u32,
    },
    /// The chip switched itself off.
    PowerOff,
    /// The first instruction of the trap handler traps without end, and no event is scheduled that could end that.
    Lockup {
        /// Where.
        pc: u32,
    },
}

impl dispatch::DispatchCore for RiscV {
    type Slot = Slot;

    #[inline(always)]
    fn run_slot(&mut self, slot: &Slot) {
        self.run_slot(slot);
    }

    #[inline(always)]
    fn at(&self) -> u32 {
        self.regs.pc
    }

    #[inline(always)]
    fn attention(&self) -> bool {
        self.attention
    }

    #[inline(always)]
    fn elapsed(&self) -> (u64, u64) {
        (self.cycles, self.instructions)
    }
}

impl From<CommonStop> for StopReason {
    fn from(stop: CommonStop) -> Self {
        match stop {
            CommonStop::Time => Self::Time,
            CommonStop::Instructions => Self::Instructions,
            CommonStop::Idle => Self::Idle,
            CommonStop::Reset(kind) => Self::Reset(kind),
            CommonStop::PowerOff => Self::PowerOff,
        }
    }
}

impl RunLoop for RiscV {
    type Stop = StopReason;

    #[inline(always)]
    fn parts(&mut self) -> Parts<'_, Self> {
        Parts {
            cycles: &mut self.cycles,
            attention: &mut self.attention,
            halted: &mut self.halted,
            clock: &mut self.clock,
            code: &mut self.code,
            dispatch: &mut self.dispatch,
            fabric: &mut self.fabric,
            chip: &mut *self.chip,
        }
    }

    #[inline]
    fn next_due(&self) -> u64 {
        self.clock.cycle_at(self.fabric.next_event_at())
    }

    /// The core has no timer of its own; interrupt lines are read where interrupts are taken.
    #[inline]
    fn after_events(&mut self) {}

    #[inline]
    fn take_pending(&mut self) -> bool {
        // WFI ends for any enabled interrupt, even if it may not be taken (priv 3.3.3).
        if self.sleeping && self.pending() != 0 {
            self.sleeping = false;
        }
        if let Some(line) = self.interrupting() {
            self.take_interrupt(line);
            self.attention = false;
        }
        false
    }

    #[inline]
    fn is_sleeping(&self) -> bool {
        self.sleeping
    }

    #[inline]
    fn sleep_until(&mut self, cycle: u64) {
        self.record_sleep(cycle);
    }

    fn reset(&mut self, kind: ResetKind) {
        self.reset(kind);
    }

    /// Code that another machine decoded was not checked against this one's PMP.
    #[inline]
    fn may_share_code(&self) -> bool {
        !self.locked
    }

    #[inline(always)]
    fn must_step(&self) -> bool {
        self.guarded
    }

    fn step(&mut self) {
        let slot = decode_slot(self.fabric.memory(), self.regs.pc);
        self.step_over(slot);
    }

    #[inline]
    fn decode_block(&mut self, pc: u32) {
        if self.may_run_from(pc) {
            decode_block(&mut self.code, self.fabric.memory_mut(), pc);
        }
    }

    fn watched(&self) -> Watched {
        self.watched()
    }

    fn run_profiled(&mut self, due: u64, limit: u64) {
        self.run_profiled(due, limit);
    }
}

impl RiscV {
    /// Runs until a limit is reached or the machine stops by itself. A machine that exited or is off stays in that
    /// state until it is reset. A reset that the guest or the chip requests is executed, and ends the run.
    pub fn run(&mut self, limits: Limits) -> StopReason {
        run::run(self, limits)
    }

    /// Whether locked PMP entries leave the pages of a block at `pc` open to machine mode: decoded code is not checked
    /// again.
    fn may_run_from(&self, pc: u32) -> bool {
        let page = |addr: u32| addr & !(PAGE_BYTES as u32 - 1);
        let open = |page| self.pmp.allows(page, PAGE_BYTES as u32, Want::Execute, false);
        !self.locked || open(page(pc)) && open(page(pc.wrapping_add(BLOCK_BYTES_MAX)))
    }

    /// Executes the instruction at pc, which is `slot`, if it may be fetched.
    pub(super) fn step_over(&mut self, slot: Option<Slot>) {
        let pc = self.regs.pc;
        let fetch = |this: &Self, bytes| {
            let asked = this.guarded || this.locked;
            !asked || this.pmp.allows(pc, bytes, Want::Execute, this.user)
        };
        match slot {
            Some(slot) if fetch(self, u32::from(slot.bytes)) => self.run_slot(&slot),
            _ => {
                self.cycles += 1;
                self.instructions += 1;
                self.take_trap(Trap::new(Cause::InstructionAccess, pc));
            }
        }
    }

    /// Executes one decoded instruction, leaving pc at the next.
    #[inline(always)]
    pub(super) fn run_slot(&mut self, slot: &Slot) {
        self.regs.pc = slot.pc;
        self.instructions += 1;
        let next = slot.next_pc();
        let flow = self.execute(&slot.instruction, next);
        self.cycles += u64::from(slot.cycles);
        match flow {
            Ok(Flow::Next) => self.regs.pc = next,
            Ok(Flow::Jump(target)) => {
                self.regs.pc = target;
                self.cycles += u64::from(cycles::TAKEN);
            }
            Err(trap) => self.trapped(trap),
        }
    }

    /// The semihosting call at pc: operation in a0, its parameter in a1.
    fn semihosting(&mut self) {
        let operation = self.regs.x[10];
        // Nothing brings the fabric up to this instant any more, if the program ends.
        self.place_fabric();
        let halt = match semihosting::call(&mut self.fabric, operation, self.regs.x[11]) {
            Outcome::Return(value) => {
                self.regs.x[10] = value;
                self.regs.pc = self.regs.pc.wrapping_add(4);
                return;
            }
            Outcome::Exit(code) => StopReason::Exit { code },
            Outcome::Unknown => StopReason::Semihosting { operation },
        };
        self.instructions -= 1;
        self.halted = Some(halt);
    }

    #[cold]
    #[inline(never)]
    fn trapped(&mut self, trap: Trap) {
        self.attention = true;
        if trap.cause == Cause::Breakpoint && self.is_semihosting() {
            self.semihosting();
            return;
        }
        self.take_trap(trap);
    }
}
