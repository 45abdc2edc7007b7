//! A recording, or a part of it, in the formats of other tools. Each function writes to any sink, reads the recording once
//! from front to back, and holds one entry of each lane.

mod csv;
mod parquet;
mod sigrok;
mod vcd;

pub use self::csv::write_csv;
pub use parquet::write_parquet;
pub use sigrok::{SIGROK_SAMPLES, write_sigrok};
pub use vcd::write_vcd;

use crate::entries::EntryError;
use std::io;

/// Why an export failed. What was written so far is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The sink.
    #[error("the export could not be written; free some space or choose another place")]
    Io(#[from] io::Error),
    /// A block of the recording is damaged.
    #[error(transparent)]
    Damaged(#[from] EntryError),
    /// A format with samples needs lanes that can be sampled, a rate, and not too many samples.
    #[error(
        "sigrok's format takes digital and number lanes at 1 Hz to 1 GHz and at most {} million samples; \
         choose lanes, a shorter range or a lower rate",
        SIGROK_SAMPLES / 1_000_000
    )]
    NotSampled,
}

/// What an export could not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportReport {
    /// Gaps that the format has no way to show: the value before them goes on, or 0 where none is known.
    pub gaps_hidden: u64,
    /// Lanes that the format has no way to hold.
    pub lanes_left_out: usize,
}
