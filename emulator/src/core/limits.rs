//! How long a core runs.

use crate::machine::VirtualTime;

/// How long to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the first instruction boundary at or after this instant.
    pub until: VirtualTime,
    /// Stop after exactly this many instructions since power-on.
    pub instructions: u64,
    /// Also stop when the core sleeps and nothing is due now; time is not advanced then.
    pub stop_when_idle: bool,
}

impl Limits {
    /// Until `until`.
    pub const fn until(until: VirtualTime) -> Self {
        Self {
            until,
            instructions: u64::MAX,
            stop_when_idle: false,
        }
    }

    /// Until `instructions` were executed since power-on.
    pub const fn instructions(instructions: u64) -> Self {
        Self {
            until: VirtualTime::MAX,
            instructions,
            stop_when_idle: false,
        }
    }
}
