//! The bus as a debugger sees it: the core's debug registers (ARMv7-M C1.6 to C1.11), and everything else as the core
//! would reach it. The comparators of the trace block are the debugger's alone: the guest sees none.

use std::ops::Range;
use std::time::Duration;

use drydock_assets::Chip;

use super::rom_table::Identity;
use crate::machine::Watchpoint;
use crate::runner::VisitEffect;
use crate::{AccessSize, CoreActivity, Machine, ResetKind, RunLimit, VirtualTime};

const DWT_CTRL: u32 = 0xe000_1000;
const DWT_PCSR: u32 = 0xe000_101c;
/// DWT_COMP0, DWT_MASK0, DWT_FUNCTION0 and a reserved word; the other comparators follow.
const DWT_COMP: u32 = 0xe000_1020;
const DWT_END: u32 = DWT_COMP + 0x10 * WATCHPOINTS as u32;
const FP_CTRL: u32 = 0xe000_2000;
const FP_REMAP: u32 = 0xe000_2004;
const FP_COMP: u32 = 0xe000_2008;
const AIRCR: u32 = 0xe000_ed0c;
const DHCSR: u32 = 0xe000_edf0;
const DCRSR: u32 = 0xe000_edf4;
const DCRDR: u32 = 0xe000_edf8;
const DEMCR: u32 = 0xe000_edfc;

/// DHCSR.
const C_DEBUGEN: u32 = 1 << 0;
const C_HALT: u32 = 1 << 1;
const C_STEP: u32 = 1 << 2;
const C_MASKINTS: u32 = 1 << 3;
const S_REGRDY: u32 = 1 << 16;
const S_HALT: u32 = 1 << 17;
const S_SLEEP: u32 = 1 << 18;
const S_LOCKUP: u32 = 1 << 19;
const S_RETIRE_ST: u32 = 1 << 24;
const S_RESET_ST: u32 = 1 << 25;
const DHCSR_KEY: u32 = 0xa05f;
/// DCRSR.REGWnR.
const WRITES: u32 = 1 << 16;
/// AIRCR: VECTKEY, and the two ways to reset.
const AIRCR_KEY: u32 = 0x05fa;
const SYSRESETREQ: u32 = 1 << 2;
const VECTRESET: u32 = 1 << 0;
/// DEMCR.TRCENA.
const TRCENA: u32 = 1 << 24;
/// FP_CTRL: two literal and six instruction comparators (Cortex-M4 TRM 8.3), KEY, ENABLE.
const FP_CTRL_FIXED: u32 = 0x260;
const COMPARATORS: usize = 6;
const FP_KEY: u32 = 1 << 1;
const FP_ENABLE: u32 = 1 << 0;
/// DWT_CTRL.NUMCOMP: four comparators, as a full Cortex-M4 has.
const WATCHPOINTS: usize = 4;
const NUMCOMP: u32 = (WATCHPOINTS as u32) << 28;
/// DWT_MASK: how far it goes is up to the chip (C1.8). This is 32 KiB.
const MASK_MAX: u32 = 15;
/// DWT_FUNCTION (C1.8): FUNCTION's watchpoints on loads, stores and both, and MATCHED.
const ON_LOADS: u32 = 5;
const ON_STORES: u32 = 6;
const ON_BOTH: u32 = 7;
const FUNCTION: u32 = 0xf;
const MATCHED: u32 = 1 << 24;

/// What a flash algorithm may run between two looks at DHCSR. A debugger's time-outs count the host's time.
const ALGORITHM_SLICE: VirtualTime = VirtualTime::from_ms(20);
/// What an access to a peripheral takes while the core is halted: 46 bits at about 4 MHz.
const ACCESS_TIME: VirtualTime = VirtualTime::from_us(12);
const PERIPHERALS: Range<u32> = 0x4000_0000..0x6000_0000;

/// The registers that the core itself does not keep.
#[derive(Debug)]
pub(super) struct CoreDebug {
    identity: &'static Identity,
    flash: Range<u32>,
    dcrdr: u32,
    c_step: bool,
    c_maskints: bool,
    /// DHCSR.S_RESET_ST; the second is for the port.
    was_reset: bool,
    port_missed_reset: bool,
    fp_enabled: bool,
    fp_comp: [u32; COMPARATORS],
    dwt: [Comparator; WATCHPOINTS],
    /// How long flash algorithms have run, until it is asked for.
    ran: VirtualTime,
}

/// A comparator of the trace block.
#[derive(Clone, Copy, Debug, Default)]
struct Comparator {
    comp: u32,
    mask: u32,
    function: u32,
    matched: bool,
}

impl Comparator {
    fn watchpoint(&self) -> Watchpoint {
        Watchpoint {
            address: self.comp,
            mask: (1 << self.mask) - 1,
            loads: matches!(self.function, ON_LOADS | ON_BOTH),
            stores: matches!(self.function, ON_STORES | ON_BOTH),
        }
    }

    /// Reads the register at an offset in its group.
    fn read(&mut self, offset: u32) -> u32 {
        match offset {
            0x0 => self.comp,
            0x4 => self.mask,
            // Reading it clears MATCHED (C1.8).
            0x8 if std::mem::take(&mut self.matched) => self.function | MATCHED,
            0x8 => self.function,
            _ => 0,
        }
    }

    fn write(&mut self, offset: u32, value: u32) {
        match offset {
            0x0 => self.comp = value,
            0x4 => self.mask = (value & 0x1f).min(MASK_MAX),
            0x8 => self.function = value & FUNCTION,
            _ => {}
        }
    }
}

impl CoreDebug {
    pub(super) fn new(chip: &Chip, identity: &'static Identity) -> Self {
        Self {
            identity,
            flash: chip.flash.base..chip.flash.base + chip.flash.bytes,
            dcrdr: 0,
            c_step: false,
            c_maskints: false,
            was_reset: false,
            port_missed_reset: false,
            fp_enabled: false,
            fp_comp: [0; COMPARATORS],
            dwt: [Comparator::default(); WATCHPOINTS],
            ran: VirtualTime::ZERO,
        }
    }

    /// The chip's time in which flash algorithms have run since the last call.
    pub(super) fn take_ran(&mut self) -> Duration {
        let ran = std::mem::replace(&mut self.ran, VirtualTime::ZERO);
        Duration::from_nanos(ran.as_ns())
    }

    /// Whether the chip was reset since the last call.
    pub(super) fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.port_missed_reset)
    }

    /// Loads; `None` if the bus refuses it.
    pub(super) fn read(
        &mut self,
        machine: &mut dyn Machine,
        addr: u32,
        size: AccessSize,
    ) -> (Option<u32>, VisitEffect) {
        self.notice_reset(machine);
        let word = |value: u32| (Some(value), VisitEffect::None);
        match addr & !3 {
            DHCSR => {
                let effect = self.run_algorithm(machine);
                let value = self.dhcsr(machine);
                return (narrow(value, addr, size), effect);
            }
            DCRSR => return word(0),
            DCRDR => return (narrow(self.dcrdr, addr, size), VisitEffect::None),
            DWT_PCSR => return word(pc_sample(machine)),
            at @ DWT_COMP..DWT_END => return word(self.read_comparator(machine, at)),
            FP_CTRL => return word(FP_CTRL_FIXED | u32::from(self.fp_enabled)),
            FP_REMAP => return word(0),
            at @ FP_COMP..0xe000_2020 => return word(self.fp_comp[(at - FP_COMP) as usize / 4]),
            // The two literal comparators are not modelled.
            0xe000_2020..0xe000_2028 => return word(0),
            at => {
                if let Some(value) = self.identity.word(at) {
                    return (narrow(value, addr, size), VisitEffect::None);
                }
            }
        }
        let effect = spend_access(machine, addr);
        let Some(debug) = machine.debug_access() else {
            return (None, effect);
        };
        let comparators = if addr == DWT_CTRL { NUMCOMP } else { 0 };
        (debug.read_bus(addr, size).ok().map(|value| value | comparators), effect)
    }

    /// Stores; `false` if the bus refuses it.
    pub(super) fn write(
        &mut self,
        machine: &mut dyn Machine,
        addr: u32,
        value: u32,
        size: AccessSize,
    ) -> (bool, VisitEffect) {
        self.notice_reset(machine);
        let is_word = size == AccessSize::Word;
        let mut effect = VisitEffect::Changed;
        match addr {
            DHCSR if is_word => self.set_dhcsr(machine, value),
            DCRSR if is_word => self.transfer(machine, value),
            DCRDR if is_word => self.dcrdr = value,
            AIRCR if is_word && value >> 16 == AIRCR_KEY && value & (SYSRESETREQ | VECTRESET) != 0 => {
                // The builtin engine does not fail.
                let _ = machine.reset(ResetKind::Software);
                self.notice_reset(machine);
                effect = VisitEffect::Reset(ResetKind::Software);
            }
            FP_CTRL if value & FP_KEY != 0 => {
                self.fp_enabled = value & FP_ENABLE != 0;
                self.set_breakpoints(machine);
            }
            DWT_COMP..DWT_END => {
                if traces(machine) {
                    let at = addr - DWT_COMP;
                    self.dwt[at as usize / 0x10].write(at % 0x10, value);
                    self.set_watchpoints(machine);
                }
            }
            FP_CTRL | FP_REMAP => {}
            FP_COMP..0xe000_2020 => {
                self.fp_comp[(addr - FP_COMP) as usize / 4] = value;
                self.set_breakpoints(machine);
            }
            0xe000_2020..0xe000_2028 => {}
            _ => {
                let spent = spend_access(machine, addr);
                let done = machine
                    .debug_access()
                    .is_some_and(|debug| debug.write_bus(addr, value, size).is_ok());
                return (done, if done { VisitEffect::Changed } else { spent });
            }
        }
        (true, effect)
    }

    /// A reset by whomever since the last access.
    fn notice_reset(&mut self, machine: &mut dyn Machine) {
        let Some(debug) = machine.debug_access() else { return };
        if debug.take_reset() {
            self.was_reset = true;
            self.port_missed_reset = true;
            if !debug.halting_debug() {
                (self.fp_enabled, self.fp_comp) = (false, [0; COMPARATORS]);
                self.dwt = [Comparator::default(); WATCHPOINTS];
                debug.set_watchpoints(&[]);
                (self.c_step, self.c_maskints) = (false, false);
            }
        }
    }

    /// Lets a flash algorithm run for a while.
    fn run_algorithm(&mut self, machine: &mut dyn Machine) -> VisitEffect {
        let runs = machine
            .debug_access()
            .is_some_and(|debug| debug.halting_debug() && debug.core_activity() == CoreActivity::Running);
        let pc = machine.read_register("pc").unwrap_or(0) as u32;
        if !runs || self.flash.contains(&pc) {
            return VisitEffect::None;
        }
        let begun = machine.now();
        if let Some(debug) = machine.debug_access() {
            debug.skip_polls();
        }
        // A failed engine is seen by its runner.
        let _ = machine.run(RunLimit::until(machine.now().saturating_add(ALGORITHM_SLICE)));
        self.ran = self.ran.saturating_add(machine.now().saturating_sub(begun));
        VisitEffect::Ran
    }

    fn dhcsr(&mut self, machine: &mut dyn Machine) -> u32 {
        self.notice_reset(machine);
        let Some(debug) = machine.debug_access() else { return 0 };
        let mut value = S_REGRDY;
        for (bit, is_set) in [
            (C_DEBUGEN, debug.halting_debug()),
            (C_STEP, self.c_step),
            (C_MASKINTS, self.c_maskints),
            (S_RESET_ST, std::mem::take(&mut self.was_reset)),
        ] {
            value |= if is_set { bit } else { 0 };
        }
        value
            | match debug.core_activity() {
                CoreActivity::Halted => C_HALT | S_HALT,
                CoreActivity::Sleeping => S_SLEEP,
                CoreActivity::LockedUp => S_LOCKUP,
                CoreActivity::Running => S_RETIRE_ST,
                CoreActivity::Off => 0,
            }
    }

    fn set_dhcsr(&mut self, machine: &mut dyn Machine, value: u32) {
        let Some(debug) = machine.debug_access() else { return };
        if value >> 16 != DHCSR_KEY {
            return;
        }
        if value & C_DEBUGEN == 0 {
            (self.c_step, self.c_maskints) = (false, false);
            debug.mask_interrupts(false);
            debug.set_halting_debug(false);
            return;
        }
        (self.c_step, self.c_maskints) = (value & C_STEP != 0, value & C_MASKINTS != 0);
        debug.set_halting_debug(true);
        debug.mask_interrupts(self.c_maskints);
        let is_halted = debug.core_activity() == CoreActivity::Halted;
        match (value & C_HALT != 0, is_halted, self.c_step) {
            (true, false, _) => debug.halt(),
            (false, true, true) => debug.step_halted(),
            (false, true, false) => debug.go(),
            _ => {}
        }
    }

    /// DCRSR: moves a register to or from DCRDR. It does nothing while the core runs.
    fn transfer(&mut self, machine: &mut dyn Machine, value: u32) {
        let halted = machine
            .debug_access()
            .is_some_and(|debug| debug.core_activity() == CoreActivity::Halted);
        if !halted {
            return;
        }
        let selected = value & 0x7f;
        match (selected, value & WRITES != 0) {
            (20, true) => {
                for (name, shift, mask) in SPECIAL {
                    put(machine, name, self.dcrdr >> shift & mask);
                }
            }
            (20, false) => {
                let fields = SPECIAL.map(|(name, shift, mask)| (get(machine, name) & mask) << shift);
                self.dcrdr = fields.into_iter().fold(0, |word, field| word | field);
            }
            (_, writes) => match (register_name(selected), writes) {
                (Some(name), true) => put(machine, &name, self.dcrdr),
                (Some(name), false) => self.dcrdr = get(machine, &name),
                (None, _) => {}
            },
        }
    }

    fn read_comparator(&mut self, machine: &mut dyn Machine, addr: u32) -> u32 {
        let watched = machine.debug_access().map_or(0, |debug| debug.take_watched());
        for (index, comparator) in self.dwt.iter_mut().enumerate() {
            comparator.matched |= watched & 1 << index != 0;
        }
        let at = addr - DWT_COMP;
        match traces(machine) {
            true => self.dwt[at as usize / 0x10].read(at % 0x10),
            false => 0,
        }
    }

    /// Gives the core the loads and stores that the comparators match.
    fn set_watchpoints(&self, machine: &mut dyn Machine) {
        let watchpoints = self.dwt.map(|comparator| comparator.watchpoint());
        if let Some(debug) = machine.debug_access() {
            debug.set_watchpoints(&watchpoints);
        }
    }

    /// Gives the core the addresses that the comparators match (C1.11.3, version 1).
    fn set_breakpoints(&self, machine: &mut dyn Machine) {
        let mut addresses = Vec::new();
        for comparator in self
            .fp_comp
            .iter()
            .filter(|word| self.fp_enabled && **word & FP_ENABLE != 0)
        {
            let addr = comparator & 0x1fff_fffc;
            let replace = comparator >> 30;
            addresses.extend((replace & 1 != 0).then_some(addr));
            addresses.extend((replace & 2 != 0).then_some(addr + 2));
        }
        if let Some(debug) = machine.debug_access() {
            debug.set_breakpoints(&addresses);
        }
    }
}

/// Register 20 of DCRSR: CONTROL, FAULTMASK, BASEPRI, PRIMASK.
const SPECIAL: [(&str, u32, u32); 4] = [
    ("control", 24, 0xff),
    ("faultmask", 16, 1),
    ("basepri", 8, 0xff),
    ("primask", 0, 1),
];

/// The name of a register that DCRSR selects.
fn register_name(selected: u32) -> Option<String> {
    Some(match selected {
        0..=12 => format!("r{selected}"),
        13 => "sp".to_owned(),
        14 => "lr".to_owned(),
        15 => "pc".to_owned(),
        16 => "xpsr".to_owned(),
        17 => "msp".to_owned(),
        18 => "psp".to_owned(),
        33 => "fpscr".to_owned(),
        64..=95 => format!("s{}", selected - 64),
        _ => return None,
    })
}

fn get(machine: &mut dyn Machine, name: &str) -> u32 {
    machine.read_register(name).unwrap_or(0) as u32
}

fn put(machine: &mut dyn Machine, name: &str, value: u32) {
    // A core without the floating-point extension has no such register: the write is ignored, as on silicon.
    let _ = machine.write_register(name, u64::from(value));
}

/// Whether the trace block is on. While it is off its comparators are not written, and read as zero.
fn traces(machine: &mut dyn Machine) -> bool {
    machine.debug_access().is_some_and(|debug| {
        debug
            .read_bus(DEMCR, AccessSize::Word)
            .is_ok_and(|demcr| demcr & TRCENA != 0)
    })
}

/// DWT_PCSR: all ones while the core is halted or the trace block is off.
fn pc_sample(machine: &mut dyn Machine) -> u32 {
    let samples = traces(machine)
        && machine
            .debug_access()
            .is_some_and(|debug| !matches!(debug.core_activity(), CoreActivity::Halted | CoreActivity::Off));
    if samples { get(machine, "pc") } else { u32::MAX }
}

/// An access to a peripheral takes time, which a halted core does not spend.
fn spend_access(machine: &mut dyn Machine, addr: u32) -> VisitEffect {
    if !PERIPHERALS.contains(&addr) {
        return VisitEffect::None;
    }
    if let Some(debug) = machine.debug_access() {
        debug.pass_time(ACCESS_TIME);
    }
    VisitEffect::Changed
}

/// The bytes of a word that an access names.
fn narrow(word: u32, addr: u32, size: AccessSize) -> Option<u32> {
    let mask = (1_u64 << (8 * size.bytes())) - 1;
    Some(word >> (8 * (addr & 3)) & mask as u32)
}
