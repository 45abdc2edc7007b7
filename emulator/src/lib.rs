//! Emulated boards. [`Engine`] opens a board, [`Machine`] is a running one, [`runner::Runner`] runs many of them on a
//! few threads; [`builtin`] is our own engine. No process id, port or monitor string of an engine crosses this
//! interface.

pub mod builtin;
pub mod cable;
pub mod chips;
pub mod core;
pub mod debug;
pub mod ether;
pub mod external;
pub mod machine;
pub mod parts;
pub mod runner;

pub use debug::{gdb, profile, snapshot_file};
#[cfg(unix)]
pub use external::qemu;
pub use external::{process, renode};
pub use machine::{
    AccessFault, AccessSize, AirEvent, AirFrame, Availability, BlankMachine, CoreActivity, DebugAccess, DebugLine,
    Engine, FaultRecord, FrameId, GuestFault, Heard, I2cStep, Image, ImageError, LOG_CHANNELS, Machine, MachineError,
    MachineInfo, MachineSnapshot, Modulation, Monitor, MonitorAnswer, NOTICE, OpenError, PartError, PartFault,
    PartMessage, PartState, PartTable, PauseSwitch, Picture, PinChange, PropertyState, RadioAir, RegisterInfo,
    ResetKind, RunLimit, SavedState, Seed, Segment, Snapshot, StopReason, Symbol, TABLE_BYTES_MAX, TABLE_VALUES_MAX,
    TableFileError, TableProblem, TraceEntry, TraceEvent, TraceTaken, UartOutput, UnmodelledAnswer, UsbAction,
    UsbDevice, UsbEvent, UsbOccurrence, UsbReply, UsbStatus, UsbToken, UsbTransaction, VirtualParts, VirtualTime,
};

/// All engines, the preferred one first, including those that cannot be used here.
pub fn engines() -> Vec<Box<dyn Engine>> {
    vec![
        Box::new(builtin::engine::Builtin),
        Box::new(renode::Renode::default()),
        // Its sockets are Unix sockets.
        #[cfg(unix)]
        Box::new(qemu::Qemu),
    ]
}
