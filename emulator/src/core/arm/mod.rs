//! The ARMv7E-M core: decoder, execution, exceptions, and its part of the run loop.
//!
//! `decode` turns encodings into [`instruction::Instruction`]s, `exec` executes them, `code` builds blocks of them,
//! `fast` has the handlers that `dispatch` threads them into, `fp` is the floating-point extension, `run` joins the
//! core to the shared run loop, `exceptions` and `system` are the exception model and the core's own registers, `bus`
//! routes loads and stores, `cycles` has the cost of each instruction, `debug` is halting debug. Peripherals belong to the chip, not here.

mod blocks;
mod bus;
mod code;
mod cycles;
mod debug;
mod decode;
mod exceptions;
mod exec;
#[cfg(not(feature = "safe"))]
mod fast;
mod fp;
mod instruction;
mod profiled;
mod registers;
mod run;
mod saved;
mod system;

#[cfg(test)]
mod tests;

use std::hash::{Hash, Hasher};

use super::clock::CoreClock;
use super::code_cache::CodeCache;
use super::dispatch::{Block, Dispatch};
use super::fabric::{Chip, CoreDescription, CortexMOptions, Fabric, Repeats, ResetKind};
pub use super::limits::Limits;
use super::run::RunLoop;
use super::shared_image::SharedImage;
use crate::machine::VirtualTime;

pub(in crate::core) use blocks::BLOCKS;
pub use exceptions::{Fault, FaultTaken, Lockup};
use fp::Fp;
pub use fp::REGISTER_NAMES as FP_REGISTER_NAMES;
use instruction::SP;
pub use registers::Registers;
pub use run::{SEMIHOSTING, StopReason};
pub(crate) use saved::SavedCore;
use system::System;

/// A Cortex-M4 with its chip.
pub struct CortexM {
    regs: Registers,
    fp: Fp,
    #[cfg(not(feature = "safe"))]
    fp_readiness: fp::Readiness,
    /// Core clock cycles since power-on, up to the running instruction, including sleep.
    cycles: u64,
    instructions: u64,
    /// The next instruction may have changed (an interrupt, a mask): stop after this one and check.
    attention: bool,
    /// LDREX armed the local monitor. It has no address: the manual lets STREX succeed to any (A3.4.1).
    exclusive: bool,
    /// The event register of WFE.
    event_register: bool,
    sleeping: Option<Sleep>,
    system: System,
    clock: CoreClock,
    /// Cycles spent asleep, which CYCCNT does not count.
    slept: u64,
    options: CortexMOptions,
    code: CodeCache<Block<Self>>,
    dispatch: Dispatch<Self>,
    fabric: Fabric,
    chip: Box<dyn Chip>,
    faults_taken: Vec<FaultTaken>,
    repeats: Repeats,
    halted: Option<StopReason>,
    debug: debug::Debug,
}

/// The condition that ends a sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum Sleep {
    Interrupt,
    Event,
}

impl CortexM {
    /// The core of `chip`, in its state at power-on. It has no code before memory is loaded: call [`Self::reset`] then.
    ///
    /// # Panics
    /// If the chip has another kind of core.
    pub fn new(mut chip: Box<dyn Chip>, fabric: Fabric) -> Self {
        let CoreDescription::CortexM(options) = chip.description().core else {
            panic!("the chip's core is no Cortex-M");
        };
        let mut fabric = fabric;
        chip.reset(&mut fabric, ResetKind::PowerOn);
        Self {
            regs: Registers::default(),
            fp: Fp::new(),
            #[cfg(not(feature = "safe"))]
            fp_readiness: fp::Readiness::Unknown,
            cycles: 0,
            instructions: 0,
            attention: true,
            exclusive: false,
            event_register: false,
            sleeping: None,
            system: System::new(&options),
            clock: CoreClock::new(fabric.cpu_hz()),
            slept: 0,
            options,
            code: CodeCache::default(),
            dispatch: Dispatch::default(),
            fabric,
            chip,
            faults_taken: Vec::new(),
            repeats: Repeats::default(),
            halted: None,
            debug: debug::Debug::default(),
        }
    }

    /// Resets core and chip; time continues. The core starts from its vector table.
    pub fn reset(&mut self, kind: ResetKind) {
        self.place_fabric();
        self.record_reset();
        self.fabric.clear_for_reset();
        if kind == ResetKind::PowerOn {
            self.fabric.memory_mut().clear_ram();
            self.fabric.power_cycle_parts();
        }
        self.fabric.set_cpu_hz(self.chip.description().cpu_hz);
        let caught = self.debug.after_reset(kind, &self.system.scb);
        // A debugger begins anew, or is gone.
        self.fabric.skip_polls(false);
        self.system = System::new(&self.options);
        self.system.scb.demcr = caught;
        self.regs = Registers::default();
        self.fp = Fp::new();
        self.exclusive = false;
        self.event_register = false;
        self.sleeping = None;
        self.halted = None;
        self.repeats.clear();
        self.attention = true;
        self.chip.reset(&mut self.fabric, kind);
        // Without a vector table these are the values of erased or missing memory, and the first fetch faults.
        let vtor = self.system.scb.vtor;
        let memory = self.fabric.memory();
        let sp = memory.read_u32(vtor).unwrap_or(0);
        let entry = memory.read_u32(vtor.wrapping_add(4)).unwrap_or(0);
        self.regs.set_msp(sp);
        self.regs.r[14] = u32::MAX;
        self.regs.r[15] = entry & !1;
        self.catch_reset();
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
            system: self.system.clone(),
            options: self.options.clone(),
            code: self.code.fork(),
            dispatch: Dispatch::default(),
            fabric: self.fabric.fork(),
            chip: self.chip.snapshot(),
            faults_taken: Vec::new(),
            repeats: self.repeats.clone(),
            attention: true,
            halted: self.own_halt(),
            debug: debug::Debug::default(),
            ..*self
        }
    }

    /// Feeds everything that decides the machine's future into `state`.
    pub fn hash_state(&self, mut state: &mut dyn Hasher) {
        self.regs.hash(&mut state);
        self.fp.hash(&mut state);
        (
            self.cycles,
            self.instructions,
            self.exclusive,
            self.event_register,
            self.sleeping,
        )
            .hash(&mut state);
        (&self.system, self.clock, self.slept).hash(&mut state);
        self.fabric.hash_state(state);
        self.chip.hash_state(state);
    }

    /// Core registers.
    pub fn registers(&self) -> &Registers {
        &self.regs
    }

    /// Core registers, for a debugger. PC may point anywhere; ITSTATE stays unchanged.
    pub fn registers_mut(&mut self) -> &mut Registers {
        &mut self.regs
    }

    /// A floating-point register by its name (`s0` to `s31`, `fpscr`); `None` when this core has none.
    pub fn fp_register(&self, name: &str) -> Option<u32> {
        let mut fp = self.fp;
        fp.named(name).filter(|_| self.options.fpu).copied()
    }

    /// Whether the core has the floating-point extension.
    pub fn has_fp(&self) -> bool {
        self.options.fpu
    }

    /// Instructions executed since power-on; those whose IT condition failed do not count.
    pub fn instructions(&self) -> u64 {
        self.instructions
    }

    /// Core cycles since power-on, sleep included.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Cycles of them in which the core slept.
    pub fn slept_cycles(&self) -> u64 {
        self.slept
    }

    /// Virtual time.
    pub fn now(&self) -> VirtualTime {
        self.clock.time_at(self.cycles)
    }

    /// When the next event or SysTick falls due; `None` when nothing is scheduled.
    pub fn next_due_at(&self) -> Option<VirtualTime> {
        match RunLoop::next_due(self) {
            u64::MAX => None,
            cycle => Some(self.clock.time_at(cycle)),
        }
    }

    /// Writes a register by its name, as a debugger does; `None` when there is no such register.
    pub fn write_register(&mut self, name: &str, value: u32) -> Option<()> {
        self.attention = true;
        let regs = &mut self.regs;
        match name {
            "sp" => regs.set(SP, value),
            "lr" => regs.r[14] = value,
            "pc" => {
                regs.r[15] = value & !1;
                regs.it = 0;
            }
            "xpsr" => regs.restore_xpsr(value),
            "msp" => regs.set_msp(value),
            "psp" => regs.set_psp(value),
            "primask" => regs.primask = value & 1 != 0,
            "basepri" => regs.basepri = self.system.nvic.implemented(value as u8),
            "faultmask" => regs.faultmask = value & 1 != 0,
            "control" => self.set_control(value),
            "fpscr" if self.options.fpu => self.fp.set_fpscr(value),
            _ if self.options.fpu && self.fp.named(name).is_some() => *self.fp.named(name)? = value,
            _ => {
                let index: u8 = name.strip_prefix('r')?.parse().ok().filter(|index| *index <= 12)?;
                regs.set(index, value);
            }
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
    pub fn take_faults(&mut self) -> Vec<FaultTaken> {
        std::mem::take(&mut self.faults_taken)
    }

    /// CONTROL.
    pub fn control(&self) -> u32 {
        self.regs.control() | u32::from(self.fp.in_use) << 2
    }

    fn set_control(&mut self, value: u32) {
        self.regs.unprivileged_thread = value & 1 != 0;
        if self.regs.exception == 0 {
            self.regs.switch(0, value & 2 != 0);
        }
        self.fp.in_use = self.options.fpu && value & 4 != 0;
    }

    fn running_cycles(&self) -> u64 {
        self.cycles - self.slept
    }

    fn sleep_for_interrupt(&mut self) {
        self.sleeping = Some(Sleep::Interrupt);
        self.attention = true;
    }

    fn sleep_for_event(&mut self) {
        self.sleeping = Some(Sleep::Event);
        self.attention = true;
    }
}

/// The instruction at `pc` in words, for diagnostics, and its length in bytes.
pub fn disassemble(pc: u32, first: u16, second: u16) -> (String, u8) {
    let decoded = decode::decode(pc, first, second, false);
    (format!("{:?}", decoded.instruction), decoded.bytes)
}
