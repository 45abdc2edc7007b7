//! Log lines. Needs the capability `log`.

use core::fmt::{self, Write};

use crate::calls;

/// Longest line that is formatted here, in bytes; the rest is cut.
const LINE_BYTES: usize = 128;

/// Severity of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Level {
    /// Finest detail.
    Trace = 0,
    /// For the app's author.
    Debug = 1,
    /// The normal level.
    Info = 2,
    /// Something odd.
    Warn = 3,
    /// Something failed.
    Error = 4,
}

/// Writes a line unchanged.
pub fn line(level: Level, text: &str) {
    // SAFETY: pointer and length are those of a live string.
    unsafe { calls::log(level as i32, text.as_ptr() as i32, text.len() as i32) }
}

/// Formats a line on the stack and writes it; see [`info!`](crate::info).
pub fn format(level: Level, arguments: fmt::Arguments<'_>) {
    if let Some(text) = arguments.as_str() {
        return line(level, text);
    }
    let mut buffer = Line {
        bytes: [0; LINE_BYTES],
        length: 0,
    };
    // An error means that the line was cut, which is intended.
    let _ = buffer.write_fmt(arguments);
    line(
        level,
        core::str::from_utf8(&buffer.bytes[..buffer.length]).unwrap_or_default(),
    );
}

struct Line {
    bytes: [u8; LINE_BYTES],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let mut encoded = [0; 4];
            let encoded = character.encode_utf8(&mut encoded).as_bytes();
            let end = self.length + encoded.len();
            self.bytes
                .get_mut(self.length..end)
                .ok_or(fmt::Error)?
                .copy_from_slice(encoded);
            self.length = end;
        }
        Ok(())
    }
}

/// Writes a formatted line at the normal level.
#[macro_export]
macro_rules! info {
    ($($argument:tt)*) => { $crate::log::format($crate::log::Level::Info, ::core::format_args!($($argument)*)) };
}

/// Writes a formatted line about something odd.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)*) => { $crate::log::format($crate::log::Level::Warn, ::core::format_args!($($argument)*)) };
}

/// Writes a formatted line about a failure.
#[macro_export]
macro_rules! error {
    ($($argument:tt)*) => { $crate::log::format($crate::log::Level::Error, ::core::format_args!($($argument)*)) };
}
