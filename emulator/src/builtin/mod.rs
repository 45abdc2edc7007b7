//! The builtin engine: our own cores and chips, in process.

pub mod entropy;
pub mod fabric;
pub mod memory;
pub mod time;
