//! The seam between whoever uses emulated boards and the engines that run them: [`Engine`] opens a board, [`Machine`] is
//! the running board. Powers that not every engine has are asked for as `Option<&mut dyn …>`.
//!
//! A machine is driven synchronously by one thread at a time; threads, pacing and recording are the runner's.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use drydock_assets::Board;

use crate::core::fabric::{FaultRecord, PinChange, ResetKind, UartOutput};
use crate::debug::profile::Profiler;
use crate::machine::error::{MachineError, OpenError};
use crate::machine::image::Image;
use crate::machine::time::VirtualTime;
use crate::machine::traps::Trapping;

/// Something that can run boards.
pub trait Engine: Send + Sync {
    /// Its name for users and files, as in `builtin`.
    fn name(&self) -> &'static str;

    /// Whether it can be used here and now.
    fn availability(&self) -> Availability;

    /// Whether it knows this board.
    fn supports(&self, board: &Board) -> bool;

    /// Makes a machine of `board` at power-on, with erased flash. The same board, seed, image and inputs give the same run.
    ///
    /// # Errors
    /// [`OpenError`]: the engine is not available or does not know the board.
    fn open(&self, board: &Board, seed: Seed) -> Result<Box<dyn Machine>, OpenError>;
}

/// Whether an engine can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Yes.
    Available {
        /// Version, as the engine tells it.
        version: String,
    },
    /// No.
    Unavailable {
        /// What is missing and what to do, for the user.
        reason: String,
    },
}

/// What a machine draws all its randomness from: identity and random number generator.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// One running emulated board.
///
/// Determinism: [`Machine::run`] stops at the first instruction boundary at or after its limit, and where it stops has no
/// influence on what the guest does. Input given at a stop is the guest's from that instant on.
pub trait Machine: Send {
    /// What board it is and what it has.
    fn info(&self) -> &MachineInfo;

    /// Writes an image's segments into flash or RAM. It takes effect with the next power-on [`Machine::reset`].
    ///
    /// # Errors
    /// [`MachineError::NoMemory`] when a segment lies outside memory; nothing is written then.
    fn load(&mut self, image: &Image) -> Result<(), MachineError>;

    /// Resets the board. Virtual time goes on.
    ///
    /// # Errors
    /// An engine out of process may have gone; the builtin one does not fail.
    fn reset(&mut self, kind: ResetKind) -> Result<(), MachineError>;

    /// Runs until `limit`, or until something that ends a run.
    ///
    /// # Errors
    /// The engine itself failed. What the guest does wrong is a [`StopReason`] or a [`GuestFault`].
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

    /// The registers this core has, in the architecture manual's names (`r0` … `pc`, `xpsr`, `msp` …).
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

    /// What the UARTs sent since the last call.
    fn take_uart_output(&mut self) -> Vec<UartOutput>;

    /// Gives bytes to UART `index`; they reach the guest as fast as the line allows. Tells how many were taken: the rest
    /// does not fit the inbound queue now.
    ///
    /// # Errors
    /// [`MachineError::NoUart`].
    fn uart_input(&mut self, index: u8, bytes: &[u8]) -> Result<usize, MachineError>;

    /// How many bytes [`Machine::uart_input`] would take now.
    fn uart_input_room(&self, index: u8) -> usize;

    /// Whether bytes are on their way over a UART, in or out: the next event of a sleeping core is then theirs, and no
    /// time-out. An engine that cannot tell says no.
    fn uart_busy(&self) -> bool {
        false
    }

    /// Drives a pin from outside; `None` lets go of it.
    ///
    /// # Errors
    /// [`MachineError::NoPin`].
    fn pin_input(&mut self, pin: u16, level: Option<bool>) -> Result<(), MachineError>;

    /// The level of a pin as a probe would see it; `None` when it floats.
    fn pin_level(&self, pin: u16) -> Option<bool>;

    /// The pins that changed since the last call.
    fn take_pin_changes(&mut self) -> Vec<PinChange>;

    /// What the guest (or its DMA) did wrong since the last call: refused accesses, lockups, what is not modelled.
    fn take_faults(&mut self) -> Vec<GuestFault>;

    /// The shortest run worth asking for: an engine in another process has a price for each. Zero: any.
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

    /// Stops where a debugger wants it to, if the engine can do that without being stepped.
    fn trapping(&mut self) -> Option<&mut dyn Trapping> {
        None
    }

    /// What its guest spends its time on, if the engine can tell.
    fn profiler(&mut self) -> Option<&mut dyn Profiler> {
        None
    }

    /// The engine's own command language, if it has one.
    fn monitor(&mut self) -> Option<&mut dyn Monitor> {
        None
    }
}

/// What a machine is.
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

/// When a run ends at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimit {
    /// Not later than this instant (but at an instruction boundary).
    pub until: VirtualTime,
    /// Also when the core sleeps and nothing is due now: time has not been moved forward then.
    pub stop_when_idle: bool,
}

impl RunLimit {
    /// Until `until`, sleeping included.
    pub const fn until(until: VirtualTime) -> Self {
        Self {
            until,
            stop_when_idle: false,
        }
    }

    /// Until `until` or until the core sleeps.
    pub const fn busy_until(until: VirtualTime) -> Self {
        Self {
            until,
            stop_when_idle: true,
        }
    }
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The limit was reached.
    Deadline,
    /// The core sleeps; `next_event` is when something inside the chip is due (`None`: only input can wake it).
    Idle {
        /// The next thing due.
        next_event: Option<VirtualTime>,
    },
    /// The [`PauseSwitch`] was thrown.
    Paused,
    /// One instruction was executed, as asked.
    Stepped,
    /// A breakpoint instruction, or a semihosting call that ends the program, with no debugger to take it.
    Breakpoint {
        /// Where.
        pc: u32,
        /// The instruction's immediate.
        code: u8,
    },
    /// The chip was reset, and is about to execute its first instruction.
    Reset(ResetKind),
    /// The core locked up (a fault within HardFault or NMI).
    Lockup {
        /// Where.
        pc: u32,
    },
    /// The chip switched itself off; an edge on a wake-up pin, or a reset, wakes it.
    PoweredOff,
}

/// Something the guest did wrong, or that the engine does not model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestFault {
    /// An access that was refused.
    Access(FaultRecord),
    /// The guest took a fault exception; its own handler may hide it.
    Exception {
        /// When.
        at: VirtualTime,
        /// Where.
        pc: u32,
        /// The link register then: the caller, when it happened in a leaf function.
        lr: u32,
        /// Which fault, with address and time, for people.
        what: String,
    },
    /// The core locked up.
    Lockup {
        /// When.
        at: VirtualTime,
        /// Where.
        pc: u32,
    },
    /// An instruction or mode that the engine does not model.
    Unmodelled {
        /// When.
        at: VirtualTime,
        /// Where.
        pc: u32,
        /// What.
        what: String,
    },
}

impl fmt::Display for GuestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(record) => record.fmt(f),
            Self::Exception { what, .. } => f.write_str(what),
            Self::Lockup { at, pc } => write!(f, "lockup at {pc:#010x}, {at} s"),
            Self::Unmodelled { at, pc, what } => write!(f, "{what} at {pc:#010x}, {at} s: not modelled"),
        }
    }
}

/// A register of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterInfo {
    /// Name in the architecture manual's spelling, lower case.
    pub name: &'static str,
    /// Width.
    pub bits: u8,
}

/// Ends a run from another thread. It stays thrown until a run has ended by it.
#[derive(Clone, Debug, Default)]
pub struct PauseSwitch(Arc<AtomicBool>);

impl PauseSwitch {
    /// Ends the run under way, or the next one at once.
    pub fn pause(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// For engines: whether it was thrown; takes it back.
    pub fn take(&self) -> bool {
        // A plain load first: this is asked between slices, by all machines, and is almost never set.
        self.0.load(Ordering::Acquire) && self.0.swap(false, Ordering::AcqRel)
    }
}

/// Optional power: the whole state of a machine as a value.
pub trait Snapshot {
    /// Takes the state. Outputs not taken yet (UART, pins, faults) are not part of it.
    ///
    /// # Errors
    /// The engine failed.
    fn snapshot(&mut self) -> Result<MachineSnapshot, MachineError>;

    /// Goes back to a state that a machine of the same engine and board gave.
    ///
    /// # Errors
    /// [`MachineError::ForeignSnapshot`]; the machine is unchanged then.
    fn restore(&mut self, snapshot: &MachineSnapshot) -> Result<(), MachineError>;

    /// A second machine in this state, independent from now on.
    ///
    /// # Errors
    /// The engine failed.
    fn fork(&mut self) -> Result<Box<dyn Machine>, MachineError>;

    /// A digest of everything that decides the machine's future; equal for equal runs.
    ///
    /// # Errors
    /// The engine failed.
    fn state_hash(&mut self) -> Result<u64, MachineError>;
}

/// Optional power: the whole state of a machine as bytes, which another process can take over.
pub trait SavedState {
    /// The state, for an engine that can as what differs from a `blank` machine. Outputs not taken yet are not part of it.
    ///
    /// # Errors
    /// The engine failed.
    fn write_state(&mut self, blank: BlankMachine<'_>) -> Result<Vec<u8>, MachineError>;

    /// Makes a machine that was opened and loaded, and has not run, one in that state.
    ///
    /// # Errors
    /// [`MachineError::BadState`]; what state the machine is in then is not told: it is of no use any more.
    fn read_state(&mut self, state: &[u8]) -> Result<(), MachineError>;
}

/// Makes a machine of the same engine, board and seed with the same image, which has not run.
pub type BlankMachine<'a> = &'a mut dyn FnMut() -> Result<Box<dyn Machine>, MachineError>;

/// Optional power: lines of the engine's own command language, for experts.
pub trait Monitor {
    /// What stands before the line to be typed.
    fn prompt(&self) -> String;

    /// Executes a line.
    ///
    /// # Errors
    /// The engine failed. A line that the engine refuses is an answer.
    fn execute(&mut self, line: &str) -> Result<MonitorAnswer, MachineError>;

    /// The last lines that were executed, the oldest first.
    fn history(&self) -> Vec<String>;
}

/// What an engine answers to a line in its own language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorAnswer {
    /// It was done; this is what it printed.
    Done(String),
    /// It was refused, and why.
    Refused(String),
}

/// A state, opaque but for when it was taken.
pub struct MachineSnapshot {
    /// Virtual time of the state.
    pub at: VirtualTime,
    /// The engine's own form of it.
    pub state: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for MachineSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineSnapshot({} s)", self.at)
    }
}
