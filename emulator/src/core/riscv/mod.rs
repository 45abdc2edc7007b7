//! The RISC-V core: RV32IMAC with Zicsr and Zifencei, machine and user mode, physical memory protection; after the
//! unprivileged specification 20191213 and the privileged specification 1.12 (20211203), cited as "unpriv" and
//! "priv".
//!
//! `decode` turns encodings into [`instruction::Instruction`]s, `exec` executes them, `code` builds blocks of them,
//! `fast` has the handlers that `dispatch` threads them into, `run` joins the core to the shared run loop, `trap` and
//! `csr` are the privileged architecture, `pmp` its memory protection, `bus` routes loads and stores, `cycles` has
//! the cost of each instruction. CLINT, PLIC and the like belong to the chip: they drive interrupt lines of the
//! fabric, which are the bits of `mip`.

mod bus;
pub mod clint;
mod code;
mod csr;
mod cycles;
mod decode;
mod exec;
#[cfg(not(feature = "safe"))]
mod fast;
mod instruction;
pub mod plic;
mod pmp;
mod profiled;
mod registers;
mod run;
mod saved;
mod trap;

#[cfg(test)]
pub(crate) mod tests;

use std::hash::{Hash, Hasher};

use super::clock::CoreClock;
use super::code_cache::CodeCache;
use super::dispatch::{Block, Dispatch};
use super::fabric::{Chip, CoreDescription, Fabric, Repeats, ResetKind, RiscVOptions};
use super::run::RunLoop;
use super::shared_image::SharedImage;
use crate::machine::VirtualTime;

use csr::Csrs;
pub(super) use csr::NAMES as CSR_NAMES;
use pmp::Pmp;
pub(super) use registers::NAMES as REGISTER_NAMES;
pub use registers::Registers;
pub use run::StopReason;
pub(crate) use saved::SavedCore;
pub use trap::{Cause, TrapTaken};

/// A RISC-V hart with its chip.
pub struct RiscV {
    regs: Registers,
    /// Core clock cycles since power-on, up to the running instruction, including sleep.
    cycles: u64,
    instructions: u64,
    /// The next instruction may have changed (an interrupt, a mask): stop after this one and check.
    attention: bool,
    /// User mode; otherwise machine mode.
    user: bool,
    /// The PMP is checked for each fetch and data access: user mode, or machine mode on its behalf.
    guarded: bool,
    /// Locked PMP entries bind machine mode too: fast paths lead only to pages that they leave open.
    locked: bool,
    /// What LR.W reserved.
    reservation: Option<u32>,
    sleeping: bool,
    csrs: Csrs,
    pmp: Pmp,
    clock: CoreClock,
    options: RiscVOptions,
    code: CodeCache<Block<Self>>,
    dispatch: Dispatch<Self>,
    fabric: Fabric,
    chip: Box<dyn Chip>,
    traps_taken: Vec<TrapTaken>,
    repeats: Repeats,
    halted: Option<StopReason>,
}

impl RiscV {
    /// The core of `chip`, in its state at power-on. It has no code before memory is loaded: call [`Self::reset`] then.
    ///
    /// # Panics
    /// If the chip has another kind of core.
    pub fn new(mut chip: Box<dyn Chip>, fabric: Fabric) -> Self {
        let CoreDescription::RiscV(options) = chip.description().core else {
            panic!("the chip's core is no RISC-V");
        };
        let mut fabric = fabric;
        chip.reset(&mut fabric, ResetKind::PowerOn);
        Self {
            regs: Registers::new(options.reset_pc),
            cycles: 0,
            instructions: 0,
            attention: true,
            user: false,
            guarded: false,
            locked: false,
            reservation: None,
            sleeping: false,
            csrs: Csrs::new(&options),
            pmp: Pmp::new(options.pmp_entries),
            clock: CoreClock::new(fabric.cpu_hz()),
            options,
            code: CodeCache::default(),
            dispatch: Dispatch::default(),
            fabric,
            chip,
            traps_taken: Vec::new(),
            repeats: Repeats::default(),
            halted: None,
        }
    }

    /// Resets core and chip; time continues (priv 3.4). Registers, which the specification leaves open, become zero.
    pub fn reset(&mut self, kind: ResetKind) {
        self.place_fabric();
        self.record_reset();
        self.fabric.clear_for_reset();
        if kind == ResetKind::PowerOn {
            self.fabric.memory_mut().clear_ram();
            self.fabric.power_cycle_parts();
        }
        self.fabric.set_cpu_hz(self.chip.description().cpu_hz);
        self.regs = Registers::new(self.options.reset_pc);
        self.user = false;
        self.guarded = false;
        self.locked = false;
        self.fabric.memory_mut().distrust();
        self.reservation = None;
        self.sleeping = false;
        self.csrs = Csrs::new(&self.options);
        self.pmp = Pmp::new(self.options.pmp_entries);
        self.halted = None;
        self.repeats.clear();
        self.attention = true;
        self.chip.reset(&mut self.fabric, kind);
    }

    /// Memory holds `image`: code that other machines decoded from it may be run too.
    pub(in crate::core) fn share_code(&mut self, image: &SharedImage) {
        self.dispatch.clear();
        self.code = image.code_cache().map(CodeCache::with_shared).unwrap_or_default();
    }

    /// A second machine in the same state, without outputs of this one that were not taken yet.
    pub fn fork(&mut self) -> Self {
        Self {
            regs: self.regs.clone(),
            csrs: self.csrs.clone(),
            pmp: self.pmp.clone(),
            options: self.options.clone(),
            code: self.code.fork(),
            dispatch: Dispatch::default(),
            fabric: self.fabric.fork(),
            chip: self.chip.snapshot(),
            traps_taken: Vec::new(),
            repeats: self.repeats.clone(),
            attention: true,
            halted: self.halted,
            ..*self
        }
    }

    /// Feeds everything that decides the machine's future into `state`.
    pub fn hash_state(&self, mut state: &mut dyn Hasher) {
        self.regs.hash(&mut state);
        (
            self.cycles,
            self.instructions,
            self.user,
            self.reservation,
            self.sleeping,
        )
            .hash(&mut state);
        (&self.csrs, &self.pmp, self.clock).hash(&mut state);
        self.fabric.hash_state(state);
        self.chip.hash_state(state);
    }

    /// Core registers.
    pub fn registers(&self) -> &Registers {
        &self.regs
    }

    /// Instructions executed since power-on, those that trapped included.
    pub fn instructions(&self) -> u64 {
        self.instructions
    }

    /// Core cycles since power-on, sleep included.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Virtual time.
    pub fn now(&self) -> VirtualTime {
        self.clock.time_at(self.cycles)
    }

    /// When the next event falls due; `None` when nothing is scheduled.
    pub fn next_due_at(&self) -> Option<VirtualTime> {
        match RunLoop::next_due(self) {
            u64::MAX => None,
            cycle => Some(self.clock.time_at(cycle)),
        }
    }

    /// Reads a register by its name (`x0` … `x31` or the ABI's, `pc`, a CSR); `None` when there is no such register.
    pub fn read_register(&self, name: &str) -> Option<u32> {
        match registers::index(name) {
            Some(index) => Some(self.regs.x[index]),
            None if name == "pc" => Some(self.regs.pc),
            None => self.csr(csr::number(name)?),
        }
    }

    /// Writes a register by its name, as a debugger does; `None` when there is no such register.
    pub fn write_register(&mut self, name: &str, value: u32) -> Option<()> {
        self.attention = true;
        match registers::index(name) {
            Some(index) => self.regs.set(index as u8, value),
            None if name == "pc" => self.regs.pc = value & !1,
            None => self.set_csr(csr::number(name)?, value)?,
        }
        Some(())
    }

    /// The fabric: memory, outputs, logs.
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// As [`Self::fabric`], to take outputs or write memory between runs.
    pub fn fabric_mut(&mut self) -> &mut Fabric {
        self.attention = true;
        &mut self.fabric
    }

    /// The chip.
    pub fn chip(&self) -> &dyn Chip {
        &*self.chip
    }

    /// The chip with the fabric, to feed inputs between runs at the present instant.
    pub fn chip_mut(&mut self) -> (&mut dyn Chip, &mut Fabric) {
        self.place_fabric();
        self.attention = true;
        (&mut *self.chip, &mut self.fabric)
    }

    /// Takes the faults the guest took since the last call.
    pub fn take_faults(&mut self) -> Vec<TrapTaken> {
        std::mem::take(&mut self.traps_taken)
    }
}

/// The instruction at `pc` in words, for diagnostics, and its length in bytes.
pub fn disassemble(pc: u32, first: u16, second: u16) -> (String, u8) {
    let decoded = decode::decode(pc, first, second);
    (format!("{:?}", decoded.instruction), decoded.bytes)
}
