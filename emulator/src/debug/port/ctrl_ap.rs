//! Nordic's CTRL-AP (nRF52840 PS 4.8.1): reset, erasing everything, and whether the chip is locked.

use drydock_assets::Chip;

use crate::runner::VisitEffect;
use crate::{AccessSize, Machine, ResetKind, VirtualTime};

const RESET: u8 = 0x00;
const ERASEALL: u8 = 0x04;
const APPROTECTSTATUS: u8 = 0x0c;
const IDR: u8 = 0xfc;
/// PS 4.8.1: CTRL-AP's identification.
const IDENTIFICATION: u32 = 0x0288_0000;

/// UICR.APPROTECT (PS 4.5.1.3): all ones is open.
const APPROTECT: u32 = 0x1000_1208;
const PROTECTED: u32 = 0xffff_ff00;
/// NVMC: CONFIG and ERASEALL.
const NVMC_CONFIG: u32 = 0x4001_e504;
const NVMC_ERASEALL: u32 = 0x4001_e50c;
const ERASE_ENABLED: u32 = 2;
/// PS 4.3.10: t_ERASEALL, rounded up.
const ERASE_TIME: VirtualTime = VirtualTime::from_ms(170);

/// The access port.
#[derive(Debug)]
pub(super) struct CtrlAp {
    /// First address and length of the memories that ERASEALL clears besides flash and UICR.
    ram: Vec<(u32, u32)>,
    is_locked: bool,
    in_reset: bool,
}

impl CtrlAp {
    pub(super) fn new(chip: &Chip) -> Self {
        Self {
            ram: chip.ram.iter().map(|ram| (ram.base, ram.bytes)).collect(),
            is_locked: false,
            in_reset: false,
        }
    }

    /// Whether the memory access port refuses every access.
    pub(super) fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Reads the lock, as the chip does with a reset.
    pub(super) fn read_lock(&mut self, machine: &mut dyn Machine) {
        let mut word = [0xff; 4];
        let read = machine.read_memory(APPROTECT, &mut word);
        self.is_locked = read.is_ok() && word[0] != 0xff;
    }

    /// Sets the lock or removes it; returns whether that was possible.
    pub(super) fn set_locked(&mut self, machine: &mut dyn Machine, locked: bool) -> bool {
        let word = if locked { PROTECTED } else { u32::MAX };
        let written = machine.write_memory(APPROTECT, &word.to_le_bytes()).is_ok();
        self.read_lock(machine);
        written
    }

    pub(super) fn read(&self, register: u8) -> u32 {
        match register {
            RESET => u32::from(self.in_reset),
            // ERASEALLSTATUS (0x08) is never busy: ERASEALL is over when its write is.
            APPROTECTSTATUS => u32::from(!self.is_locked),
            IDR => IDENTIFICATION,
            _ => 0,
        }
    }

    pub(super) fn write(&mut self, machine: &mut dyn Machine, register: u8, value: u32) -> ((), VisitEffect) {
        let effect = match register {
            RESET => {
                let was_in_reset = std::mem::replace(&mut self.in_reset, value & 1 != 0);
                if was_in_reset && !self.in_reset {
                    // The builtin engine does not fail.
                    let _ = machine.reset(ResetKind::Software);
                    self.read_lock(machine);
                    VisitEffect::Reset(ResetKind::Software)
                } else {
                    VisitEffect::None
                }
            }
            ERASEALL if value & 1 != 0 => {
                self.erase_all(machine);
                VisitEffect::Ran
            }
            _ => VisitEffect::None,
        };
        ((), effect)
    }

    fn erase_all(&mut self, machine: &mut dyn Machine) {
        if let Some(debug) = machine.debug_access() {
            let was_debugged = debug.halting_debug();
            debug.set_halting_debug(true);
            debug.halt();
            // The controller has these registers, so nothing is refused.
            for (register, value) in [(NVMC_CONFIG, ERASE_ENABLED), (NVMC_ERASEALL, 1), (NVMC_CONFIG, 0)] {
                let _ = debug.write_bus(register, value, AccessSize::Word);
            }
            debug.pass_time(ERASE_TIME);
            debug.set_halting_debug(was_debugged);
        }
        for (base, bytes) in &self.ram {
            // The board's data and the machine agree about RAM.
            let _ = machine.write_memory(*base, &vec![0; *bytes as usize]);
        }
        self.read_lock(machine);
    }
}
