//! The loop: blocks while nothing is due, then events, interrupts, exceptions; sleep jumps to what is due next.
//!
//! Events and exceptions are taken at the first instruction boundary at or after their time: a block runs as a whole
//! only if nothing falls due inside it, otherwise instruction by instruction.

use super::code::{Slot, decode_block, decode_slot};
use super::exceptions::{Fault, Lockup, Trapped, number};
use super::exec::{Flow, Trap};
use super::instruction::{Condition, Instruction};
use super::system::Want;
use super::{CortexM, Sleep, cycles};
use crate::core::dispatch::{self, enter, step_through};
use crate::core::fabric::{Request, ResetKind};
use crate::core::limits::Limits;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum StopReason {
    /// [`Limits::until`] is reached.
    Time,
    /// [`Limits::instructions`] is reached.
    Instructions,
    /// Asleep with [`Limits::stop_when_idle`], or with nothing scheduled that could wake it and no end of time to run to.
    Idle,
    /// The machine was reset and is about to execute its first instruction.
    Reset(ResetKind),
    /// The guest called semihosting's exit.
    Exit {
        /// 0 for ADP_Stopped_ApplicationExit, the code of SYS_EXIT_EXTENDED, else 1.
        code: u32,
    },
    /// A semihosting call other than exit, which is not served; PC is at the breakpoint.
    Semihosting {
        /// R0.
        operation: u32,
    },
    /// The core locked up.
    Lockup(Lockup),
    /// The chip switched itself off.
    PowerOff,
}

/// The immediate of a semihosting BKPT.
pub const SEMIHOSTING: u8 = 0xab;
const SYS_EXIT: u32 = 0x18;
/// Cycles of one run of the threaded dispatch, whose clock counts 32 bits of them.
const BUDGET_MAX: u64 = 1 << 30;
const SYS_EXIT_EXTENDED: u32 = 0x20;
const ADP_STOPPED_APPLICATION_EXIT: u32 = 0x20026;

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

impl CortexM {
    /// Runs until a limit is reached or the machine stops by itself. A machine that exited, locked up or is off stays
    /// so until it is reset. A reset that the guest or the chip asks for takes place, and ends the run.
    pub fn run(&mut self, limits: Limits) -> StopReason {
        loop {
            if let Some(reason) = self.settle() {
                return reason;
            }
            let end = self.clock.cycle_at(limits.until);
            if self.cycles >= end {
                return StopReason::Time;
            }
            if self.instructions >= limits.instructions {
                return StopReason::Instructions;
            }
            let due = self.profiled_until(self.next_due().min(end));
            let stalled_until = self.clock.cycle_at(self.fabric.stalled_until());
            if self.cycles < stalled_until {
                // The chip keeps the core waiting (flash is busy): time passes, nothing is executed.
                self.cycles = due.min(stalled_until);
                self.attention = true;
            } else if self.sleeping.is_some() {
                if limits.stop_when_idle || due == u64::MAX {
                    return StopReason::Idle;
                }
                self.slept += due - self.cycles;
                self.cycles = due;
                self.attention = true;
            } else if self.is_profiled() {
                self.run_profiled(due, limits.instructions);
            } else {
                self.run_code(due, limits.instructions);
            }
        }
    }

    /// The cycle at which an event or SysTick falls due.
    pub(super) fn next_due(&self) -> u64 {
        self.clock
            .cycle_at(self.fabric.next_event_at())
            .min(self.system.systick.next_zero())
    }

    /// Brings everything up to the present instant, and takes exceptions until the next instruction may run.
    fn settle(&mut self) -> Option<StopReason> {
        loop {
            if let Some(halt) = self.halted {
                // What is off may be woken by a pin; what locked up or exited stays so.
                let request = self.fabric.take_request();
                let Some(Request::Reset(kind)) = request.filter(|_| halt == StopReason::PowerOff) else {
                    return self.halted;
                };
                self.reset(kind);
                return Some(StopReason::Reset(kind));
            }
            self.attention = false;
            self.serve_events();
            if self.fabric.memory().has_stale_code() {
                let image_whole = self.fabric.memory_mut().forget_code();
                self.dispatch.clear();
                self.code.clear(image_whole);
            }
            match self.fabric.take_request() {
                Some(Request::Reset(kind)) => {
                    self.reset(kind);
                    return Some(StopReason::Reset(kind));
                }
                Some(Request::PowerOff) => {
                    self.halted = Some(StopReason::PowerOff);
                    continue;
                }
                None => {}
            }
            self.wake();
            match self.preempting() {
                Some(exception) => {
                    if let Err(lockup) = self.take_exception(exception) {
                        self.lock_up(lockup);
                    }
                }
                None => return None,
            }
        }
    }

    /// Serves every event that is due, and takes the interrupt lines.
    pub(super) fn serve_events(&mut self) {
        loop {
            self.place_fabric();
            while let Some(token) = self.fabric.pop_due_event() {
                self.chip.event(&mut self.fabric, token);
            }
            if self.fabric.take_cpu_hz_change() {
                self.clock.change(self.cycles, self.fabric.cpu_hz());
            }
            self.fabric.take_attention();
            if self.fabric.next_event_at() > self.fabric.now() {
                break;
            }
        }
        if self.system.systick.advance(self.cycles) {
            self.system.nvic.set_pending(number::SYS_TICK);
        }
        if self.system.nvic.sync(self.fabric.irq_lines_mut()) && self.system.scb.sends_event_on_pend() {
            self.event_register = true;
        }
    }

    /// Ends a sleep whose end has come.
    fn wake(&mut self) {
        let awake = match self.sleeping {
            None => return,
            Some(Sleep::Event) if std::mem::take(&mut self.event_register) => true,
            // PRIMASK does not keep an interrupt from waking the core, only from being taken.
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

    /// Runs code until `due`, or `limit` instructions since power-on, or something needs attention.
    fn run_code(&mut self, due: u64, limit: u64) {
        while self.cycles < due && self.instructions < limit && !self.attention {
            if self.regs.it != 0 || self.system.mpu.enabled() {
                self.step();
                continue;
            }
            // No instruction takes less than a cycle, so this many cycles do not hold too many instructions.
            let budget = (due - self.cycles).min(limit - self.instructions).min(BUDGET_MAX) as u32;
            let pc = self.regs.pc();
            if self.code.get(pc).is_none() {
                decode_block(&mut self.code, self.fabric.memory_mut(), pc);
            }
            let Some(block) = self.code.get(pc) else {
                self.step();
                continue;
            };
            self.dispatch.found(block);
            let fits = block.cycles() <= u64::from(budget);
            let block = block.handle();
            if fits {
                enter(self, block, budget);
            } else {
                step_through(self, block, due, limit);
            }
        }
    }

    /// Executes exactly one instruction, fetched from memory as it is now.
    fn step(&mut self) {
        let slot = decode_slot(self.fabric.memory(), self.regs.pc(), self.regs.it);
        self.step_over(slot);
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
                // Peripheral and system regions are never executable; elsewhere there is simply nothing.
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
            Ok(Trapped::Breakpoint(SEMIHOSTING)) => {
                self.instructions -= 1;
                self.halted = Some(self.semihosting());
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

    /// The semihosting call at PC (Arm IHI 0084: `BKPT 0xAB`, operation in R0).
    fn semihosting(&self) -> StopReason {
        let parameter = self.regs.r[1];
        let word = |offset: u32| {
            self.fabric
                .memory()
                .read_u32(parameter.wrapping_add(offset))
                .unwrap_or(u32::MAX)
        };
        match self.regs.r[0] {
            SYS_EXIT => StopReason::Exit {
                code: u32::from(parameter != ADP_STOPPED_APPLICATION_EXIT),
            },
            SYS_EXIT_EXTENDED if word(0) == ADP_STOPPED_APPLICATION_EXIT => StopReason::Exit { code: word(4) },
            SYS_EXIT_EXTENDED => StopReason::Exit { code: 1 },
            operation => StopReason::Semihosting { operation },
        }
    }
}
