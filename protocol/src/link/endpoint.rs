//! One side of the link: handshake, sequence, acknowledgement, repetition, flow control.

use super::{
    Channel, MAX_FRAME_BYTES, PeerReset, Role, Stats,
    frame::{self, CREDIT_UNIT_BYTES, Frame, Hello, MAX_DATA_BYTES, Status},
    ring::Ring,
    timer::RetransmissionTimer,
};
use crate::limits::LINK_VERSION;
use alloc::{collections::VecDeque, vec::Vec};

/// First pause between two hellos of a side that is not up; it doubles up to the longest.
const HELLO_FIRST_MS: u64 = 50;
const HELLO_LAST_MS: u64 = 500;

/// While other data is in flight, a channel's data is not cut into pieces smaller than this to fit the peer's credit.
const SMALL_PIECE_BYTES: usize = 64;

/// One side of a link; see the [module](super).
pub struct Endpoint {
    role: Role,
    epoch: u32,
    peer: Option<Peer>,
    reset: Option<PeerReset>,
    hello_due: bool,
    hello_at_ms: u64,
    hello_pause_ms: u64,
    encoded: Vec<u8>,
    overlong: bool,
    inbound: Inbound,
    outbound: Outbound,
    stats: Stats,
}

struct Peer {
    epoch: u32,
    version: u8,
    /// The peer has shown that it knows our epoch.
    heard_us: bool,
}

/// The receiving half.
struct Inbound {
    rings: [Ring; 3],
    wanted: u8,
    /// Bytes of credit that the peer was given and has not used yet.
    announced: [usize; 3],
    status_due: bool,
    repeat_due: bool,
    /// Distance from `wanted` to the last frame behind a gap, since the repetition was asked for.
    gap: Option<u8>,
}

/// The sending half.
struct Outbound {
    /// Bytes not acknowledged yet, those in flight first.
    rings: [Ring; 3],
    in_flight_bytes: [usize; 3],
    in_flight: VecDeque<Segment>,
    max_in_flight: usize,
    /// Sequence of the first in flight.
    base: u8,
    /// Index in `in_flight` of the segment to send next; past the last one, a new segment is cut.
    next: usize,
    /// After a timeout: sends one segment only until the peer answers.
    probing: bool,
    credit: [usize; 3],
    deadline_ms: Option<u64>,
    poll_due: bool,
    /// Segment whose round trip is being measured, and the time at which it was sent.
    timed: Option<(u8, u64)>,
    timer: RetransmissionTimer,
    turn: usize,
}

#[derive(Clone, Copy)]
struct Segment {
    channel: Channel,
    len: u8,
    sent: bool,
    /// Its next acknowledgement can only answer its next sending.
    timeable: bool,
}

impl Endpoint {
    /// Makes one side, with all its buffers. The epoch must differ from that of the side's earlier starts (a random
    /// number or a boot count).
    pub fn new(role: Role, epoch: u32) -> Self {
        // By channel: control, log, session.
        let (inbound, outbound) = match role {
            Role::Device => ([384, 0, 1024], [256, 512, 1024]),
            Role::Host => ([1024, 2048, 4096], [2048, 0, 4096]),
        };
        Self::with_rings(role, epoch, inbound.map(Ring::new), outbound.map(Ring::new))
    }

    /// Replaces a new endpoint's buffer for received session bytes by one of another size. A larger one lets the peer
    /// continue to send while this side is busy.
    #[must_use]
    pub fn with_session_room(mut self, bytes: usize) -> Self {
        self.inbound.rings[Channel::Session as usize] = Ring::new(bytes);
        self
    }

    /// Restarts the endpoint and keeps only its buffers. Where memory is short, a second set of buffers would not fit
    /// beside the first, or would fragment the heap.
    pub fn restart(&mut self, epoch: u32) {
        let take = |rings: &mut [Ring; 3]| {
            let mut taken = core::mem::replace(rings, [0; 3].map(Ring::new));
            taken.iter_mut().for_each(Ring::clear);
            taken
        };
        let (inbound, outbound) = (take(&mut self.inbound.rings), take(&mut self.outbound.rings));
        *self = Self::with_rings(self.role, epoch, inbound, outbound);
    }

    fn with_rings(role: Role, epoch: u32, inbound: [Ring; 3], outbound: [Ring; 3]) -> Self {
        let max_in_flight = match role {
            Role::Device => 16,
            Role::Host => 32,
        };
        Self {
            role,
            epoch,
            peer: None,
            reset: None,
            hello_due: true,
            hello_at_ms: 0,
            hello_pause_ms: HELLO_FIRST_MS,
            encoded: Vec::with_capacity(MAX_FRAME_BYTES),
            overlong: false,
            inbound: Inbound {
                rings: inbound,
                wanted: 0,
                announced: [0; 3],
                status_due: false,
                repeat_due: false,
                gap: None,
            },
            outbound: Outbound {
                rings: outbound,
                in_flight_bytes: [0; 3],
                in_flight: VecDeque::with_capacity(max_in_flight),
                max_in_flight,
                base: 0,
                next: 0,
                probing: false,
                credit: [0; 3],
                deadline_ms: None,
                poll_due: false,
                timed: None,
                timer: RetransmissionTimer::new(),
                turn: 0,
            },
            stats: Stats::default(),
        }
    }

    /// Takes received bytes, in pieces of any size.
    pub fn receive(&mut self, mut bytes: &[u8], now_ms: u64) {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == 0);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            let taken = piece.len().min(MAX_FRAME_BYTES - self.encoded.len());
            self.encoded.extend_from_slice(&piece[..taken]);
            self.overlong |= taken < piece.len();
            let Some((_, rest)) = rest.split_first() else { return };
            bytes = rest;
            let mut encoded = core::mem::take(&mut self.encoded);
            let overlong = core::mem::take(&mut self.overlong);
            if !encoded.is_empty() {
                match Frame::decode(&mut encoded) {
                    Some(frame) if !overlong => self.receive_frame(frame, now_ms),
                    _ => {
                        self.stats.damaged += 1;
                        self.inbound.ask_again();
                    }
                }
            }
            encoded.clear();
            self.encoded = encoded;
        }
    }

    /// Writes the next frame to send and returns its length; 0 if there is nothing to send now.
    pub fn transmit(&mut self, now_ms: u64, out: &mut [u8; MAX_FRAME_BYTES]) -> usize {
        let len = self.next_frame(now_ms, out);
        if len > 0 {
            self.stats.frames_sent += 1;
        }
        len
    }

    /// Takes bytes to send and returns how many it took: 0 if the send buffer is full.
    ///
    /// `control` and `log` may be written before the link is up. `session` takes nothing until the link is up and a
    /// reset has been taken with [`Self::take_reset`], so that bytes of an old session never reach a new peer.
    pub fn write(&mut self, channel: Channel, data: &[u8]) -> usize {
        if channel == Channel::Session && (!self.is_up() || self.reset.is_some()) {
            return 0;
        }
        self.outbound.rings[channel as usize].push(data)
    }

    /// Copies the next bytes of a channel and returns how many. Bytes that are not read stop the sender of that
    /// channel.
    pub fn read(&mut self, channel: Channel, out: &mut [u8]) -> usize {
        if channel == Channel::Session && self.reset.is_some() {
            return 0;
        }
        let given = self.inbound.rings[channel as usize].pop(out);
        self.inbound.tell_room(channel);
        given
    }

    /// Bytes of a channel that wait to be read.
    pub fn readable(&self, channel: Channel) -> usize {
        if channel == Channel::Session && self.reset.is_some() {
            return 0;
        }
        self.inbound.rings[channel as usize].len()
    }

    /// Bytes that [`Self::write`] would take now.
    pub fn writable(&self, channel: Channel) -> usize {
        if channel == Channel::Session && (!self.is_up() || self.reset.is_some()) {
            return 0;
        }
        self.outbound.rings[channel as usize].free()
    }

    /// Whether everything that was written to the channel has arrived at the peer.
    pub fn is_flushed(&self, channel: Channel) -> bool {
        self.outbound.rings[channel as usize].len() == 0
    }

    /// Whether both sides have heard each other since their last starts, in the same version.
    pub fn is_up(&self) -> bool {
        self.peer
            .as_ref()
            .is_some_and(|peer| peer.heard_us && peer.version == LINK_VERSION)
    }

    /// The peer appeared or restarted since the last call: drop the session, begin each stream at zero.
    pub fn take_reset(&mut self) -> Option<PeerReset> {
        self.reset.take()
    }

    /// Deadline for the next call of [`Self::transmit`], on the clock of `now_ms`; it may lie in the past.
    pub fn next_timeout_ms(&self) -> Option<u64> {
        if self.is_up() {
            self.outbound.deadline_ms
        } else {
            Some(if self.hello_due { 0 } else { self.hello_at_ms })
        }
    }

    /// Counters since the start.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn next_frame(&mut self, now_ms: u64, out: &mut [u8; MAX_FRAME_BYTES]) -> usize {
        let up = self.is_up();
        if self.hello_due || (!up && now_ms >= self.hello_at_ms) {
            self.hello_due = false;
            self.hello_at_ms = now_ms + self.hello_pause_ms;
            self.hello_pause_ms = (2 * self.hello_pause_ms).min(HELLO_LAST_MS);
            return Frame::Hello(Hello {
                version: LINK_VERSION,
                epoch: self.epoch,
                seen: self.peer.as_ref().map(|peer| peer.epoch),
                answer: !up,
                device: self.role == Role::Device,
            })
            .encode(out);
        }
        if !up {
            return 0;
        }
        self.outbound.expire(now_ms);
        if let Some((sequence, segment, offset)) = self.outbound.next_segment(now_ms) {
            if segment.sent {
                self.stats.retries += 1;
            }
            let mut data = [0; MAX_DATA_BYTES];
            let data = &mut data[..segment.len.into()];
            self.outbound.rings[segment.channel as usize].peek(offset, data);
            return Frame::Data {
                channel: segment.channel,
                sequence,
                data,
                status: self.take_status(),
            }
            .encode(out);
        }
        if self.inbound.status_due || self.inbound.repeat_due || self.outbound.poll_due {
            return Frame::Status(self.take_status()).encode(out);
        }
        0
    }

    /// The status to send now; clears the flags of a due status.
    fn take_status(&mut self) -> Status {
        let tag = self.tag();
        let inbound = &mut self.inbound;
        let credit = core::array::from_fn(|channel| {
            let units = (inbound.rings[channel].free() / CREDIT_UNIT_BYTES).min(255);
            inbound.announced[channel] = units * CREDIT_UNIT_BYTES;
            units as u8
        });
        inbound.status_due = false;
        Status {
            tag,
            wanted: inbound.wanted,
            credit,
            repeat: core::mem::take(&mut inbound.repeat_due),
            poll: core::mem::take(&mut self.outbound.poll_due),
        }
    }

    fn tag(&self) -> u16 {
        let peer = self.peer.as_ref().map_or(0, |peer| peer.epoch);
        match self.role {
            Role::Device => frame::tag(self.epoch, peer),
            Role::Host => frame::tag(peer, self.epoch),
        }
    }

    fn receive_frame(&mut self, frame: Frame<'_>, now_ms: u64) {
        self.stats.frames_received += 1;
        let (status, data) = match frame {
            Frame::Hello(hello) => return self.receive_hello(hello),
            Frame::Status(status) => (status, None),
            Frame::Data {
                channel,
                sequence,
                data,
                status,
            } => (status, Some((channel, sequence, data))),
        };
        let tag = self.tag();
        let Some(peer) = self
            .peer
            .as_mut()
            .filter(|peer| peer.version == LINK_VERSION && tag == status.tag)
        else {
            // The peer's frame carries an epoch from before our restart, or we have not heard its hello: send it ours.
            self.stats.stale += 1;
            self.hello_due = true;
            return;
        };
        // The tag holds our epoch: the peer has heard our hello.
        if !peer.heard_us {
            peer.heard_us = true;
            self.inbound.status_due = true;
        }
        self.outbound.acknowledge(&status, now_ms);
        if status.poll {
            self.inbound.status_due = true;
        }
        if let Some((channel, sequence, data)) = data {
            self.inbound.receive(channel, sequence, data, &mut self.stats);
        }
    }

    fn receive_hello(&mut self, hello: Hello) {
        if hello.device == (self.role == Role::Device) {
            // An echo, or two sides with the same role on one wire.
            self.stats.stale += 1;
            return;
        }
        let hears_us = hello.seen == Some(self.epoch);
        let is_new = self.peer.as_ref().is_none_or(|peer| {
            // A peer that had heard us and no longer knows us has restarted, even with its old epoch.
            peer.epoch != hello.epoch || peer.version != hello.version || (peer.heard_us && !hears_us)
        });
        if is_new {
            self.begin_anew(&hello);
        }
        if let Some(peer) = &mut self.peer
            && hears_us
            && !peer.heard_us
        {
            peer.heard_us = true;
            self.inbound.status_due = true;
        }
        self.hello_due |= hello.answer || !hears_us;
    }

    fn begin_anew(&mut self, hello: &Hello) {
        let first = self.peer.is_none();
        self.peer = Some(Peer {
            epoch: hello.epoch,
            version: hello.version,
            heard_us: false,
        });
        self.reset = Some(PeerReset {
            epoch: hello.epoch,
            version: hello.version,
            // Two resets before the first was taken count as one.
            first: first || self.reset.is_some_and(|reset| reset.first),
        });
        self.hello_due = true;
        self.hello_pause_ms = HELLO_FIRST_MS;
        self.inbound.begin_anew();
        self.outbound.begin_anew(first);
    }
}

impl Inbound {
    fn begin_anew(&mut self) {
        self.rings.iter_mut().for_each(Ring::clear);
        self.wanted = 0;
        self.announced = [0; 3];
        self.status_due = false;
        self.repeat_due = false;
        self.gap = None;
    }

    fn receive(&mut self, channel: Channel, sequence: u8, data: &[u8], stats: &mut Stats) {
        let ahead = sequence.wrapping_sub(self.wanted);
        if ahead >= 128 {
            stats.duplicates += 1;
            self.status_due = true;
        } else if ahead > 0 {
            // Ask once for each time the sender passes the gap: a number that does not grow shows a new pass.
            if self.gap.is_none_or(|last| ahead <= last) {
                self.repeat_due = true;
            }
            self.gap = Some(ahead);
        } else if data.len() <= self.rings[channel as usize].free() {
            self.rings[channel as usize].push(data);
            let announced = &mut self.announced[channel as usize];
            *announced = announced.saturating_sub(data.len());
            self.wanted = self.wanted.wrapping_add(1);
            self.gap = None;
            self.repeat_due = false;
            self.status_due = true;
        }
    }

    /// A damaged frame arrived; it may have been the expected one.
    fn ask_again(&mut self) {
        if self.gap.is_none() {
            self.repeat_due = true;
            self.gap = Some(0);
        }
    }

    /// After reading: reports new credit if the sender can now send much more than it was last told.
    fn tell_room(&mut self, channel: Channel) {
        let ring = &self.rings[channel as usize];
        let room = ring.free() / CREDIT_UNIT_BYTES * CREDIT_UNIT_BYTES;
        let step = (ring.capacity() / 2).min(MAX_DATA_BYTES);
        if step > 0 && room >= self.announced[channel as usize] + step {
            self.status_due = true;
        }
    }
}

impl Outbound {
    fn begin_anew(&mut self, keep_early_words: bool) {
        for channel in Channel::ALL {
            if !keep_early_words || channel == Channel::Session {
                self.rings[channel as usize].clear();
            }
        }
        self.in_flight_bytes = [0; 3];
        self.in_flight.clear();
        self.base = 0;
        self.next = 0;
        self.probing = false;
        self.credit = [0; 3];
        self.deadline_ms = None;
        self.poll_due = false;
        self.timed = None;
        self.timer = RetransmissionTimer::new();
    }

    fn acknowledge(&mut self, status: &Status, now_ms: u64) {
        let arrived = usize::from(status.wanted.wrapping_sub(self.base));
        if arrived > self.in_flight.len() {
            return;
        }
        for segment in self.in_flight.drain(..arrived) {
            let len = usize::from(segment.len);
            self.rings[segment.channel as usize].discard(len);
            self.in_flight_bytes[segment.channel as usize] -= len;
        }
        self.base = status.wanted;
        self.next = self.next.saturating_sub(arrived);
        self.credit = status.credit.map(|units| usize::from(units) * CREDIT_UNIT_BYTES);
        if let Some((sequence, sent_at_ms)) = self.timed
            && status.wanted.wrapping_sub(sequence).wrapping_sub(1) < 128
        {
            self.timer.sample(now_ms.saturating_sub(sent_at_ms));
            self.timed = None;
        }
        if arrived > 0 || status.repeat {
            self.probing = false;
        }
        if status.repeat {
            self.go_back();
            // The wire keeps the order and the peer keeps nothing behind a gap: what it asks for is answered by the new
            // sending only, which may be measured.
            for segment in &mut self.in_flight {
                segment.timeable = true;
            }
        }
        if self.in_flight.is_empty() {
            // A poll for room has been answered too.
            self.deadline_ms = None;
        } else if arrived > 0 {
            self.timer.forget_back_off();
            self.deadline_ms = Some(now_ms + self.timer.timeout_ms());
        }
    }

    fn go_back(&mut self) {
        self.next = 0;
        // An answer to a repeated segment could belong to either sending (Karn's algorithm).
        self.timed = None;
    }

    fn expire(&mut self, now_ms: u64) {
        if self.deadline_ms.is_none_or(|deadline| now_ms < deadline) {
            return;
        }
        self.timer.back_off();
        self.deadline_ms = Some(now_ms + self.timer.timeout_ms());
        if self.in_flight.is_empty() {
            self.poll_due = true;
        } else {
            self.go_back();
            self.probing = true;
        }
    }

    /// The segment to send now: its sequence, its state before this sending, and its offset in its channel's ring.
    fn next_segment(&mut self, now_ms: u64) -> Option<(u8, Segment, usize)> {
        if self.next == self.in_flight.len() {
            self.cut_segment(now_ms)?;
        }
        if self.probing && self.next > 0 {
            return None;
        }
        let index = self.next;
        let segment = self.in_flight[index];
        let offset = self
            .in_flight
            .range(..index)
            .filter(|earlier| earlier.channel == segment.channel)
            .map(|earlier| usize::from(earlier.len))
            .sum();
        let sequence = self.base.wrapping_add(index as u8);
        self.in_flight[index].sent = true;
        self.in_flight[index].timeable = false;
        self.next += 1;
        if index == 0 {
            self.deadline_ms = Some(now_ms + self.timer.timeout_ms());
        }
        if segment.timeable && self.timed.is_none() {
            self.timed = Some((sequence, now_ms));
        }
        Some((sequence, segment, offset))
    }

    /// Cuts a new segment from the channel whose turn it is: `control` first, then `log` and `session` in turn.
    fn cut_segment(&mut self, now_ms: u64) -> Option<()> {
        if self.probing || self.in_flight.len() == self.max_in_flight {
            return None;
        }
        let order = match self.turn {
            0 => [Channel::Control, Channel::Log, Channel::Session],
            _ => [Channel::Control, Channel::Session, Channel::Log],
        };
        let mut waits = false;
        for channel in order {
            let in_flight = self.in_flight_bytes[channel as usize];
            let pending = self.rings[channel as usize].len() - in_flight;
            let room = self.credit[channel as usize].saturating_sub(in_flight);
            let len = pending.min(room).min(MAX_DATA_BYTES);
            if len > 0 && (len == pending || len >= SMALL_PIECE_BYTES || self.in_flight.is_empty()) {
                self.turn = usize::from(channel == Channel::Log);
                self.in_flight_bytes[channel as usize] += len;
                self.in_flight.push_back(Segment {
                    channel,
                    len: len as u8,
                    sent: false,
                    timeable: true,
                });
                return Some(());
            }
            waits |= pending > 0;
        }
        if waits && self.in_flight.is_empty() && self.deadline_ms.is_none() {
            // The peer has no credit. Its message about new credit may get lost, so poll for it.
            self.deadline_ms = Some(now_ms + self.timer.timeout_ms());
        }
        None
    }
}
