//! Errors between a user of machines and an engine. A fault of the *guest* is not an error here but a
//! [`GuestFault`](crate::GuestFault) or a [`StopReason`](crate::StopReason).

use super::time::VirtualTime;

/// A board could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine has no model of it.
    #[error("the {engine} engine has no model of the board {board}")]
    UnknownBoard {
        /// Engine.
        engine: &'static str,
        /// Board.
        board: String,
    },
    /// The engine is not installed, or does not work here.
    #[error("the {engine} engine cannot be used: {reason}")]
    Unavailable {
        /// Engine.
        engine: &'static str,
        /// What is missing and what to do.
        reason: String,
    },
    /// The engine is installed, but could not start the board.
    #[error("the {engine} engine could not start the board {board}: {cause}")]
    Failed {
        /// Engine.
        engine: &'static str,
        /// Board.
        board: String,
        /// What happened.
        cause: String,
    },
}

/// An operation on a machine failed.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// Outside flash and RAM.
    #[error("{board} has no memory at {addr:#010x}")]
    NoMemory {
        /// Board.
        board: String,
        /// First address without memory.
        addr: u32,
    },
    /// No such register.
    #[error("the core of {board} has no register {name}")]
    NoRegister {
        /// Board.
        board: String,
        /// The name that was asked for.
        name: String,
    },
    /// No such UART.
    #[error("{board} has no UART {index}")]
    NoUart {
        /// Board.
        board: String,
        /// The index that was asked for.
        index: u8,
    },
    /// No such pin.
    #[error("{board} has no pin {pin}")]
    NoPin {
        /// Board.
        board: String,
        /// The pin that was asked for.
        pin: u16,
    },
    /// A snapshot of another engine or board.
    #[error("the snapshot is not of a {board} of this engine")]
    ForeignSnapshot {
        /// Board.
        board: String,
    },
    /// Bytes that are no state of this engine's model of the board.
    #[error("the state is not one of this engine's {board}: {reason}")]
    BadState {
        /// Board.
        board: String,
        /// The problem with them.
        reason: String,
    },
    /// The engine refused the request; the machine is unchanged.
    #[error("{board}: {reason}")]
    Refused {
        /// Board.
        board: String,
        /// The engine's message.
        reason: String,
    },
    /// The engine itself failed (because of a bug, or its process is gone).
    #[error("{board} crashed at {pc:#010x}, {at} s: {cause}")]
    Crashed {
        /// Board.
        board: String,
        /// Last known program counter.
        pc: u32,
        /// Virtual time.
        at: VirtualTime,
        /// What happened.
        cause: String,
    },
}
