//! What crosses the seam between the workbench and its users: the methods, what they take and give, and the events.

mod event;
mod insight;
mod method;
mod snapshot;
mod typescript;
mod view;

pub use event::*;
pub use insight::*;
pub use method::*;
pub use snapshot::*;
pub use typescript::typescript;
pub use view::*;
