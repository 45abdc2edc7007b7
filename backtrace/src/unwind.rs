//! From a function to its caller: by the call frame information of DWARF, and by what a Cortex-M puts on the stack when
//! it takes an exception (ARMv7-M B1.5.6, B1.5.8).

use crate::{DebugInfo, FRAMES_MAX, Frame};
use gimli::{BaseAddresses, CfaRule, Register, RegisterRule, UnwindContext, UnwindSection as _, UnwindTableRow};

/// Which registers a core has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// r0 to r15.
    CortexM,
    /// x0 to x31.
    RiscV,
}

/// The registers of a core that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registers {
    /// Which they are.
    pub core: Core,
    /// By their number. Of a Cortex-M the first sixteen, with the stack pointer that is in use in r13.
    pub general: [u32; 32],
    /// Address of the instruction.
    pub pc: u32,
    /// The process stack pointer of a Cortex-M.
    pub process_stack: u32,
}

const ARM_SP: usize = 13;
const ARM_LR: usize = 14;
const RISCV_RA: usize = 1;
const RISCV_SP: usize = 2;

/// EXC_RETURN: its highest bits, whether the frame is without floating-point registers, and on which stack it is.
const EXC_RETURN: u32 = 0xffff_ff00;
const NO_FP_FRAME: u32 = 1 << 4;
const ON_PROCESS_STACK: u32 = 1 << 2;
/// Bytes of an exception frame: r0 to r3, r12, lr, pc, xpsr; then s0 to s15, fpscr and a reserved word.
const FRAME_BYTES: u32 = 0x20;
const FP_BYTES: u32 = 0x48;
/// XPSR's bit that says that the stack was aligned by four more bytes.
const ALIGNED: u32 = 1 << 9;

/// Reads words of the program's memory; `None` where there is none.
type Memory<'a> = &'a mut dyn FnMut(u32) -> Option<u32>;

impl DebugInfo {
    /// The functions from where a core stopped to the outermost one, at most [`FRAMES_MAX`]. `memory` reads a word, and
    /// has `None` where there is no memory.
    pub fn backtrace(&self, registers: &Registers, memory: Memory<'_>) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut registers = registers.clone();
        let mut how = Some(How::Stopped);
        while let Some(reached) = how {
            // A call's return address may belong to the next function already.
            let lookup = match reached {
                How::Called => registers.pc.wrapping_sub(1),
                How::Stopped | How::Interrupted => registers.pc,
            };
            frames.extend(self.frames_at(registers.pc, lookup, reached == How::Interrupted));
            if frames.len() >= FRAMES_MAX {
                frames.truncate(FRAMES_MAX);
                break;
            }
            how = self.caller(&mut registers, lookup, reached, memory);
        }
        frames
    }

    /// Makes the registers those of the caller.
    fn caller(&self, registers: &mut Registers, lookup: u32, reached: How, memory: Memory<'_>) -> Option<How> {
        let before = (registers.pc, registers.stack());
        let return_to = match self.unwound(registers, lookup, memory) {
            Some(address) => address,
            // A function in assembly that called nobody: its caller is in the link register.
            None if reached != How::Called => registers.link(),
            None => return None,
        };
        if registers.core == Core::CortexM && return_to >= EXC_RETURN {
            return interrupted(registers, return_to, memory);
        }
        registers.pc = match registers.core {
            Core::CortexM => return_to & !1,
            Core::RiscV => return_to,
        };
        // The outermost function has no caller.
        let is_new = registers.pc != 0 && (registers.pc, registers.stack()) != before;
        is_new.then_some(How::Called)
    }

    /// The return address by the call frame information. The registers are the caller's then.
    fn unwound(&self, registers: &mut Registers, lookup: u32, memory: Memory<'_>) -> Option<u32> {
        let mut context = UnwindContext::new();
        let bases = BaseAddresses::default();
        let address = u64::from(lookup);
        let in_debug =
            self.debug_frame
                .unwind_info_for_address(&bases, &mut context, address, gimli::DebugFrame::cie_from_offset);
        if let Ok(row) = in_debug {
            return apply(row, registers, memory);
        }
        let mut context = UnwindContext::new();
        let in_eh =
            self.eh_frame
                .unwind_info_for_address(&bases, &mut context, address, gimli::EhFrame::cie_from_offset);
        apply(in_eh.ok()?, registers, memory)
    }
}

/// How a frame was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The program stopped there.
    Stopped,
    /// It called the frame before.
    Called,
    /// An exception interrupted it.
    Interrupted,
}

impl Registers {
    fn stack_number(&self) -> usize {
        match self.core {
            Core::CortexM => ARM_SP,
            Core::RiscV => RISCV_SP,
        }
    }

    fn link_number(&self) -> usize {
        match self.core {
            Core::CortexM => ARM_LR,
            Core::RiscV => RISCV_RA,
        }
    }

    fn stack(&self) -> u32 {
        self.general[self.stack_number()]
    }

    fn link(&self) -> u32 {
        self.general[self.link_number()]
    }

    fn get(&self, register: Register) -> Option<u32> {
        self.general.get(usize::from(register.0)).copied()
    }
}

/// Applies a row of the table. A rule that is not understood leaves its register as it is.
fn apply(row: &UnwindTableRow<usize>, registers: &mut Registers, memory: Memory<'_>) -> Option<u32> {
    let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
        return None;
    };
    let cfa = registers.get(*register)?.wrapping_add(*offset as u32);
    let now = registers.clone();
    for (register, rule) in row.registers() {
        let value = match rule {
            RegisterRule::Offset(offset) => memory(cfa.wrapping_add(*offset as u32))?,
            RegisterRule::ValOffset(offset) => cfa.wrapping_add(*offset as u32),
            RegisterRule::Register(other) => now.get(*other)?,
            // The outermost function has no caller.
            RegisterRule::Undefined if usize::from(register.0) == registers.link_number() => return None,
            _ => continue,
        };
        if let Some(place) = registers.general.get_mut(usize::from(register.0)) {
            *place = value;
        }
    }
    let stack = registers.stack_number();
    registers.general[stack] = cfa;
    Some(registers.link())
}

/// Makes the registers those of what an exception interrupted.
fn interrupted(registers: &mut Registers, exc_return: u32, memory: Memory<'_>) -> Option<How> {
    let frame = match exc_return & ON_PROCESS_STACK {
        0 => registers.stack(),
        _ => registers.process_stack,
    };
    let mut word = |index: u32| memory(frame.wrapping_add(4 * index));
    for index in 0..4 {
        registers.general[index as usize] = word(index)?;
    }
    registers.general[12] = word(4)?;
    registers.general[ARM_LR] = word(5)?;
    let pc = word(6)? & !1;
    let xpsr = word(7)?;
    let fp = if exc_return & NO_FP_FRAME == 0 { FP_BYTES } else { 0 };
    let aligned = if xpsr & ALIGNED == 0 { 0 } else { 4 };
    let after = frame.wrapping_add(FRAME_BYTES + fp + aligned);
    registers.general[ARM_SP] = after;
    if exc_return & ON_PROCESS_STACK != 0 {
        registers.process_stack = after;
    }
    registers.pc = pc;
    Some(How::Interrupted)
}
