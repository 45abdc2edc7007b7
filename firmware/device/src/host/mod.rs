//! Running apps: the interface of a WebAssembly runtime ([`WasmHost`]) and the host calls ([`calls`]).
//!
//! The feature `wasm` selects the [`Runtime`] and sets [`RUNS_APPS`]; no other module looks at the feature.

#[cfg_attr(not(feature = "wasm"), allow(dead_code, reason = "only a runtime calls them"))]
pub mod calls;
#[cfg(not(feature = "wasm"))]
mod none;
#[cfg(feature = "wasm")]
mod start_section;
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
    /// Compiles and links a module; no code of it runs yet.
    ///
    /// # Errors
    /// [`LoadError`].
    fn load(&self, module: &[u8], limits: &AppLimits, context: AppContext) -> Result<Box<dyn WasmInstance>, LoadError>;
}

/// Why a module cannot be loaded. The text names the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// It does not validate, imports something unknown, or has no entry point.
    Invalid(String),
    /// Its initial memory exceeds its limit.
    Memory(String),
}

/// An instance of a module. It runs at most one call at a time.
pub trait WasmInstance {
    /// Whether the module exports this entry point.
    fn has(&self, export: Export) -> bool;

    /// Begins a call. Nothing runs before [`Self::run`].
    fn call(&mut self, export: Export);

    /// Runs the current call for about this much fuel. `memory.grow` may enlarge the app's arena up to the limit in
    /// bytes; beyond that, or if the heap is full, it returns -1.
    fn run(&mut self, fuel: u64, heap_limit_bytes: u32) -> Progress;

    /// Fuel spent since the instance was made.
    fn fuel_spent(&self) -> u64;

    /// Linear memory in bytes.
    fn memory_bytes(&self) -> u32;

    /// The context of the host calls.
    fn context(&mut self) -> &mut AppContext;
}

/// An export that the device calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// The function of the module's start section.
    ModuleStart,
    /// `_initialize` (WASI reactor).
    Initialize,
    /// `_start` (WASI command).
    Start,
    /// `init`.
    Init,
    /// `tick`.
    Tick,
}

impl Export {
    /// All exports, in the order in which they are called.
    pub const ALL: [Self; 5] = [Self::ModuleStart, Self::Initialize, Self::Start, Self::Init, Self::Tick];

    /// The name in the module. A start function has no name there; it is called by the name that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ModuleStart => "(start)",
            Self::Initialize => "_initialize",
            Self::Start => "_start",
            Self::Init => "init",
            Self::Tick => "tick",
        }
    }

    /// The export that an instance runs once after `last`, before its first `tick`; with `None`, the export that it
    /// runs first.
    pub fn next_once(last: Option<Self>, instance: &dyn WasmInstance) -> Option<Self> {
        let next = last.map_or(0, |last| last as usize + 1);
        // A command is not initialised as a reactor as well.
        let once = |export: &&Self| {
            **export != Self::Tick && !(**export == Self::Init && instance.has(Self::Start)) && instance.has(**export)
        };
        Self::ALL[next..].iter().find(once).copied()
    }
}

/// The state of a call after a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It needs more fuel.
    OutOfFuel,
    /// It returned.
    Finished,
    /// The app called `proc_exit`.
    Exited(i32),
    /// It trapped.
    Failed(Failure),
}
