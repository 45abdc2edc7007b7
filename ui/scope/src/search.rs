//! Looks for a trigger's shots in a recording, in a thread of its own, and goes on as the recording grows.

use drydock_scope_model::{LaneId, Recording, TimeRange, Trigger};
use std::{
    path::PathBuf,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    time::Duration,
};

/// Entries that are read between two reports.
const PIECE: u64 = 500_000;
/// How often a recording that is written to is looked at.
pub(crate) const WAIT: Duration = Duration::from_millis(100);
/// Shots that are kept.
pub const MAX_SHOTS: usize = 100_000;

/// A search that runs. Dropping it ends the thread after the piece that it reads.
#[derive(Debug)]
pub struct Search {
    /// The recording, by its place in the session.
    pub source: usize,
    /// The instants of the shots in the recording, in ns.
    pub shots: Vec<u64>,
    /// Everything before this instant was searched, in ns.
    pub searched_until_ns: u64,
    /// A part of the recording could not be read.
    pub damage: Option<String>,
    found: Receiver<Found>,
    /// Closed when this is dropped, which the thread sees.
    _alive: Sender<()>,
}

#[derive(Debug, Default)]
struct Found {
    shots: Vec<u64>,
    searched_until_ns: u64,
    damage: Option<String>,
}

impl Search {
    /// Begins to search a file from an instant on.
    pub fn new(source: usize, path: PathBuf, trigger: Trigger, from_ns: u64) -> Self {
        let (report, found) = mpsc::channel();
        let (alive, stop) = mpsc::channel();
        std::thread::spawn(move || {
            let Ok(recording) = Recording::open(&path) else {
                return;
            };
            search(recording, trigger, from_ns, &report, &stop);
        });
        Self {
            source,
            shots: Vec::new(),
            searched_until_ns: from_ns,
            damage: None,
            found,
            _alive: alive,
        }
    }

    /// Takes in what was found since; returns the first of the new shots.
    pub fn refresh(&mut self) -> Option<u64> {
        let before = self.shots.len();
        while let Ok(found) = self.found.try_recv() {
            self.shots.extend(found.shots);
            self.searched_until_ns = found.searched_until_ns;
            self.damage = self.damage.take().or(found.damage);
        }
        self.shots.get(before).copied()
    }

    /// The shot behind an instant.
    pub fn after(&self, at_ns: u64) -> Option<u64> {
        let place = self.shots.partition_point(|shot| *shot <= at_ns);
        self.shots.get(place).copied()
    }

    /// The shot before an instant.
    pub fn before(&self, at_ns: u64) -> Option<u64> {
        let place = self.shots.partition_point(|shot| *shot < at_ns);
        self.shots.get(place.checked_sub(1)?).copied()
    }
}

fn search(mut recording: Recording, mut trigger: Trigger, from_ns: u64, report: &Sender<Found>, stop: &Receiver<()>) {
    let lanes = trigger.lanes();
    let mut at_ns = from_ns;
    let mut kept = 0;
    loop {
        let end_ns = recording.recorded_until_ns();
        let wait = if at_ns < end_ns { Duration::ZERO } else { WAIT };
        if !matches!(stop.recv_timeout(wait), Err(RecvTimeoutError::Timeout)) || kept >= MAX_SHOTS {
            return;
        }
        if at_ns >= end_ns {
            // A file that became shorter is said by the window, which reads it too.
            if recording.refresh().is_err() {
                return;
            }
            continue;
        }
        let piece = TimeRange::new(at_ns, piece_end(&recording, &lanes, at_ns, end_ns));
        let mut found = Found::default();
        let mut rest = piece;
        while rest.from_ns < piece.until_ns && kept < MAX_SHOTS {
            match recording.find(&mut trigger, rest) {
                Ok(Some(shot)) => {
                    found.shots.push(shot.at_ns);
                    kept += 1;
                    rest.from_ns = shot.at_ns.max(rest.from_ns) + 1;
                }
                Ok(None) => break,
                Err(error) => {
                    rest.from_ns = error.range.until_ns.max(rest.from_ns + 1);
                    found.damage = Some(error.to_string());
                }
            }
        }
        at_ns = piece.until_ns;
        found.searched_until_ns = at_ns;
        if report.send(found).is_err() {
            return;
        }
    }
}

/// The end of a piece with not too many entries.
pub(crate) fn piece_end(recording: &Recording, lanes: &[LaneId], from_ns: u64, end_ns: u64) -> u64 {
    let mut length_ns = end_ns - from_ns;
    loop {
        let range = TimeRange::new(from_ns, from_ns + length_ns);
        let entries: u64 = lanes.iter().map(|lane| recording.count_in(*lane, range)).sum();
        if entries <= PIECE || length_ns <= 1 {
            return range.until_ns;
        }
        length_ns /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_scope_model::{Condition, Lane, LaneKind, Writer};
    use std::{fs::File, time::Instant};

    fn wait(search: &mut Search, until_ns: u64) {
        let begin = Instant::now();
        while search.searched_until_ns < until_ns {
            search.refresh();
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "{}",
                search.searched_until_ns
            );
            std::thread::yield_now();
        }
    }

    #[test]
    fn shots_in_all_pieces_are_found_and_those_that_come_later() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.drydock-rec");
        let mut writer = Writer::new(File::create(&path).expect("a file")).expect("a recording");
        let pin = writer.declare(&Lane::new("D1", LaneKind::Digital)).expect("a lane");
        // Pulses of 400 ns each microsecond; every 100,000th takes 700 ns. Three pieces.
        let pulses = 700_000_u64;
        for pulse in 0..pulses {
            writer.level(pin, pulse * 1_000, true).expect("in order");
            let width_ns = if pulse % 100_000 == 50_000 { 700 } else { 400 };
            writer.level(pin, pulse * 1_000 + width_ns, false).expect("in order");
        }
        let end_ns = pulses * 1_000;
        writer.flush(end_ns).expect("a disk");
        let condition = Condition::Pulse {
            lane: pin,
            is_high: true,
            at_least_ns: 600,
            at_most_ns: 800,
        };
        let mut search = Search::new(0, path, Trigger::new(condition, 0, 0), 0);
        wait(&mut search, end_ns);
        let expected: Vec<u64> = (0..7).map(|index| (index * 100_000 + 50_000) * 1_000 + 700).collect();
        assert_eq!(search.shots, expected);
        assert_eq!(search.after(expected[2]), Some(expected[3]));
        assert_eq!(search.before(expected[2]), Some(expected[1]));
        assert_eq!((search.after(expected[6]), search.before(expected[0])), (None, None));
        writer.level(pin, end_ns + 100, true).expect("in order");
        writer.level(pin, end_ns + 800, false).expect("in order");
        writer.flush(end_ns + 1_000).expect("a disk");
        wait(&mut search, end_ns + 1_000);
        assert_eq!(search.shots.last(), Some(&(end_ns + 800)));
    }
}
