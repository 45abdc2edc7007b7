//! One type over both cores, for the machine. It matches on the kind of core once per call, never once per
//! instruction.

use std::hash::Hasher;

use super::arm::{self, CortexM};
use super::fabric::{AddressBlock, BadState, Chip, CoreDescription, Fabric, ResetKind};
use super::limits::Limits;
use super::riscv::{self, RiscV};
use super::shared_image::SharedImage;
use crate::debug::profile::Watched;
use crate::machine::VirtualTime;
use crate::machine::{DebugAccess, GuestFault, RegisterInfo};

/// One of the cores, with its chip.
pub enum AnyCore {
    /// ARMv7E-M.
    CortexM(Box<CortexM>),
    /// RV32IMAC.
    RiscV(Box<RiscV>),
}

/// Why a run of a core ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreStop {
    /// [`Limits::until`] is reached.
    Time,
    /// [`Limits::instructions`] is reached.
    Instructions,
    /// Asleep.
    Idle,
    /// The machine was reset.
    Reset(ResetKind),
    /// A semihosting call that ends the program, or that there is not.
    Breakpoint {
        /// The breakpoint's immediate; 0 where breakpoints have none.
        code: u8,
        /// The program's exit code, if it ended.
        exit: Option<u32>,
    },
    /// The core locked up.
    Lockup {
        /// Where.
        pc: u32,
    },
    /// The chip switched itself off.
    PowerOff,
    /// A debugger halted it.
    DebugHalt,
}

/// The state of one of the cores, with its chip.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) enum SavedCore {
    CortexM(Box<arm::SavedCore>),
    RiscV(Box<riscv::SavedCore>),
}

/// The same call on whichever core it is.
macro_rules! on_core {
    ($self:expr, $core:ident => $call:expr) => {
        match $self {
            AnyCore::CortexM($core) => $call,
            AnyCore::RiscV($core) => $call,
        }
    };
}

impl AnyCore {
    /// The core of `chip`, in its state at power-on.
    pub fn new(chip: Box<dyn Chip>, fabric: Fabric) -> Self {
        match chip.description().core {
            CoreDescription::CortexM(_) => Self::CortexM(Box::new(CortexM::new(chip, fabric))),
            CoreDescription::RiscV(_) => Self::RiscV(Box::new(RiscV::new(chip, fabric))),
        }
    }

    /// Runs until a limit is reached or the machine stops by itself.
    pub fn run(&mut self, limits: Limits) -> CoreStop {
        match self {
            Self::CortexM(core) => match core.run(limits) {
                arm::StopReason::Time => CoreStop::Time,
                arm::StopReason::Instructions => CoreStop::Instructions,
                arm::StopReason::Idle => CoreStop::Idle,
                arm::StopReason::Reset(kind) => CoreStop::Reset(kind),
                arm::StopReason::Exit { code } => CoreStop::Breakpoint {
                    code: arm::SEMIHOSTING,
                    exit: Some(code),
                },
                arm::StopReason::Semihosting { .. } => CoreStop::Breakpoint {
                    code: arm::SEMIHOSTING,
                    exit: None,
                },
                arm::StopReason::Lockup(lockup) => CoreStop::Lockup { pc: lockup.pc },
                arm::StopReason::PowerOff => CoreStop::PowerOff,
                arm::StopReason::DebugHalt => CoreStop::DebugHalt,
            },
            Self::RiscV(core) => match core.run(limits) {
                riscv::StopReason::Time => CoreStop::Time,
                riscv::StopReason::Instructions => CoreStop::Instructions,
                riscv::StopReason::Idle => CoreStop::Idle,
                riscv::StopReason::Reset(kind) => CoreStop::Reset(kind),
                riscv::StopReason::Exit { code } => CoreStop::Breakpoint {
                    code: 0,
                    exit: Some(code),
                },
                riscv::StopReason::Semihosting { .. } => CoreStop::Breakpoint { code: 0, exit: None },
                riscv::StopReason::PowerOff => CoreStop::PowerOff,
                riscv::StopReason::Lockup { pc } => CoreStop::Lockup { pc },
            },
        }
    }

    /// Memory holds `image`: code that other machines decoded from it may be run too.
    pub(crate) fn share_code(&mut self, image: &SharedImage) {
        on_core!(self, core => core.share_code(image));
    }

    /// Resets core and chip; time continues.
    pub fn reset(&mut self, kind: ResetKind) {
        on_core!(self, core => core.reset(kind));
    }

    /// A second core and chip in the same state, without outputs that were not taken yet.
    pub fn fork(&mut self) -> Self {
        match self {
            Self::CortexM(core) => Self::CortexM(Box::new(core.fork())),
            Self::RiscV(core) => Self::RiscV(Box::new(core.fork())),
        }
    }

    /// Everything that decides the machine's future, except memory.
    pub(crate) fn save(&self) -> Result<SavedCore, BadState> {
        Ok(match self {
            Self::CortexM(core) => SavedCore::CortexM(Box::new(core.saved()?)),
            Self::RiscV(core) => SavedCore::RiscV(Box::new(core.saved()?)),
        })
    }

    /// Loads a saved state; memory stays unchanged.
    pub(crate) fn load(&mut self, saved: SavedCore) -> Result<(), BadState> {
        match (self, saved) {
            (Self::CortexM(core), SavedCore::CortexM(saved)) => core.take_over(*saved),
            (Self::RiscV(core), SavedCore::RiscV(saved)) => core.take_over(*saved),
            _ => Err(BadState("it is of another core".to_owned())),
        }
    }

    /// Feeds everything that decides the machine's future into `state`.
    pub fn hash_state(&self, state: &mut dyn Hasher) {
        on_core!(self, core => core.hash_state(state));
    }

    /// Address of the instruction being executed, or of the next one between instructions.
    pub fn pc(&self) -> u32 {
        on_core!(self, core => core.registers().pc())
    }

    /// Instructions executed since power-on.
    pub fn instructions(&self) -> u64 {
        on_core!(self, core => core.instructions())
    }

    /// Virtual time.
    pub fn now(&self) -> VirtualTime {
        on_core!(self, core => core.now())
    }

    /// When the next event falls due; `None` when nothing is scheduled.
    pub fn next_due_at(&self) -> Option<VirtualTime> {
        on_core!(self, core => core.next_due_at())
    }

    /// The registers it has, in GDB's order.
    pub fn register_list(&self) -> &'static [RegisterInfo] {
        match self {
            Self::CortexM(core) if core.has_fp() => &ARM_REGISTERS,
            Self::CortexM(_) => &ARM_REGISTERS[..ARM_CORE_REGISTERS],
            Self::RiscV(_) => &RISCV_REGISTERS,
        }
    }

    /// Reads a register by its name.
    pub fn read_register(&self, name: &str) -> Option<u32> {
        match self {
            Self::CortexM(core) => read_arm_register(core, name),
            Self::RiscV(core) => core.read_register(name),
        }
    }

    /// Writes a register by its name.
    pub fn write_register(&mut self, name: &str, value: u32) -> Option<()> {
        on_core!(self, core => core.write_register(name, value))
    }

    /// Memory, outputs, logs.
    pub fn fabric(&self) -> &Fabric {
        on_core!(self, core => core.fabric())
    }

    /// As [`Self::fabric`], to take outputs or write memory between runs.
    pub fn fabric_mut(&mut self) -> &mut Fabric {
        on_core!(self, core => core.fabric_mut())
    }

    /// Where the core is, for a profile.
    pub(crate) fn watched(&self) -> Watched {
        on_core!(self, core => core.watched())
    }

    /// The named address blocks: the core's own, then the chip's.
    pub(crate) fn address_blocks(&self) -> [&'static [AddressBlock]; 2] {
        let own: &'static [AddressBlock] = match self {
            Self::CortexM(_) => arm::BLOCKS,
            Self::RiscV(_) => &[],
        };
        [own, self.chip().description().blocks]
    }

    /// A debugger's access, for cores that have halting debug.
    pub(crate) fn debug_access(&mut self) -> Option<&mut dyn DebugAccess> {
        match self {
            Self::CortexM(core) => Some(core.as_mut()),
            Self::RiscV(_) => None,
        }
    }

    /// Whether halting debug is on.
    pub(crate) fn is_debugged(&self) -> bool {
        matches!(self, Self::CortexM(core) if core.halting_debug())
    }

    /// Whether a debugger has breakpoints.
    pub(crate) fn has_breakpoints(&self) -> bool {
        matches!(self, Self::CortexM(core) if core.has_breakpoints())
    }

    /// Halts the core if a debugger's breakpoint is at PC; returns whether it did.
    pub(crate) fn halt_at_breakpoint(&mut self) -> bool {
        match self {
            Self::CortexM(core) => core.halt_at_breakpoint(),
            Self::RiscV(_) => false,
        }
    }

    /// The chip.
    pub fn chip(&self) -> &dyn Chip {
        on_core!(self, core => core.chip())
    }

    /// The chip with the fabric, to feed inputs between runs.
    pub fn chip_mut(&mut self) -> (&mut dyn Chip, &mut Fabric) {
        on_core!(self, core => core.chip_mut())
    }

    /// Takes the faults the guest took since the last call.
    pub fn take_faults(&mut self) -> Vec<GuestFault> {
        match self {
            Self::CortexM(core) => core.take_faults().into_iter().map(GuestFault::from).collect(),
            Self::RiscV(core) => core.take_faults().into_iter().map(GuestFault::from).collect(),
        }
    }
}

impl From<arm::FaultTaken> for GuestFault {
    fn from(taken: arm::FaultTaken) -> Self {
        Self::Exception {
            at: taken.at,
            pc: taken.pc,
            lr: taken.lr,
            what: taken.to_string(),
        }
    }
}

impl From<riscv::TrapTaken> for GuestFault {
    fn from(taken: riscv::TrapTaken) -> Self {
        if taken.endless {
            return Self::Lockup {
                at: taken.at,
                pc: taken.pc,
            };
        }
        Self::Exception {
            at: taken.at,
            pc: taken.pc,
            lr: taken.ra,
            what: taken.to_string(),
        }
    }
}

const fn register(name: &'static str) -> RegisterInfo {
    RegisterInfo { name, bits: 32 }
}

/// In GDB's order (org.gnu.gdb.arm.m-profile, then m-system), then the floating-point extension's.
const ARM_REGISTERS: [RegisterInfo; ARM_CORE_REGISTERS + arm::FP_REGISTER_NAMES.len()] = {
    let mut list = [register("pc"); ARM_CORE_REGISTERS + arm::FP_REGISTER_NAMES.len()];
    let mut index = 0;
    while index < list.len() {
        list[index] = match index {
            0..ARM_CORE_REGISTERS => ARM_CORE[index],
            _ => register(arm::FP_REGISTER_NAMES[index - ARM_CORE_REGISTERS]),
        };
        index += 1;
    }
    list
};

const ARM_CORE_REGISTERS: usize = 23;
const ARM_CORE: [RegisterInfo; ARM_CORE_REGISTERS] = [
    register("r0"),
    register("r1"),
    register("r2"),
    register("r3"),
    register("r4"),
    register("r5"),
    register("r6"),
    register("r7"),
    register("r8"),
    register("r9"),
    register("r10"),
    register("r11"),
    register("r12"),
    register("sp"),
    register("lr"),
    register("pc"),
    register("xpsr"),
    register("msp"),
    register("psp"),
    register("primask"),
    register("basepri"),
    register("faultmask"),
    register("control"),
];

/// In GDB's order (org.gnu.gdb.riscv.cpu), then the CSRs that are useful to people.
const RISCV_REGISTERS: [RegisterInfo; 46] = {
    let mut list = [register("pc"); 46];
    let mut index = 0;
    while index < 32 {
        list[index] = register(riscv::REGISTER_NAMES[index]);
        index += 1;
    }
    while index < 45 {
        list[index + 1] = register(riscv::CSR_NAMES[index - 32].0);
        index += 1;
    }
    list
};

fn read_arm_register(core: &arm::CortexM, name: &str) -> Option<u32> {
    let Some(index) = ARM_CORE.iter().position(|register| register.name == name) else {
        return core.fp_register(name);
    };
    let regs = core.registers();
    Some(match name {
        "xpsr" => regs.xpsr(),
        "msp" => regs.msp(),
        "psp" => regs.psp(),
        "primask" => u32::from(regs.primask),
        "basepri" => u32::from(regs.basepri),
        "faultmask" => u32::from(regs.faultmask),
        "control" => core.control(),
        _ => regs.r[index],
    })
}
