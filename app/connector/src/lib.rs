//! The link to a board over any byte stream, the control messages before a session, and noise to test both.
//!
//! * [`LinkDriver`] speaks the link over a stream (an emulated UART, a serial port, TCP). It returns [`LinkEvent`]s,
//!   among them each new session as a byte stream of its own.
//! * [`Rates`] lets it agree with the device on a higher baud rate than the first one.
//! * [`NoisyStream`] damages the bytes of a stream, at a chosen rate and from a seed.
//!
//! Nothing here knows TLS, the gateway, or an emulator.

mod driver;
mod noise;
mod rates;
mod session;
mod state;

pub use driver::{LinkClosed, LinkDriver, LinkError, LinkEvent, LinkHandle, LinkStats};
pub use noise::{Noise, NoisyStream};
pub use rates::{RateControl, Rates};
pub use session::LinkSession;
