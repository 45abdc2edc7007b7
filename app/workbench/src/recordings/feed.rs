//! Tells recorders what a machine does, on the thread that runs it. It never waits: what a recorder cannot take is counted,
//! and becomes a gap.

use super::{
    clock::BoardClock,
    entry::{Batch, Entry, What},
    light::{Light, PinBudget},
};
use drydock_emulator::{
    PinChange, ResetKind, TraceEvent, UartOutput, VirtualTime,
    runner::{RunState, Traced},
};
use drydock_gateway::AppSamples;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    time::{Duration, Instant},
};

/// Entries after which a batch is sent.
const BATCH: usize = 4_096;
/// Time after which it is sent even with fewer.
const LATEST: Duration = Duration::from_millis(50);
/// Bits of a byte on a line: start, eight of data, stop.
const BITS: u64 = 10;
/// A machine whose time advances less than half of the host's for so long stood still: a debugger holds it, or the host
/// slept.
const STOOD_STILL: Duration = Duration::from_secs(1);
/// The lane that says how segments of what just happened belong together.
pub(super) const SEGMENT_LANE: &str = "segment";

/// What one recording has of one board.
pub(super) struct Output {
    /// The board's place in the recording.
    pub(super) board: usize,
    pub(super) recorder: mpsc::SyncSender<super::recorder::Message>,
    /// When the recording began, in nanoseconds since the Unix epoch.
    pub(super) began_ns: i64,
    /// What the recording of what just happened takes; `None` takes everything.
    pub(super) light: Option<Light>,
    state: Mutex<OutputState>,
}

struct OutputState {
    clock: BoardClock,
    gathered: Vec<Entry>,
    since: Instant,
    /// From where on entries were lost, and how many.
    lost: Option<(u64, u64)>,
    /// Virtual time and host time when the machine was heard of last.
    heard: Option<(VirtualTime, Instant)>,
    /// Why the machine stands still, and since when.
    still: Option<(u64, &'static str)>,
    /// What its pins are when it runs, if they were not told yet.
    pins: Option<Box<[Option<bool>]>>,
    /// Its apps publish numbers one by one.
    publishes: bool,
    /// The machine has told a part of what it did in its last slice.
    in_slice: bool,
    /// The rates of its UARTs, as far as they were heard, in bits per second.
    bauds: HashMap<u8, u32>,
    /// The recorder has ended.
    ended: bool,
    budget: PinBudget,
}

impl Output {
    pub(super) fn new(
        board: usize,
        (began, began_ms): (Instant, u64),
        recorder: mpsc::SyncSender<super::recorder::Message>,
    ) -> Self {
        Self {
            board,
            recorder,
            began_ns: i64::try_from(began_ms.saturating_mul(1_000_000)).unwrap_or(i64::MAX),
            light: None,
            state: Mutex::new(OutputState {
                clock: BoardClock::new(began),
                gathered: Vec::new(),
                since: began,
                lost: None,
                heard: None,
                still: Some((0, "off")),
                pins: None,
                publishes: false,
                in_slice: false,
                bauds: HashMap::new(),
                ended: false,
                budget: PinBudget::default(),
            }),
        }
    }

    /// It takes no more than this.
    pub(super) fn with_light(self, light: Light) -> Self {
        Self {
            light: Some(light),
            ..self
        }
    }

    fn lock(&self) -> MutexGuard<'_, OutputState> {
        // The state is consistent between any two statements that touch it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The recording's time that this board has reached, if its machine is at `machine`; the host's without one.
    pub(super) fn now_ns(&self, machine: Option<VirtualTime>) -> u64 {
        let state = self.lock();
        match machine.filter(|_| state.clock.runs()) {
            Some(machine) => state.clock.peek(machine.as_ns()),
            None => state.clock.host_ns(),
        }
    }

    /// Adds what the board says about itself, for example a line of its console, at its uptime; without one at `now_ns`.
    pub(super) fn told(&self, uptime_us: Option<u64>, now_ns: u64, what: What) {
        let mut state = self.lock();
        let at_ns = state.clock.told(uptime_us, now_ns);
        state.gathered.push(Entry { at_ns, what });
        self.send_if_due(&mut state);
    }

    /// Adds numbers that an app published. They stand by the board's uptime, or by the gateway's estimate of the clock if the
    /// recording does not know when the board was reset.
    /// What was published before the recording began, or before the machine went on, is left out.
    pub(super) fn published(&self, batch: &AppSamples) {
        let mut state = self.lock();
        state.publishes = true;
        let shift_ns = batch.reset_unix_us.saturating_mul(1_000).saturating_sub(self.began_ns);
        let by_machine = state.clock.knows_reset();
        let place = |at_us: u64| {
            if by_machine {
                return state.clock.of_uptime(at_us);
            }
            let host_ns = i64::try_from(at_us.saturating_mul(1_000)).unwrap_or(i64::MAX);
            u64::try_from(host_ns.saturating_add(shift_ns)).ok()
        };
        let samples = batch.samples.iter();
        let samples: Vec<(u64, f64)> = samples
            .filter_map(|sample| Some((place(sample.at_us)?, sample.value)))
            .collect();
        let Some((at_ns, _)) = samples.first().copied() else {
            return;
        };
        let what = What::Samples {
            lane: Arc::from(format!("app.{}/{}", batch.app, batch.name)),
            samples,
            gap_before: batch.gap_before || (batch.clock_moved && !by_machine),
        };
        state.gathered.push(Entry { at_ns, what });
        self.send_if_due(&mut state);
    }

    /// Whether the board's apps publish numbers, so that the last of each in its metrics says nothing more.
    pub(super) fn publishes(&self) -> bool {
        self.lock().publishes
    }

    /// Sends what is gathered, unless a machine is about to add to it.
    pub(super) fn send(&self) {
        let mut state = self.lock();
        if !state.in_slice {
            self.send_all(&mut state);
        }
    }

    fn send_if_due(&self, state: &mut OutputState) {
        if !state.in_slice && (state.gathered.len() >= BATCH || state.since.elapsed() >= LATEST) {
            self.send_all(state);
        }
    }

    fn send_all(&self, state: &mut OutputState) {
        state.since = Instant::now();
        let Some(first) = state.gathered.first() else { return };
        let first_ns = first.at_ns;
        let mut entries = std::mem::take(&mut state.gathered);
        // A machine tells one kind of entry after the other; on a pin, both sides may have driven it in between.
        entries.sort_by_key(|entry| entry.at_ns);
        if let Some((from_ns, lost)) = state.lost {
            let gap = What::Gap {
                from_ns,
                lost,
                cause: format!("{lost} entries lost: the disk is slow"),
            };
            entries.insert(
                0,
                Entry {
                    at_ns: first_ns.max(from_ns),
                    what: gap,
                },
            );
        }
        let had_gap = state.lost.is_some();
        let board = self.board;
        match self
            .recorder
            .try_send(super::recorder::Message::Batch(Batch { board, entries }))
        {
            Ok(()) => state.lost = None,
            Err(mpsc::TrySendError::Full(super::recorder::Message::Batch(batch))) => {
                let count = batch.entries.len() as u64 - u64::from(had_gap);
                let (from_ns, lost) = state.lost.unwrap_or((first_ns, 0));
                state.lost = Some((from_ns, lost + count));
            }
            // The recording has ended.
            Err(_) => {
                state.lost = None;
                state.ended = true;
            }
        }
    }

    /// The machine is gone, without a word.
    pub(super) fn machine_ended(&self) {
        let mut state = self.lock();
        state.stand_still(None, "off");
        state.clock.forget_reset();
        state.heard = None;
        self.send_all(&mut state);
    }

    pub(super) fn take(&self, what: &Traced<'_>) {
        let mut state = self.lock();
        state.take(what, self.light.as_ref());
        self.send_if_due(&mut state);
    }

    /// Takes over from the output of the segment before, which gets nothing more. `at` is the machine's time if it runs. The
    /// segments continue each other if the one before has everything up to then.
    pub(super) fn succeed(&self, before: &Self, at: Option<VirtualTime>) {
        let (is_whole, bauds, publishes) = {
            let mut state = before.lock();
            let was_told = at.is_some_and(|at| state.clock.runs() && state.heard.is_some_and(|(heard, _)| heard == at));
            before.retire_locked(&mut state);
            let never_told = before.light.as_ref().is_some_and(|light| light.is_physical);
            let is_whole = (was_told || never_told) && state.lost.is_none() && !state.ended;
            (is_whole, std::mem::take(&mut state.bauds), state.publishes)
        };
        {
            let mut state = self.lock();
            state.bauds = bauds;
            state.publishes |= publishes;
        }
        if let Some(light) = before.light.as_ref().filter(|_| is_whole) {
            self.told(None, 0, segment_text(&json!({ "continues": *light.segment })));
        }
    }

    /// Ends what this recording has of the board: a machine that stands still has a gap up to now.
    pub(super) fn retire(&self) {
        self.retire_locked(&mut self.lock());
    }

    fn retire_locked(&self, state: &mut OutputState) {
        let at_ns = match state.clock.runs() {
            true => state.clock.newest_ns(),
            false => state.clock.host_ns().max(state.clock.newest_ns()),
        };
        state.end_of_skipped(at_ns);
        if let Some((from_ns, cause)) = state.still.take() {
            state.gap(from_ns, at_ns, cause);
        }
        let what = segment_text(&json!({ "ends": true }));
        state.gathered.push(Entry { at_ns, what });
        self.send_all(state);
    }
}

/// An entry of the lane by which segments of what just happened are joined.
pub(super) fn segment_text(text: &serde_json::Value) -> What {
    What::Text {
        lane: SEGMENT_LANE,
        text: text.to_string(),
    }
}

impl OutputState {
    fn push(&mut self, machine: VirtualTime, what: What) {
        let at_ns = self.clock.at(machine.as_ns());
        self.gathered.push(Entry { at_ns, what });
    }

    /// The machine runs from now on.
    fn go_on(&mut self, machine: VirtualTime) {
        let Some((from_ns, cause)) = self.still.take() else {
            return;
        };
        let at_ns = self.clock.start(machine.as_ns());
        self.gap(from_ns, at_ns, cause);
        self.gathered.push(Entry {
            at_ns,
            what: What::Clock(machine.as_ns()),
        });
        if let Some(pins) = self.pins.take() {
            self.gathered.push(Entry {
                at_ns,
                what: What::Pins(pins),
            });
        }
        self.heard = None;
    }

    fn gap(&mut self, from_ns: u64, at_ns: u64, cause: &str) {
        let what = What::Gap {
            from_ns,
            lost: 0,
            cause: cause.to_owned(),
        };
        self.gathered.push(Entry { at_ns, what });
    }

    /// The machine stands still from now on; `None` if nobody knows its time.
    fn stand_still(&mut self, machine: Option<VirtualTime>, cause: &'static str) {
        let known = machine.or(self.heard.map(|(at, _)| at));
        match &mut self.still {
            // It was paused, and is off now.
            Some((_, before)) => *before = cause,
            still @ None => {
                let at = known.map_or(0, VirtualTime::as_ns);
                *still = Some((self.clock.stop(at), cause));
            }
        }
    }

    /// What was left out because the pins changed too often.
    fn end_of_skipped(&mut self, at_ns: u64) {
        let Some(skipped) = self.budget.take_skipped() else {
            return;
        };
        let (from_ns, lost) = (skipped.from_ns, skipped.changes);
        let at_ns = at_ns.max(from_ns);
        let levels = skipped.levels.into_iter().collect();
        let what = What::PinsGap { from_ns, lost, levels };
        self.gathered.push(Entry { at_ns, what });
    }

    /// A pin that the chip drives has another level.
    fn pin_changed(&mut self, change: &PinChange, light: Option<&Light>) {
        let Some(light) = light else {
            return self.push(change.at, What::Level(change.pin, change.level));
        };
        if !light.has_pin(change.pin) {
            return;
        }
        if self.budget.begins_anew(change.at) {
            let at_ns = self.clock.at(change.at.as_ns());
            self.end_of_skipped(at_ns);
        }
        match self.budget.takes() {
            true => self.push(change.at, What::Level(change.pin, change.level)),
            false => {
                let at_ns = self.clock.at(change.at.as_ns());
                self.budget.skip(at_ns, change);
            }
        }
    }

    fn take(&mut self, what: &Traced<'_>, light: Option<&Light>) {
        let has_pin = |pin: u16| light.is_none_or(|light| light.has_pin(pin));
        self.in_slice = matches!(
            what,
            Traced::Sent(_) | Traced::Pins(_) | Traced::Inside(_) | Traced::Fault(_)
        );
        match what {
            Traced::Begin { at, reset, pins, state } => {
                // It goes on as before if somebody else only began to trace it.
                let is_new = self.still.is_some() || self.heard.is_none_or(|(heard, _)| heard != *at);
                if is_new {
                    let pins = pins.iter().zip(0..);
                    let at_ns = self.clock.newest_ns();
                    self.end_of_skipped(at_ns);
                    self.pins = Some(pins.map(|(level, pin)| level.filter(|_| has_pin(pin))).collect());
                    let cause = if self.heard.is_some() { "restored" } else { "off" };
                    self.stand_still(None, cause);
                    match reset {
                        Some(reset) => self.clock.was_reset(reset.as_ns()),
                        None => self.clock.forget_reset(),
                    }
                }
                match state {
                    RunState::Running => self.go_on(*at),
                    // It stands still already, and this is why, unless it was only switched on or restored.
                    state => match &mut self.still {
                        Some((_, cause)) if self.heard.is_none() && *at != VirtualTime::ZERO => *cause = word(state),
                        Some(_) => {}
                        None => self.stand_still(Some(*at), word(state)),
                    },
                }
            }
            Traced::Pins(changes) => {
                changes.iter().for_each(|change| self.pin_changed(change, light));
            }
            Traced::Input { at, pin, level } if has_pin(*pin) => self.push(*at, What::Input(*pin, *level)),
            Traced::Input { .. } => {}
            Traced::Sent(output) => self.sent(output),
            Traced::Received { at, index, bytes } => self.push(*at, What::Received(*index, (*bytes).into())),
            Traced::Inside(_) if light.is_some() => {}
            Traced::Inside(taken) => {
                for entry in &taken.entries {
                    let what = match entry.what {
                        TraceEvent::Entered(number) => What::Entered(number),
                        TraceEvent::Returned => What::Returned,
                        TraceEvent::Input { pin, level } => What::Input(pin, level),
                        TraceEvent::I2c(bus, step) => What::I2c(bus, step),
                        TraceEvent::Spi { bus, sent, received } => What::Spi(bus, sent, received),
                        TraceEvent::Voltage { pin, microvolts } => What::Microvolts(pin, microvolts),
                    };
                    self.push(entry.at, what);
                }
                if let Some(last) = taken.entries.last().filter(|_| taken.lost > 0) {
                    let text = format!(
                        "{} interrupts or transfers are not recorded: too many at once",
                        taken.lost
                    );
                    self.push(last.at, What::Text { lane: "state", text });
                }
            }
            Traced::Fault(fault) => {
                let text = fault.to_string();
                self.push(fault.at(), What::Text { lane: "faults", text });
            }
            Traced::Reset { at, kind } => {
                self.clock.was_reset(at.as_ns());
                self.push(*at, What::Reset);
                let text = format!("reset by {}", cause_of(*kind));
                self.push(*at, What::Text { lane: "state", text });
            }
            Traced::State { at, state } => match (state, at) {
                (RunState::Running, Some(at)) => self.go_on(*at),
                (state, at) => self.stand_still(*at, word(state)),
            },
            Traced::Until(at) => self.until(*at),
        }
    }

    /// Bytes of a UART are told when the last of them has left; they stand where the first began, if their rate is known.
    fn sent(&mut self, output: &UartOutput) {
        if let Some(baud) = output.baud.filter(|baud| *baud > 0) {
            self.bauds.insert(output.index, baud);
        }
        if output.bytes.is_empty() {
            return;
        }
        let bits = BITS * output.bytes.len() as u64;
        let line_ns = self
            .bauds
            .get(&output.index)
            .map_or(0, |baud| bits * 1_000_000_000 / u64::from(*baud));
        let began = VirtualTime::from_ns(output.at.as_ns().saturating_sub(line_ns));
        self.push(began, What::Sent(output.index, output.bytes.as_slice().into()));
    }

    fn until(&mut self, at: VirtualTime) {
        let now = Instant::now();
        if let Some((before, heard)) = self.heard {
            let host = now - heard;
            let machine = Duration::from_nanos(at.saturating_sub(before).as_ns());
            if host >= STOOD_STILL && machine < host / 2 && self.clock.runs() {
                let from_ns = self.clock.at(at.as_ns());
                let at_ns = self.clock.start(at.as_ns());
                self.gap(from_ns, at_ns, "stood still");
                self.gathered.push(Entry {
                    at_ns,
                    what: What::Clock(at.as_ns()),
                });
            }
        }
        let at_ns = self.clock.at(at.as_ns());
        if self.budget.begins_anew(at) {
            self.end_of_skipped(at_ns);
        }
        self.heard = Some((at, now));
    }
}

fn word(state: &RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Paused => "paused",
        RunState::Halted(_) => "halted",
        RunState::Crashed { .. } => "crashed",
        RunState::Stopped => "off",
    }
}

/// Why a machine was reset, in words.
fn cause_of(kind: ResetKind) -> &'static str {
    match kind {
        ResetKind::PowerOn => "power-on",
        ResetKind::Pin => "its pin",
        ResetKind::Software => "its program",
        ResetKind::Watchdog => "its watchdog",
        ResetKind::Lockup => "a lockup",
        ResetKind::WakeUp => "a wake-up",
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorder::Message;
    use super::*;
    use drydock_emulator::{TraceEntry, TraceTaken};

    fn change(at: u64) -> PinChange {
        PinChange {
            at: VirtualTime::from_ns(at),
            pin: 3,
            level: Some(at % 2 == 1),
        }
    }

    fn running(output: &Output, at: u64) {
        output.take(&Traced::Begin {
            at: VirtualTime::from_ns(at),
            reset: None,
            pins: &[None; 8],
            state: &RunState::Running,
        });
    }

    /// A slice of the machine, in which a pin changes.
    fn slice(output: &Output, at: u64) {
        output.take(&Traced::Pins(&[change(at)]));
        output.take(&Traced::Until(VirtualTime::from_ns(at)));
    }

    fn batch(messages: &mpsc::Receiver<Message>) -> Batch {
        match messages.try_recv() {
            Ok(Message::Batch(batch)) => batch,
            _ => panic!("no batch"),
        }
    }

    #[test]
    fn a_recorder_that_does_not_keep_up_gets_a_gap_and_the_machine_does_not_wait() {
        let (sender, messages) = mpsc::sync_channel(1);
        let output = Output::new(0, (Instant::now(), 0), sender);
        running(&output, 0);
        output.send();
        // The first batch waits in the queue; nobody reads it.
        for at in 0..3 * BATCH as u64 {
            slice(&output, at);
        }
        output.send();
        let first = batch(&messages);
        assert!(
            first
                .entries
                .iter()
                .all(|entry| !matches!(entry.what, What::Gap { lost: 1.., .. }))
        );
        let taken = first.entries.len() as u64;
        slice(&output, 1_000_001);
        output.send();
        let next = batch(&messages);
        let What::Gap { from_ns, lost, cause } = &next.entries[0].what else {
            panic!("the gap comes first");
        };
        assert!(*lost >= 3 * BATCH as u64 - taken, "{lost} of {}", 3 * BATCH);
        assert!(cause.contains("the disk is slow"), "{cause}");
        assert!(*from_ns <= next.entries[0].at_ns);
        assert!(matches!(
            next.entries.last().map(|entry| &entry.what),
            Some(What::Level(3, Some(true)))
        ));
    }

    #[test]
    fn a_restored_machine_and_one_that_was_off_have_gaps_and_somebody_else_has_none() {
        let (sender, messages) = mpsc::sync_channel(8);
        let output = Output::new(0, (Instant::now(), 0), sender);
        let gaps = |batch: &Batch| -> Vec<String> {
            let causes = batch.entries.iter().filter_map(|entry| match &entry.what {
                What::Gap { cause, .. } => Some(cause.clone()),
                _ => None,
            });
            causes.collect()
        };
        running(&output, 0);
        output.take(&Traced::Until(VirtualTime::from_ns(500)));
        // Another recording of the board begins.
        running(&output, 500);
        output.send();
        assert_eq!(gaps(&batch(&messages)), ["off"]);
        output.take(&Traced::Until(VirtualTime::from_ns(900)));
        running(&output, 100);
        output.send();
        assert_eq!(gaps(&batch(&messages)), ["restored"]);
        output.machine_ended();
        running(&output, 0);
        output.send();
        assert_eq!(gaps(&batch(&messages)), ["off"]);
    }

    #[test]
    fn bytes_of_a_uart_stand_where_the_first_of_them_began() {
        let (sender, messages) = mpsc::sync_channel(8);
        let output = Output::new(0, (Instant::now(), 0), sender);
        running(&output, 0);
        let sent = |at_us: u64, baud: Option<u32>, bytes: &[u8]| UartOutput {
            at: VirtualTime::from_us(at_us),
            index: 0,
            baud,
            bytes: bytes.to_vec(),
        };
        output.take(&Traced::Sent(&sent(100, None, b"?")));
        output.take(&Traced::Sent(&sent(200, Some(1_000_000), b"")));
        output.take(&Traced::Sent(&sent(300, None, b"four")));
        output.take(&Traced::Until(VirtualTime::from_us(300)));
        output.send();
        let batch = batch(&messages);
        let at: Vec<u64> = batch
            .entries
            .iter()
            .filter(|entry| matches!(entry.what, What::Sent(..)))
            .map(|entry| entry.at_ns)
            .collect();
        assert_eq!(
            at[1] - at[0],
            160_000,
            "40 bits of a microsecond before 300 us, and 100 us"
        );
    }

    #[test]
    fn both_sides_of_a_pin_come_in_the_order_of_time() {
        let (sender, messages) = mpsc::sync_channel(8);
        let output = Output::new(0, (Instant::now(), 0), sender);
        running(&output, 0);
        let pin = |at: u64, level: bool| PinChange {
            at: VirtualTime::from_ns(at),
            pin: 3,
            level: Some(level),
        };
        output.take(&Traced::Pins(&[pin(10, false), pin(30, true)]));
        // Somebody else asks for what is there, between two words of the machine.
        output.send();
        let input = TraceEntry {
            at: VirtualTime::from_ns(20),
            what: TraceEvent::Input {
                pin: 3,
                level: Some(false),
            },
        };
        let inside = TraceTaken {
            entries: vec![input],
            lost: 0,
        };
        output.take(&Traced::Inside(&inside));
        output.take(&Traced::Until(VirtualTime::from_ns(40)));
        output.send();
        let batch = batch(&messages);
        let levels = batch.entries.iter().filter_map(|entry| match &entry.what {
            What::Level(..) | What::Input(..) => Some(entry.at_ns),
            _ => None,
        });
        let levels: Vec<u64> = levels.collect();
        assert_eq!(levels.len(), 3);
        assert!(levels.is_sorted(), "{levels:?}");
    }

    /// A debugger holds the machine, or the host slept: no word comes, and the machine's time has hardly gone on.
    #[test]
    fn a_machine_that_stood_still_has_a_gap() {
        let (sender, messages) = mpsc::sync_channel(8);
        let output = Output::new(0, (Instant::now(), 0), sender);
        running(&output, 0);
        output.take(&Traced::Until(VirtualTime::from_us(500)));
        std::thread::sleep(STOOD_STILL + LATEST);
        output.take(&Traced::Until(VirtualTime::from_us(1_000)));
        output.send();
        let mut entries: Vec<_> = batch(&messages).entries;
        while let Ok(Message::Batch(batch)) = messages.try_recv() {
            entries.extend(batch.entries);
        }
        let stood = entries.iter().position(
            |entry| matches!(&entry.what, What::Gap { from_ns, cause, .. } if cause == "stood still" && entry.at_ns - from_ns >= 500_000_000),
        );
        // The axis is set anew there, which the lane of the clock says.
        let stood = stood.expect("a gap");
        let set = &entries[stood + 1];
        assert!(matches!(set.what, What::Clock(1_000_000)), "the clock is not told");
        assert_eq!(set.at_ns, entries[stood].at_ns);
    }
}
