//! The recordings of one board, and what its machine tells them.

use super::feed::Output;
use drydock_emulator::{
    VirtualTime,
    runner::{RunState, Traced, Tracer},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The recordings of one board. Its machine has one tracer, which tells all of them.
#[derive(Default)]
pub(super) struct Outputs(Mutex<Listed>);

#[derive(Default)]
struct Listed {
    active: Vec<Arc<Output>>,
    /// An active output, and the one that takes its place when the machine says what holds now.
    successors: Vec<(Arc<Output>, Arc<Output>)>,
}

impl Listed {
    /// `at` is the machine's time if it runs.
    fn hand_over(&mut self, at: Option<VirtualTime>) {
        for (before, next) in self.successors.drain(..) {
            next.succeed(&before, at);
            self.active.retain(|other| !Arc::ptr_eq(other, &before));
            self.active.push(next);
        }
    }
}

impl Outputs {
    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, output: Arc<Output>) {
        self.lock().active.push(output);
    }

    pub(super) fn remove(&self, output: &Arc<Output>) {
        let mut listed = self.lock();
        listed.active.retain(|other| !Arc::ptr_eq(other, output));
        listed
            .successors
            .retain(|(before, next)| !Arc::ptr_eq(before, output) && !Arc::ptr_eq(next, output));
    }

    /// `next` takes the place of `before`, at an instant of the machine: `before` has what comes before it, `next` the rest.
    /// The machine must be traced anew.
    pub(super) fn replace(&self, before: Arc<Output>, next: Arc<Output>) {
        self.lock().successors.push((before, next));
    }

    /// Whether the machine has still to say what holds.
    pub(super) fn is_waiting(&self) -> bool {
        !self.lock().successors.is_empty()
    }

    /// Nothing comes from the machine: successors take over now.
    pub(super) fn hand_over(&self) {
        self.lock().hand_over(None);
    }

    pub(super) fn all(&self) -> Vec<Arc<Output>> {
        self.lock().active.clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        let listed = self.lock();
        listed.active.is_empty() && listed.successors.is_empty()
    }

    /// Whether one of them wants what happens inside of the machine.
    fn want_inside(&self) -> bool {
        let listed = self.lock();
        let next = listed.successors.iter().map(|(_, next)| next);
        listed.active.iter().chain(next).any(|output| output.light.is_none())
    }
}

/// A tracer for the recordings of one board.
pub(super) struct Feed(pub(super) Arc<Outputs>);

impl Tracer for Feed {
    fn take(&mut self, what: &Traced<'_>) {
        let mut listed = self.0.lock();
        if let Traced::Begin { at, state, .. } = what {
            listed.hand_over((**state == RunState::Running).then_some(*at));
        }
        for output in &listed.active {
            output.take(what);
        }
    }

    fn wants_inside(&self) -> bool {
        self.0.want_inside()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        entry::{Entry, What},
        light::Light,
        recorder::{Message, channel},
    };
    use super::*;
    use drydock_emulator::PinChange;
    use std::{sync::mpsc, time::Instant};

    /// P0.13, an LED of the Nano.
    const LED: u16 = 13;

    fn segment(name: &str) -> (Arc<Output>, mpsc::Receiver<Message>) {
        let (sender, messages) = channel();
        let board = drydock_assets::board("nano33ble").unwrap();
        let light = Light::new(&board, false, &Arc::from(name));
        let output = Output::new(0, (Instant::now(), 0), sender).with_light(light);
        (Arc::new(output), messages)
    }

    fn begin(feed: &mut Feed, at: u64, state: &RunState) {
        let at = VirtualTime::from_ns(at);
        let (reset, pins) = (None, &[None; 48]);
        feed.take(&Traced::Begin { at, reset, pins, state });
    }

    fn slice(feed: &mut Feed, at: u64, pin: u16) {
        let at = VirtualTime::from_ns(at);
        let level = Some(at.as_ns() % 2 == 1);
        feed.take(&Traced::Pins(&[PinChange { at, pin, level }]));
        feed.take(&Traced::Until(at));
    }

    fn entries(output: &Output, messages: &mpsc::Receiver<Message>) -> Vec<Entry> {
        output.send();
        let mut all = Vec::new();
        while let Ok(Message::Batch(batch)) = messages.try_recv() {
            all.extend(batch.entries);
        }
        all
    }

    fn levels(entries: &[Entry]) -> usize {
        let levels = entries.iter().filter(|entry| matches!(entry.what, What::Level(..)));
        levels.count()
    }

    fn continues(entries: &[Entry], segment: &str) -> bool {
        let wanted = format!(r#"{{"continues":"{segment}"}}"#);
        let is_it = |entry: &Entry| matches!(&entry.what, What::Text { lane: "segment", text } if *text == wanted);
        entries.iter().any(is_it)
    }

    #[test]
    fn a_segment_continues_the_one_before_at_an_instant_of_the_machine() {
        let outputs = Arc::<Outputs>::default();
        let mut feed = Feed(Arc::clone(&outputs));
        let ((first, in_first), (second, in_second)) = (segment("1"), segment("2"));
        outputs.add(Arc::clone(&first));
        begin(&mut feed, 0, &RunState::Running);
        slice(&mut feed, 1, LED);
        outputs.replace(Arc::clone(&first), Arc::clone(&second));
        // The machine has not yet said what holds.
        slice(&mut feed, 2, LED);
        assert!(outputs.is_waiting());
        begin(&mut feed, 2, &RunState::Running);
        slice(&mut feed, 3, LED);
        slice(&mut feed, 4, 40);
        let first = entries(&first, &in_first);
        let second = entries(&second, &in_second);
        assert_eq!((levels(&first), levels(&second)), (2, 1), "another pin is not taken");
        assert!(continues(&second, "1") && !outputs.is_waiting());
    }

    #[test]
    fn a_segment_after_a_pause_or_a_restored_state_does_not_continue() {
        for (at, state) in [(1, RunState::Paused), (9, RunState::Running)] {
            let outputs = Arc::<Outputs>::default();
            let mut feed = Feed(Arc::clone(&outputs));
            let ((first, in_first), (second, in_second)) = (segment("1"), segment("2"));
            outputs.add(Arc::clone(&first));
            begin(&mut feed, 0, &RunState::Running);
            slice(&mut feed, 1, LED);
            if state == RunState::Paused {
                let at = Some(VirtualTime::from_ns(1));
                feed.take(&Traced::State { at, state: &state });
            }
            outputs.replace(Arc::clone(&first), Arc::clone(&second));
            begin(&mut feed, at, &state);
            let first = entries(&first, &in_first);
            let gap = first
                .iter()
                .any(|entry| matches!(&entry.what, What::Gap { cause, .. } if cause == "paused"));
            assert_eq!(
                gap,
                state == RunState::Paused,
                "the pause is in the segment in which it began"
            );
            assert!(!continues(&entries(&second, &in_second), "1"), "{state:?}");
        }
    }

    #[test]
    fn a_light_that_flickers_costs_a_bounded_number_of_entries_and_shows_its_level_afterwards() {
        let outputs = Arc::<Outputs>::default();
        let mut feed = Feed(Arc::clone(&outputs));
        let (output, messages) = segment("1");
        outputs.add(Arc::clone(&output));
        begin(&mut feed, 0, &RunState::Running);
        let changes: Vec<PinChange> = (1..=5_000)
            .map(|at| PinChange {
                at: VirtualTime::from_us(at),
                pin: LED,
                level: Some(at % 2 == 1),
            })
            .collect();
        feed.take(&Traced::Pins(&changes));
        feed.take(&Traced::Until(VirtualTime::from_ms(900)));
        let all = entries(&output, &messages);
        assert_eq!(levels(&all), 1_000);
        assert!(!all.iter().any(|entry| matches!(entry.what, What::PinsGap { .. })));
        feed.take(&Traced::Until(VirtualTime::from_ms(1_001)));
        let gap = entries(&output, &messages)
            .into_iter()
            .find_map(|entry| match entry.what {
                What::PinsGap { from_ns, lost, levels } => Some((from_ns < entry.at_ns, lost, levels)),
                _ => None,
            });
        assert_eq!(gap, Some((true, 4_000, vec![(LED, Some(false))])));
    }

    #[test]
    fn a_machine_gathers_what_happens_inside_only_for_a_recording_that_was_asked_for() {
        let outputs = Arc::<Outputs>::default();
        let feed = Feed(Arc::clone(&outputs));
        outputs.add(segment("1").0);
        assert!(!feed.wants_inside());
        let (sender, _messages) = channel();
        let asked = Arc::new(Output::new(1, (Instant::now(), 0), sender));
        outputs.add(Arc::clone(&asked));
        assert!(feed.wants_inside());
        outputs.remove(&asked);
        assert!(!feed.wants_inside());
    }
}
