//! A client of a running Drydock: finds the owner of a data directory, attaches to it over its local socket, makes the
//! API's calls and receives its updates.
//!
//! The owner's side of the socket is in `drydock-workbench`. Both sides share [`line`], the format of the socket.
//! Nothing here knows the gateway, the emulator or the store.

mod attached;
mod data_dir;
pub mod line;
mod scope_program;
mod updates;

pub use attached::{AttachError, Attached, SILENCE};
pub use data_dir::DataDir;
pub use scope_program::{ScopeOf, start_scope};
pub use updates::{Hub, Updates};
