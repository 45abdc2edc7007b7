//! The protocol between devices and the gateway.
//!
//! The firmware (`no_std`), the gateway, the simulated devices and the workbench share this crate, so that each byte on
//! the wire has a single description. It holds types, codecs and pure state machines; no I/O, no clocks, no randomness
//! and no cryptography live here.
//!
//! * [`link`]: frames on a noisy byte stream (UART, USB-CDC, PTY, TCP).
//! * [`control`]: messages on the link's unauthenticated `control` channel.
//! * [`envelope`]: version, id and kind of a message, read before its body.
//! * [`device_to_gateway`], [`gateway_to_device`]: the bodies, by direction.
//! * [`app_samples`]: the records of numbers that apps publish.
//! * [`device_handler`]: the dispatch of messages on a device, for every kind of device.
//! * [`framing`]: messages in a byte stream.
//! * [`manifest`], [`package`]: the signed description of an app.
//! * [`section`]: a module's description of itself.
//! * [`host_calls`]: the table of the calls that an app may make.
//! * [`limits`]: every size, rate and time that both sides must agree on.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "arbitrary"))]
extern crate std;

pub mod app_samples;
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
