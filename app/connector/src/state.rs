//! The host's side of the link without any I/O: channels become events, resets become sessions.

use crate::{
    driver::{LinkEvent, framed},
    session::LinkSession,
};
use drydock_protocol::{
    control::{FromDevice, FromHost},
    framing,
    limits::LINK_VERSION,
    link::{Channel, Endpoint, MAX_FRAME_BYTES, Role, Stats},
};
use std::collections::VecDeque;
use tokio::io::DuplexStream;

/// Longest piece of a log line, in bytes.
const MAX_LINE_BYTES: usize = 1024;

/// Limit of control bytes that wait for space on the link. Above it, the driver accepts no further request.
const MAX_PENDING_BYTES: usize = 4096;

pub(crate) struct LinkState {
    endpoint: Endpoint,
    epoch: u32,
    /// Counters of earlier lives of our side.
    past: Stats,
    meetings: u32,
    malformed: u32,
    /// A new peer whose session is handed out once the link is up; the value says whether it is the first peer.
    arrived: Option<bool>,
    had_peer: bool,
    has_session: bool,
    /// Bytes have passed through the session, either way.
    session_used: bool,
    /// Bytes of the session on their way to the host.
    for_session: Vec<u8>,
    control: framing::Reader,
    control_out: Vec<u8>,
    line: Vec<u8>,
    /// The device's answer to a question for a rate.
    agreed_rate: Option<u32>,
    events: VecDeque<LinkEvent>,
}

impl LinkState {
    pub(crate) fn new(epoch: u32) -> Self {
        Self {
            endpoint: Endpoint::new(Role::Host, epoch),
            epoch,
            past: Stats::default(),
            meetings: 0,
            malformed: 0,
            arrived: None,
            had_peer: false,
            has_session: false,
            session_used: false,
            for_session: Vec::new(),
            control: framing::Reader::new(),
            control_out: Vec::new(),
            line: Vec::new(),
            agreed_rate: None,
            events: VecDeque::new(),
        }
    }

    /// Restarts our side of the link, which ends the session for the device.
    pub(crate) fn restart(&mut self) {
        self.past = self.past + self.endpoint.stats();
        // Any number except the last one works.
        self.epoch = self.epoch.wrapping_add(0x9E37_79B9);
        self.endpoint = Endpoint::new(Role::Host, self.epoch);
        self.arrived = None;
        self.forget_streams();
    }

    pub(crate) fn receive(&mut self, bytes: &[u8], now_ms: u64) {
        self.endpoint.receive(bytes, now_ms);
    }

    pub(crate) fn transmit(&mut self, now_ms: u64, out: &mut [u8; MAX_FRAME_BYTES]) -> usize {
        self.endpoint.transmit(now_ms, out)
    }

    pub(crate) fn next_timeout_ms(&self) -> Option<u64> {
        self.endpoint.next_timeout_ms()
    }

    /// Moves bytes between channels and buffers. Returns the driver's end of a session that has just begun.
    pub(crate) fn advance(&mut self) -> Option<DuplexStream> {
        self.take_reset();
        let mut begun = None;
        if self.endpoint.is_up()
            && let Some(first) = self.arrived.take()
        {
            let (session, end) = LinkSession::pair();
            // A session that was not fetched yet is over.
            self.events.retain(|event| !matches!(event, LinkEvent::Up { .. }));
            self.events.push_back(LinkEvent::Up { session, first });
            self.has_session = true;
            self.session_used = false;
            if let Ok(identify) = framed(&FromHost::Identify) {
                self.say(&identify);
            }
            begun = Some(end);
        }
        self.advance_control();
        if self.events.is_empty() {
            self.read_log();
            self.read_control();
        }
        let readable = self.endpoint.readable(Channel::Session);
        if readable > 0 && !self.has_session && self.endpoint.is_up() {
            // The host closed the last session without using it. The device now begins one and gets a new session.
            self.restart();
        } else if readable > 0 && self.for_session.is_empty() {
            self.session_used = true;
            self.for_session.resize(readable, 0);
            let read = self.endpoint.read(Channel::Session, &mut self.for_session);
            self.for_session.truncate(read);
        }
        begun
    }

    fn take_reset(&mut self) {
        let Some(reset) = self.endpoint.take_reset() else {
            return;
        };
        self.meetings += 1;
        if !reset.first {
            self.forget_streams();
        }
        if reset.version == LINK_VERSION {
            self.arrived = Some(!self.had_peer);
            self.had_peer = true;
        } else {
            self.events.push_back(LinkEvent::VersionMismatch {
                device: reset.version,
                host: LINK_VERSION,
            });
        }
    }

    fn forget_streams(&mut self) {
        self.has_session = false;
        self.for_session.clear();
        self.control = framing::Reader::new();
        self.control_out.clear();
        if !self.line.is_empty() {
            self.end_line();
        }
    }

    fn read_log(&mut self) {
        let mut byte = [0; 256];
        loop {
            let count = self.endpoint.read(Channel::Log, &mut byte);
            if count == 0 {
                return;
            }
            for byte in &byte[..count] {
                match byte {
                    b'\n' => self.end_line(),
                    b'\r' => {}
                    _ => self.line.push(*byte),
                }
                if self.line.len() == MAX_LINE_BYTES {
                    self.end_line();
                }
            }
        }
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        self.events.push_back(LinkEvent::Log(text));
    }

    fn read_control(&mut self) {
        let mut bytes = [0; 256];
        loop {
            let count = self.endpoint.read(Channel::Control, &mut bytes);
            if count == 0 {
                return;
            }
            let mut rest = &bytes[..count];
            loop {
                match self.control.next(&mut rest) {
                    Ok(None) => break,
                    Ok(Some(message)) => match minicbor::decode(message) {
                        Ok(FromDevice::Identity(identity)) => self.events.push_back(LinkEvent::Identity(identity)),
                        Ok(FromDevice::PairResult(result)) => self.events.push_back(LinkEvent::PairResult(result)),
                        Ok(FromDevice::LinkRate(baud)) => self.agreed_rate = Some(baud),
                        Err(_) => self.malformed += 1,
                    },
                    // Permanently out of step, and never because of noise: only a restart helps.
                    Err(_) => {
                        self.malformed += 1;
                        self.restart();
                        return;
                    }
                }
            }
        }
    }

    /// Passes queued control messages on as far as they fit.
    pub(crate) fn advance_control(&mut self) {
        let sent = self.endpoint.write(Channel::Control, &self.control_out);
        self.control_out.drain(..sent);
    }

    /// The rate that the device has agreed to since the last call.
    pub(crate) fn take_agreed_rate(&mut self) -> Option<u32> {
        self.agreed_rate.take()
    }

    /// Queues an event for the caller.
    pub(crate) fn tell(&mut self, event: LinkEvent) {
        self.events.push_back(event);
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn next_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    pub(crate) fn takes_requests(&self) -> bool {
        self.control_out.len() < MAX_PENDING_BYTES
    }

    /// Queues a control message that has its length in front.
    pub(crate) fn say(&mut self, framed: &[u8]) {
        self.control_out.extend_from_slice(framed);
    }

    pub(crate) fn has_session(&self) -> bool {
        self.has_session
    }

    pub(crate) fn for_session(&self) -> &[u8] {
        &self.for_session
    }

    pub(crate) fn session_taken(&mut self, count: usize) {
        self.for_session.drain(..count);
    }

    /// The host closed its end. Returns whether the link must restart to inform the device: not if no byte was sent in
    /// the session.
    pub(crate) fn leave_session(&mut self) -> bool {
        self.for_session.clear();
        self.has_session = self.session_used;
        self.session_used
    }

    pub(crate) fn session_room(&self) -> usize {
        if self.has_session {
            self.endpoint.writable(Channel::Session)
        } else {
            0
        }
    }

    pub(crate) fn write_session(&mut self, bytes: &[u8]) {
        self.session_used = true;
        let written = self.endpoint.write(Channel::Session, bytes);
        debug_assert_eq!(written, bytes.len(), "no more is taken than there is room for");
    }

    pub(crate) fn session_is_flushed(&self) -> bool {
        self.endpoint.is_flushed(Channel::Session)
    }

    /// Whether the link is up, counts of frames, handshakes with the device, malformed control messages.
    pub(crate) fn counters(&self) -> (bool, Stats, u32, u32) {
        (
            self.endpoint.is_up(),
            self.past + self.endpoint.stats(),
            self.meetings,
            self.malformed,
        )
    }
}
