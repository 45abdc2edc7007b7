//! Log lines of apps and firmware that wait for the session: a ring of bytes, allocated once, so that no app's heap
//! account is touched by a line that is sent long after.

use alloc::{collections::VecDeque, string::String, vec::Vec};
use drydock_protocol::{
    device_to_gateway::Log,
    limits::{MAX_APP_NAME_BYTES, MAX_LOG_BYTES},
    types::LogLevel,
};

/// Bytes of waiting lines.
const CAPACITY_BYTES: usize = 3072;
/// Length of the entry (2), level, length of the name, uptime (8), sequence (4).
const HEADER_BYTES: usize = 16;
/// Marks a line that was cut.
const CUT_MARK: &str = "…";

/// The waiting lines. When it is full, new lines are dropped and counted.
pub struct LogRing {
    bytes: VecDeque<u8>,
    sequence: u32,
    dropped: u32,
}

impl Default for LogRing {
    fn default() -> Self {
        Self {
            bytes: VecDeque::with_capacity(CAPACITY_BYTES),
            sequence: 0,
            dropped: 0,
        }
    }
}

impl LogRing {
    /// Adds a line; the name is empty for the firmware's own.
    pub fn push(&mut self, app: &str, level: LogLevel, text: &str, uptime_ms: u64) {
        self.sequence += 1;
        let app = cut(app, MAX_APP_NAME_BYTES);
        let (text, mark) = if text.len() > MAX_LOG_BYTES {
            (cut(text, MAX_LOG_BYTES - CUT_MARK.len()), CUT_MARK)
        } else {
            (text, "")
        };
        let len = HEADER_BYTES + app.len() + text.len() + mark.len();
        if self.bytes.len() + len > CAPACITY_BYTES {
            self.dropped += 1;
            return;
        }
        self.bytes.extend((len as u16).to_le_bytes());
        self.bytes.extend([level as u8, app.len() as u8]);
        self.bytes.extend(uptime_ms.to_le_bytes());
        self.bytes.extend(self.sequence.to_le_bytes());
        self.bytes.extend(app.bytes());
        self.bytes.extend(text.bytes());
        self.bytes.extend(mark.bytes());
    }

    /// Takes the oldest line.
    pub fn pop(&mut self) -> Option<Log> {
        let len = u16::from_le_bytes([*self.bytes.front()?, *self.bytes.get(1)?]);
        let entry: Vec<u8> = self.bytes.drain(..usize::from(len)).collect();
        let (header, rest) = entry.split_at_checked(HEADER_BYTES)?;
        let (app, text) = rest.split_at_checked(header[3].into())?;
        Some(Log {
            app: String::from_utf8_lossy(app).into_owned(),
            level: level(header[2].into()),
            text: String::from_utf8_lossy(text).into_owned(),
            uptime_ms: u64::from_le_bytes(header[4..12].try_into().ok()?),
            sequence: u32::from_le_bytes(header[12..16].try_into().ok()?),
        })
    }

    /// Whether no line waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Lines dropped since reset.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// The level with this number; numbers above the highest count as it.
pub(crate) fn level(number: u32) -> LogLevel {
    match number {
        0 => LogLevel::Trace,
        1 => LogLevel::Debug,
        2 => LogLevel::Info,
        3 => LogLevel::Warn,
        _ => LogLevel::Error,
    }
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_lines_back_in_order_and_counts_what_it_drops() {
        let mut ring = LogRing::default();
        let mut pushed = 0;
        while ring.dropped() == 0 {
            pushed += 1;
            ring.push("blink", LogLevel::Info, &alloc::format!("line {pushed}"), pushed);
        }
        for n in 1..pushed {
            let line = ring.pop().unwrap();
            assert_eq!((line.app.as_str(), line.text), ("blink", alloc::format!("line {n}")));
            assert_eq!(
                (line.level, line.uptime_ms, u64::from(line.sequence)),
                (LogLevel::Info, n, n)
            );
        }
        assert!(ring.pop().is_none());
        ring.push("", LogLevel::Error, "after", 9);
        assert_eq!(
            u64::from(ring.pop().unwrap().sequence),
            pushed + 1,
            "the dropped line leaves a gap"
        );
    }

    #[test]
    fn cuts_long_lines_between_characters() {
        let mut ring = LogRing::default();
        ring.push("a", LogLevel::Warn, &"ä".repeat(200), 0);
        let line = ring.pop().unwrap();
        assert!(
            line.text.len() <= MAX_LOG_BYTES && line.text.ends_with("ä…"),
            "{}",
            line.text
        );
    }
}
