//! A board, a gateway and the wire between them, in memory and on virtual time.

pub(crate) mod bare_tls;
pub(crate) mod board;
pub(crate) mod flash;
pub(crate) mod gateway;
pub(crate) mod heap;
pub(crate) mod package;
pub(crate) mod pki;
pub(crate) mod world;
