//! Tests of firmware on emulated boards, in virtual time. A [`Bench`] holds boards of Drydock's builtin engine that run the
//! user's own firmware; a test waits for what they say and do. The same test gives the same result each time: nothing
//! depends on the host's clock, and randomness comes from a seed.
//!
//! ```no_run
//! use drydock_test::Bench;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), drydock_test::TestError> {
//! let bench = Bench::new();
//! let board = bench.board("nano33ble").firmware("build/app.elf")?;
//! board.console().expect("ready", Duration::from_millis(200))?;
//! board.uart(0).send("status\r\n")?;
//! board.uart(0).expect("ok", Duration::from_millis(50))?;
//! board.pin("LED")?.expect_frequency(5.0, 0.02, Duration::from_secs(2))?;
//! # Ok(())
//! # }
//! ```
//!
//! [`scenario`] reads the same from a file; [`suite`] runs the tests that a firmware file itself holds. No gateway, no
//! session and no app of Drydock's is here: boards run the user's firmware alone.

mod bench;
mod board;
mod console;
mod error;
mod ether;
mod kinds;
mod machine;
mod part;
mod pattern;
mod report;
pub mod scenario;
pub mod suite;
pub mod units;
mod wire;

pub use bench::{Bench, Cancel, NewBoard, QUANTUM, Wire};
pub use board::{Board, Console, Level, Match, Pin};
pub use drydock_assets::PartChoice;
pub use drydock_emulator::ether::Content;
pub use drydock_emulator::{PartFault, Picture};
pub use error::{Cause, Stop, TestError};
pub use ether::{Ether, Frame, FramePattern};
pub use kinds::Kinds;
pub use part::{Expected, Part};
pub use pattern::Pattern;
