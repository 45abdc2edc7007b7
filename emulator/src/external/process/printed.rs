//! A program's output: its last lines, and the lines since the last call.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Lines kept; older ones are dropped.
const LINES_KEPT: usize = 500;
/// A longer line is cut.
const LINE_BYTES: u64 = 2_048;

/// Lines of a program's output, both streams in the order in which they arrived.
#[derive(Debug, Default)]
pub struct Printed {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    /// Lines that arrived and were dropped again.
    dropped: u64,
    open_streams: usize,
}

impl Printed {
    /// Reads a stream to its end, in a thread of its own.
    pub(super) fn read_from(self: &Arc<Self>, stream: impl Read + Send + 'static) -> io::Result<()> {
        self.lock().open_streams += 1;
        let printed = self.clone();
        thread::Builder::new().name("printed".into()).spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!((&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line), Ok(1..)) {
                printed.add(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
            printed.lock().open_streams -= 1;
            printed.changed.notify_all();
        })?;
        Ok(())
    }

    /// The last `count` lines, the oldest first.
    pub fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lock();
        let skipped = lines.kept.len().saturating_sub(count);
        lines.kept.iter().skip(skipped).cloned().collect()
    }

    /// The lines from number `next` on that are still stored; `next` becomes the number of the next line to arrive.
    pub fn since(&self, next: &mut u64) -> Vec<String> {
        let lines = self.lock();
        let skipped = next.saturating_sub(lines.dropped) as usize;
        *next = lines.dropped + lines.kept.len() as u64;
        lines.kept.iter().skip(skipped).cloned().collect()
    }

    /// Waits until all streams have ended, at most for `limit`.
    pub fn wait_for_end(&self, limit: Duration) {
        let lines = self.lock();
        // The caller reads the lines next, whatever the result.
        let _ = self
            .changed
            .wait_timeout_while(lines, limit, |lines| lines.open_streams > 0);
    }

    fn add(&self, line: String) {
        let mut lines = self.lock();
        if lines.kept.len() == LINES_KEPT {
            lines.kept.pop_front();
            lines.dropped += 1;
        }
        lines.kept.push_back(line);
    }

    /// The lines are whole between any two statements.
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
