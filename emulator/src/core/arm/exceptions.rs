//! Exceptions: entry, return, priorities, faults and their escalation, lockup (ARMv7-M B1.5).

use super::exec::Trap;
use super::fp::EXTENDED_FRAME_BYTES;
use super::{CortexM, cycles};
use crate::core::fabric::AccessSize;
use crate::core::run;
use crate::machine::VirtualTime;

/// Exception numbers (B1.5.2).
pub(super) mod number {
    pub(in crate::core::arm) const NMI: u16 = 2;
    pub(in crate::core::arm) const HARD_FAULT: u16 = 3;
    pub(in crate::core::arm) const MEM_MANAGE: u16 = 4;
    pub(in crate::core::arm) const BUS_FAULT: u16 = 5;
    pub(in crate::core::arm) const USAGE_FAULT: u16 = 6;
    pub(in crate::core::arm) const SV_CALL: u16 = 11;
    pub(in crate::core::arm) const PEND_SV: u16 = 14;
    pub(in crate::core::arm) const SYS_TICK: u16 = 15;
    pub(in crate::core::arm) const FIRST_IRQ: u16 = 16;
}

/// Why an instruction faulted; each is a bit of CFSR or HFSR (B3.2.15, B3.2.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum Fault {
    /// UFSR.UNDEFINSTR.
    #[error("undefined instruction")]
    UndefinedInstruction,
    /// UFSR.INVSTATE.
    #[error("branch to an address without the Thumb bit")]
    InvalidState,
    /// UFSR.INVPC.
    #[error("invalid EXC_RETURN")]
    InvalidPc,
    /// UFSR.NOCP.
    #[error("no coprocessor")]
    NoCoprocessor,
    /// UFSR.UNALIGNED.
    #[error("unaligned access")]
    Unaligned,
    /// UFSR.DIVBYZERO.
    #[error("division by zero")]
    DivideByZero,
    /// MMFSR.IACCVIOL.
    #[error("instruction fetch from a region that is not executable")]
    InstructionAccess,
    /// MMFSR.DACCVIOL.
    #[error("access to {addr:#010x} is not allowed")]
    DataAccess {
        /// MMFAR.
        addr: u32,
    },
    /// MMFSR.MSTKERR.
    #[error("exception stacking is not allowed at {addr:#010x}")]
    StackingAccess {
        /// Where.
        addr: u32,
    },
    /// MMFSR.MUNSTKERR.
    #[error("exception unstacking is not allowed at {addr:#010x}")]
    UnstackingAccess {
        /// Where.
        addr: u32,
    },
    /// BFSR.IBUSERR.
    #[error("instruction fetch where there is no memory")]
    InstructionBus,
    /// BFSR.PRECISERR.
    #[error("bus fault at {addr:#010x}")]
    PreciseBus {
        /// BFAR.
        addr: u32,
    },
    /// BFSR.STKERR.
    #[error("exception stacking failed at {addr:#010x}")]
    StackingBus {
        /// Where.
        addr: u32,
    },
    /// BFSR.UNSTKERR.
    #[error("exception unstacking failed at {addr:#010x}")]
    UnstackingBus {
        /// Where.
        addr: u32,
    },
    /// MMFSR.MLSPERR.
    #[error("keeping the floating-point state is not allowed at {addr:#010x}")]
    LazyAccess {
        /// Where.
        addr: u32,
    },
    /// BFSR.LSPERR.
    #[error("keeping the floating-point state failed at {addr:#010x}")]
    LazyBus {
        /// Where.
        addr: u32,
    },
    /// HFSR.VECTTBL.
    #[error("the vector table cannot be read at {addr:#010x}")]
    VectorTable {
        /// Where.
        addr: u32,
    },
    /// HFSR.DEBUGEVT: a breakpoint without a debugger.
    #[error("breakpoint instruction without a debugger")]
    DebugEvent,
    /// HFSR.FORCED: SVC at a priority that does not allow it.
    #[error("supervisor call where its priority does not allow it")]
    SupervisorCallMasked,
}

impl Fault {
    /// The exception it raises before escalation, and its bits in CFSR.
    fn class(self) -> (u16, u32) {
        use number::{BUS_FAULT, HARD_FAULT, MEM_MANAGE, SV_CALL, USAGE_FAULT};
        match self {
            Self::UndefinedInstruction => (USAGE_FAULT, 1 << 16),
            Self::InvalidState => (USAGE_FAULT, 1 << 17),
            Self::InvalidPc => (USAGE_FAULT, 1 << 18),
            Self::NoCoprocessor => (USAGE_FAULT, 1 << 19),
            Self::Unaligned => (USAGE_FAULT, 1 << 24),
            Self::DivideByZero => (USAGE_FAULT, 1 << 25),
            Self::InstructionAccess => (MEM_MANAGE, 1 << 0),
            Self::DataAccess { .. } => (MEM_MANAGE, 1 << 1 | 1 << 7),
            Self::UnstackingAccess { .. } => (MEM_MANAGE, 1 << 3),
            Self::StackingAccess { .. } => (MEM_MANAGE, 1 << 4),
            Self::LazyAccess { .. } => (MEM_MANAGE, 1 << 5),
            Self::LazyBus { .. } => (BUS_FAULT, 1 << 13),
            Self::InstructionBus => (BUS_FAULT, 1 << 8),
            Self::PreciseBus { .. } => (BUS_FAULT, 1 << 9 | 1 << 15),
            Self::UnstackingBus { .. } => (BUS_FAULT, 1 << 11),
            Self::StackingBus { .. } => (BUS_FAULT, 1 << 12),
            Self::VectorTable { .. } | Self::DebugEvent => (HARD_FAULT, 0),
            Self::SupervisorCallMasked => (SV_CALL, 0),
        }
    }
}

/// A fault that the guest took, as a diagnostic for people: the guest's own handler may hide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultTaken {
    /// When.
    pub at: VirtualTime,
    /// The instruction.
    pub pc: u32,
    /// LR then: in a leaf function, the caller.
    pub lr: u32,
    /// The fault.
    pub fault: Fault,
    /// Whether it became a HardFault.
    pub escalated: bool,
}

impl std::fmt::Display for FaultTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.escalated { "HardFault: " } else { "" };
        write!(
            f,
            "{kind}{} at {:#010x} (lr {:#010x}), {} s",
            self.fault, self.pc, self.lr, self.at
        )
    }
}

/// The core can neither continue nor take an exception (B1.5.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("lockup at {pc:#010x}: {fault}")]
pub struct Lockup {
    /// The instruction.
    pub pc: u32,
    /// The fault, at a priority that no fault handler preempts.
    pub fault: Fault,
}

/// xPSR bit 9 of a stacked frame: SP was moved by 4 to align it.
const FRAME_ALIGNED: u32 = 1 << 9;
const EPSR_T: u32 = 1 << 24;
const FRAME_BYTES: u32 = 32;
/// EXC_RETURN bit 4: the frame has no floating-point part (B1.5.8).
const BASIC_FRAME: u32 = 1 << 4;
const FAULT_LOG_MAX: usize = 256;
/// CFSR bits that say MMFAR and BFAR hold.
const MMARVALID: u32 = 1 << 7;
const BFARVALID: u32 = 1 << 15;

impl CortexM {
    /// ExecutionPriority (B1.5.4): lower is more urgent; 256 is base level.
    pub(super) fn execution_priority(&self) -> i16 {
        let mut priority = self.system.nvic.active_priority();
        if self.regs.basepri != 0 {
            priority = priority.min(self.system.nvic.group(self.regs.basepri));
        }
        if self.regs.primask {
            priority = priority.min(0);
        }
        if self.regs.faultmask {
            priority = priority.min(-1);
        }
        priority
    }

    /// The pending exception that preempts the running code.
    pub(super) fn preempting(&self) -> Option<u16> {
        let (exception, priority) = self.system.nvic.highest_pending()?;
        (priority < self.execution_priority()).then_some(exception)
    }

    /// Takes `exception` before the next instruction.
    pub(super) fn take_exception(&mut self, exception: u16) -> Result<(), Lockup> {
        let return_address = self.regs.pc();
        self.enter(exception, return_address, EPSR_T)
    }

    /// Handles a trap of the instruction at `regs.r[15]`, which is `bytes` long.
    pub(super) fn take_fault(&mut self, fault: Fault) -> Result<(), Lockup> {
        let pc = self.regs.pc();
        let thumb = if fault == Fault::InvalidState { 0 } else { EPSR_T };
        match self.raise(fault) {
            Some(exception) => self.enter(exception, pc, thumb),
            None => Err(Lockup { pc, fault }),
        }
    }

    /// SVC; `regs.r[15]` is already the next instruction.
    pub(super) fn take_supervisor_call(&mut self) -> Result<(), Lockup> {
        let priority = self.system.nvic.priority(number::SV_CALL);
        let return_address = self.regs.pc();
        if priority < self.execution_priority() {
            return self.enter(number::SV_CALL, return_address, EPSR_T);
        }
        match self.raise(Fault::SupervisorCallMasked) {
            Some(exception) => self.enter(exception, return_address, EPSR_T),
            None => Err(Lockup {
                pc: return_address,
                fault: Fault::SupervisorCallMasked,
            }),
        }
    }

    /// Records a fault in the status registers and returns the exception that it becomes; `None` means lockup.
    fn raise(&mut self, fault: Fault) -> Option<u16> {
        let (exception, status) = fault.class();
        let scb = &mut self.system.scb;
        scb.cfsr |= status;
        match fault {
            Fault::DataAccess { addr } => scb.mmfar = addr,
            Fault::PreciseBus { addr } => scb.bfar = addr,
            Fault::VectorTable { .. } => scb.hfsr |= 1 << 1,
            Fault::DebugEvent => {
                scb.hfsr |= 1 << 31;
                scb.dfsr |= 1 << 1;
            }
            _ => {}
        }
        let current = self.execution_priority();
        let nvic = &self.system.nvic;
        let enabled = exception == number::SV_CALL || nvic.system_enabled(exception);
        let taken = if exception != number::HARD_FAULT && enabled && nvic.priority(exception) < current {
            Some(exception)
        } else {
            if exception != number::HARD_FAULT {
                self.system.scb.hfsr |= 1 << 30;
            }
            (current > -1).then_some(number::HARD_FAULT)
        };
        let news = self.repeats.admit((self.regs.pc(), exception, status));
        if news && self.faults_taken.len() < FAULT_LOG_MAX {
            self.faults_taken.push(FaultTaken {
                at: self.clock.time_at(self.cycles),
                pc: self.regs.pc(),
                lr: self.regs.r[14],
                fault,
                escalated: taken != Some(exception),
            });
        }
        taken
    }

    /// ExceptionEntry (B1.5.6): stacks the frame, then starts the handler of the exception that is then most urgent
    /// (late arrival).
    fn enter(&mut self, exception: u16, return_address: u32, thumb: u32) -> Result<(), Lockup> {
        let extended = self.fp.in_use;
        let align = (extended || self.system.scb.aligns_stack()) && self.regs.r[13] & 4 != 0;
        let frame = (self.regs.r[13].wrapping_sub(frame_bytes(extended))) & if align { !7 } else { !3 };
        let xpsr = self.regs.xpsr() & !(EPSR_T | FRAME_ALIGNED) | thumb | if align { FRAME_ALIGNED } else { 0 };
        let exc_return = match (self.regs.exception, self.regs.process_stack) {
            (0, false) => 0xffff_fff9,
            (0, true) => 0xffff_fffd,
            _ => 0xffff_fff1,
        };
        let exc_return = if extended {
            exc_return & !BASIC_FRAME
        } else {
            exc_return
        };
        let r = &self.regs.r;
        let words = [r[0], r[1], r[2], r[3], r[12], r[14], return_address, xpsr];
        let privileged = self.regs.privileged();
        let mut stacking = None;
        for (index, word) in words.into_iter().enumerate() {
            let addr = frame.wrapping_add(4 * index as u32);
            if let Err(fault) = self.store(addr, word, AccessSize::Word, privileged) {
                stacking = Some(as_stacking(fault, addr));
                break;
            }
        }
        if extended && stacking.is_none() {
            let pushed = self.push_fp(frame, privileged);
            stacking = pushed.err().map(|fault| as_stacking(fault, frame));
        }
        self.regs.r[13] = frame;
        self.cycles += u64::from(cycles::EXCEPTION_ENTRY);

        let mut exception = exception;
        if let Some(fault) = stacking {
            // A derived exception: it is taken instead of the original if it is more urgent, otherwise after it.
            self.pend_original(exception);
            exception = self.raise(fault).ok_or(Lockup {
                pc: return_address,
                fault,
            })?;
        } else {
            // Late arrival: an exception that arrived during stacking goes first if it is more urgent. A synchronous
            // exception is more urgent than everything that was pending, but not than what arrives now.
            run::serve_events(self);
            let own = self.system.nvic.priority(exception);
            if let Some((other, priority)) = self.system.nvic.highest_pending()
                && priority < own
                && other != exception
            {
                self.pend_original(exception);
                exception = other;
            }
        }
        self.activate(exception, exc_return)
    }

    /// Whether BusFault, MemManage and HardFault could be taken now (FPCCR's ready bits).
    pub(super) fn ready_faults(&self) -> [bool; 3] {
        let current = self.execution_priority();
        let nvic = &self.system.nvic;
        let could = |exception| nvic.system_enabled(exception) && nvic.priority(exception) < current;
        [could(number::BUS_FAULT), could(number::MEM_MANAGE), current > -1]
    }

    /// The exception could not be taken and must wait: it stays pending.
    fn pend_original(&mut self, exception: u16) {
        self.system.nvic.set_pending(exception);
    }

    /// ExceptionTaken (B1.5.6): fetch the vector and start the handler.
    fn activate(&mut self, exception: u16, exc_return: u32) -> Result<(), Lockup> {
        let vector_at = self.system.scb.vtor.wrapping_add(4 * u32::from(exception));
        // Vectors are read by the default memory map, regardless of the MPU (B3.5).
        let vector = match self.fabric.memory().read_u32(vector_at) {
            Ok(vector) => vector,
            Err(_) => {
                let fault = Fault::VectorTable { addr: vector_at };
                let pc = self.regs.pc();
                if exception == number::HARD_FAULT || self.raise(fault).is_none() {
                    return Err(Lockup { pc, fault });
                }
                self.pend_original(exception);
                return self.activate(number::HARD_FAULT, exc_return);
            }
        };
        self.regs.switch(exception, false);
        self.regs.r[14] = exc_return;
        self.regs.r[15] = vector & !1;
        self.regs.it = 0;
        self.fp.in_use = false;
        self.exclusive = false;
        self.event_register = true;
        self.system.nvic.activate(exception);
        self.record_exception(exception);
        self.attention = true;
        if vector & 1 == 0 {
            return self.take_fault(Fault::InvalidState);
        }
        Ok(())
    }

    /// ExceptionReturn (B1.5.8) by the EXC_RETURN value `exc_return`.
    pub(super) fn return_from_exception(&mut self, exc_return: u32) -> Result<(), Lockup> {
        let returning = self.regs.exception;
        self.attention = true;
        self.record_exception_return();
        if !self.system.nvic.is_active(returning) {
            return self.bad_return(returning, exc_return);
        }
        let (thread, process_stack) = match exc_return & 0xf {
            0b0001 => (false, false),
            0b1001 => (true, false),
            0b1101 => (true, true),
            _ => return self.bad_return(returning, exc_return),
        };
        let nested = self.system.nvic.active_count() > 1;
        let must_be_ones = if self.options.fpu { 0x0fff_ffe0 } else { 0x0fff_fff0 };
        if exc_return & must_be_ones != must_be_ones
            || thread && nested && !self.system.scb.allows_thread_with_active()
            || !thread && !nested
        {
            return self.bad_return(returning, exc_return);
        }
        // Deactivates the exception; clears FAULTMASK, unless NMI returns.
        self.system.nvic.deactivate(returning);
        if returning != number::NMI {
            self.regs.faultmask = false;
        }
        self.exclusive = false;
        self.event_register = true;

        // Tail-chaining: a pending exception that preempts the context to return to takes over its frame.
        let resumed_priority = self.execution_priority();
        if let Some((exception, priority)) = self.system.nvic.highest_pending()
            && priority < resumed_priority
        {
            self.cycles += u64::from(cycles::TAIL_CHAIN);
            return self.activate(exception, exc_return);
        }
        self.unstack(thread, process_stack, exc_return)
    }

    fn unstack(&mut self, thread: bool, process_stack: bool, exc_return: u32) -> Result<(), Lockup> {
        let frame = if process_stack {
            self.regs.psp()
        } else {
            self.regs.msp()
        };
        let mut words = [0; 8];
        let privileged = !thread || !self.regs.unprivileged_thread;
        for (index, word) in words.iter_mut().enumerate() {
            let addr = frame.wrapping_add(4 * index as u32);
            match self.load(addr, AccessSize::Word, privileged) {
                Ok(value) => *word = value,
                Err(fault) => return self.failed_return(as_unstacking(fault, addr), exc_return),
            }
        }
        let extended = exc_return & BASIC_FRAME == 0;
        if extended && let Err(fault) = self.pop_fp(frame, privileged) {
            return self.failed_return(as_unstacking(fault, frame), exc_return);
        }
        let [r0, r1, r2, r3, r12, lr, pc, xpsr] = words;
        let exception = (xpsr & 0x1ff) as u16;
        if thread != (exception == 0) {
            return self.failed_return(Fault::InvalidPc, exc_return);
        }
        // `regs.exception` still holds the exception being left: SP is the main stack's.
        let sp = frame.wrapping_add(frame_bytes(extended)) | if xpsr & FRAME_ALIGNED != 0 { 4 } else { 0 };
        match process_stack {
            true => self.regs.set_psp(sp),
            false => self.regs.set_msp(sp),
        }
        self.regs.switch(exception, process_stack);
        self.fp.in_use = extended;
        let r = &mut self.regs.r;
        (r[0], r[1], r[2], r[3], r[12], r[14], r[15]) = (r0, r1, r2, r3, r12, lr, pc & !1);
        self.regs.restore_xpsr(xpsr);
        self.cycles += u64::from(cycles::EXCEPTION_RETURN);
        if xpsr & EPSR_T == 0 {
            return self.take_fault(Fault::InvalidState);
        }
        if thread && self.system.scb.sleeps_on_exit() {
            self.sleep_for_interrupt();
        }
        Ok(())
    }

    /// EXC_RETURN, or the state in which it is used, is invalid: INVPC, taken with the old frame (B1.5.8).
    fn bad_return(&mut self, returning: u16, exc_return: u32) -> Result<(), Lockup> {
        self.system.nvic.deactivate(returning);
        if returning != number::NMI {
            self.regs.faultmask = false;
        }
        self.failed_return(Fault::InvalidPc, exc_return)
    }

    fn failed_return(&mut self, fault: Fault, exc_return: u32) -> Result<(), Lockup> {
        let pc = self.regs.pc();
        let exception = self.raise(fault).ok_or(Lockup { pc, fault })?;
        self.activate(exception, exc_return | 0xf000_0000)
    }

    /// The effect on the machine of a trap of the instruction at `regs.r[15]`, which is `bytes` long.
    pub(super) fn take_trap(&mut self, trap: Trap, bytes: u8) -> Result<Trapped, Lockup> {
        match trap {
            Trap::Fault(fault) => self.take_fault(fault)?,
            Trap::SupervisorCall => {
                self.complete(bytes);
                self.take_supervisor_call()?;
            }
            Trap::ExceptionReturn(value) => {
                self.regs.it = 0;
                self.return_from_exception(value)?;
            }
            Trap::Sleep => self.complete(bytes),
            Trap::Breakpoint(imm) => return Ok(Trapped::Breakpoint(imm)),
        }
        Ok(Trapped::Handled)
    }

    fn complete(&mut self, bytes: u8) {
        self.regs.r[15] = self.regs.r[15].wrapping_add(u32::from(bytes));
        self.regs.advance_it();
    }

    /// BKPT without a debugger that is not a semihosting call: HardFault (the debug monitor exception is not modelled).
    pub(super) fn take_breakpoint(&mut self) -> Result<(), Lockup> {
        self.take_fault(Fault::DebugEvent)
    }

    /// Whether CFSR says that MMFAR or BFAR hold an address.
    pub fn fault_address(&self) -> Option<u32> {
        let scb = &self.system.scb;
        if scb.cfsr & BFARVALID != 0 {
            Some(scb.bfar)
        } else if scb.cfsr & MMARVALID != 0 {
            Some(scb.mmfar)
        } else {
            None
        }
    }
}

/// The remaining work after a trap.
pub(super) enum Trapped {
    /// Nothing.
    Handled,
    /// The run stops at a BKPT, which has not been passed.
    Breakpoint(u8),
}

fn frame_bytes(extended: bool) -> u32 {
    if extended { EXTENDED_FRAME_BYTES } else { FRAME_BYTES }
}

fn as_stacking(fault: Fault, addr: u32) -> Fault {
    match fault {
        Fault::DataAccess { .. } => Fault::StackingAccess { addr },
        _ => Fault::StackingBus { addr },
    }
}

fn as_unstacking(fault: Fault, addr: u32) -> Fault {
    match fault {
        Fault::DataAccess { .. } => Fault::UnstackingAccess { addr },
        _ => Fault::UnstackingBus { addr },
    }
}
