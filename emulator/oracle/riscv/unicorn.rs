//! Unicorn's side, over its C interface.

use std::ffi::c_void;

use libloading::Symbol;
use libtest_mimic::Failed;

use super::{CODE, CODE_BYTES, DATA, DATA_BYTES, State};
use crate::unicorn::{Library, check};

/// From unicorn/unicorn.h and unicorn/riscv.h of the version in use.
const ARCH_RISCV: i32 = 8;
const MODE_RISCV32: i32 = 4;
const CPU_SIFIVE_E31: i32 = 2;
const PROT_ALL: u32 = 7;
const REG_X0: i32 = 1;
const CTL_SET_CPU_MODEL: u32 = 7 | 1 << 26 | 1 << 30;
const CTL_FLUSH_TB: u32 = 10 | 1 << 30;

type Handle = *mut c_void;

/// One SiFive E31.
pub(super) struct Unicorn<'a> {
    library: &'a Library,
    handle: Handle,
}

impl<'a> Unicorn<'a> {
    pub(super) fn open(library: &'a Library) -> Result<Self, Failed> {
        let open: Symbol<unsafe extern "C" fn(i32, i32, *mut Handle) -> i32> = library.get("uc_open")?;
        let control: Symbol<unsafe extern "C" fn(Handle, u32, ...) -> i32> = library.get("uc_ctl")?;
        let map: Symbol<unsafe extern "C" fn(Handle, u64, usize, u32) -> i32> = library.get("uc_mem_map")?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: as in the header; `handle` is written by uc_open and used only if it succeeded.
        unsafe {
            check("uc_open", open(ARCH_RISCV, MODE_RISCV32, &raw mut handle))?;
            check("uc_ctl", control(handle, CTL_SET_CPU_MODEL, CPU_SIFIVE_E31))?;
            for (base, bytes) in [(CODE, CODE_BYTES), (DATA, DATA_BYTES)] {
                check("uc_mem_map", map(handle, u64::from(base), bytes as usize, PROT_ALL))?;
            }
        }
        Ok(Self { library, handle })
    }

    pub(super) fn load(&mut self, code: &[u8], at: u32) -> Result<(), Failed> {
        self.write(at, code)
    }

    /// Forgets translated code: places are about to be used again.
    pub(super) fn flush(&mut self) -> Result<(), Failed> {
        let control: Symbol<unsafe extern "C" fn(Handle, u32, ...) -> i32> = self.library.get("uc_ctl")?;
        // SAFETY: as in the header; this control has no further argument.
        check("uc_ctl", unsafe { control(self.handle, CTL_FLUSH_TB) })
    }

    pub(super) fn run(&mut self, at: u32, end: u32, start: &State) -> Result<State, Failed> {
        type Start = unsafe extern "C" fn(Handle, u64, u64, u64, usize) -> i32;
        type Write = unsafe extern "C" fn(Handle, i32, *const u32) -> i32;
        type Read = unsafe extern "C" fn(Handle, i32, *mut u32) -> i32;
        self.write(DATA, &start.data)?;
        let write: Symbol<Write> = self.library.get("uc_reg_write")?;
        for (index, value) in start.x.iter().enumerate().skip(1) {
            // SAFETY: as in the header; these registers are 32 bits wide.
            check("uc_reg_write", unsafe {
                write(self.handle, REG_X0 + index as i32, &raw const *value)
            })?;
        }
        let run: Symbol<Start> = self.library.get("uc_emu_start")?;
        // SAFETY: as in the header; no hooks are set that could call back.
        check("uc_emu_start", unsafe {
            run(self.handle, u64::from(at), u64::from(end), 0, 2_000)
        })?;
        let mut state = State {
            x: [0; 32],
            data: vec![0; DATA_BYTES as usize],
        };
        let read: Symbol<Read> = self.library.get("uc_reg_read")?;
        for (index, value) in state.x.iter_mut().enumerate() {
            // SAFETY: as in the header; these registers are 32 bits wide.
            check("uc_reg_read", unsafe {
                read(self.handle, REG_X0 + index as i32, &raw mut *value)
            })?;
        }
        let read: Symbol<unsafe extern "C" fn(Handle, u64, *mut u8, usize) -> i32> = self.library.get("uc_mem_read")?;
        // SAFETY: as in the header; the buffer has the stated length.
        check("uc_mem_read", unsafe {
            read(self.handle, u64::from(DATA), state.data.as_mut_ptr(), state.data.len())
        })?;
        Ok(state)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Failed> {
        let write: Symbol<unsafe extern "C" fn(Handle, u64, *const u8, usize) -> i32> =
            self.library.get("uc_mem_write")?;
        // SAFETY: as in the header; the buffer has the stated length.
        check("uc_mem_write", unsafe {
            write(self.handle, u64::from(at), bytes.as_ptr(), bytes.len())
        })
    }
}

impl Drop for Unicorn<'_> {
    fn drop(&mut self) {
        if let Ok(close) = self.library.get::<unsafe extern "C" fn(Handle) -> i32>("uc_close") {
            // SAFETY: the handle came from uc_open and is not used again.
            unsafe { close(self.handle) };
        }
    }
}
