//! The one API behind window, CLI and HTTP: composes gateway, emulator and connector.
//!
//! [`api`] holds what crosses the seam: methods, views and events. All of them are plain data that serialise to JSON and
//! are exported to TypeScript, so that the window, the CLI's local socket and later HTTP speak the same words.

pub mod api;
mod apps;
mod badge;
mod bench;
mod boards;
mod bring_up;
mod charts;
mod data_dir;
mod debugger;
mod diagnostics;
mod facts;
mod fleet;
mod forks;
mod logging;
mod monitor;
mod outbox;
mod owner;
mod profile;
mod series;
mod snapshots;
mod updates;
mod workbench;

pub use data_dir::{DataDir, OpenError};
pub use drydock_gateway::{AuditEntry, AuditError, AuditTip};
pub use fleet::derived_seed;
pub use owner::{AttachError, Attached};
pub use updates::Updates;
pub use workbench::{VERSION, Workbench, WorkbenchConfig, WorkbenchError, read_audit_trail};
