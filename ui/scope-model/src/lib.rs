#![deny(unsafe_code)]
//! The model of a scope: signals over virtual time, recorded on disk, and what a window shows of them.
//!
//! - A [`Lane`] is one signal: edges of a pin, numbers, or texts.
//! - [`Writer`] appends lanes to a recording; [`Recording`] opens one, up to its damage if it has any.
//! - [`Recording::columns`] gives minimum, maximum and edges for each column of pixels, at a cost that does not depend on
//!   the length of the range. [`Recording::entries`] gives every entry.
//! - [`Recording::measure`] measures a range, a [`Trigger`] watches for a condition, a [`TextSearch`] looks for a text, and
//!   [`decode`] reads protocols.
//! - [`join`](join()) copies parts of recordings into one, on one axis.
//! - [`export`] writes VCD, CSV and sigrok's session files.
//!
//! No window, no runtime and no emulator belong here. Nothing here reads a clock: the caller says when things happened.

/// The ending of a recording's file name.
pub const FILE_ENDING: &str = "drydock-rec";

mod columns;
pub mod decode;
mod entries;
pub mod export;
mod join;
mod lane;
mod machine_time;
mod map;
mod measure;
mod merged;
mod nearby;
mod pyramid;
mod recording;
mod text_search;
mod trigger;

pub use columns::Column;
pub use entries::{Entries, Entry, EntryError};
pub use join::{Joined, Part, join};
pub use lane::{Lane, LaneId, LaneKind, MAX_LANES, MAX_NAME_BYTES, MAX_TEXT_BYTES, MAX_TIME_NS, TimeRange};
pub use machine_time::{MachineTime, Run};
pub use measure::{Delta, DigitalMeasurement, Measurement, NumberMeasurement};
pub use merged::Merged;
pub use pyramid::Summary;
pub use recording::{Damage, OpenError, Recording, WriteError, Writer};
pub use text_search::{TextMatch, TextSearch};
pub use trigger::{Condition, Shot, Trigger};
