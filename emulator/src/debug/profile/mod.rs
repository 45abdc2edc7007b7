//! The profile recorder: exact call trees in cycles and instructions, from symbols and a shadow call stack; stack
//! depth, peripheral accesses and code coverage. The trait and the result types are in [`crate::machine::profile`].
//!
//! A profiled core executes one instruction at a time and reports each to its [`Recorder`]; a core that is not profiled
//! has no cost. The guest cannot detect the difference: cycles, events and state are the same. The recorder's memory is
//! bounded ([`limits`]), even if the guest corrupts its stack; the result counts what did not fit.
//!
//! How control transfers are interpreted:
//! - A branch with link is a call; its frame waits for a jump to the return address with the stack pointer of the call.
//! - A jump that matches such a frame further down leaves all frames above it (`longjmp`, unwinding).
//! - A jump (or falling) into another function is a tail call: the function replaces the one that it leaves, as on the
//!   stack itself. Its time counts for the caller's caller from then on.
//! - An exception or interrupt is a separate root, which includes its entry and return. If it returns to a stack other
//!   than the interrupted one, it has switched threads: each thread has its own frames.

mod accesses;
mod coverage;
mod recorder;
mod report;
mod shadow;
mod stacks;
#[cfg(test)]
mod tests;
mod tree;

use crate::core::fabric::AddressBlock;
pub use crate::machine::profile::{
    Coverage, ExecutedRange, Function, FunctionCost, InterruptCost, NoSymbols, Node, NodeKind, PeripheralUse, Profile,
    Profiler, Progress, StackUse, Symbols, Truncated,
};
pub(crate) use recorder::{Recorder, Step, Watched};
pub(crate) use report::Naming;
pub use report::interrupt_name;

/// The limits of a profile.
pub mod limits {
    /// Nodes of the call tree; a call beyond is billed to its caller.
    pub const NODES: usize = 100_000;
    /// Frames of one stack; deeper calls are shown at this depth.
    pub const DEPTH: usize = 256;
    /// Exceptions within exceptions.
    pub const NESTED: usize = 32;
    /// Threads that are not running.
    pub const THREADS: usize = 32;
    /// Number of pieces of 16 bytes of peripherals that are counted separately.
    pub const REGISTERS: usize = 16_384;
    /// Pages of 4 KiB of code.
    pub const CODE_PAGES: usize = 16_384;
}

/// The whole recording of one machine.
#[derive(Clone, Debug)]
pub(crate) struct Watching {
    pub(crate) recorder: Recorder,
    accesses: accesses::Accesses,
    /// Cycles asleep, if the core itself does not count them.
    pub(crate) recorded_asleep: u64,
}

impl Watching {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            accesses: accesses::Accesses::default(),
            recorded_asleep: 0,
        }
    }

    pub(crate) fn note_access(&mut self, addr: u32, write: bool) {
        if self.recorder.is_recording() {
            self.accesses.count(addr, write);
        }
    }

    pub(crate) fn report(&self, naming: Naming, blocks: &[&[AddressBlock]], cpu_hz: u32) -> Profile {
        self.recorder.report(naming, blocks, cpu_hz, &self.accesses)
    }
}
