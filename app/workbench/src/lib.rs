//! The one API behind window, CLI and HTTP: composes gateway, emulator and connector.
//!
//! [`api`] holds what crosses the seam: methods, views and events. All of them are plain data that serialise to JSON and
//! are exported to TypeScript, so that the window, the CLI's local socket and later HTTP speak the same words.

pub mod api;
mod badge;
mod charts;
mod data_dir;
mod logging;
mod owner;
mod series;
mod updates;

pub use data_dir::{DataDir, OpenError, OwnedDir};
pub use logging::log_to;
pub use owner::{AttachError, Attached};
pub use updates::Updates;
