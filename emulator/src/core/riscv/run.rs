//! The loop: blocks while nothing is due, then events and interrupts; sleep jumps to what is due next.
//!
//! Events and interrupts are taken at the first instruction boundary at or after their time: a block runs as a whole only
//! if nothing falls due inside it, otherwise instruction by instruction.

use super::code::{BLOCK_BYTES_MAX, Slot, decode_block, decode_slot};
use super::exec::Flow;
use super::pmp::Want;
use super::trap::{Cause, Trap};
use super::{RiscV, cycles};
use crate::core::dispatch::{self, Slot as _, enter, step_through};
use crate::core::fabric::{Request, ResetKind};
use crate::core::limits::Limits;
use crate::core::memory::PAGE_BYTES;

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
        /// 0 for ADP_Stopped_ApplicationExit, else 1.
        code: u32,
    },
    /// A semihosting call other than exit, which is not served; pc is at the breakpoint.
    Semihosting {
        /// a0.
        operation: u32,
    },
    /// The chip switched itself off.
    PowerOff,
}

/// Cycles of one run of the threaded dispatch, whose clock counts 32 bits of them.
const BUDGET_MAX: u64 = 1 << 30;
/// Semihosting's SYS_EXIT, which takes its reason in a1 on 32-bit cores.
const SYS_EXIT: u32 = 0x18;
const ADP_STOPPED_APPLICATION_EXIT: u32 = 0x20026;

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

impl RiscV {
    /// Runs until a limit is reached or the machine stops by itself. A machine that exited or is off stays so until it is
    /// reset. A reset that the guest or the chip asks for takes place, and ends the run.
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
            } else if self.sleeping {
                if limits.stop_when_idle || due == u64::MAX {
                    return StopReason::Idle;
                }
                self.record_sleep(due);
                self.cycles = due;
                self.attention = true;
            } else if self.is_profiled() {
                self.run_profiled(due, limits.instructions);
            } else {
                self.run_code(due, limits.instructions);
            }
        }
    }

    /// The cycle at which an event falls due.
    pub(super) fn next_due(&self) -> u64 {
        self.clock.cycle_at(self.fabric.next_event_at())
    }

    /// Brings everything up to the present instant, and takes an interrupt before the next instruction may run.
    fn settle(&mut self) -> Option<StopReason> {
        if let Some(halt) = self.halted {
            // What is off may be woken by a pin; what exited stays so.
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
            // What another machine decoded was not checked against this one's PMP.
            self.code.clear(image_whole && !self.locked);
        }
        match self.fabric.take_request() {
            Some(Request::Reset(kind)) => {
                self.reset(kind);
                return Some(StopReason::Reset(kind));
            }
            Some(Request::PowerOff) => {
                self.halted = Some(StopReason::PowerOff);
                return self.halted;
            }
            None => {}
        }
        // WFI ends for any enabled interrupt, whether it may be taken or not (priv 3.3.3).
        if self.sleeping && self.pending() != 0 {
            self.sleeping = false;
        }
        if let Some(line) = self.interrupting() {
            self.take_interrupt(line);
            self.attention = false;
        }
        None
    }

    /// Serves every event that is due.
    fn serve_events(&mut self) {
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
    }

    /// Runs code until `due`, or `limit` instructions since power-on, or something needs attention.
    fn run_code(&mut self, due: u64, limit: u64) {
        while self.cycles < due && self.instructions < limit && !self.attention {
            if self.guarded {
                self.step();
                continue;
            }
            // No instruction takes less than a cycle, so this many cycles do not hold too many instructions.
            let budget = (due - self.cycles).min(limit - self.instructions).min(BUDGET_MAX) as u32;
            let pc = self.regs.pc;
            if self.code.get(pc).is_none() && self.may_run_from(pc) {
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

    /// Whether locked PMP entries leave the pages of a block at `pc` open to machine mode: what is decoded is not checked
    /// again.
    fn may_run_from(&self, pc: u32) -> bool {
        let page = |addr: u32| addr & !(PAGE_BYTES as u32 - 1);
        let open = |page| self.pmp.allows(page, PAGE_BYTES as u32, Want::Execute, false);
        !self.locked || open(page(pc)) && open(page(pc.wrapping_add(BLOCK_BYTES_MAX)))
    }

    /// Executes exactly one instruction, fetched from memory as it is now.
    fn step(&mut self) {
        let slot = decode_slot(self.fabric.memory(), self.regs.pc);
        self.step_over(slot);
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

    #[cold]
    #[inline(never)]
    fn trapped(&mut self, trap: Trap) {
        self.attention = true;
        if trap.cause == Cause::Breakpoint && self.is_semihosting() {
            self.instructions -= 1;
            // Nothing brings the fabric up to this instant any more.
            self.place_fabric();
            self.halted = Some(match (self.regs.x[10], self.regs.x[11]) {
                (SYS_EXIT, reason) => StopReason::Exit {
                    code: u32::from(reason != ADP_STOPPED_APPLICATION_EXIT),
                },
                (operation, _) => StopReason::Semihosting { operation },
            });
            return;
        }
        self.take_trap(trap);
    }
}
