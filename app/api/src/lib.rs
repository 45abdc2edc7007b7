//! The API of Drydock: every request, view, update, event and error between the workbench and its clients (window, CLI,
//! local socket, later HTTP).
//!
//! All of it is plain data that serialises to JSON and is exported to TypeScript. Nothing here opens files, sockets or
//! machines: `drydock-workbench` carries out the requests, and `drydock-client` sends them to an owner in another
//! process.

mod error;
mod event;
mod evidence;
mod hardware;
mod insight;
mod kind;
mod label_sheet;
mod method;
mod parts;
mod recording;
mod request;
mod snapshot;
mod typescript;
mod update;
mod view;

pub use error::*;
pub use event::*;
pub use evidence::*;
pub use hardware::*;
pub use insight::*;
pub use kind::*;
pub use label_sheet::*;
pub use method::*;
pub use parts::*;
pub use recording::*;
pub use request::*;
pub use snapshot::*;
pub use typescript::typescript;
pub use update::*;
pub use view::*;
