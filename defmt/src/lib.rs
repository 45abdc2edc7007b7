//! Programs that log with defmt send the number of each statement and the raw values of its arguments. The texts are in the
//! program's ELF file only. [`Program`] reads them there; [`Decoder`] makes lines of the bytes that arrive.
//!
//! Bytes on a wire may be damaged or of another program. Each frame has limits of size, depth and number of values, so that
//! no bytes can exhaust the host's memory or stack. This is why the crate `defmt-decoder` is not used: it reserves as much
//! memory as a damaged length says. It also makes `serde_json` keep numbers as text in every crate of the build, and then
//! the API's updates cannot be read. The format strings are parsed by defmt's own parser.
//!
//! Files, probes and ports are the callers' business.

mod decoder;
mod format;
mod frame;
mod locations;
mod program;
mod text;

pub use decoder::{Decoded, Decoder};
pub use locations::Location;
pub use program::{Encoding, Level, NotUsable, Program};

use std::fmt;

/// What a program logged with one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The time stamp as the program formats it; `None` if it has none.
    pub timestamp: Option<String>,
    /// `None` for `println!`.
    pub level: Option<Level>,
    /// The text; it may have several lines.
    pub message: String,
    /// Where the statement is in the source; `None` if the ELF file has no debug information about it.
    pub location: Option<Location>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(timestamp) = &self.timestamp {
            write!(f, "{timestamp} ")?;
        }
        if let Some(level) = self.level {
            write!(f, "{:<5} ", level.as_str().to_uppercase())?;
        }
        f.write_str(&self.message)?;
        match &self.location {
            Some(Location { file, line }) => write!(f, " ({file}:{line})"),
            None => Ok(()),
        }
    }
}
