//! Control and status registers (priv, chapter 2 and 3.1).

use super::RiscV;
use crate::core::fabric::RiscVOptions;

/// `mstatus` bits.
const MIE: u32 = 1 << 3;
const MPIE: u32 = 1 << 7;
const MPP: u32 = 3 << 11;
const MPRV: u32 = 1 << 17;
const TW: u32 = 1 << 21;
/// RV32 with A, C, I, M and U.
const MISA: u32 = 1 << 30 | 1 << 20 | 1 << 12 | 1 << 8 | 1 << 2 | 1;

/// The CSRs that hold something.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Csrs {
    mstatus: u32,
    pub(super) mie: u32,
    mtvec: u32,
    mtvec_mask: u32,
    mtvec_fixed: u32,
    mcounteren: u32,
    mscratch: u32,
    pub(super) mepc: u32,
    pub(super) mcause: u32,
    pub(super) mtval: u32,
    pub(super) cycle: Counter,
    pub(super) instret: Counter,
    plain: Vec<(u16, u32)>,
}

/// A 64-bit counter that follows one of the core's own counts.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Counter {
    /// Offset that is added to the count.
    offset: u64,
    /// Its value while `mcountinhibit` stops it.
    stopped: Option<u64>,
}

impl Counter {
    fn value(&self, count: u64) -> u64 {
        self.stopped.unwrap_or_else(|| count.wrapping_add(self.offset))
    }

    fn set(&mut self, count: u64, value: u64) {
        match &mut self.stopped {
            Some(stopped) => *stopped = value,
            None => self.offset = value.wrapping_sub(count),
        }
    }

    fn inhibit(&mut self, count: u64, inhibited: bool) {
        match (inhibited, self.stopped) {
            (true, None) => self.stopped = Some(self.value(count)),
            (false, Some(value)) => {
                self.stopped = None;
                self.set(count, value);
            }
            _ => {}
        }
    }

    /// Excludes one counted item of the core from this counter.
    pub(super) fn skip(&mut self) {
        if self.stopped.is_none() {
            self.offset = self.offset.wrapping_sub(1);
        }
    }
}

impl Csrs {
    pub(super) fn new(options: &RiscVOptions) -> Self {
        Self {
            mstatus: MPP,
            mie: 0,
            mtvec: options.mtvec_fixed,
            mtvec_mask: options.mtvec_mask,
            mtvec_fixed: options.mtvec_fixed,
            mcounteren: 0,
            mscratch: 0,
            mepc: 0,
            mcause: 0,
            mtval: 0,
            cycle: Counter::default(),
            instret: Counter::default(),
            plain: options.plain_csrs.to_vec(),
        }
    }

    pub(super) fn vector_base(&self) -> u32 {
        self.mtvec & !3
    }

    pub(super) fn vectored(&self) -> bool {
        self.mtvec & 3 == 1
    }

    pub(super) fn interrupts_enabled(&self) -> bool {
        self.mstatus & MIE != 0
    }

    /// Whether loads and stores of machine mode use user mode's rules.
    pub(super) fn modifies_privilege(&self) -> bool {
        self.mstatus & MPRV != 0 && self.mstatus & MPP == 0
    }

    pub(super) fn waits_time_out(&self) -> bool {
        self.mstatus & TW != 0
    }

    /// `mstatus` on trap entry.
    pub(super) fn push_mode(&mut self, user: bool) {
        let mie = self.mstatus & MIE != 0;
        self.mstatus &= !(MIE | MPIE | MPP);
        self.mstatus |= if mie { MPIE } else { 0 } | if user { 0 } else { MPP };
    }

    /// Whether the last trap came from machine mode, and no interrupt can be taken now.
    pub(super) fn trapped_from_machine(&self) -> bool {
        self.mstatus & (MIE | MPP) == MPP
    }

    /// `mstatus` on MRET; returns whether user mode follows.
    pub(super) fn pop_mode(&mut self) -> bool {
        let (user, mpie) = (self.mstatus & MPP == 0, self.mstatus & MPIE != 0);
        self.mstatus &= !(MIE | MPP);
        self.mstatus |= MPIE | if mpie { MIE } else { 0 };
        if user {
            self.mstatus &= !MPRV;
        }
        user
    }

    fn set_status(&mut self, value: u32) {
        let kept = value & (MIE | MPIE | MPRV | TW);
        // MPP holds machine or user mode (WARL): other values leave it unchanged.
        let mpp = match value & MPP {
            MPP | 0 => value & MPP,
            _ => self.mstatus & MPP,
        };
        self.mstatus = kept | mpp;
    }
}

/// High and low halves.
fn half(value: u64, high: bool) -> u32 {
    if high { (value >> 32) as u32 } else { value as u32 }
}

fn with_half(value: u64, high: bool, half: u32) -> u64 {
    match high {
        true => value & 0xffff_ffff | u64::from(half) << 32,
        false => value & !0xffff_ffff | u64::from(half),
    }
}

impl RiscV {
    /// Reads a CSR; `None` if there is none with this number.
    pub(super) fn csr(&self, csr: u16) -> Option<u32> {
        let csrs = &self.csrs;
        if let Some((_, value)) = csrs.plain.iter().find(|(number, _)| *number == csr) {
            return Some(*value);
        }
        let high = csr & 0x80 != 0;
        Some(match csr {
            0x300 => csrs.mstatus,
            0x301 => MISA,
            0x304 => csrs.mie,
            0x305 => csrs.mtvec,
            0x306 => csrs.mcounteren,
            0x310 => 0,
            0x320 => u32::from(csrs.cycle.stopped.is_some()) | u32::from(csrs.instret.stopped.is_some()) << 2,
            0x340 => csrs.mscratch,
            0x341 => csrs.mepc,
            0x342 => csrs.mcause,
            0x343 => csrs.mtval,
            0x344 => self.interrupt_lines(),
            0x3a0..=0x3a3 if self.pmp.has_entries() => self.pmp.config(csr - 0x3a0),
            0x3b0..=0x3bf if self.pmp.has_entries() => self.pmp.address(csr - 0x3b0),
            // Event selectors, further counters and triggers; none exist.
            0x323..=0x33f | 0xb03..=0xb1f | 0xb83..=0xb9f | 0xc03..=0xc1f | 0xc83..=0xc9f | 0x7a0..=0x7a3 => 0,
            0xb00 | 0xb80 | 0xc00 | 0xc80 => half(csrs.cycle.value(self.cycles), high),
            // MPCCR and UPCCR of Espressif's cores, which have MPCER: cycles.
            0x7e2 | 0x802 if csrs.plain.iter().any(|(number, _)| *number == 0x7e0) => {
                csrs.cycle.value(self.cycles) as u32
            }
            0xb02 | 0xb82 | 0xc02 | 0xc82 => half(csrs.instret.value(self.retired()), high),
            0xf11..=0xf13 => self.options.identity[usize::from(csr - 0xf11)],
            // mhartid, mconfigptr
            0xf14 | 0xf15 => 0,
            _ => return None,
        })
    }

    /// Writes an existing CSR that is not read-only; fields with a restricted set of values keep within it.
    pub(super) fn set_csr(&mut self, csr: u16, value: u32) -> Option<()> {
        if let Some((_, held)) = self.csrs.plain.iter_mut().find(|(number, _)| *number == csr) {
            *held = value;
            return Some(());
        }
        self.csr(csr)?;
        self.attention = true;
        let high = csr & 0x80 != 0;
        let (cycles, retired) = (self.cycles, self.retired());
        let csrs = &mut self.csrs;
        match csr {
            0x300 => csrs.set_status(value),
            0x304 => csrs.mie = value & self.options.interrupts,
            0x305 => csrs.mtvec = value & csrs.mtvec_mask | csrs.mtvec_fixed,
            0x306 => csrs.mcounteren = value & 5,
            0x320 => {
                csrs.cycle.inhibit(cycles, value & 1 != 0);
                csrs.instret.inhibit(retired, value & 4 != 0);
            }
            0x340 => csrs.mscratch = value,
            0x341 => csrs.mepc = value & !1,
            0x342 => csrs.mcause = value & 0x8000_03ff,
            0x343 => csrs.mtval = value,
            0x3a0..=0x3a3 => self.pmp.set_config(csr - 0x3a0, value),
            0x3b0..=0x3bf => self.pmp.set_address(csr - 0x3b0, value),
            0xb00 | 0xb80 => {
                let value = with_half(csrs.cycle.value(cycles), high, value);
                csrs.cycle.set(cycles, value);
            }
            0xb02 | 0xb82 => {
                // The write comes after the increment of the instruction that writes (priv 3.1.10).
                let value = with_half(csrs.instret.value(retired), high, value);
                csrs.instret.set(retired + 1, value);
            }
            _ => {}
        }
        if matches!(csr, 0x3a0..=0x3bf) {
            self.update_locks();
        }
        self.update_guard();
        Some(())
    }

    /// Whether the running code may read (or write) this CSR at all (priv 2.1; counters: 3.1.11).
    pub(super) fn may_access_csr(&self, csr: u16, write: bool) -> bool {
        let counter = matches!(csr, 0xc00..=0xc1f | 0xc80..=0xc9f);
        let read_only = csr >> 10 == 3;
        let privileged = csr >> 8 & 3 != 0;
        let counted = self.csrs.mcounteren & 1 << (csr & 31) != 0;
        !(write && read_only || self.user && (privileged || counter && !counted))
    }

    /// Instructions retired before the running one.
    fn retired(&self) -> u64 {
        self.instructions.saturating_sub(1)
    }
}

/// The number of the CSR called `name`.
pub(super) fn number(name: &str) -> Option<u16> {
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map(|(_, number)| *number)
}

/// The CSRs a debugger may ask for by name.
pub(in crate::core) const NAMES: [(&str, u16); 13] = [
    ("mstatus", 0x300),
    ("misa", 0x301),
    ("mie", 0x304),
    ("mtvec", 0x305),
    ("mscratch", 0x340),
    ("mepc", 0x341),
    ("mcause", 0x342),
    ("mtval", 0x343),
    ("mip", 0x344),
    ("mcycle", 0xb00),
    ("minstret", 0xb02),
    ("mhartid", 0xf14),
    ("mcounteren", 0x306),
];
