//! Cables: how the host's side of a board's connections is played to an emulated one.

pub mod usb_host;
