//! Updates on their way to the pages. Each message has a page derive anew what it shows and paint it: what somebody looks
//! at closely goes with the next frame, and of the other boards, where they tell much, the latest a few times a second.

use drydock_api::Update;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// How long updates are gathered into one message: one frame.
const FRAME: Duration = Duration::from_millis(16);
/// How long those of boards that nobody looks at closely are gathered where they are many.
const GLANCE: Duration = Duration::from_millis(250);
/// So many of those in a second are many: more than twenty boards that run.
const MANY_PER_S: f64 = 50.0;
/// Updates that wait at most.
const MOST: usize = 1024;

/// What waits for its message.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Of boards that a page shows closely, and what is of no board.
    near: Vec<Update>,
    near_since: Option<Instant>,
    /// Of the others; a view that a later one replaced is gone.
    far: Vec<Option<Update>>,
    far_since: Option<Instant>,
    /// Where in `far` the view of a board stands.
    views: HashMap<String, usize>,
    /// How long `far` is gathered.
    pause: Duration,
    /// Updates that went into `far` since `counted`.
    taken: u32,
    counted: Instant,
}

impl Outgoing {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            near: Vec::new(),
            near_since: None,
            far: Vec::new(),
            far_since: None,
            views: HashMap::new(),
            pause: FRAME,
            taken: 0,
            counted: now,
        }
    }

    /// Takes an update. `closely`: whether a page shows lines, samples and lights of a board.
    pub(crate) fn take(&mut self, update: Update, now: Instant, closely: impl Fn(&str) -> bool) {
        match &update {
            // What waits is older than what the page reads then.
            Update::Resync => {
                self.views.clear();
                let waiting: Vec<Update> = self.far.drain(..).flatten().collect();
                self.far_since = None;
                for update in waiting.into_iter().chain([update]) {
                    self.take_near(update, now);
                }
            }
            Update::Leds { board, .. } | Update::Logs { board, .. } | Update::Metrics { board, .. } => {
                if closely(board) {
                    // Since a moment ago: a view from before would undo what is told now.
                    if let Some(view) = self.views.remove(board).and_then(|place| self.far[place].take()) {
                        self.take_near(view, now);
                    }
                    self.take_near(update, now);
                }
            }
            Update::Board { board, .. } => {
                let id = board.id.clone();
                if closely(&id) {
                    self.forget(&id);
                    self.take_near(update, now);
                } else if let Some(place) = self.views.get(&id) {
                    self.far[*place] = Some(update);
                    self.taken += 1;
                } else {
                    self.views.insert(id, self.far.len());
                    self.take_far(update, now);
                }
            }
            Update::BoardRemoved { board, .. } => {
                self.forget(board);
                self.take_far(update, now);
            }
            Update::Event(_) => self.take_far(update, now),
        }
    }

    /// When the next message is due; none while nothing waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        let near = self.near_since.map(|since| {
            let pause = if self.near.len() < MOST { FRAME } else { Duration::ZERO };
            since + pause
        });
        let far = self.far_since.map(|since| {
            let pause = if self.far.len() < MOST {
                self.pause
            } else {
                Duration::ZERO
            };
            since + pause
        });
        near.into_iter().chain(far).min()
    }

    /// The message that is due: all that is near, and the others if their time has come.
    pub(crate) fn message(&mut self, now: Instant) -> Vec<Update> {
        let mut message = Vec::new();
        let far_is_due = |since: Instant| now >= since + self.pause || self.far.len() >= MOST;
        if self.far_since.is_some_and(far_is_due) {
            let span = now.duration_since(self.counted);
            if span >= GLANCE {
                let many = f64::from(self.taken) > MANY_PER_S * span.as_secs_f64();
                self.pause = if many { GLANCE } else { FRAME };
                (self.taken, self.counted) = (0, now);
            }
            self.far_since = None;
            self.views.clear();
            message.extend(self.far.drain(..).flatten());
        }
        self.near_since = None;
        message.append(&mut self.near);
        message
    }

    fn take_near(&mut self, update: Update, now: Instant) {
        self.near_since.get_or_insert(now);
        self.near.push(update);
    }

    fn take_far(&mut self, update: Update, now: Instant) {
        self.far_since.get_or_insert(now);
        self.far.push(Some(update));
        self.taken += 1;
    }

    /// An older view must not come after what is told of the board now.
    fn forget(&mut self, board: &str) {
        if let Some(place) = self.views.remove(board) {
            self.far[place] = None;
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

    /// The messages that come of updates at these milliseconds, with theirs; `open` is shown closely.
    fn messages(updates: Vec<(u64, Update)>) -> Vec<(u64, Vec<Update>)> {
        let start = Instant::now();
        let at = |instant: Instant| u64::try_from(instant.duration_since(start).as_millis()).unwrap();
        let mut outgoing = Outgoing::new(start);
        let mut messages = Vec::new();
        let mut flush = |outgoing: &mut Outgoing, until: Option<u64>| {
            while let Some(due) = outgoing.due().filter(|due| until.is_none_or(|until| at(*due) <= until)) {
                messages.push((at(due), outgoing.message(due)));
            }
        };
        for (ms, update) in updates {
            flush(&mut outgoing, Some(ms));
            outgoing.take(update, start + Duration::from_millis(ms), |board| board == "open");
        }
        flush(&mut outgoing, None);
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
        let near = came.iter().find(|(_, message)| message.contains(&lights("open")));
        assert_eq!(near.map(|(ms, _)| *ms), Some(1116));
        // Each board once in a message, and at the end as it was told last.
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

    /// Of so many boards that nobody looks at that their views wait for a quarter of a second.
    fn crowded() -> (Outgoing, Instant) {
        let mut outgoing = Outgoing::new(Instant::now());
        let mut now = outgoing.counted;
        for ms in 0..600 {
            outgoing.take(view(&format!("b-{ms}"), ""), now, |_| false);
            if outgoing.due().is_some_and(|due| due <= now) {
                outgoing.message(now);
            }
            now += Duration::from_millis(1);
        }
        (outgoing, now)
    }

    #[test]
    fn nothing_that_waited_comes_after_a_resync() {
        let (mut outgoing, now) = crowded();
        outgoing.take(view("other", "a"), now, |_| false);
        outgoing.take(Update::Resync, now, |_| false);
        let message = outgoing.message(now + FRAME);
        assert!(message.ends_with(&[view("other", "a"), Update::Resync]), "{message:?}");
        assert_eq!(outgoing.due(), None);
    }

    #[test]
    fn lights_of_a_board_that_was_just_opened_come_after_the_view_that_waited() {
        let (mut outgoing, now) = crowded();
        outgoing.take(view("open", "a"), now, |_| false);
        outgoing.take(lights("open"), now, |board| board == "open");
        assert_eq!(outgoing.message(now + FRAME), [view("open", "a"), lights("open")]);
    }
}
