//! Debug probes: what is plugged in, which chip is behind it, a debugger on it, and the wire of a virtual one.

mod adapter;
mod chip;
mod debugged;
mod gdb;
mod list;
mod live;
mod watch;

pub use chip::{FoundChip, ProbedChip};
pub use debugged::CoreRegisters;
pub use gdb::ProbedTarget;
pub use list::{ProbeAccess, ProbeError, ProbeInfo, Probes, VirtualPlug, VirtualProbe};
pub use live::LiveChip;

pub(crate) use chip::{arm_interface, causes, find, memory, nordic_erase_all, nordic_lock, reset};

/// The registers of an Arm debug port behind a probe (ADIv5): what SWD carries. A virtual board implements it.
///
/// The probe clears sticky errors after [`WireFault::Fault`] by writing ABORT (debug port register 0).
pub trait DebugWire: Send {
    /// Reads a register: of the access port that SELECT names if `access_port`, else of the debug port. `address` is 0, 4, 8
    /// or 12.
    ///
    /// # Errors
    /// [`WireFault`].
    fn read(&mut self, access_port: bool, address: u8) -> Result<u32, WireFault>;

    /// Writes a register, as [`DebugWire::read`] reads it.
    ///
    /// # Errors
    /// [`WireFault`].
    fn write(&mut self, access_port: bool, address: u8, value: u32) -> Result<(), WireFault>;

    /// Holds the reset pin down, or releases it.
    fn reset_pin(&mut self, held: bool);
}

/// Why the wire did not carry out an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireFault {
    /// The port answered FAULT: an earlier access failed.
    #[error("the debug port answers with a fault")]
    Fault,
    /// Nothing answered: the cable is out, or the chip has no power.
    #[error("nothing answers on the debug wire")]
    NoAnswer,
}
