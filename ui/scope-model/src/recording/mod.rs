//! Recordings on disk.
//!
//! A recording begins with a file header of 128 bytes. Blocks follow without holes, each with a header of 64 bytes
//! ([`format`]). A block holds up to 65,536 entries of one lane and, behind them, summaries of groups of them
//! ([`pyramid`](crate::pyramid)); or a lane's declaration, a gap, the instant up to which everything is recorded, or an
//! index of the blocks since the index before.
//!
//! Blocks are only appended. The file header has two slots that name the newest index; they are written in turn, each with
//! its checksum. Opening follows the chain of indexes from a slot and reads the headers of the blocks behind it. If no slot
//! is of use, it reads the header of every block. Numbers are little-endian.

mod block;
mod format;
mod open;
mod writer;

pub(crate) use block::{Block, LaneBlocks, Place};
pub(crate) use format::{BlockKind, u64_at};
pub use open::{Damage, OpenError, Recording};
pub use writer::{WriteError, Writer};
