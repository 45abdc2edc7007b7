//! Batches updates on their way to the pages, because a page derives and paints anew for each message. Updates of
//! boards that a page shows (foreground) are sent with the next frame. Updates of other boards (background) are sent at
//! most four times a second when they are many.

use drydock_api::Update;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// How long updates are collected into one message: one frame.
const FRAME: Duration = Duration::from_millis(16);
/// How long background updates are collected when they are many.
const GLANCE: Duration = Duration::from_millis(250);
/// Above this rate, background updates count as many: more than twenty running boards reach it.
const MANY_PER_S: f64 = 50.0;
/// Most updates that wait.
const MOST: usize = 1024;

/// Updates that wait for their message.
#[derive(Debug)]
pub(crate) struct UpdateBatcher {
    /// Updates of boards that a page shows, and updates that belong to no board.
    foreground: Vec<Update>,
    foreground_since: Option<Instant>,
    /// Updates of the other boards, of jobs and of the hardware; `None` where a later view of the same replaced one.
    background: Vec<Option<Update>>,
    background_since: Option<Instant>,
    /// Index in `background` of a view that a later one replaces.
    views: HashMap<Subject, usize>,
    /// How long `background` is gathered.
    pause: Duration,
    /// Updates that went into `background` since `counted`.
    taken: u32,
    counted: Instant,
}

/// What a view is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    /// A board, by its id.
    Board(String),
    /// A job, by its number.
    Job(u64),
    /// Ports, probes and virtual boards.
    Hardware,
}

impl UpdateBatcher {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            foreground: Vec::new(),
            foreground_since: None,
            background: Vec::new(),
            background_since: None,
            views: HashMap::new(),
            pause: FRAME,
            taken: 0,
            counted: now,
        }
    }

    /// Takes an update. `is_foreground`: whether a page shows the log lines, samples and LEDs of its board.
    pub(crate) fn take(&mut self, update: Update, now: Instant, is_foreground: impl Fn(&str) -> bool) {
        match &update {
            // Waiting updates are older than the state that the page reads then.
            Update::Resync => {
                self.views.clear();
                let waiting: Vec<Update> = self.background.drain(..).flatten().collect();
                self.background_since = None;
                for update in waiting.into_iter().chain([update]) {
                    self.take_foreground(update, now);
                }
            }
            Update::Leds { board, .. }
            | Update::Logs { board, .. }
            | Update::Metrics { board, .. }
            | Update::AppSamples { board, .. } => {
                if is_foreground(board) {
                    // The board has just become foreground: its waiting view must not follow this newer update.
                    let waiting = self.views.remove(&Subject::Board(board.clone()));
                    if let Some(view) = waiting.and_then(|place| self.background[place].take()) {
                        self.take_foreground(view, now);
                    }
                    self.take_foreground(update, now);
                }
            }
            Update::Board { board, .. } => {
                if is_foreground(&board.id) {
                    self.forget(&board.id);
                    self.take_foreground(update, now);
                } else {
                    self.replace(Subject::Board(board.id.clone()), update, now);
                }
            }
            Update::Job { job } => self.replace(Subject::Job(job.id), update, now),
            Update::Hardware { .. } => self.replace(Subject::Hardware, update, now),
            // Its bytes are in no later update.
            Update::Console { .. } => self.take_foreground(update, now),
            Update::BoardRemoved { board, .. } => {
                self.forget(board);
                self.take_background(update, now);
            }
            Update::Event(_) => self.take_background(update, now),
        }
    }

    /// When the next message is due; `None` while no update waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        let foreground = self.foreground_since.map(|since| {
            let pause = if self.foreground.len() < MOST {
                FRAME
            } else {
                Duration::ZERO
            };
            since + pause
        });
        let background = self.background_since.map(|since| {
            let pause = if self.background.len() < MOST {
                self.pause
            } else {
                Duration::ZERO
            };
            since + pause
        });
        foreground.into_iter().chain(background).min()
    }

    /// The message that is due: all foreground updates, and the background ones if they are due.
    pub(crate) fn message(&mut self, now: Instant) -> Vec<Update> {
        let mut message = Vec::new();
        let background_is_due = |since: Instant| now >= since + self.pause || self.background.len() >= MOST;
        if self.background_since.is_some_and(background_is_due) {
            let span = now.duration_since(self.counted);
            if span >= GLANCE {
                let many = f64::from(self.taken) > MANY_PER_S * span.as_secs_f64();
                self.pause = if many { GLANCE } else { FRAME };
                (self.taken, self.counted) = (0, now);
            }
            self.background_since = None;
            self.views.clear();
            message.extend(self.background.drain(..).flatten());
        }
        self.foreground_since = None;
        message.append(&mut self.foreground);
        message
    }

    fn take_foreground(&mut self, update: Update, now: Instant) {
        self.foreground_since.get_or_insert(now);
        self.foreground.push(update);
    }

    fn take_background(&mut self, update: Update, now: Instant) {
        self.background_since.get_or_insert(now);
        self.background.push(Some(update));
        self.taken += 1;
    }

    /// Takes a view in the background, in place of an earlier one of the same that waits.
    fn replace(&mut self, subject: Subject, update: Update, now: Instant) {
        if let Some(place) = self.views.get(&subject) {
            self.background[*place] = Some(update);
            self.taken += 1;
        } else {
            self.views.insert(subject, self.background.len());
            self.take_background(update, now);
        }
    }

    /// Drops a waiting view of the board, so that it does not follow a newer one.
    fn forget(&mut self, board: &str) {
        if let Some(place) = self.views.remove(&Subject::Board(board.to_owned())) {
            self.background[place] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_api::{Event, EventName};

    fn lights(board: &str) -> Update {
        Update::Leds {
            board: board.into(),
            leds: vec![(0, true)],
        }
    }

    fn removed(board: &str) -> Update {
        Update::BoardRemoved {
            revision: 1,
            board: board.into(),
        }
    }

    fn event(text: &str) -> Update {
        Update::Event(Event {
            event: EventName::DeviceConnected,
            revision: None,
            time_ms: 0,
            board: None,
            app: None,
            text: text.into(),
            data: serde_json::Map::new(),
        })
    }

    fn view(board: &str, name: &str) -> Update {
        let board = serde_json::json!({
            "id": board, "name": name, "kind": "nano33ble", "title": "", "chip": "", "badge": "idle", "badge_detail": "",
            "machine": null, "device": null, "apps": [], "leds": [], "buttons": [], "metrics": null,
        });
        Update::Board {
            revision: 1,
            board: serde_json::from_value(board).unwrap(),
        }
    }

    /// The messages that result from updates at these milliseconds, with their times; the board `open` is foreground.
    fn messages(updates: Vec<(u64, Update)>) -> Vec<(u64, Vec<Update>)> {
        let start = Instant::now();
        let at = |instant: Instant| u64::try_from(instant.duration_since(start).as_millis()).unwrap();
        let mut batcher = UpdateBatcher::new(start);
        let mut messages = Vec::new();
        let mut flush = |batcher: &mut UpdateBatcher, until: Option<u64>| {
            while let Some(due) = batcher.due().filter(|due| until.is_none_or(|until| at(*due) <= until)) {
                messages.push((at(due), batcher.message(due)));
            }
        };
        for (ms, update) in updates {
            flush(&mut batcher, Some(ms));
            batcher.take(update, start + Duration::from_millis(ms), |board| board == "open");
        }
        flush(&mut batcher, None);
        messages
    }

    #[test]
    fn lights_come_of_the_boards_that_are_shown_closely_only() {
        let came = messages(vec![(0, lights("open")), (1, lights("other"))]);
        assert_eq!(came, [(16, vec![lights("open")])]);
    }

    #[test]
    fn of_a_few_boards_everything_comes_with_the_next_frame() {
        let came = messages(vec![
            (0, view("other", "a")),
            (500, view("other", "b")),
            (1000, view("other", "c")),
        ]);
        let times: Vec<u64> = came.iter().map(|(ms, _)| *ms).collect();
        assert_eq!(times, [16, 516, 1016]);
    }

    #[test]
    fn of_very_many_boards_the_latest_views_come_four_times_a_second_and_nothing_near_waits_for_them() {
        let view_at = |ms: u64| (ms, view(&format!("b-{}", ms % 100), &ms.to_string()));
        let mut updates: Vec<(u64, Update)> = (0..2000).map(view_at).collect();
        updates.insert(1101, (1100, lights("open")));
        let came = messages(updates);
        let later = came.iter().filter(|(ms, _)| *ms > 500).count();
        assert!(later <= 8, "{later} messages");
        let foreground = came.iter().find(|(_, message)| message.contains(&lights("open")));
        assert_eq!(foreground.map(|(ms, _)| *ms), Some(1116));
        // Each board appears once in a message, with its last view at the end.
        let (_, last) = came.last().unwrap();
        assert!(last.len() <= 100);
        assert!(last.contains(&view("b-99", "1999")));
    }

    #[test]
    fn what_is_told_later_is_not_overtaken_by_an_older_view() {
        let came = messages(vec![(0, view("other", "a")), (1, event("x")), (2, removed("other"))]);
        assert_eq!(came, [(16, vec![event("x"), removed("other")])]);
        let came = messages(vec![(0, view("other", "a")), (1, event("x")), (2, view("other", "b"))]);
        assert_eq!(came, [(16, vec![view("other", "b"), event("x")])]);
    }

    fn job(id: u64, text: &str) -> Update {
        let job = serde_json::json!({
            "id": id, "what": "provision", "on": {}, "topology": null, "kind": "nano33ble", "board": null, "chip": null,
            "state": "running", "text": text, "steps": [], "started_ms": 0, "ended_ms": null, "evidence": null,
        });
        Update::Job {
            job: serde_json::from_value(job).unwrap(),
        }
    }

    fn hardware(ports: usize) -> Update {
        let port = serde_json::json!({
            "path": "/dev/ttyACM0", "topology": null, "usb": null, "is_virtual": false, "candidates": [],
            "access": { "type": "usable" }, "used_by": null,
        });
        let hardware = serde_json::json!({ "ports": vec![port; ports], "dfu": [], "probes": [], "virtual_boards": [] });
        Update::Hardware {
            hardware: serde_json::from_value(hardware).unwrap(),
        }
    }

    fn console(sequence: u64) -> Update {
        let chunk = serde_json::json!({ "sequence": sequence, "time_ms": 0, "base64": "" });
        let console = serde_json::json!({
            "path": "/dev/ttyACM0", "baud": 115_200, "open": true, "text": null, "chunks": [chunk], "dropped_bytes": 0,
        });
        Update::Console {
            console: serde_json::from_value(console).unwrap(),
        }
    }

    #[test]
    fn of_jobs_and_hardware_the_latest_comes_and_of_consoles_everything() {
        let came = messages(vec![
            (0, job(1, "a")),
            (1, hardware(1)),
            (2, console(1)),
            (3, job(2, "b")),
            (4, job(1, "c")),
            (5, console(2)),
            (6, hardware(2)),
        ]);
        let together: Vec<Update> = came.into_iter().flat_map(|(_, message)| message).collect();
        let expected = [job(1, "c"), hardware(2), job(2, "b"), console(1), console(2)];
        assert_eq!(together, expected);
    }

    /// A batcher with so many background boards that their views wait for a quarter of a second.
    fn crowded() -> (UpdateBatcher, Instant) {
        let mut batcher = UpdateBatcher::new(Instant::now());
        let mut now = batcher.counted;
        for ms in 0..600 {
            batcher.take(view(&format!("b-{ms}"), ""), now, |_| false);
            if batcher.due().is_some_and(|due| due <= now) {
                batcher.message(now);
            }
            now += Duration::from_millis(1);
        }
        (batcher, now)
    }

    #[test]
    fn nothing_that_waited_comes_after_a_resync() {
        let (mut batcher, now) = crowded();
        batcher.take(view("other", "a"), now, |_| false);
        batcher.take(Update::Resync, now, |_| false);
        let message = batcher.message(now + FRAME);
        assert!(message.ends_with(&[view("other", "a"), Update::Resync]), "{message:?}");
        assert_eq!(batcher.due(), None);
    }

    #[test]
    fn lights_of_a_board_that_was_just_opened_come_after_the_view_that_waited() {
        let (mut batcher, now) = crowded();
        batcher.take(view("open", "a"), now, |_| false);
        batcher.take(lights("open"), now, |board| board == "open");
        assert_eq!(batcher.message(now + FRAME), [view("open", "a"), lights("open")]);
    }
}
