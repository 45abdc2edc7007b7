//! A full-speed USB with one device, in virtual time: which transaction is on the wire, which ones wait, resets and
//! suspend. A chip's device controller answers through [`UsbFunction`].
//!
//! A NAK costs nothing here: a transaction that is repeated waits until the device is ready, and begins then. While
//! nothing can begin, nothing is scheduled, so an idle bus costs nothing.

use std::collections::VecDeque;

use crate::machine::{UsbAction, UsbOccurrence, UsbReply, UsbStatus, UsbToken, UsbTransaction, VirtualTime};

/// Time of a byte at 12 Mbit/s, in picoseconds.
const BYTE_PS: u64 = 666_667;
/// Bytes of a bulk transaction besides its data: USB 2.0, table 5-9.
const OVERHEAD_BYTES: u64 = 13;
/// USB 2.0 7.1.7.5: a reset from a root port lasts at least 10 ms in all.
const RESET: VirtualTime = VirtualTime::from_ms(10);
/// USB 2.0 7.1.7.6: a device suspends when it sees no traffic for 3 ms.
const SUSPEND_AFTER: VirtualTime = VirtualTime::from_ms(3);
/// USB 2.0 7.1.7.7: resume signalling lasts at least 20 ms.
const RESUME: VirtualTime = VirtualTime::from_ms(20);
/// A start-of-frame packet each millisecond.
const FRAME: VirtualTime = VirtualTime::from_ms(1);

/// How a device would answer a token now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It would take SETUP or OUT, or send this many bytes.
    Ready(usize),
    /// NAK.
    Busy,
    /// STALL.
    Halted,
    /// Not at all.
    Silent,
}

/// A chip's USB device controller, as the bus sees it.
pub(crate) trait UsbFunction {
    /// How it would answer the token.
    fn readiness(&self, transaction: &UsbTransaction) -> Readiness;

    /// A SETUP packet is taken.
    fn setup(&mut self, packet: [u8; 8]);

    /// Data of an OUT transaction are taken.
    fn take(&mut self, endpoint: u8, data: &[u8], toggle: bool);

    /// The data of an IN transaction, and their toggle; the host has acknowledged them.
    fn give(&mut self, endpoint: u8) -> (Vec<u8>, bool);

    /// There was no traffic for 3 ms.
    fn suspended(&mut self);

    /// There is traffic again.
    fn resumed(&mut self);
}

/// The bus with the host's end of it.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct UsbBus {
    plugged: bool,
    /// The pull-up as the host was told.
    pull_up: bool,
    waiting: VecDeque<UsbTransaction>,
    /// On the wire, until.
    current: Option<(UsbTransaction, VirtualTime)>,
    /// The pipe that was served last.
    last_pipe: u8,
    /// The end of a reset, or of resume signalling.
    reset_ends: Option<VirtualTime>,
    resume_ends: Option<VirtualTime>,
    /// The host has suspended the bus.
    suspended: bool,
    /// When the device will notice that it is suspended.
    suspend_at: Option<VirtualTime>,
    /// Since when there are start-of-frame packets.
    frames_since: Option<VirtualTime>,
    timers: Vec<(VirtualTime, u64)>,
}

impl UsbBus {
    pub(crate) fn status(&self) -> UsbStatus {
        UsbStatus {
            plugged: self.plugged,
            pull_up: self.pull_up,
            suspended: self.suspended,
        }
    }

    /// Whether a host is plugged in.
    pub(crate) fn is_plugged(&self) -> bool {
        self.plugged
    }

    /// Whether a transaction is on the wire.
    pub(crate) fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// How many start-of-frame packets the device has seen, if it sees any now.
    pub(crate) fn frames(&self, now: VirtualTime) -> Option<u64> {
        let since = self.frames_since?;
        Some(now.saturating_sub(since).as_ps() / FRAME.as_ps())
    }

    /// When the next start-of-frame packet comes.
    pub(crate) fn next_frame(&self, now: VirtualTime) -> Option<VirtualTime> {
        let frames = self.frames(now)?;
        Some(self.frames_since? + VirtualTime::from_ps((frames + 1) * FRAME.as_ps()))
    }

    /// The host acts.
    pub(crate) fn act(&mut self, now: VirtualTime, action: UsbAction, out: &mut Vec<UsbOccurrence>) {
        match action {
            UsbAction::Plug if !self.plugged => {
                self.plugged = true;
                out.push(UsbOccurrence::Plugged(true));
            }
            UsbAction::Unplug if self.plugged => {
                self.withdraw(out);
                *self = Self {
                    timers: std::mem::take(&mut self.timers),
                    ..Self::default()
                };
                out.push(UsbOccurrence::Plugged(false));
            }
            UsbAction::Plug | UsbAction::Unplug => {}
            UsbAction::Reset => {
                self.withdraw(out);
                self.reset_ends = Some(now + RESET);
                self.resume_ends = None;
                self.suspended = false;
                self.suspend_at = None;
                self.frames_since = None;
            }
            UsbAction::Suspend if !self.suspended => {
                self.suspended = true;
                self.resume_ends = None;
                self.frames_since = None;
                self.suspend_at = Some(now + SUSPEND_AFTER);
            }
            UsbAction::Resume if self.suspended => {
                self.suspend_at = None;
                self.resume_ends = Some(now + RESUME);
            }
            UsbAction::Suspend | UsbAction::Resume => {}
            UsbAction::Transact(transaction) if self.plugged && self.pull_up => self.waiting.push_back(transaction),
            UsbAction::Transact(UsbTransaction { id, .. }) => out.push(done(id, UsbReply::Silence)),
            UsbAction::Cancel { endpoint, inward } => {
                let pipe = pipe(endpoint, inward);
                self.withdraw_where(out, |transaction| pipe_of(transaction) == pipe);
            }
            UsbAction::Timer { id, after } => self.timers.push((now.saturating_add(after), id)),
        }
    }

    /// Whether the action is one that the device notices at once.
    pub(crate) fn begins_reset(action: &UsbAction) -> bool {
        matches!(action, UsbAction::Reset)
    }

    /// The pull-up is connected or not; the host notices a change if it is plugged in.
    pub(crate) fn show(&mut self, pull_up: bool, out: &mut Vec<UsbOccurrence>) {
        let pull_up = pull_up && self.plugged;
        if self.pull_up == pull_up {
            return;
        }
        self.pull_up = pull_up;
        if !pull_up {
            self.withdraw(out);
            *self = Self {
                plugged: self.plugged,
                timers: std::mem::take(&mut self.timers),
                ..Self::default()
            };
        }
        out.push(UsbOccurrence::PullUp(pull_up));
    }

    /// Serves what is due, and begins the next transaction if one can begin.
    pub(crate) fn advance(&mut self, now: VirtualTime, device: &mut dyn UsbFunction, out: &mut Vec<UsbOccurrence>) {
        for (at, id) in std::mem::take(&mut self.timers) {
            match at <= now {
                true => out.push(UsbOccurrence::Timer(id)),
                false => self.timers.push((at, id)),
            }
        }
        if take_due(&mut self.suspend_at, now) {
            device.suspended();
        }
        if take_due(&mut self.reset_ends, now) {
            self.frames_since = Some(now);
            out.push(UsbOccurrence::ResetDone);
        }
        if take_due(&mut self.resume_ends, now) {
            self.suspended = false;
            self.frames_since = Some(now);
            device.resumed();
            out.push(UsbOccurrence::Resumed);
        }
        if self.current.as_ref().is_some_and(|(_, ends)| *ends <= now)
            && let Some((transaction, _)) = self.current.take()
        {
            self.finish(transaction, device, out);
        }
        self.begin(now, device);
    }

    /// When [`Self::advance`] must be called again.
    pub(crate) fn due(&self) -> Option<VirtualTime> {
        let timers = self.timers.iter().map(|(at, _)| *at).min();
        let current = self.current.as_ref().map(|(_, ends)| *ends);
        let dues = [timers, current, self.suspend_at, self.reset_ends, self.resume_ends];
        dues.into_iter().flatten().min()
    }

    fn begin(&mut self, now: VirtualTime, device: &dyn UsbFunction) {
        if self.current.is_some() || self.waiting.is_empty() || self.suspended || self.reset_ends.is_some() {
            return;
        }
        // The first of each pipe, in turns.
        let mut seen = 0_u32;
        let mut best: Option<(u8, usize, usize)> = None;
        for (index, transaction) in self.waiting.iter().enumerate() {
            let pipe = pipe_of(transaction);
            if seen & 1 << pipe != 0 {
                continue;
            }
            seen |= 1 << pipe;
            let bytes = match device.readiness(transaction) {
                Readiness::Busy if transaction.patient => continue,
                Readiness::Ready(bytes) => bytes,
                _ => 0,
            };
            let turn = pipe.wrapping_sub(self.last_pipe).wrapping_sub(1) % 32;
            if best.is_none_or(|(best, ..)| turn < best) {
                best = Some((turn, index, bytes));
            }
        }
        let Some((_, index, bytes)) = best else { return };
        let Some(transaction) = self.waiting.remove(index) else {
            return;
        };
        let bytes = match &transaction.token {
            UsbToken::Setup(packet) => packet.len(),
            UsbToken::Out { data, .. } => data.len(),
            UsbToken::In => bytes,
        };
        self.last_pipe = pipe_of(&transaction);
        let time = VirtualTime::from_ps((OVERHEAD_BYTES + bytes as u64) * BYTE_PS);
        self.current = Some((transaction, now + time));
    }

    fn finish(&mut self, transaction: UsbTransaction, device: &mut dyn UsbFunction, out: &mut Vec<UsbOccurrence>) {
        let reply = match device.readiness(&transaction) {
            Readiness::Busy if transaction.patient => {
                // It was ready when the transaction began.
                self.waiting.push_front(transaction);
                return;
            }
            Readiness::Busy => UsbReply::Nak,
            Readiness::Halted => UsbReply::Stall,
            Readiness::Silent => UsbReply::Silence,
            Readiness::Ready(_) => match &transaction.token {
                UsbToken::Setup(packet) => {
                    device.setup(*packet);
                    UsbReply::Ack
                }
                UsbToken::Out { data, toggle } => {
                    device.take(transaction.endpoint, data, *toggle);
                    UsbReply::Ack
                }
                UsbToken::In => {
                    let (bytes, toggle) = device.give(transaction.endpoint);
                    UsbReply::Data { bytes, toggle }
                }
            },
        };
        out.push(done(transaction.id, reply));
    }

    fn withdraw(&mut self, out: &mut Vec<UsbOccurrence>) {
        if let Some((UsbTransaction { id, .. }, _)) = self.current.take() {
            out.push(done(id, UsbReply::Withdrawn));
        }
        self.withdraw_where(out, |_| true);
    }

    fn withdraw_where(&mut self, out: &mut Vec<UsbOccurrence>, concerned: impl Fn(&UsbTransaction) -> bool) {
        self.waiting.retain(|transaction| {
            if concerned(transaction) {
                out.push(done(transaction.id, UsbReply::Withdrawn));
            }
            !concerned(transaction)
        });
    }
}

fn done(id: u64, reply: UsbReply) -> UsbOccurrence {
    UsbOccurrence::Done { id, reply }
}

fn take_due(at: &mut Option<VirtualTime>, now: VirtualTime) -> bool {
    at.take_if(|at| *at <= now).is_some()
}

/// A number for an endpoint and direction; endpoint 0 has one pipe.
fn pipe(endpoint: u8, inward: bool) -> u8 {
    match endpoint & 15 {
        0 => 0,
        endpoint => endpoint << 1 | u8::from(inward),
    }
}

fn pipe_of(transaction: &UsbTransaction) -> u8 {
    pipe(transaction.endpoint, transaction.token == UsbToken::In)
}
