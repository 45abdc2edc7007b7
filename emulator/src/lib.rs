//! Emulated boards: the Engine and Machine traits and the builtin engine.

pub mod builtin;
