//! Who called whom in a program that stopped: from the debug information of its ELF file, the registers, and what is on its
//! stack. The program and its stack may be damaged: what makes no sense ends the list.
//!
//! Where registers and memory come from is the callers' business.

mod debug_info;
mod unwind;

pub use debug_info::{DebugInfo, NotUsable};
pub use unwind::{Core, Registers};

use std::fmt;

/// Most frames of a backtrace; a deeper one was damaged, or calls itself without end.
pub const FRAMES_MAX: usize = 64;

/// One function of a backtrace; a function that was inlined has a frame, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The address: where the program stopped, or where it goes on after the call.
    pub pc: u32,
    /// Name of the function, as in the source; `None` where there is no symbol.
    pub function: Option<String>,
    /// Where in the source; `None` without debug information.
    pub place: Option<Place>,
    /// The frame was interrupted by an exception and did not call the one before.
    pub is_interrupted: bool,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path of the file, relative to the directory where the program was built if it is in it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_interrupted {
            f.write_str("interrupted: ")?;
        }
        match &self.function {
            Some(function) => f.write_str(function)?,
            None => write!(f, "{:#010x}", self.pc)?,
        }
        match &self.place {
            Some(Place { file, line }) => write!(f, " ({file}:{line})"),
            None => Ok(()),
        }
    }
}
