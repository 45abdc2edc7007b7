//! The observable state and events of a running machine.

use crate::{GuestFault, PartMessage, PinChange, ResetKind, StopReason, VirtualTime};

/// The status of a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineStatus {
    /// Its state.
    pub state: RunState,
    /// Virtual time since power-on.
    pub virtual_time: VirtualTime,
    /// Instructions executed since power-on.
    pub instructions: u64,
    /// Million instructions per second of host time spent executing, over the last second or so.
    pub mips: f64,
    /// Virtual time per host time, over the last second or so.
    pub speed: f64,
    /// Guest faults since power-on.
    pub faults: u64,
}

/// The state of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It runs (or sleeps: a sleeping core is running firmware).
    Running,
    /// Paused from outside.
    Paused,
    /// It stopped by itself: lockup, breakpoint, power-off. A reset, or a wake-up pin, starts it again.
    Halted(StopReason),
    /// The engine failed. The machine can be inspected, and reset.
    Crashed {
        /// What happened.
        cause: String,
    },
    /// It was stopped and removed.
    Stopped,
}

/// Something that happened to a machine.
#[derive(Clone, Debug, PartialEq)]
pub enum MachineEvent {
    /// Its state changed.
    State(RunState),
    /// A pin changed.
    Pin(PinChange),
    /// The guest did something wrong.
    Fault(GuestFault),
    /// A part of its board said something.
    Part(PartMessage),
    /// It was reset, by itself or from outside.
    Reset {
        /// When.
        at: VirtualTime,
        /// Why.
        kind: ResetKind,
    },
}
