//! Carries out the requests of `drydock-api`: composes gateway, emulator and connector, and owns a data directory.
//!
//! What crosses the seam to clients is in `drydock-api`; how another process reaches this one is in `drydock-client`.

mod apps;
mod badge;
mod boards;
mod board_task;
mod charts;
mod data_dir;
mod debugger;
mod diagnostics;
mod fleet;
mod forks;
mod gateway_events;
mod logging;
mod monitor;
mod update_throttle;
mod owner;
mod pairing;
mod profile;
mod series;
mod snapshots;
mod state;
mod workbench;

use drydock_api as api;

pub use data_dir::OpenError;
pub use drydock_gateway::{AuditEntry, AuditError, AuditTip};
pub use fleet::derived_seed;
pub use workbench::{VERSION, Workbench, WorkbenchConfig, WorkbenchError, read_audit_trail};
