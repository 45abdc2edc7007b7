//! Emulated boards. [`Engine`] opens a board, [`Machine`] is one that runs, [`runner::Runner`] runs many
//! of them on a few threads; [`builtin`] is our own engine. No process id, port or monitor string of an engine crosses
//! this seam.

pub mod builtin;
pub mod engine;
pub mod error;
pub mod gdb;
pub mod image;
pub mod process;
pub mod profile;
#[cfg(unix)]
pub mod qemu;
pub mod renode;
pub mod runner;
pub mod snapshot_file;

pub use builtin::fabric::{AccessFault, AccessSize, FaultRecord, PinChange, ResetKind, UartOutput};
pub use builtin::time::VirtualTime;
pub use engine::{
    Availability, BlankMachine, Engine, GuestFault, Machine, MachineInfo, MachineSnapshot, Monitor, MonitorAnswer,
    PauseSwitch, RegisterInfo, RunLimit, SavedState, Seed, Snapshot, StopReason,
};
pub use error::{MachineError, OpenError};
pub use image::{Image, ImageError, Segment, Symbol};

/// The engines there are, the preferred one first, whether they can be used here or not.
pub fn engines() -> Vec<Box<dyn Engine>> {
    vec![
        Box::new(builtin::engine::Builtin),
        Box::new(renode::Renode::default()),
        // Its sockets are Unix sockets.
        #[cfg(unix)]
        Box::new(qemu::Qemu),
    ]
}
