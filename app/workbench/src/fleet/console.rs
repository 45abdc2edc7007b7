//! The console of one board: lines of its firmware, its apps and of Drydock itself, in one order.

use crate::api::{LogLine, Logs};
use std::collections::VecDeque;

/// Limit of kept lines.
const LINES: usize = 10_000;
/// Limit of the memory for kept lines, in bytes. Many boards write for days.
const BYTES: usize = 2 << 20;

#[derive(Debug, Default)]
pub(crate) struct Console {
    lines: VecDeque<LogLine>,
    /// Memory of the lines, in bytes.
    bytes: usize,
    next: u64,
}

/// A line before it has a place.
#[derive(Debug, Clone)]
pub(crate) struct NewLine {
    pub(crate) time_ms: u64,
    pub(crate) uptime_ms: Option<u64>,
    pub(crate) source: String,
    pub(crate) level: &'static str,
    pub(crate) text: String,
}

impl Console {
    /// Adds a line after `lost` lines that never arrived.
    pub(crate) fn push(&mut self, lost: u32, line: NewLine) -> LogLine {
        self.next += u64::from(lost);
        let line = LogLine {
            sequence: self.next,
            time_ms: line.time_ms,
            uptime_ms: line.uptime_ms,
            source: line.source,
            level: line.level.into(),
            text: line.text,
        };
        self.next += 1;
        self.bytes += bytes_of(&line);
        self.lines.push_back(line.clone());
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= bytes_of(&oldest);
        }
        line
    }

    /// The newest `limit` lines after a sequence, of one source or of all.
    pub(crate) fn query(&self, after: Option<u64>, source: Option<&str>, limit: usize) -> Logs {
        let from = after.map_or(0, |sequence| sequence + 1);
        let dropped = self
            .lines
            .front()
            .map_or(0, |first| first.sequence.saturating_sub(from));
        let mut lines: Vec<LogLine> = self
            .lines
            .iter()
            .rev()
            .take_while(|line| line.sequence >= from)
            .filter(|line| source.is_none_or(|source| line.source == source))
            .take(limit)
            .cloned()
            .collect();
        lines.reverse();
        Logs { lines, dropped }
    }
}

/// Approximate memory of a line.
fn bytes_of(line: &LogLine) -> usize {
    size_of::<LogLine>() + line.source.len() + line.level.len() + line.text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(source: &str, text: String) -> NewLine {
        NewLine {
            time_ms: 0,
            uptime_ms: None,
            source: source.into(),
            level: "info",
            text,
        }
    }

    #[test]
    fn lines_are_numbered_and_losses_leave_a_hole() {
        let mut console = Console::default();
        console.push(0, line("fw", "a".into()));
        console.push(3, line("blink", "b".into()));
        let all = console.query(None, None, 10);
        let sequences: Vec<u64> = all.lines.iter().map(|line| line.sequence).collect();
        assert_eq!((sequences, all.dropped), (vec![0, 4], 0));
        assert_eq!(console.query(Some(0), None, 10).lines.len(), 1);
        assert_eq!(console.query(None, Some("fw"), 10).lines[0].text, "a");
    }

    #[test]
    fn the_oldest_lines_go_and_it_is_said_how_many() {
        let mut console = Console::default();
        for n in 0..LINES + 5 {
            console.push(0, line("fw", n.to_string()));
        }
        let newest = console.query(None, None, 2);
        assert_eq!((newest.lines[1].text.as_str(), newest.dropped), ("10004", 5));
        assert_eq!(console.query(Some(100), None, usize::MAX).lines.len(), LINES - 96);
    }

    #[test]
    fn long_lines_take_no_more_memory_than_short_ones() {
        let mut console = Console::default();
        for n in 0..LINES {
            console.push(0, line("sensor", format!("{n} {}", "x".repeat(1_000))));
        }
        let kept: usize = console.lines.iter().map(bytes_of).sum();
        assert_eq!(kept, console.bytes);
        assert!(kept <= BYTES && kept > BYTES - 2_000, "{kept} bytes");
        let all = console.query(Some(0), None, usize::MAX);
        assert_eq!(all.dropped + all.lines.len() as u64, LINES as u64 - 1);
    }
}
