//! Simulated devices: they enroll, hold TLS 1.3 sessions, take packages, report states, logs and metrics in the real
//! protocol, and answer through the same `handle_message` as the firmware. For load tests and tests of a window; no link,
//! no emulation, and no app really runs: what starting one leads to is chosen by a [`Behaviour`].
//!
//! * [`SimDevice`] is a board with its key, its identity and its flash; [`SimDevice::enroll`] gives it the identity,
//!   [`SimDevice::connect`] a session, and [`RunningDevice`] is one whose session runs in a task of its own.
//! * [`SimStore`] is what it keeps in flash, and the rules by which it takes or refuses packages.
#![forbid(unsafe_code)]

mod device;
mod metrics;
mod running;
mod store;
mod stream;
mod tls;

pub use device::{Identity, SimBoard, SimDevice, SimError};
pub use running::{RunningDevice, SessionEnd, SessionGone};
pub use store::{Behaviour, Installed, SimStore};
