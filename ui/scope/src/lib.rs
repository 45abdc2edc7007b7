#![deny(unsafe_code)]
//! The scope: a native window that shows recordings of signals, also while they are written.
//!
//! - [`session`] is what the window is about, without the window: recordings, lanes, the axis, commands.
//! - [`picture`] turns a lane into levels, bands and boxes; [`axis`] and [`time`] say where and when.
//! - [`view`] draws all that with egui and turns keys and the pointer into commands.
//!
//! The files are read by `drydock-scope-model`. [`attach`] asks a running Drydock to record, through `drydock-client`. No emulator
//! and no workbench belongs here.

pub mod arrange;
pub mod attach;
pub mod axis;
pub mod clock;
pub mod decoding;
pub mod export;
pub mod find;
pub mod measure;
pub mod picture;
pub mod search;
pub mod session;
pub mod source;
pub mod store;
pub mod theme;
pub mod time;
pub mod trigger;
pub mod view;
