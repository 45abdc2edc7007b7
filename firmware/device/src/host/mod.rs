//! Running apps: what a WebAssembly runtime has to offer ([`WasmHost`]), and what apps may call ([`calls`]).
//!
//! All that depends on whether there is one (feature `wasm`) is decided here: [`Runtime`] and [`RUNS_APPS`].

#[cfg_attr(not(feature = "wasm"), allow(dead_code, reason = "only a runtime calls them"))]
pub mod calls;
#[cfg(not(feature = "wasm"))]
mod none;
#[cfg(feature = "wasm")]
pub mod wasmi;

#[cfg(not(feature = "wasm"))]
pub use none::NoHost as Runtime;
#[cfg(feature = "wasm")]
pub use wasmi::WasmiHost as Runtime;

use alloc::{boxed::Box, string::String};
use calls::AppContext;
use drydock_protocol::{manifest::AppLimits, types::Failure};

/// Whether this build has a runtime. Without one the device takes no package.
pub const RUNS_APPS: bool = cfg!(feature = "wasm");

/// A runtime.
pub trait WasmHost {
    /// Compiles and links a module; nothing of it runs yet.
    ///
    /// # Errors
    /// [`LoadError`].
    fn load(&self, module: &[u8], limits: &AppLimits, context: AppContext) -> Result<Box<dyn WasmInstance>, LoadError>;
}

/// Why a module cannot be loaded; the text says what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// It does not validate, imports what there is not, or lacks an entry point.
    Invalid(String),
    /// It wants more memory from the start than its limits allow.
    Memory(String),
}

/// An instance of a module. At most one call is under way.
pub trait WasmInstance {
    /// Whether the module exports this entry point.
    fn has(&self, export: Export) -> bool;

    /// Begins a call. Nothing runs before [`Self::run`].
    fn call(&mut self, export: Export);

    /// Runs the call under way for about this much fuel.
    fn run(&mut self, fuel: u64) -> Progress;

    /// Fuel spent since the instance was made.
    fn fuel_spent(&self) -> u64;

    /// Linear memory in bytes.
    fn memory_bytes(&self) -> u32;

    /// What the host calls work on.
    fn context(&mut self) -> &mut AppContext;
}

/// An entry point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// `_start`.
    Start,
    /// `init`.
    Init,
    /// `tick`.
    Tick,
}

impl Export {
    /// The name in the module.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "_start",
            Self::Init => "init",
            Self::Tick => "tick",
        }
    }
}

/// How far a call came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It wants more fuel.
    OutOfFuel,
    /// It returned.
    Finished,
    /// The app called `proc_exit`.
    Exited(i32),
    /// It trapped.
    Failed(Failure),
}
