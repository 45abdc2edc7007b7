//! Unicorn's side of the oracle test, over its C interface.

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::process::Command;

use libloading::Symbol;
use libtest_mimic::Failed;

use crate::{CODE, CODE_BYTES, DATA, DATA_BYTES, State};

/// The version of the wheel; another version may have other errors.
pub(crate) const VERSION: &str = "2.1.4";

/// From unicorn/unicorn.h and unicorn/arm.h of that version.
const ARCH_ARM: i32 = 1;
const MODE_THUMB_MCLASS: i32 = 1 << 4 | 1 << 5;
const CPU_CORTEX_M4: i32 = 9;
const PROT_ALL: u32 = 7;
const REG_XPSR: i32 = 120;
/// R0–R12, SP, LR.
const REGS: [i32; 15] = [66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 12, 10];
/// S0, followed by the others, and FPSCR.
const REG_S0: i32 = 79;
const REG_FPSCR: i32 = 6;
const CTL_SET_CPU_MODEL: u32 = 7 | 1 << 26 | 1 << 30;
const CTL_FLUSH_TB: u32 = 10 | 1 << 30;
const APSR_MASK: u32 = 0xf80f_0000;
const EPSR_T: u32 = 1 << 24;

type Handle = *mut c_void;

/// The shared library.
pub(crate) struct Library(libloading::Library);

impl Library {
    /// The library of the wheel: `DRYDOCK_UNICORN` names it; otherwise it is searched in, or installed into, the
    /// private Python environment `~/.cache/drydock/venv`.
    pub(crate) fn find() -> Result<Self, String> {
        let path = match std::env::var_os("DRYDOCK_UNICORN") {
            Some(path) => PathBuf::from(path),
            None => installed()
                .or_else(|| install().ok().and_then(|()| installed()))
                .ok_or(format!(
                    "no unicorn {VERSION}; python3 -m venv ~/.cache/drydock/venv && \
                 ~/.cache/drydock/venv/bin/pip install unicorn=={VERSION}"
                ))?,
        };
        // SAFETY: loading runs the library's initialisers; it is the wheel that the user or this test installed.
        unsafe { libloading::Library::new(&path) }
            .map(Self)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(crate) fn get<T>(&self, name: &str) -> Result<Symbol<'_, T>, Failed> {
        // SAFETY: the caller names the type that this version's header declares for the symbol.
        Ok(unsafe { self.0.get(name.as_bytes()) }?)
    }
}

fn environment() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("drydock/venv"))
}

fn installed() -> Option<PathBuf> {
    let libraries = std::fs::read_dir(environment()?.join("lib")).ok()?;
    libraries.flatten().find_map(|python| {
        let packages = python.path().join("site-packages");
        let right = packages.join(format!("unicorn-{VERSION}.dist-info")).is_dir();
        let names = ["libunicorn.so.2", "libunicorn.2.dylib", "libunicorn.dylib"];
        let found = names
            .iter()
            .map(|name| packages.join("unicorn/lib").join(name))
            .find(|path| path.is_file());
        found.filter(|_| right)
    })
}

fn install() -> Result<(), String> {
    let environment = environment().ok_or("no home directory")?;
    let run = |program: &Path, arguments: &[&str]| match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    if !environment.join("bin/pip").is_file() {
        run(Path::new("python3"), &["-m", "venv", &environment.to_string_lossy()])?;
    }
    let wheel = format!("unicorn=={VERSION}");
    run(
        &environment.join("bin/pip"),
        &["install", "--quiet", "--timeout", "20", "--retries", "1", &wheel],
    )
}

/// One Cortex-M4.
pub(crate) struct Unicorn<'a> {
    library: &'a Library,
    handle: Handle,
}

impl<'a> Unicorn<'a> {
    pub(crate) fn open(library: &'a Library) -> Result<Self, Failed> {
        let open: Symbol<unsafe extern "C" fn(i32, i32, *mut Handle) -> i32> = library.get("uc_open")?;
        let control: Symbol<unsafe extern "C" fn(Handle, u32, ...) -> i32> = library.get("uc_ctl")?;
        let map: Symbol<unsafe extern "C" fn(Handle, u64, usize, u32) -> i32> = library.get("uc_mem_map")?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: as in the header; `handle` is written by uc_open and used only if it succeeded.
        unsafe {
            check("uc_open", open(ARCH_ARM, MODE_THUMB_MCLASS, &raw mut handle))?;
            check("uc_ctl", control(handle, CTL_SET_CPU_MODEL, CPU_CORTEX_M4))?;
            check(
                "uc_mem_map",
                map(handle, u64::from(CODE), CODE_BYTES as usize, PROT_ALL),
            )?;
            check(
                "uc_mem_map",
                map(handle, u64::from(DATA), DATA_BYTES as usize, PROT_ALL),
            )?;
        }
        let mut side = Self { library, handle };
        // A context that uses the floating-point extension: otherwise its first instruction loads FPSCR with its
        // default.
        let vmrs_r0: [u8; 4] = [0xf1, 0xee, 0x10, 0x0a];
        side.write(CODE, &vmrs_r0)?;
        side.start(CODE, CODE + 4)?;
        side.write(CODE, &[0; 4])?;
        Ok(side)
    }

    pub(crate) fn load(&mut self, code: &[u8], at: u32) -> Result<(), Failed> {
        self.write(at, code)
    }

    /// Forgets translated code: places are about to be used again.
    pub(crate) fn flush(&mut self) -> Result<(), Failed> {
        let control: Symbol<unsafe extern "C" fn(Handle, u32, ...) -> i32> = self.library.get("uc_ctl")?;
        // SAFETY: as in the header; this control has no further argument.
        check("uc_ctl", unsafe { control(self.handle, CTL_FLUSH_TB) })
    }

    pub(crate) fn run(&mut self, at: u32, end: u32, start: &State) -> Result<State, Failed> {
        self.write(DATA, &start.data)?;
        for (register, value) in REGS.iter().zip(start.r) {
            self.set(*register, value)?;
        }
        self.set(REG_XPSR, start.apsr | EPSR_T)?;
        for (register, value) in (REG_S0..).zip(start.s) {
            self.set(register, value)?;
        }
        self.set(REG_FPSCR, start.fpscr)?;
        self.start(at, end)?;
        let mut state = State {
            r: [0; 15],
            apsr: 0,
            s: [0; 32],
            fpscr: 0,
            data: vec![0; DATA_BYTES as usize],
        };
        for (register, value) in REGS.iter().zip(&mut state.r) {
            *value = self.get(*register)?;
        }
        state.apsr = self.get(REG_XPSR)? & APSR_MASK;
        for (register, value) in (REG_S0..).zip(&mut state.s) {
            *value = self.get(register)?;
        }
        state.fpscr = self.get(REG_FPSCR)?;
        let read: Symbol<unsafe extern "C" fn(Handle, u64, *mut u8, usize) -> i32> = self.library.get("uc_mem_read")?;
        // SAFETY: as in the header; the buffer has the stated length.
        check("uc_mem_read", unsafe {
            read(self.handle, u64::from(DATA), state.data.as_mut_ptr(), state.data.len())
        })?;
        Ok(state)
    }

    /// Runs from `at` to `end`.
    fn start(&mut self, at: u32, end: u32) -> Result<(), Failed> {
        type Start = unsafe extern "C" fn(Handle, u64, u64, u64, usize) -> i32;
        let run: Symbol<Start> = self.library.get("uc_emu_start")?;
        // SAFETY: as in the header; no hooks are set that could call back.
        check("uc_emu_start", unsafe {
            run(self.handle, u64::from(at | 1), u64::from(end), 0, 2_000)
        })
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Failed> {
        let write: Symbol<unsafe extern "C" fn(Handle, u64, *const u8, usize) -> i32> =
            self.library.get("uc_mem_write")?;
        // SAFETY: as in the header; the buffer has the stated length.
        check("uc_mem_write", unsafe {
            write(self.handle, u64::from(at), bytes.as_ptr(), bytes.len())
        })
    }

    fn set(&mut self, register: i32, value: u32) -> Result<(), Failed> {
        let write: Symbol<unsafe extern "C" fn(Handle, i32, *const u32) -> i32> = self.library.get("uc_reg_write")?;
        // SAFETY: as in the header; these registers are 32 bits wide.
        check("uc_reg_write", unsafe {
            write(self.handle, register, &raw const value)
        })
    }

    fn get(&self, register: i32) -> Result<u32, Failed> {
        let read: Symbol<unsafe extern "C" fn(Handle, i32, *mut u32) -> i32> = self.library.get("uc_reg_read")?;
        let mut value = 0;
        // SAFETY: as in the header; these registers are 32 bits wide.
        check("uc_reg_read", unsafe { read(self.handle, register, &raw mut value) })?;
        Ok(value)
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

pub(crate) fn check(call: &str, code: i32) -> Result<(), Failed> {
    if code == 0 {
        Ok(())
    } else {
        Err(format!("{call} failed with error {code} of unicorn.h").into())
    }
}
