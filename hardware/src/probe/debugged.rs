//! A Cortex-M core under a debugger: halted, stepped, its registers and breakpoints (ARMv7-M C1.6 to C1.11). It is
//! driven through its debug registers, so that chips without a target in probe-rs' list work too.

use super::{
    ProbeError, Probes,
    chip::{arm_interface, causes, find, memory, nordic_lock},
    watch::Comparators,
};
use drydock_assets::Board;
use drydock_gdb::ARM_FLOAT;
use probe_rs::architecture::arm::{ArmDebugInterface, ArmError, DapError, memory::ArmMemoryInterface};
use std::{
    error::Error,
    time::{Duration, Instant},
};

const FP_CTRL: u64 = 0xe000_2000;
const FP_COMP: u64 = 0xe000_2008;
const AIRCR: u64 = 0xe000_ed0c;
const DHCSR: u64 = 0xe000_edf0;
const DCRSR: u64 = 0xe000_edf4;
const DCRDR: u64 = 0xe000_edf8;
const DEMCR: u64 = 0xe000_edfc;

const DHCSR_KEY: u32 = 0xa05f_0000;
const C_DEBUGEN: u32 = 1 << 0;
const C_HALT: u32 = 1 << 1;
const C_STEP: u32 = 1 << 2;
const C_MASKINTS: u32 = 1 << 3;
const S_REGRDY: u32 = 1 << 16;
const S_HALT: u32 = 1 << 17;
const S_LOCKUP: u32 = 1 << 19;
const S_RESET_ST: u32 = 1 << 25;
/// DCRSR.REGWnR.
const WRITES: u32 = 1 << 16;
/// AIRCR: key and SYSRESETREQ.
const RESET_REQUEST: u32 = 0x05fa_0004;
/// DEMCR.VC_CORERESET: halt before the first instruction after a reset.
const VC_CORERESET: u32 = 1 << 0;
const FP_KEY: u32 = 1 << 1;
const FP_ENABLE: u32 = 1 << 0;
/// The code region (B3.1): flash, ROM, option bytes and their aliases; RAM only where a board's description has some.
/// Version 1 of the breakpoint unit compares addresses of this region only (C1.11.3).
pub(super) const CODE_REGION_END: u32 = 0x2000_0000;

/// How long a core may take to do what DHCSR asks for, and a chip for a reset.
const OBEYS: Duration = Duration::from_secs(1);
const RESETS: Duration = Duration::from_secs(3);

/// The general registers, with what selects them in DCRSR.
const REGISTERS: [(&str, u32); 19] = [
    ("r0", 0),
    ("r1", 1),
    ("r2", 2),
    ("r3", 3),
    ("r4", 4),
    ("r5", 5),
    ("r6", 6),
    ("r7", 7),
    ("r8", 8),
    ("r9", 9),
    ("r10", 10),
    ("r11", 11),
    ("r12", 12),
    ("sp", 13),
    ("lr", 14),
    ("pc", 15),
    ("xpsr", 16),
    ("msp", 17),
    ("psp", 18),
];
/// The registers that share one selection, each with its lowest bit there.
const SPECIAL: [(&str, u32); 4] = [("primask", 0), ("basepri", 8), ("faultmask", 16), ("control", 24)];
const SPECIAL_SELECTED: u32 = 20;

/// What a core does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoreState {
    /// It executes, or sleeps.
    Running,
    /// It is halted.
    Halted,
    /// It runs, but a fault in its fault handler keeps it from executing anything.
    LockedUp,
    /// It runs, and debugging was switched off by somebody else or by a loss of power.
    Released,
}

/// The core's registers, read over a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreRegisters {
    /// Names and values.
    pub values: Vec<(&'static str, u32)>,
    /// Whether it was halted already, by another debugger. It still is.
    pub was_halted: bool,
}

/// A core that a debugger holds. Dropping it removes the breakpoints and lets the core run.
pub(crate) struct DebuggedChip {
    interface: Box<dyn ArmDebugInterface>,
    /// What each comparator of the breakpoint unit matches.
    comparators: Vec<Option<u32>>,
    /// Whether the comparators take any address.
    takes_any_address: bool,
    pub(super) watch: Comparators,
    was_halted: bool,
    /// Whether it stays halted when this is dropped.
    stays_halted: bool,
}

impl Probes {
    /// Reads memory while the core runs. Registers of peripherals have their side effects. An access is as wide as its
    /// address and its length allow, at most 32 bits.
    ///
    /// # Errors
    /// [`ProbeError`]; [`ProbeError::BusFault`] where nothing answers on the chip's bus.
    pub fn read_memory(&self, id: &str, address: u32, bytes: &mut [u8]) -> Result<(), ProbeError> {
        let mut interface = unlocked_interface(self, id)?;
        let mut memory = memory(&mut *interface).map_err(|error| failed(&error, address))?;
        read(&mut *memory, address, bytes)
    }

    /// Halts the core, reads its registers, and lets it run on.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub fn read_registers(&self, id: &str) -> Result<CoreRegisters, ProbeError> {
        let mut chip = DebuggedChip::halt_in(unlocked_interface(self, id)?)?;
        chip.stays_halted = chip.was_halted;
        let names = register_names();
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            values.push((name, chip.read_register(name)?));
        }
        Ok(CoreRegisters {
            values,
            was_halted: chip.was_halted,
        })
    }

    /// Halts the core of a board, for a debugger.
    ///
    /// # Errors
    /// [`ProbeError`]; also if another chip is behind the probe than the board has.
    pub(crate) fn halt(&self, id: &str, board: &Board) -> Result<DebuggedChip, ProbeError> {
        let mut interface = arm_interface(self.open(id)?)?;
        let found = find(&mut *interface)?;
        if found.is_locked {
            return Err(ProbeError::Locked);
        }
        if found.chip.asset_name() != board.chip.name {
            return Err(ProbeError::OtherChip {
                found: found.chip.asset_name(),
                expected: board.chip.name.clone(),
            });
        }
        let mut chip = DebuggedChip::halt_in(interface)?;
        chip.enable_breakpoints()?;
        chip.clear_watchpoints()?;
        Ok(chip)
    }
}

/// The names of the registers that a core has.
pub(crate) fn register_names() -> Vec<&'static str> {
    let special = SPECIAL.iter().map(|(name, _)| *name);
    REGISTERS.iter().map(|(name, _)| *name).chain(special).collect()
}

impl DebuggedChip {
    fn halt_in(interface: Box<dyn ArmDebugInterface>) -> Result<Self, ProbeError> {
        let mut chip = Self {
            interface,
            comparators: Vec::new(),
            takes_any_address: false,
            watch: Comparators::default(),
            was_halted: false,
            // Before it is known how the core was found, it is left alone.
            stays_halted: true,
        };
        chip.was_halted = chip.word(DHCSR)? & S_HALT != 0;
        chip.stays_halted = false;
        chip.halt()?;
        Ok(chip)
    }

    /// Clears what an earlier debugger left, and switches the unit on.
    fn enable_breakpoints(&mut self) -> Result<(), ProbeError> {
        let control = self.word(FP_CTRL)?;
        let count = control >> 4 & 0xf | control >> 8 & 0x70;
        self.takes_any_address = control >> 28 != 0;
        self.comparators = vec![None; count as usize];
        self.set_comparators()
    }

    /// What the core does now.
    pub(crate) fn state(&mut self) -> Result<CoreState, ProbeError> {
        let status = self.word(DHCSR)?;
        Ok(match status {
            _ if status & S_HALT != 0 => CoreState::Halted,
            _ if status & C_DEBUGEN == 0 => CoreState::Released,
            _ if status & S_LOCKUP != 0 => CoreState::LockedUp,
            _ => CoreState::Running,
        })
    }

    /// Halts the core.
    pub(crate) fn halt(&mut self) -> Result<(), ProbeError> {
        self.control(C_DEBUGEN | C_HALT)?;
        self.wait_for(S_HALT, "halt")
    }

    /// Lets the core run until a breakpoint.
    pub(crate) fn go(&mut self) -> Result<(), ProbeError> {
        self.control(C_DEBUGEN)
    }

    /// Executes one instruction, without taking an interrupt.
    pub(crate) fn step(&mut self) -> Result<(), ProbeError> {
        // C_MASKINTS may change only while the core is halted and stays so (C1.6.2).
        self.control(C_DEBUGEN | C_HALT | C_MASKINTS)?;
        self.control(C_DEBUGEN | C_STEP | C_MASKINTS)?;
        self.wait_for(S_HALT, "execute one instruction")?;
        self.control(C_DEBUGEN | C_HALT)
    }

    /// Resets the chip and halts it before its first instruction.
    pub(crate) fn reset(&mut self) -> Result<(), ProbeError> {
        let demcr = self.word(DEMCR)?;
        // Reading it clears S_RESET_ST of earlier resets.
        self.word(DHCSR)?;
        self.set_word(DEMCR, demcr | VC_CORERESET)?;
        // A chip may not acknowledge the access that resets it.
        if let Err(error) = self.set_word(AIRCR, RESET_REQUEST) {
            tracing::debug!(%error, "the access that resets the chip");
        }
        let begin = Instant::now();
        let mut was_reset = false;
        loop {
            let status = self.word(DHCSR);
            was_reset |= status.as_ref().is_ok_and(|status| status & S_RESET_ST != 0);
            match status {
                Ok(status) if was_reset && status & S_HALT != 0 => break,
                Err(error) if begin.elapsed() > RESETS => return Err(error),
                Ok(_) if begin.elapsed() > RESETS => return Err(ProbeError::Disobeys("reset")),
                _ => {}
            }
        }
        self.set_word(DEMCR, demcr)?;
        self.set_comparators()
    }

    /// Reads a register while the core is halted.
    pub(crate) fn read_register(&mut self, name: &str) -> Result<u32, ProbeError> {
        if let Some(selected) = selection(name) {
            return self.selected(selected);
        }
        let (_, shift) = special(name)?;
        Ok(self.selected(SPECIAL_SELECTED)? >> shift & 0xff)
    }

    /// Writes a register while the core is halted.
    pub(crate) fn write_register(&mut self, name: &str, value: u32) -> Result<(), ProbeError> {
        if let Some(selected) = selection(name) {
            return self.set_selected(selected, value);
        }
        let (_, shift) = special(name)?;
        let others = self.selected(SPECIAL_SELECTED)? & !(0xff << shift);
        self.set_selected(SPECIAL_SELECTED, others | (value & 0xff) << shift)
    }

    /// Reads memory, as [`Probes::read_memory`] does.
    pub(crate) fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), ProbeError> {
        let mut memory = memory(&mut *self.interface).map_err(|error| failed(&error, address))?;
        read(&mut *memory, address, bytes)
    }

    /// Writes memory; accesses are as wide as those of [`Self::read`].
    pub(crate) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), ProbeError> {
        let at = u64::from(address);
        let refused = |error: ArmError| failed(&error, address);
        let mut memory = memory(&mut *self.interface).map_err(refused)?;
        let written = if let (0, (words, [])) = (address % 4, bytes.as_chunks::<4>()) {
            let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
            memory.write_32(at, &words)
        } else if let (0, (halves, [])) = (address % 2, bytes.as_chunks::<2>()) {
            let halves: Vec<u16> = halves.iter().map(|half| u16::from_le_bytes(*half)).collect();
            memory.write_16(at, &halves)
        } else {
            memory.write_8(at, bytes)
        };
        written.and_then(|()| memory.flush()).map_err(refused)
    }

    /// Sets a breakpoint; false if no comparator is left, or none can match the address.
    pub(crate) fn add_breakpoint(&mut self, address: u32) -> Result<bool, ProbeError> {
        if address >= CODE_REGION_END && !self.takes_any_address {
            return Ok(false);
        }
        let Some(free) = self.comparators.iter_mut().find(|matches| matches.is_none()) else {
            return Ok(false);
        };
        *free = Some(address);
        self.set_comparators().map(|()| true)
    }

    /// Removes a breakpoint; false if there is none.
    pub(crate) fn remove_breakpoint(&mut self, address: u32) -> Result<bool, ProbeError> {
        let Some(there) = self.comparators.iter_mut().find(|matches| **matches == Some(address)) else {
            return Ok(false);
        };
        *there = None;
        self.set_comparators().map(|()| true)
    }

    /// Whether a breakpoint is at an address.
    pub(crate) fn has_breakpoint(&self, address: u32) -> bool {
        self.comparators.contains(&Some(address))
    }

    fn set_comparators(&mut self) -> Result<(), ProbeError> {
        for (index, matches) in self.comparators.clone().into_iter().enumerate() {
            let word = match matches {
                None => 0,
                Some(address) if self.takes_any_address => address | FP_ENABLE,
                // REPLACE chooses the halfword that is matched.
                Some(address) => {
                    let replace = if address & 2 == 0 { 1 } else { 2 };
                    replace << 30 | address & 0x1fff_fffc | FP_ENABLE
                }
            };
            self.set_word(FP_COMP + 4 * index as u64, word)?;
        }
        self.set_word(FP_CTRL, FP_KEY | FP_ENABLE)
    }

    fn release(&mut self) -> Result<(), ProbeError> {
        self.release_watchpoints()?;
        if !self.comparators.is_empty() {
            self.comparators.fill(None);
            self.set_comparators()?;
            self.set_word(FP_CTRL, FP_KEY)?;
        }
        self.control(C_DEBUGEN)?;
        self.control(0)
    }

    fn selected(&mut self, selected: u32) -> Result<u32, ProbeError> {
        self.set_word(DCRSR, selected)?;
        self.wait_for(S_REGRDY, "give a register")?;
        self.word(DCRDR)
    }

    fn set_selected(&mut self, selected: u32, value: u32) -> Result<(), ProbeError> {
        self.set_word(DCRDR, value)?;
        self.set_word(DCRSR, selected | WRITES)?;
        self.wait_for(S_REGRDY, "take a register")
    }

    fn wait_for(&mut self, status: u32, what: &'static str) -> Result<(), ProbeError> {
        let begin = Instant::now();
        while self.word(DHCSR)? & status == 0 {
            if begin.elapsed() > OBEYS {
                return Err(ProbeError::Disobeys(what));
            }
        }
        Ok(())
    }

    fn control(&mut self, bits: u32) -> Result<(), ProbeError> {
        self.set_word(DHCSR, DHCSR_KEY | bits)
    }

    pub(super) fn word(&mut self, address: u64) -> Result<u32, ProbeError> {
        let read = memory(&mut *self.interface).and_then(|mut memory| memory.read_word_32(address));
        read.map_err(|error| ProbeError::NoAnswer(causes(&error)))
    }

    pub(super) fn set_word(&mut self, address: u64, value: u32) -> Result<(), ProbeError> {
        let written = memory(&mut *self.interface).and_then(|mut memory| {
            memory.write_word_32(address, value)?;
            memory.flush()
        });
        written.map_err(|error| ProbeError::NoAnswer(causes(&error)))
    }
}

impl Drop for DebuggedChip {
    fn drop(&mut self) {
        if !self.stays_halted
            && let Err(error) = self.release()
        {
            tracing::info!(%error, "the core could not be let go");
        }
    }
}

impl std::fmt::Debug for DebuggedChip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DebuggedChip")
            .field("comparators", &self.comparators)
            .finish_non_exhaustive()
    }
}

/// What selects a register of its own in DCRSR (C1.6.3): FPSCR is 33, S0 is 64.
fn selection(name: &str) -> Option<u32> {
    let float = || ARM_FLOAT.iter().position(|register| *register == name);
    let known = REGISTERS.iter().find(|(register, _)| *register == name);
    known.map(|(_, selected)| *selected).or_else(|| match float()? {
        32 => Some(33),
        index => u32::try_from(64 + index).ok(),
    })
}

fn special(name: &str) -> Result<(&'static str, u32), ProbeError> {
    let found = SPECIAL.into_iter().find(|(register, _)| *register == name);
    found.ok_or(ProbeError::Disobeys("know a register of that name"))
}

fn unlocked_interface(probes: &Probes, id: &str) -> Result<Box<dyn ArmDebugInterface>, ProbeError> {
    let mut interface = arm_interface(probes.open(id)?)?;
    match nordic_lock(&mut *interface) {
        Ok(Some(true)) => Err(ProbeError::Locked),
        Ok(_) => Ok(interface),
        Err(error) => Err(ProbeError::NoAnswer(causes(&error))),
    }
}

fn read(memory: &mut dyn ArmMemoryInterface, address: u32, bytes: &mut [u8]) -> Result<(), ProbeError> {
    let at = u64::from(address);
    let read = if let (0, (words, [])) = (address % 4, bytes.as_chunks_mut::<4>()) {
        let mut values = vec![0_u32; words.len()];
        let read = memory.read_32(at, &mut values);
        words
            .iter_mut()
            .zip(values)
            .for_each(|(word, value)| *word = value.to_le_bytes());
        read
    } else if let (0, (halves, [])) = (address % 2, bytes.as_chunks_mut::<2>()) {
        let mut values = vec![0_u16; halves.len()];
        let read = memory.read_16(at, &mut values);
        halves
            .iter_mut()
            .zip(values)
            .for_each(|(half, value)| *half = value.to_le_bytes());
        read
    } else {
        memory.read_8(at, bytes)
    };
    read.map_err(|error| failed(&error, address))
}

/// A fault is the bus' answer; everything else means that the chip is gone.
fn failed(error: &ArmError, address: u32) -> ProbeError {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        let is_fault = matches!(cause.downcast_ref::<DapError>(), Some(DapError::FaultResponse))
            || matches!(
                cause.downcast_ref::<ArmError>(),
                Some(ArmError::Dap(DapError::FaultResponse))
            );
        if is_fault {
            return ProbeError::BusFault(address);
        }
        next = cause.source();
    }
    ProbeError::NoAnswer(causes(error))
}
