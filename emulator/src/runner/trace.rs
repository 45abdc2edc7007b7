//! What a running machine does, told with its instants on the thread that runs it.

use super::status::RunState;
use crate::{GuestFault, PinChange, ResetKind, TraceTaken, UartOutput, VirtualTime};

/// Takes what a machine does. It is called on the thread that runs the machine, which waits for it: it must neither block
/// nor take long.
pub trait Tracer: Send {
    /// Something happened. Instants of one pin or one UART never decrease, but for [`Traced::Begin`].
    fn take(&mut self, what: &Traced<'_>);

    /// Whether it wants [`Traced::Inside`], which the machine gathers at a cost. It is asked when it begins to trace.
    fn wants_inside(&self) -> bool {
        true
    }
}

/// Something that a machine did, or that happened to it.
#[derive(Debug)]
pub enum Traced<'a> {
    /// What holds now; nothing is known about the time before. It comes first, and after a state was restored, which may set
    /// the time back.
    Begin {
        /// The machine's time.
        at: VirtualTime,
        /// When it was reset last, if that is known; a machine that was only switched on counts from zero.
        reset: Option<VirtualTime>,
        /// The level that the chip drives on each of its pins.
        pins: &'a [Option<bool>],
        /// Whether it runs.
        state: &'a RunState,
    },
    /// The chip changed the levels of its pins.
    Pins(&'a [PinChange]),
    /// A pin was driven from outside, or no longer is.
    Input {
        /// When.
        at: VirtualTime,
        /// The chip's pin number.
        pin: u16,
        /// The level.
        level: Option<bool>,
    },
    /// A UART sent bytes, or its rate was set.
    Sent(&'a UartOutput),
    /// Bytes were given to a UART. They reach the program at the rate of the line.
    Received {
        /// When.
        at: VirtualTime,
        /// Which UART.
        index: u8,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// What happened inside: interrupts, buses, parts.
    Inside(&'a TraceTaken),
    /// The program did something wrong.
    Fault(&'a GuestFault),
    /// The machine was reset.
    Reset {
        /// When.
        at: VirtualTime,
        /// Why.
        kind: ResetKind,
    },
    /// The machine runs, stands still, or is gone.
    State {
        /// When; `None` if the machine is gone.
        at: Option<VirtualTime>,
        /// Its state from now on.
        state: &'a RunState,
    },
    /// Everything before this instant was told.
    Until(VirtualTime),
}
