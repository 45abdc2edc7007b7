//! Boards on a cable: the serial ports and debug probes of this host, which board is where, and what writes its flash.
//!
//! | part | what lives there |
//! |---|---|
//! | `port` | serial ports: listing, plugging, permissions, holders, opening |
//! | `dfu` | USB devices in DFU mode: listing, opening, what they say about themselves |
//! | `probe` | debug probes: listing, chip detection, the adapter for virtual ones |
//! | `candidate` | which board a port or a probe most likely is, and why |
//! | `binding` | the identity of one board on a cable, checked before each write |
//! | `image` | firmware files as segments of bytes at addresses |
//! | `flash` | writing flash: plan, progress, cancelling; one module for each method |
//!
//! It knows boards as data (`drydock-assets`) and neither emulator nor gateway. A virtual board reaches it the way a
//! physical one does: as a path of a serial port, or as registers of a debug port, or
//! as control transfers to a USB device.

pub mod binding;
pub mod candidate;
pub mod dfu;
pub mod flash;
pub mod image;
pub mod port;
pub mod probe;
