//! The builtin engine: machines made of our own cores ([`crate::core`]) and chips ([`crate::chips`]), in process.

#![cfg_attr(feature = "safe", forbid(unsafe_code))]

pub mod engine;
pub mod machine;
mod profiler;
mod saved;
