//! The Cortex-M4 in the shared run loop ([`crate::core::run`]): why it stops, when it sleeps and wakes, and which
//! exceptions it takes.

use super::code::{Slot, decode_block, decode_slot};
use super::exceptions::{Fault, Lockup, Trapped, number};
use super::exec::{Flow, Trap};
use super::instruction::{Condition, Instruction};
use super::system::Want;
use super::{CortexM, Sleep, cycles, debug};
use crate::core::dispatch;
use crate::core::fabric::ResetKind;
use crate::core::limits::Limits;
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
    /// A semihosting call that there is not; PC is at the breakpoint.
    Semihosting {
        /// R0.
        operation: u32,
    },
    /// The core locked up.
    Lockup(Lockup),
    /// The chip switched itself off.
    PowerOff,
    /// A debugger halted the core.
    DebugHalt,
}

/// The immediate of a semihosting BKPT.
pub const SEMIHOSTING: u8 = 0xab;

impl dispatch::DispatchCore for CortexM {
    type Slot = Slot;

    #[inline(always)]
    fn run_slot(&mut self, slot: &Slot) {
        self.run_slot(slot);
    }

    #[inline(always)]
    fn at(&self) -> u32 {
        self.regs.r[15]
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

impl RunLoop for CortexM {
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
        self.clock
            .cycle_at(self.fabric.next_event_at())
            .min(self.system.systick.next_zero())
    }

    #[inline]
    fn after_events(&mut self) {
        if self.system.systick.advance(self.cycles) {
            self.pend(number::SYS_TICK);
        }
        self.sync_interrupts();
    }

    #[inline]
    fn take_pending(&mut self) -> bool {
        self.wake();
        let Some(exception) = self.preempting().filter(|exception| !self.debug.masks(*exception)) else {
            return false;
        };
        if let Err(lockup) = self.take_exception(exception) {
            self.lock_up(lockup);
        }
        true
    }

    #[inline]
    fn is_sleeping(&self) -> bool {
        self.sleeping.is_some()
    }

    #[inline]
    fn sleep_until(&mut self, cycle: u64) {
        self.slept += cycle - self.cycles;
    }

    fn reset(&mut self, kind: ResetKind) {
        self.reset(kind);
    }

    fn is_debug_halted(&self) -> bool {
        self.halted == Some(StopReason::DebugHalt)
    }

    #[inline]
    fn may_share_code(&self) -> bool {
        true
    }

    #[inline(always)]
    fn must_step(&self) -> bool {
        self.regs.it != 0 || self.system.mpu.enabled()
    }

    fn step(&mut self) {
        let slot = decode_slot(self.fabric.memory(), self.regs.pc(), self.regs.it);
        self.step_over(slot);
    }

    #[inline]
    fn decode_block(&mut self, pc: u32) {
        decode_block(&mut self.code, self.fabric.memory_mut(), pc);
    }

    fn watched(&self) -> Watched {
        self.watched()
    }

    fn run_profiled(&mut self, due: u64, limit: u64) {
        self.run_profiled(due, limit);
    }
}

impl CortexM {
    /// Takes over the interrupt lines. With SCR.SEVONPEND a new pending interrupt is an event (B1.5.18).
    #[inline]
    pub(super) fn sync_interrupts(&mut self) {
        if self.system.nvic.sync(self.fabric.irq_lines_mut()) && self.system.scb.sends_event_on_pend() {
            self.event_register = true;
        }
    }

    /// An exception becomes pending, by software or by the core's timer: an event too, unless it was pending before.
    pub(super) fn pend(&mut self, exception: u16) {
        let news = !self.system.nvic.is_pending(exception);
        self.system.nvic.set_pending(exception);
        self.event_register |= news && self.system.scb.sends_event_on_pend();
    }

    /// Runs until a limit is reached or the machine stops by itself. A machine that exited, locked up or is off stays
    /// in that state until it is reset. A reset that the guest or the chip requests is executed, and ends the run.
    pub fn run(&mut self, limits: Limits) -> StopReason {
        run::run(self, limits)
    }

    /// Ends a sleep that is over.
    fn wake(&mut self) {
        let awake = match self.sleeping {
            None => return,
            Some(Sleep::Event) if std::mem::take(&mut self.event_register) => true,
            // PRIMASK prevents taking an interrupt, but an interrupt still wakes the core.
            Some(_) => {
                let masked = std::mem::take(&mut self.regs.primask);
                let priority = self.execution_priority();
                self.regs.primask = masked;
                self.system
                    .nvic
                    .highest_pending()
                    .is_some_and(|(_, pending)| pending < priority)
            }
        };
        if awake {
            self.sleeping = None;
        }
    }

    /// Executes the instruction at PC, which is `slot`, if it may be fetched.
    pub(super) fn step_over(&mut self, slot: Option<Slot>) {
        let pc = self.regs.pc();
        let allowed = self
            .system
            .mpu
            .allows(pc, Want::Execute, self.regs.privileged(), self.urgent());
        match slot {
            Some(slot) if allowed => self.run_slot(&slot),
            found => {
                // Peripheral and system regions are never executable; elsewhere there is no memory.
                let never = matches!(pc >> 29, 0b010 | 0b101..=0b111);
                let fault = if found.is_some() || never {
                    Fault::InstructionAccess
                } else {
                    Fault::InstructionBus
                };
                self.cycles += 1;
                self.instructions += 1;
                self.trapped(Trap::Fault(fault), 0);
            }
        }
    }

    /// Executes one decoded instruction, leaving PC and ITSTATE at the next.
    #[inline(always)]
    pub(super) fn run_slot(&mut self, slot: &Slot) {
        self.regs.r[15] = slot.pc;
        self.regs.it = slot.it;
        let flow = match slot.condition == Condition::Al || self.regs.holds(slot.condition) {
            true => {
                self.instructions += 1;
                self.execute(&slot.instruction)
            }
            false => Ok(Flow::Next),
        };
        self.cycles += u64::from(slot.cycles);
        match flow {
            Ok(Flow::Next) => {
                self.regs.r[15] = slot.pc.wrapping_add(u32::from(slot.bytes));
                match slot.instruction {
                    Instruction::IfThen { state } => self.regs.it = state,
                    _ => self.regs.advance_it(),
                }
            }
            Ok(Flow::Jump(target)) => {
                self.regs.r[15] = target;
                self.regs.advance_it();
                self.cycles += u64::from(cycles::REFILL);
            }
            Err(trap) => self.trapped(trap, slot.bytes),
        }
    }

    #[cold]
    #[inline(never)]
    fn trapped(&mut self, trap: Trap, bytes: u8) {
        self.attention = true;
        match self.take_trap(trap, bytes) {
            Ok(Trapped::Handled) => {}
            Ok(Trapped::Breakpoint(_)) if self.debug.enabled => {
                self.instructions -= 1;
                self.debug_halt(debug::DFSR_BKPT);
            }
            Ok(Trapped::Breakpoint(SEMIHOSTING)) => {
                self.semihosting();
            }
            Ok(Trapped::Breakpoint(_)) => {
                if let Err(lockup) = self.take_breakpoint() {
                    self.lock_up(lockup);
                }
            }
            Err(lockup) => self.lock_up(lockup),
        }
    }

    fn lock_up(&mut self, lockup: Lockup) {
        self.halted = Some(StopReason::Lockup(lockup));
        self.attention = true;
    }

    /// The semihosting call at PC (Arm IHI 0084: `BKPT 0xAB`, operation in R0, its parameter in R1).
    fn semihosting(&mut self) {
        let operation = self.regs.r[0];
        self.place_fabric();
        let halt = match semihosting::call(&mut self.fabric, operation, self.regs.r[1]) {
            Outcome::Return(value) => {
                self.regs.r[0] = value;
                self.regs.r[15] = self.regs.r[15].wrapping_add(2);
                self.regs.advance_it();
                return;
            }
            Outcome::Exit(code) => StopReason::Exit { code },
            Outcome::Unknown => StopReason::Semihosting { operation },
        };
        self.instructions -= 1;
        self.halted = Some(halt);
    }
}
