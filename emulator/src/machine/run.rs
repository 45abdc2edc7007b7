//! Running a machine: limits, reasons to stop, stopping from another thread, and resets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::time::VirtualTime;

/// When a run ends at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimit {
    /// Stop at the first instruction boundary at or after this instant.
    pub until: VirtualTime,
    /// Also stop when the core sleeps and nothing is due now: time has not been advanced then.
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
    /// The core sleeps; `next_event` is the time of the chip's next event (`None` if only input can wake it).
    Idle {
        /// The next thing due.
        next_event: Option<VirtualTime>,
    },
    /// The [`PauseSwitch`] was thrown.
    Paused,
    /// One instruction was executed, as requested.
    Stepped,
    /// A breakpoint instruction, or a semihosting call that ends the program, without a debugger to handle it.
    Breakpoint {
        /// Where.
        pc: u32,
        /// The instruction's immediate.
        code: u8,
        /// The program's exit code, if this is how it ended and the engine knows.
        exit: Option<u32>,
    },
    /// The chip was reset, and is about to execute its first instruction.
    Reset(ResetKind),
    /// The core locked up (a fault within HardFault or NMI).
    Lockup {
        /// Where.
        pc: u32,
    },
    /// A debugger halted the core ([`DebugAccess`](super::DebugAccess)).
    DebugHalt,
    /// The chip switched itself off; an edge on a wake-up pin, or a reset, wakes it.
    PoweredOff,
}

/// Ends a run from another thread. It stays set until it has ended a run.
#[derive(Clone, Debug, Default)]
pub struct PauseSwitch(Arc<AtomicBool>);

impl PauseSwitch {
    /// Ends the current run, or the next one at once.
    pub fn pause(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// For engines: returns whether it was set, and resets it.
    pub fn take(&self) -> bool {
        // A plain load first: all machines check this between slices, and it is almost never set.
        self.0.load(Ordering::Acquire) && self.0.swap(false, Ordering::AcqRel)
    }
}

/// Why the machine is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ResetKind {
    /// Power-on: RAM content is lost, everything restarts.
    PowerOn,
    /// The reset pin.
    Pin,
    /// AIRCR.SYSRESETREQ.
    Software,
    /// A watchdog ran out.
    Watchdog,
    /// The core locked up and the chip resets on lockup.
    Lockup,
    /// Woken from System OFF (or the chip's equivalent) by its wake-up source.
    WakeUp,
}
