//! Machines under a debugger: registers, memory, breakpoints, watchpoints for stores, single steps, Ctrl-C, `monitor
//! reset`. The server is `drydock_gdb`'s.
//!
//! Without breakpoints the guest runs at full speed; with one, the machine is run by single steps. A machine of a runner
//! keeps its pace and its link while the debugger lets it run; otherwise it is paused, with its time.

mod access;
mod resume;
mod target;

pub use crate::machine::{Caught, Trapping, Traps};
pub use access::{Access, Held};
pub use drydock_gdb::{End, GdbError, GdbServer, Limits, StopSwitch};
pub use target::GdbTarget;
