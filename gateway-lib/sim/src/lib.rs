//! Simulated devices: they enroll, hold TLS 1.3 sessions, take packages, report states, logs and metrics in the real
//! protocol, and answer through the same `handle_message` as the firmware. They serve load tests and tests of a window.
//! There is no link and no emulation, and no app really runs: a [`Behaviour`] decides the result of starting one.
//!
//! * [`SimDevice`] is a board with its key, its identity and its flash. [`SimDevice::enroll`] gives it the identity,
//!   [`SimDevice::connect`] a session, and [`RunningDevice`] is a device whose session runs in a task of its own.
//! * [`SimStore`] is the content of its flash, and the rules by which it accepts or refuses packages.
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
