//! The owner's local socket, through which other processes of the same user reach the workbench that owns a data
//! directory.
//!
//! The owner writes the socket's path into `DIR/owner.json`. Only the user can open it: the socket has mode 0600 in a
//! directory of mode 0700, and the owner checks the uid of each peer. A connection carries one JSON object a line in
//! each direction ([`drydock_client::line`]); the owner sends the first line, which contains its version.

mod panics;
mod server;

pub(crate) use panics::answer_panics;
pub(crate) use server::{Server, Serves};

#[cfg(test)]
mod tests;
