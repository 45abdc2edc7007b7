//! What devices and the gateway say to each other.
//!
//! This crate is shared by the firmware (`no_std`), the gateway, the simulated devices and the workbench, so that no
//! byte on the wire has two descriptions. It holds types, codecs and pure state machines; no I/O, no clocks, no
//! randomness and no cryptography live here.
//!
//! * [`link`]: frames on a noisy byte stream (UART, USB-CDC, PTY, TCP).
//! * [`control`]: what is said on the link's unauthenticated `control` channel.
//! * [`envelope`]: version, id and kind of a message, read before its body.
//! * [`device_to_gateway`], [`gateway_to_device`]: the bodies, by direction.
//! * [`device_handler`]: what a device does with a message, whatever device it is.
//! * [`framing`]: messages in a byte stream.
//! * [`manifest`], [`package`]: what a signed package says about an app.
//! * [`section`]: what a module says about itself.
//! * [`host_calls`]: the one table of what an app may call.
//! * [`limits`]: every size, rate and time that both sides must agree on.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "arbitrary"))]
extern crate std;

pub mod capability;
pub mod control;
pub mod device_handler;
pub mod device_to_gateway;
pub mod envelope;
pub mod framing;
pub mod gateway_to_device;
pub mod host_calls;
pub mod limits;
pub mod link;
pub mod manifest;
pub mod package;
pub mod section;
pub mod types;
