//! Optional capability: profiles of a guest. This module holds the trait and the result types; recording is the
//! engine's part.

mod symbols;

use std::sync::Arc;

pub use symbols::{Function, NoSymbols, Symbols};

use super::VirtualTime;

/// Optional capability of a machine: profiles of its guest.
pub trait Profiler {
    /// Starts a profile and discards an earlier one. It ends by itself after `span` of virtual time, if given.
    fn start(&mut self, symbols: Arc<Symbols>, span: Option<VirtualTime>);

    /// The recording so far; `None` if no profile was started.
    fn look(&self) -> Option<Profile>;

    /// Whether it still records, and its span; `None` if no profile was started.
    fn progress(&self) -> Option<Progress>;

    /// Ends the profile and returns it. The guest runs at full speed again.
    fn stop(&mut self) -> Option<Profile>;
}

/// How far a profile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Whether it still records.
    pub recording: bool,
    /// Virtual time at which it began.
    pub from: VirtualTime,
    /// Virtual time at the end of the recording so far.
    pub to: VirtualTime,
    /// When it ends by itself.
    pub until: Option<VirtualTime>,
    /// Instructions recorded.
    pub instructions: u64,
}

/// A profile of one machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Virtual time of its beginning.
    pub from: VirtualTime,
    /// Virtual time of its end.
    pub to: VirtualTime,
    /// The core's clock in Hz, at its end.
    pub cpu_hz: u32,
    /// Cycles from its start to its end: all entries below add up to this.
    pub cycles: u64,
    /// Cycles in which the core slept.
    pub asleep: u64,
    /// Cycles in which the chip stalled the core.
    pub stalled: u64,
    /// Instructions.
    pub instructions: u64,
    /// The call tree: a parent comes before its children. Roots are threads, exceptions and sleep.
    pub nodes: Vec<Node>,
    /// Functions, sorted by their own cycles, most first.
    pub functions: Vec<FunctionCost>,
    /// Stacks, as deep as they were.
    pub stacks: Vec<StackUse>,
    /// Exceptions and interrupts.
    pub interrupts: Vec<InterruptCost>,
    /// Peripherals, the most used first.
    pub peripherals: Vec<PeripheralUse>,
    /// What of the image was executed.
    pub coverage: Coverage,
    /// Records beyond the limits.
    pub truncated: Truncated,
}

/// A path of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Index of the caller; `None` for a root.
    pub parent: Option<usize>,
    /// Its kind.
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// Cycles of its own.
    pub cycles: u64,
    /// Instructions of its own.
    pub instructions: u64,
    /// How often it was called.
    pub calls: u64,
}

/// The cost of a function over all paths on which it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionCost {
    /// Name.
    pub name: String,
    /// First address; 0 for code that no symbol names.
    pub addr: u32,
    /// How often it was called.
    pub calls: u64,
    /// Cycles of its own.
    pub self_cycles: u64,
    /// Cycles of it and of all it calls.
    pub total_cycles: u64,
    /// Instructions of its own.
    pub self_instructions: u64,
    /// Instructions of it and of all it calls.
    pub total_instructions: u64,
}

/// How deep a stack was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackUse {
    /// Which: `main` or `process`.
    pub name: &'static str,
    /// Its top: the exclusive end, as given by the image, or the highest seen.
    pub top: u32,
    /// The lowest address it reached.
    pub lowest: u32,
    /// Bytes between.
    pub bytes: u32,
}

/// An exception or interrupt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterruptCost {
    /// Arm's exception number or RISC-V's `mcause`.
    pub number: u32,
    /// Its name, as in `interrupt 17` or `SysTick`.
    pub name: String,
    /// How often it was taken.
    pub entries: u64,
    /// Cycles of it and of all its callees, including entry and return.
    pub cycles: u64,
    /// The most stack it took on the interrupted stack, including its frame.
    pub stack_bytes: u32,
}

/// How a peripheral was used by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeripheralUse {
    /// Name of its address block, for example `UARTE0`; the address if the block has no name here.
    pub name: String,
    /// First address of the block.
    pub addr: u32,
    /// Loads.
    pub loads: u64,
    /// Stores.
    pub stores: u64,
}

/// What of the image was executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Functions of the image.
    pub functions: usize,
    /// Functions with at least one executed instruction.
    pub functions_executed: usize,
    /// Bytes of functions.
    pub bytes: u64,
    /// Bytes that were executed.
    pub bytes_executed: u64,
    /// The executed code, by address and function.
    pub ranges: Vec<ExecutedRange>,
}

/// A contiguous range of executed code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedRange {
    /// First address.
    pub addr: u32,
    /// Address behind the last byte.
    pub end: u32,
    /// The function that it belongs to.
    pub function: Option<String>,
}

/// Counts of records that exceeded the profile's limits; usually all zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncated {
    /// Calls without a node of their own.
    pub nodes: u64,
    /// Calls beyond the depth of a stack.
    pub frames: u64,
    /// Loads and stores of peripherals that were not counted.
    pub accesses: u64,
    /// Pages of code whose execution was not recorded.
    pub pages: u64,
}

/// What a node of the call tree represents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// The root of code outside of exceptions: of the thread with this number; 0 is the first.
    Thread(u32),
    /// The root of an exception or interrupt: Arm's exception number, RISC-V's `mcause`.
    Exception(u32),
    /// A function: its index among the symbols.
    Function(u32),
    /// Code that no symbol names.
    Unnamed,
    /// The core slept.
    Asleep,
    /// The chip kept the core waiting (flash was busy).
    Stalled,
}
