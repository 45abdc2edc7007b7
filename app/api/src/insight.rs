//! Looking into a machine: profiles, and debuggers.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Begins a profile of an emulated board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileStart {
    /// Id or name of the board.
    pub board: String,
    /// Length in the board's time, in seconds. With `None` the profile runs until `profile.stop`.
    #[serde(default)]
    pub for_s: Option<f64>,
    /// Power-cycle the board first, so that the profile begins with its first instruction.
    #[serde(default)]
    pub restart: bool,
}

/// Asks for a profile in its current state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileQuery {
    /// Id or name of the board.
    pub board: String,
    /// At most this many functions.
    pub top: u32,
}

/// Ends a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileStop {
    /// Id or name of the board.
    pub board: String,
    /// At most this many functions in the answer.
    pub top: u32,
    /// Throw away what was recorded.
    #[serde(default)]
    pub discard: bool,
}

/// State of a board's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ProfileState {
    /// No profile was started.
    None,
    /// It is being recorded.
    Recording,
    /// It is finished.
    Finished,
}

/// A profile, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileView {
    /// Name of the board.
    pub board: String,
    /// Its state.
    pub state: ProfileState,
    /// Board time at its beginning, in seconds.
    pub from_s: f64,
    /// Board time at the end of the profile so far, in seconds.
    pub to_s: f64,
    /// Board time at which it ends by itself.
    pub until_s: Option<f64>,
    /// The results so far.
    pub summary: Option<ProfileSummary>,
}

/// The results of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileSummary {
    /// Core clock in Hz.
    pub cpu_hz: u32,
    /// Cycles from beginning to end.
    #[ts(type = "number")]
    pub cycles: u64,
    /// Cycles of them in which the core slept.
    #[ts(type = "number")]
    pub asleep_cycles: u64,
    /// Cycles in which the chip kept the core waiting (flash was busy).
    #[ts(type = "number")]
    pub waiting_cycles: u64,
    /// Instructions executed.
    #[ts(type = "number")]
    pub instructions: u64,
    /// Functions, sorted by their own cycles, most first.
    pub functions: Vec<ProfileFunction>,
    /// How deep the stacks got.
    pub stacks: Vec<ProfileStack>,
    /// Exceptions and interrupts.
    pub interrupts: Vec<ProfileInterrupt>,
    /// Peripherals that the core used, the most used first.
    pub peripherals: Vec<ProfilePeripheral>,
    /// How much of the firmware was executed.
    pub coverage: ProfileCoverage,
    /// The firmware's heap, as the device last reported it.
    pub heap: Option<ProfileHeap>,
    /// Which of the profile's limits were reached, in a sentence.
    pub truncated: Option<String>,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileFunction {
    /// Its name, demangled.
    pub name: String,
    /// First address.
    pub address: u32,
    /// How often it was called.
    #[ts(type = "number")]
    pub calls: u64,
    /// Cycles of its own.
    #[ts(type = "number")]
    pub self_cycles: u64,
    /// Cycles of it and of all it calls.
    #[ts(type = "number")]
    pub total_cycles: u64,
    /// Instructions of its own.
    #[ts(type = "number")]
    pub self_instructions: u64,
    /// Instructions of it and of all it calls.
    #[ts(type = "number")]
    pub total_instructions: u64,
}

/// A stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileStack {
    /// `main` or `process`.
    pub name: String,
    /// Address behind its first byte.
    pub top: u32,
    /// The lowest address it reached.
    pub lowest: u32,
    /// Bytes between.
    pub bytes: u32,
}

/// An exception or interrupt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileInterrupt {
    /// Its name, as in `SysTick` or `interrupt 17`.
    pub name: String,
    /// How often it was taken.
    #[ts(type = "number")]
    pub entries: u64,
    /// Cycles of it and of all it calls.
    #[ts(type = "number")]
    pub cycles: u64,
    /// The most stack it took, in bytes, on the stack that it interrupted.
    pub stack_bytes: u32,
}

/// A peripheral.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfilePeripheral {
    /// Name of its address block, or its address.
    pub name: String,
    /// First address of the block.
    pub address: u32,
    /// Loads by the core.
    #[ts(type = "number")]
    pub loads: u64,
    /// Stores by the core.
    #[ts(type = "number")]
    pub stores: u64,
}

/// How much of the firmware was executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileCoverage {
    /// Functions there are.
    pub functions: u32,
    /// Functions that were executed, in part at least.
    pub functions_executed: u32,
    /// Bytes of functions.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Bytes that were executed.
    #[ts(type = "number")]
    pub bytes_executed: u64,
}

/// The firmware's heap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileHeap {
    /// Bytes in use.
    pub used_bytes: u32,
    /// The most in use at once since its reset.
    pub peak_bytes: u32,
    /// Bytes there are.
    pub total_bytes: u32,
}

/// Asks for a profile as a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileExport {
    /// Id or name of the board.
    pub board: String,
    /// Format to export.
    pub format: ProfileFormat,
    /// The quantity that widths and weights show.
    #[serde(default)]
    pub weight: ProfileWeight,
    /// Dark background of drawings.
    #[serde(default)]
    pub dark: bool,
    /// File to write; `None` returns the content in base64.
    #[serde(default)]
    pub path: Option<String>,
}

/// Samples the program counter of a board behind a debug probe. The board runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileSample {
    /// Id of the debug probe.
    pub probe: String,
    /// Id of the board's description; `None` takes it from the probe's candidates.
    #[serde(default)]
    pub kind: Option<String>,
    /// Absolute path of the ELF file of the program that runs; `None` for Drydock's firmware.
    #[serde(default)]
    pub elf: Option<String>,
    /// Length in seconds.
    pub for_s: f64,
    /// At most this many functions.
    pub top: u32,
    /// Format of the file to write. There is no coverage: samples do not show what was not executed.
    #[serde(default)]
    pub format: Option<ProfileFormat>,
    /// Dark background of drawings.
    #[serde(default)]
    pub dark: bool,
    /// Absolute path of the file to write; needed for a format.
    #[serde(default)]
    pub path: Option<String>,
}

/// Names the debug probe over which samples are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProfileSampleStop {
    /// Id of the debug probe.
    pub probe: String,
}

/// Samples of the program counter of a board behind a debug probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProfileSampled {
    /// Id of the board's description.
    pub kind: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Number of samples.
    #[ts(type = "number")]
    pub samples: u64,
    /// Functions, those with most samples first. Their callers are not known.
    pub functions: Vec<SampledFunction>,
    /// What the numbers are and what they leave out.
    pub text: String,
    /// The file that was written.
    pub path: Option<String>,
}

/// A function in which samples were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SampledFunction {
    /// Its name, demangled; `(no symbol)` for all code that the ELF file does not name.
    pub name: String,
    /// First address; 0 for code without a name.
    pub address: u32,
    /// Samples in it, without those in functions that it calls.
    #[ts(type = "number")]
    pub samples: u64,
}

/// Format of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ProfileFormat {
    /// Flame graph as scalable vector graphics.
    Svg,
    /// Flame graph as portable network graphics.
    Png,
    /// JSON for speedscope.
    Speedscope,
    /// JSON for the Firefox Profiler.
    Firefox,
    /// A line for each stack: its functions, and the weight.
    Folded,
    /// The executed code: addresses and functions, a line each.
    Coverage,
}

/// The quantity to weigh by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ProfileWeight {
    /// Cycles of the core, sleep left out.
    #[default]
    Cycles,
    /// Instructions.
    Instructions,
}

/// Lets debuggers connect to a machine, or to the board behind a debug probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GdbOpen {
    /// Id or name of the board, or id of the debug probe.
    pub board: String,
    /// Port on the loopback address; `None` takes a free port.
    #[serde(default)]
    pub port: Option<u16>,
    /// For a debug probe: id of the board's description; `None` takes it from the probe's candidates.
    #[serde(default)]
    pub kind: Option<String>,
    /// For a debug probe: absolute path of the ELF file of the program that runs; `None` for Drydock's firmware.
    #[serde(default)]
    pub elf: Option<String>,
}

/// State of a port for debuggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum GdbState {
    /// No debugger can connect.
    Closed,
    /// It waits for a debugger.
    Waiting,
    /// A debugger is connected.
    Attached,
}

/// A port for debuggers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GdbView {
    /// Name of the board, or id of the debug probe.
    pub board: String,
    /// Its state.
    pub state: GdbState,
    /// Address and port, for `target remote`.
    pub address: Option<String>,
    /// The firmware with its symbols.
    pub program: Option<String>,
    /// Command line that debugs it.
    pub command: Option<String>,
    /// Why the last debugger's session failed, as a sentence; `None` if it did not.
    #[serde(default)]
    pub text: Option<String>,
}

/// A line in an engine's own command language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MonitorLine {
    /// Id or name of the board.
    pub board: String,
    /// The line.
    pub line: String,
}

/// The command line of a machine's engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MonitorView {
    /// Name of the board.
    pub board: String,
    /// Prompt of the command line; `None` if the engine has no command language.
    pub prompt: Option<String>,
    /// The last executed lines, of all clients, the oldest first.
    pub history: Vec<String>,
}

/// An engine's answer to a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MonitorReply {
    /// The output, or the reason why the line was refused.
    pub text: String,
    /// Whether it refused the line.
    pub refused: bool,
}
