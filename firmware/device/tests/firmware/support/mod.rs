//! A board, a gateway and the wire between them, in memory and on virtual time.

pub(crate) mod board;
pub(crate) mod flash;
pub(crate) mod heap;
pub(crate) mod world;

pub(crate) use drydock_test_support::{bare_tls, gateway, package, pki};
