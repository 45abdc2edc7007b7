//! What a guest spends its time on: exact call trees in cycles and instructions, from symbols and a shadow call stack;
//! how deep its stacks get, which peripherals it uses, what of its code runs.
//!
//! A core that is profiled executes instruction by instruction and tells its [`Recorder`] of each; one that is not knows
//! nothing of it. The guest cannot tell the difference: cycles, events and state are the same. Whatever it does to its
//! stack, the recorder's memory is bounded ([`limits`]) and what did not fit is counted in the result.
//!
//! How control transfers are read:
//! - A branch with link is a call; its frame waits for a jump to the return address with the stack pointer of the call.
//! - A jump that finds such a frame deeper down leaves all frames above it (`longjmp`, unwinding).
//! - A jump (or falling) into another function is a tail call: the function takes the place of the one that it leaves, as
//!   on the stack itself. Its time is its caller's caller's from then on.
//! - An exception or interrupt is a root of its own; its entry and return are billed to it. One that returns to another
//!   stack than it interrupted has switched threads: each thread keeps its own frames.

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

/// What a profile holds at most.
pub mod limits {
    /// Nodes of the call tree; a call beyond is billed to its caller.
    pub const NODES: usize = 100_000;
    /// Frames of one stack; functions called beyond are shown at this depth.
    pub const DEPTH: usize = 256;
    /// Exceptions within exceptions.
    pub const NESTED: usize = 32;
    /// Threads that are not running.
    pub const THREADS: usize = 32;
    /// Pieces of 16 bytes of peripherals that are told apart.
    pub const REGISTERS: usize = 16_384;
    /// Pages of 4 KiB of code.
    pub const CODE_PAGES: usize = 16_384;
}

/// All that is recorded of one machine.
#[derive(Clone, Debug)]
pub(crate) struct Watching {
    pub(crate) recorder: Recorder,
    accesses: accesses::Accesses,
    /// Cycles asleep, where the core itself keeps no count of them.
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
