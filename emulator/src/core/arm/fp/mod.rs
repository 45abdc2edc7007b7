//! The floating-point extension FPv4-SP: its registers, access permission, and how exceptions preserve its state
//! (ARMv7-M A2.5, B1.4.7, B1.5.6, B3.2.20 and following). Its instructions are in `exec::vfp`, the arithmetic in
//! [`soft`]. Images that never use it only pay for a flag at exception entry.

#[cfg(any(not(feature = "safe"), test))]
pub(super) mod host;
pub(super) mod soft;

use super::CortexM;
use super::exceptions::Fault;
use crate::core::fabric::AccessSize;

/// The extension's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Fp {
    /// S0–S31; D registers are pairs of them.
    pub(super) s: [u32; 32],
    pub(super) fpscr: u32,
    /// CONTROL.FPCA: the context has used the extension.
    pub(super) in_use: bool,
    fpccr: u32,
    fpcar: u32,
    fpdscr: u32,
}

/// What cells may do without the reference. Known only within a run, after an instruction that the reference executed.
/// Exceptions, changes of privilege and stores to the core's own registers end a run; only VMSR does not.
#[cfg(not(feature = "safe"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Readiness {
    /// Nothing: the next instruction must check.
    Unknown,
    /// [`CortexM::use_fp`] would succeed, and do nothing.
    Transfers,
    /// Also FPSCR's modes are the usual ones, for which [`host`] calculates.
    Arithmetic,
}

/// The names debuggers give the registers.
#[rustfmt::skip]
pub const REGISTER_NAMES: [&str; 33] = [
    "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
    "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31",
    "fpscr",
];

/// FPSCR bits that exist (A2.5.3).
const FPSCR_MASK: u32 = 0xf7c0_009f;
/// FPDSCR: AHP, DN, FZ and RMode (B3.2.22).
const FPDSCR_MASK: u32 = 0x07c0_0000;
/// FPSCR: DN, FZ and RMode. AHP does not matter to singles.
#[cfg(not(feature = "safe"))]
const FPSCR_MODES: u32 = 0x03c0_0000;
/// FPCCR (B3.2.20).
const ASPEN: u32 = 1 << 31;
const LSPEN: u32 = 1 << 30;
const BFRDY: u32 = 1 << 6;
const MMRDY: u32 = 1 << 5;
const HFRDY: u32 = 1 << 4;
const THREAD: u32 = 1 << 3;
const USER: u32 = 1 << 1;
const LSPACT: u32 = 1 << 0;
const FPCCR_WRITABLE: u32 = 0xc000_017b;
/// Features of FPv4-SP (B4.3.20).
const MVFR0: u32 = 0x1011_0021;
const MVFR1: u32 = 0x1100_0011;

/// Bytes of a frame with the extension's part (B1.5.7).
pub(super) const EXTENDED_FRAME_BYTES: u32 = 0x68;
/// Offset of S0 in it.
const FRAME_S0: u32 = 0x20;
const FRAME_REGISTERS: usize = 16;

impl Fp {
    /// The state after reset; the data registers' values are undefined then, and are zero here.
    pub(super) fn new() -> Self {
        Self {
            fpccr: ASPEN | LSPEN,
            ..Self::default()
        }
    }

    pub(super) fn set_fpscr(&mut self, value: u32) {
        self.fpscr = value & FPSCR_MASK;
    }

    /// A register by its name.
    pub(super) fn named(&mut self, name: &str) -> Option<&mut u32> {
        match REGISTER_NAMES.iter().position(|known| *known == name)? {
            index @ 0..32 => Some(&mut self.s[index]),
            _ => Some(&mut self.fpscr),
        }
    }

    /// A register by its offset from 0xE000EF34 (B3.2.20 to B3.2.22, B4.3.20).
    pub(super) fn read(&self, offset: u32) -> u32 {
        match offset {
            0x0 => self.fpccr,
            0x4 => self.fpcar,
            0x8 => self.fpdscr,
            0xc => MVFR0,
            0x10 => MVFR1,
            _ => 0,
        }
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) {
        match offset {
            0x0 => self.fpccr = value & FPCCR_WRITABLE,
            0x4 => self.fpcar = value & !7,
            0x8 => self.fpdscr = value & FPDSCR_MASK,
            _ => {}
        }
    }
}

impl CortexM {
    /// ExecuteFPCheck (B1.4.7): before every instruction of the extension.
    pub(super) fn use_fp(&mut self) -> Result<(), Fault> {
        if !self.fp_permitted() || !self.fp.in_use || self.fp.fpccr & LSPACT != 0 {
            self.begin_fp()?;
        }
        #[cfg(not(feature = "safe"))]
        {
            self.fp_readiness = match self.fp.fpscr & FPSCR_MODES {
                0 => Readiness::Arithmetic,
                _ => Readiness::Transfers,
            };
        }
        Ok(())
    }

    /// The extension may be unusable from now on, or FPSCR's modes have changed.
    #[inline(always)]
    pub(super) fn forget_fp_readiness(&mut self) {
        #[cfg(not(feature = "safe"))]
        {
            self.fp_readiness = Readiness::Unknown;
        }
    }

    /// CPACR.CP10; CP11 must say the same (B3.2.18).
    #[inline(always)]
    fn fp_permitted(&self) -> bool {
        match self.system.scb.cpacr >> 20 & 3 {
            0b11 => true,
            0b01 => self.regs.privileged(),
            _ => false,
        }
    }

    #[cold]
    fn begin_fp(&mut self) -> Result<(), Fault> {
        if !self.fp_permitted() {
            return Err(Fault::NoCoprocessor);
        }
        if self.fp.fpccr & LSPACT != 0 {
            self.preserve_fp()?;
        }
        if self.fp.fpccr & ASPEN != 0 && !self.fp.in_use {
            self.fp.fpscr = self.fp.fpscr & !FPDSCR_MASK | self.fp.fpdscr;
            self.fp.in_use = true;
        }
        Ok(())
    }

    /// PreserveFPState: stores the state that an exception left in the registers to the place reserved for it. The
    /// access has the privileges of the context that owns the state. A fault is taken by the instruction that needs the
    /// registers. The manual chooses between pending and escalating it by FPCCR's ready bits; the result is the same,
    /// except for priorities that change between entry and use.
    fn preserve_fp(&mut self) -> Result<(), Fault> {
        self.fp.fpccr &= !LSPACT;
        let privileged = self.fp.fpccr & USER == 0;
        self.store_fp_frame(self.fp.fpcar, privileged)
            .map_err(|fault| match fault {
                Fault::DataAccess { addr } => Fault::LazyAccess { addr },
                Fault::PreciseBus { addr } => Fault::LazyBus { addr },
                other => other,
            })
    }

    fn store_fp_frame(&mut self, base: u32, privileged: bool) -> Result<(), Fault> {
        for index in 0..FRAME_REGISTERS {
            let addr = base.wrapping_add(4 * index as u32);
            self.store(addr, self.fp.s[index], AccessSize::Word, privileged)?;
        }
        let addr = base.wrapping_add(4 * FRAME_REGISTERS as u32);
        self.store(addr, self.fp.fpscr, AccessSize::Word, privileged)
    }

    /// The extension's part of PushStack: stores the state at once, or reserves space and records its address
    /// (UpdateFPCCR).
    pub(super) fn push_fp(&mut self, frame: u32, privileged: bool) -> Result<(), Fault> {
        let place = frame.wrapping_add(FRAME_S0);
        if self.fp.fpccr & LSPEN == 0 {
            self.cycles += FRAME_REGISTERS as u64 + 1;
            return self.store_fp_frame(place, privileged);
        }
        let ready = |bit, is_ready| if is_ready { bit } else { 0 };
        let [bus, memory, hard] = self.ready_faults();
        self.fp.fpcar = place & !7;
        self.fp.fpccr = self.fp.fpccr & (ASPEN | LSPEN)
            | ready(BFRDY, bus)
            | ready(MMRDY, memory)
            | ready(HFRDY, hard)
            | ready(THREAD, self.regs.exception == 0)
            | ready(USER, !privileged)
            | LSPACT;
        Ok(())
    }

    /// The extension's part of PopStack. State that was never stored is still in the registers.
    pub(super) fn pop_fp(&mut self, frame: u32, privileged: bool) -> Result<(), Fault> {
        if self.fp.fpccr & LSPACT != 0 {
            self.fp.fpccr &= !LSPACT;
            return Ok(());
        }
        let place = frame.wrapping_add(FRAME_S0);
        let mut words = [0; FRAME_REGISTERS + 1];
        for (index, word) in words.iter_mut().enumerate() {
            *word = self.load(place.wrapping_add(4 * index as u32), AccessSize::Word, privileged)?;
        }
        self.cycles += words.len() as u64;
        let (registers, fpscr) = words.split_at(FRAME_REGISTERS);
        self.fp.s[..FRAME_REGISTERS].copy_from_slice(registers);
        self.fp.set_fpscr(fpscr[0]);
        Ok(())
    }
}
