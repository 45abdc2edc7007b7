//! The neutral interface between users of emulated boards and the engines that run them. [`Engine`] opens a board;
//! [`Machine`] is a running one. Capabilities that not every engine has are requested as `Option<&mut dyn …>`.
//!
//! Every engine knows this module; it knows no engine, no core and no chip (`cargo xtask tidy` checks it). No process
//! id, port or monitor string of an engine crosses it.
//!
//! One thread at a time drives a machine, synchronously. Threads, pacing and recording belong to the runner.

mod air;
mod debug_access;
mod engine;
pub mod entropy;
mod error;
mod faults;
pub mod hash;
mod image;
mod io;
mod monitor;
mod part_table;
mod parts;
pub mod profile;
mod run;
mod snapshot;
pub mod time;
mod trace;
mod traps;
mod usb;

pub(crate) use air::times;
pub use air::{AirEvent, AirFrame, FrameId, Heard, Modulation, NOTICE, RadioAir};
pub use debug_access::{CoreActivity, DebugAccess, Watchpoint};
pub use engine::{Availability, Engine, Seed};
pub use error::{MachineError, OpenError};
pub use faults::{AccessFault, AccessSize, FaultRecord, GuestFault, UnmodelledAnswer};
pub use image::{Image, ImageError, Segment, Symbol};
pub use io::{DebugLine, LOG_CHANNELS, PinChange, SEMIHOSTING_PORT, UartOutput};
pub use monitor::{Monitor, MonitorAnswer};
pub use part_table::{PartTable, TABLE_BYTES_MAX, TABLE_VALUES_MAX, TableFileError, TableProblem};
pub use parts::{PartError, PartFault, PartMessage, PartState, Picture, PropertyState, VirtualParts};
pub use run::{PauseSwitch, ResetKind, RunLimit, StopReason};
pub use snapshot::{BlankMachine, MachineSnapshot, SavedState, Snapshot};
pub use time::VirtualTime;
pub use trace::{I2cStep, TraceEntry, TraceEvent, TraceTaken};
pub use traps::{Caught, Trapping, Traps};
pub use usb::{UsbAction, UsbDevice, UsbEvent, UsbOccurrence, UsbReply, UsbStatus, UsbToken, UsbTransaction};

use self::profile::Profiler;

/// One running emulated board.
///
/// Determinism: [`Machine::run`] stops at the first instruction boundary at or after its limit, and the stopping point
/// has no influence on the guest. Input given at a stop is available to the guest from that instant on.
pub trait Machine: Send {
    /// Board, chip, UARTs and pins.
    fn info(&self) -> &MachineInfo;

    /// Writes an image's segments into flash or RAM. It takes effect with the next power-on [`Machine::reset`].
    ///
    /// # Errors
    /// [`MachineError::NoMemory`] when a segment lies outside memory; nothing is written then.
    fn load(&mut self, image: &Image) -> Result<(), MachineError>;

    /// Resets the board. Virtual time continues.
    ///
    /// # Errors
    /// The process of an external engine may be gone. The builtin engine does not fail.
    fn reset(&mut self, kind: ResetKind) -> Result<(), MachineError>;

    /// Runs until `limit`, or until something that ends a run.
    ///
    /// # Errors
    /// The engine itself failed. A fault of the guest is a [`StopReason`] or a [`GuestFault`].
    fn run(&mut self, limit: RunLimit) -> Result<StopReason, MachineError>;

    /// Executes one instruction (or takes one exception).
    ///
    /// # Errors
    /// As for [`Machine::run`].
    fn step(&mut self) -> Result<StopReason, MachineError>;

    /// A switch that ends a run from another thread.
    fn pause_switch(&self) -> PauseSwitch;

    /// Virtual time since power-on.
    fn now(&self) -> VirtualTime;

    /// Instructions executed since power-on.
    fn instructions(&self) -> u64;

    /// Reads memory as the bus sees it, without side effects; peripherals are not memory.
    ///
    /// # Errors
    /// [`MachineError::NoMemory`].
    fn read_memory(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), MachineError>;

    /// Writes memory, flash included, without flash rules.
    ///
    /// # Errors
    /// [`MachineError::NoMemory`].
    fn write_memory(&mut self, addr: u32, bytes: &[u8]) -> Result<(), MachineError>;

    /// Reads a word as the core's bus would, peripherals and their side effects included; `None` if nothing answers, or if
    /// the engine cannot.
    fn bus_word(&mut self, addr: u32) -> Option<u32> {
        let _ = addr;
        None
    }

    /// The registers of this core, in the architecture manual's names (`r0` … `pc`, `xpsr`, `msp` …).
    fn registers(&self) -> &[RegisterInfo];

    /// Reads a register by its name.
    ///
    /// # Errors
    /// [`MachineError::NoRegister`].
    fn read_register(&mut self, name: &str) -> Result<u64, MachineError>;

    /// Writes a register by its name.
    ///
    /// # Errors
    /// [`MachineError::NoRegister`].
    fn write_register(&mut self, name: &str, value: u64) -> Result<(), MachineError>;

    /// Bytes that the UARTs sent since the last call.
    fn take_uart_output(&mut self) -> Vec<UartOutput>;

    /// Passes bytes to UART `index`; they reach the guest at the line rate. Returns how many were taken: the rest does
    /// not fit the inbound queue now.
    ///
    /// # Errors
    /// [`MachineError::NoUart`].
    fn uart_input(&mut self, index: u8, bytes: &[u8]) -> Result<usize, MachineError>;

    /// How many bytes [`Machine::uart_input`] would take now.
    fn uart_input_room(&self, index: u8) -> usize;

    /// Whether bytes are in transfer over a UART or over USB, in or out: the next event of a sleeping core is then theirs,
    /// not a time-out. An engine that does not know returns `false`.
    fn uart_busy(&self) -> bool {
        false
    }

    /// Drives a pin from outside; `None` stops driving it.
    ///
    /// # Errors
    /// [`MachineError::NoPin`].
    fn pin_input(&mut self, pin: u16, level: Option<bool>) -> Result<(), MachineError>;

    /// The level of a pin as a probe would measure it; `None` if it floats.
    fn pin_level(&self, pin: u16) -> Option<bool>;

    /// The pins that changed since the last call.
    fn take_pin_changes(&mut self) -> Vec<PinChange>;

    /// Traces from now on, or no longer; the guest cannot notice it. Returns whether the engine can do it.
    fn trace(&mut self, on: bool) -> bool {
        let _ = on;
        false
    }

    /// What was traced since the last call.
    fn take_trace(&mut self) -> TraceTaken {
        TraceTaken::default()
    }

    /// Faults of the guest (or its DMA) since the last call, in order of time: refused accesses, lockups, unmodelled uses.
    /// One that is repeated without end is reported a few times.
    fn take_faults(&mut self) -> Vec<GuestFault>;

    /// Chooses the answer to accesses that are not modelled; returns whether the engine has the choice.
    fn answer_unmodelled(&mut self, answer: UnmodelledAnswer) -> bool {
        let _ = answer;
        false
    }

    /// Sets the arguments of the program, which it asks for by semihosting. Returns whether the engine can do it.
    fn set_command_line(&mut self, line: &str) -> bool {
        let _ = line;
        false
    }

    /// Collects logs from now on, as a debugger does that is attached: RTT's rings are read and filled, and the ITM's
    /// stimulus ports are on. They are the lines [`DebugLine`]; programs that log wait for nobody then. Returns whether
    /// the engine can do it.
    fn collect_logs(&mut self) -> bool {
        false
    }

    /// The name that the program gave to a channel of RTT, if it [collects logs](Self::collect_logs) and has found one.
    fn rtt_name(&self, channel: u8) -> Option<String> {
        let _ = channel;
        None
    }

    /// The shortest run worth requesting, because each run of an engine in another process has a cost. Zero if any run
    /// is.
    fn shortest_run(&self) -> VirtualTime {
        VirtualTime::ZERO
    }

    /// Snapshot, restore and fork, if the engine has them.
    fn snapshots(&mut self) -> Option<&mut dyn Snapshot> {
        None
    }

    /// The whole state as bytes, for a file, if the engine has that.
    fn saved_state(&mut self) -> Option<&mut dyn SavedState> {
        None
    }

    /// Breakpoints and watchpoints, if the engine supports them without being stepped.
    fn trapping(&mut self) -> Option<&mut dyn Trapping> {
        None
    }

    /// Halting debug and a debugger's bus accesses, if the engine has them. The builtin engine has them for Cortex-M cores.
    fn debug_access(&mut self) -> Option<&mut dyn DebugAccess> {
        None
    }

    /// The board's own USB socket, if the engine models it.
    fn usb(&mut self) -> Option<&mut dyn UsbDevice> {
        None
    }

    /// The chip's radio, if the engine models it.
    fn radio(&mut self) -> Option<&mut dyn RadioAir> {
        None
    }

    /// Virtual parts on the board, if the engine has them.
    fn parts(&mut self) -> Option<&mut dyn VirtualParts> {
        None
    }

    /// The profiler, if the engine has one.
    fn profiler(&mut self) -> Option<&mut dyn Profiler> {
        None
    }

    /// The engine's own command language, if it has one.
    fn monitor(&mut self) -> Option<&mut dyn Monitor> {
        None
    }
}

/// The properties of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineInfo {
    /// Engine name.
    pub engine: &'static str,
    /// Board name, as in `nano33ble`.
    pub board: String,
    /// Chip name, as in `nRF52840`.
    pub chip: String,
    /// Number of UARTs: indices `0..uarts`.
    pub uarts: u8,
    /// Number of pins: `0..pins`, in the chip's numbering (nRF: port × 32 + pin).
    pub pins: u16,
    /// The seed it was opened with.
    pub seed: Seed,
}

/// A register of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterInfo {
    /// Name in the architecture manual's spelling, lower case.
    pub name: &'static str,
    /// Width.
    pub bits: u8,
}
