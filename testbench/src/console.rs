//! What one port of a board has said: its bytes with their times, and how far a test has read them.

use crate::pattern::Pattern;
use drydock_emulator::VirtualTime;
use std::collections::VecDeque;

/// Bytes of one port that are kept. The oldest half goes when there are more.
const KEPT_BYTES: usize = 1 << 20;

/// A place where a pattern was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// When its last byte left the chip.
    pub(crate) at: VirtualTime,
    pub(crate) text: String,
    pub(crate) groups: Vec<Option<String>>,
    /// The place behind it.
    end: usize,
}

/// What a port has said.
#[derive(Debug, Default)]
pub(crate) struct Port {
    bytes: Vec<u8>,
    /// The end of each piece of `bytes`, and when its last byte left the chip.
    pieces: VecDeque<(usize, VirtualTime)>,
    /// How far the test has read.
    read: usize,
    /// Bytes that were dropped before the test had read them.
    pub(crate) lost: usize,
}

impl Port {
    pub(crate) fn push(&mut self, at: VirtualTime, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes.extend(bytes);
        self.pieces.push_back((self.bytes.len(), at));
        if self.bytes.len() > KEPT_BYTES {
            self.drop_first(self.bytes.len() - KEPT_BYTES / 2);
        }
    }

    fn drop_first(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.lost += count.saturating_sub(self.read);
        self.read = self.read.saturating_sub(count);
        self.pieces.retain(|(end, _)| *end > count);
        for (end, _) in &mut self.pieces {
            *end -= count;
        }
    }

    /// The pattern in what the test has not read.
    pub(crate) fn find(&self, pattern: &Pattern) -> Option<Found> {
        let unread = &self.bytes[self.read..];
        let (range, groups) = pattern.find(unread)?;
        let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&unread[range]).into_owned();
        let end = self.read + range.end;
        let after = self.pieces.partition_point(|(piece, _)| *piece < end);
        let at = self.pieces.get(after).or(self.pieces.back());
        Some(Found {
            at: at.map_or(VirtualTime::ZERO, |(_, at)| *at),
            text: text(range),
            groups: groups.into_iter().map(|group| group.map(text)).collect(),
            end,
        })
    }

    /// The test goes on behind a place.
    pub(crate) fn read_to(&mut self, found: &Found) {
        self.read = found.end;
    }

    /// What the test has not read.
    pub(crate) fn unread(&self) -> String {
        String::from_utf8_lossy(&self.bytes[self.read..]).into_owned()
    }

    /// Takes what the test has not read.
    pub(crate) fn take(&mut self) -> String {
        let text = self.unread();
        self.read = self.bytes.len();
        text
    }

    /// Its last lines, each with control characters shown.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.len().saturating_sub(count);
        lines[first..].iter().map(|line| visible(line)).collect()
    }
}

/// A line of a guest for people: control characters must not reach their terminal.
fn visible(line: &str) -> String {
    let mut shown = String::new();
    // A line of a megabyte is no line.
    for letter in line.chars().take(500) {
        match letter {
            letter if letter.is_control() => shown.extend(letter.escape_default()),
            letter => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> VirtualTime {
        VirtualTime::from_ms(ms)
    }

    #[test]
    fn a_match_has_the_time_of_its_last_byte_and_reading_goes_on_behind_it() {
        let mut port = Port::default();
        port.push(at(1), b"rea");
        port.push(at(2), b"dy\nre");
        port.push(at(3), b"ady\n");
        let first = port.find(&"ready".into()).unwrap();
        assert_eq!((first.at, first.text.as_str()), (at(2), "ready"));
        port.read_to(&first);
        let second = port.find(&"ready".into()).unwrap();
        assert_eq!(second.at, at(3));
        port.read_to(&second);
        assert_eq!(port.find(&"ready".into()), None);
        assert_eq!(port.unread(), "\n");
    }

    #[test]
    fn a_port_that_never_ends_loses_its_oldest_bytes_and_counts_them() {
        let mut port = Port::default();
        for _ in 0..=KEPT_BYTES / 1024 {
            port.push(at(1), &[b'x'; 1024]);
        }
        port.push(at(9), b"end");
        assert!(port.bytes.len() <= KEPT_BYTES);
        assert_eq!(port.lost + port.bytes.len(), KEPT_BYTES + 1024 + 3);
        assert_eq!(port.find(&"end".into()).unwrap().at, at(9));
    }

    #[test]
    fn control_characters_are_shown() {
        let mut port = Port::default();
        port.push(at(1), b"one\ntwo\x1b[2J\n\xff");
        assert_eq!(port.last_lines(2), ["two\\u{1b}[2J", "\u{fffd}"]);
    }
}
