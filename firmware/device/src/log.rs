//! Log lines of apps and firmware that wait to be sent: a ring of bytes, allocated once, so that waiting lines do not count
//! towards an app's heap.

use crate::host::RUNS_APPS;
use alloc::{collections::VecDeque, format, string::String, vec::Vec};
use drydock_protocol::{
    device_to_gateway::Log,
    limits::{MAX_APP_NAME_BYTES, MAX_LOG_BYTES},
    types::LogLevel,
};

/// Bytes of waiting lines. The firmware itself logs little.
const CAPACITY_BYTES: usize = if RUNS_APPS { 3072 } else { 1024 };
/// Of these, bytes that are reserved for notices about dropped lines.
const NOTICE_BYTES: usize = 512;
/// Length of the entry (2), level, length of the name, uptime (8), sequence (4).
const HEADER_BYTES: usize = 16;
const SEQUENCE_AT: usize = 12;
/// Number of lines that an app may write at once; the interval at which it is granted one more follows.
const BURST_LINES: u64 = 64;
const LINE_INTERVAL_MS: u64 = 30;
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
    /// Adds a line; the name is empty for the firmware's own. Returns whether the line fitted.
    pub fn push(&mut self, app: &str, level: LogLevel, text: &str, uptime_ms: u64) -> bool {
        let added = self.add(app, level, text, uptime_ms, CAPACITY_BYTES - NOTICE_BYTES);
        self.dropped += u32::from(!added);
        added
    }

    /// Adds a line about lines that were lost. Returns whether it fitted.
    pub fn push_notice(&mut self, app: &str, text: &str, uptime_ms: u64) -> bool {
        self.add(app, LogLevel::Warn, text, uptime_ms, CAPACITY_BYTES)
    }

    /// Counts a line that exceeded its app's rate. It leaves a gap in the sequence, as a line that does not fit does.
    pub fn refuse(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        self.dropped += 1;
    }

    fn add(&mut self, app: &str, level: LogLevel, text: &str, uptime_ms: u64, capacity_bytes: usize) -> bool {
        self.sequence = self.sequence.wrapping_add(1);
        let app = cut(app, MAX_APP_NAME_BYTES);
        let (text, mark) = if text.len() > MAX_LOG_BYTES {
            (cut(text, MAX_LOG_BYTES - CUT_MARK.len()), CUT_MARK)
        } else {
            (text, "")
        };
        let len = HEADER_BYTES + app.len() + text.len() + mark.len();
        if self.bytes.len() + len > capacity_bytes {
            return false;
        }
        self.bytes.extend((len as u16).to_le_bytes());
        self.bytes.extend([level as u8, app.len() as u8]);
        self.bytes.extend(uptime_ms.to_le_bytes());
        self.bytes.extend(self.sequence.to_le_bytes());
        self.bytes.extend(app.bytes());
        self.bytes.extend(text.bytes());
        self.bytes.extend(mark.bytes());
        true
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

    /// A mark behind the lines that were added so far.
    pub fn mark(&self) -> u32 {
        self.sequence
    }

    /// Takes the oldest line, if it was added before the mark.
    pub fn pop_before(&mut self, mark: u32) -> Option<Log> {
        let mut sequence = [0; 4];
        for (byte, stored) in sequence
            .iter_mut()
            .zip(self.bytes.range(SEQUENCE_AT.min(self.bytes.len())..))
        {
            *byte = *stored;
        }
        // The difference has a sign, because sequences wrap.
        (mark.wrapping_sub(u32::from_le_bytes(sequence)) as i32 >= 0)
            .then(|| self.pop())
            .flatten()
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

/// Rate limit of an app's lines: a burst, then a steady rate. An app that exceeds it loses its own lines only.
#[derive(Debug)]
pub(crate) struct Allowance {
    lines: u64,
    granted_ms: u64,
    /// Dropped lines that no notice has counted yet.
    lost: u32,
}

impl Allowance {
    pub(crate) fn new(uptime_ms: u64) -> Self {
        Self {
            lines: BURST_LINES,
            granted_ms: uptime_ms,
            lost: 0,
        }
    }

    /// Whether one more line may be written now. Counts it as written or as dropped.
    pub(crate) fn take(&mut self, uptime_ms: u64) -> bool {
        let granted = (uptime_ms - self.granted_ms) / LINE_INTERVAL_MS;
        self.granted_ms += granted * LINE_INTERVAL_MS;
        self.lines = (self.lines + granted).min(BURST_LINES);
        if self.lines == 0 {
            self.lost += 1;
            return false;
        }
        self.lines -= 1;
        true
    }

    /// Counts an allowed line that did not fit.
    pub(crate) fn found_no_room(&mut self) {
        self.lost += 1;
    }

    /// Logs how many lines were dropped since the last notice, if the ring has space.
    pub(crate) fn publish_lost(&mut self, logs: &mut LogRing, app: &str, uptime_ms: u64) {
        let plural = if self.lost == 1 { "" } else { "s" };
        if self.lost > 0 && logs.push_notice(app, &format!("{} line{plural} dropped", self.lost), uptime_ms) {
            self.lost = 0;
        }
    }
}

/// The level with this number; numbers above the highest count as the highest.
pub(crate) fn level(number: u32) -> LogLevel {
    match number {
        0 => LogLevel::Trace,
        1 => LogLevel::Debug,
        2 => LogLevel::Info,
        3 => LogLevel::Warn,
        _ => LogLevel::Error,
    }
}

/// At most this many bytes of a text, cut between characters.
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
    fn gives_back_only_what_was_added_before_a_mark() {
        let mut ring = LogRing {
            sequence: u32::MAX - 1,
            ..LogRing::default()
        };
        assert!(ring.pop_before(ring.mark()).is_none());
        ring.push("a", LogLevel::Info, "before", 0);
        let mark = ring.mark();
        ring.push("a", LogLevel::Info, "after", 0);
        assert_eq!(ring.pop_before(mark).unwrap().text, "before");
        assert!(ring.pop_before(mark).is_none());
        assert_eq!(ring.pop().unwrap().text, "after");
    }

    #[test]
    fn an_app_that_floods_loses_its_own_lines_and_is_told_how_many() {
        let mut ring = LogRing::default();
        let mut allowance = Allowance::new(0);
        let write = |ring: &mut LogRing, allowance: &mut Allowance, uptime_ms| {
            if !allowance.take(uptime_ms) {
                ring.refuse();
            }
        };
        for _ in 0..BURST_LINES + 10 {
            write(&mut ring, &mut allowance, 5);
        }
        assert_eq!(ring.dropped(), 10);
        // Time restores lines at the rate, but no more than a burst.
        write(&mut ring, &mut allowance, 5 + LINE_INTERVAL_MS);
        assert_eq!(ring.dropped(), 10);
        for _ in 0..BURST_LINES + 3 {
            write(&mut ring, &mut allowance, 10_000_000);
        }
        assert_eq!(ring.dropped(), 13);
        allowance.publish_lost(&mut ring, "flood", 10_000_000);
        allowance.publish_lost(&mut ring, "flood", 10_000_000);
        let notice = ring.pop().unwrap();
        assert_eq!(
            (notice.app.as_str(), notice.text.as_str()),
            ("flood", "13 lines dropped")
        );
        assert!(ring.pop().is_none(), "it is said once");
    }

    #[test]
    fn a_full_ring_has_room_for_a_notice() {
        let mut ring = LogRing::default();
        let mut allowance = Allowance::new(0);
        while ring.dropped() < 2 {
            let text = "long enough to fill the ring before the burst is over, which takes more than forty bytes";
            if !(allowance.take(0) && ring.push("a", LogLevel::Info, text, 0)) {
                allowance.found_no_room();
            }
        }
        allowance.publish_lost(&mut ring, "a", 0);
        let last = core::iter::from_fn(|| ring.pop()).last().unwrap();
        assert_eq!((last.level, last.text.as_str()), (LogLevel::Warn, "2 lines dropped"));
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
