//! The firmware's main loop: link, conversation with the gateway, apps, sleep.

use crate::{
    board::{BoardRef, PART_OF_ERASURE_US, Phase},
    link::Link,
    session::{self, Conversation, ConversationEnd, Purpose},
    state::DeviceState,
    tls::Buffers,
    verifier,
};
use alloc::{format, rc::Rc};
use core::{
    cell::RefCell,
    task::{Context, Poll, Waker},
};
use drydock_protocol::{
    control::{FromDevice, FromHost, Identity, IdentityState, Pair, PairResult},
    types::ResetReason,
};

/// Interval of identity messages until the session is established.
const IDENTITY_INTERVAL_US: u64 = 1_000_000;
/// Time after which a handshake is given up.
const HANDSHAKE_TIMEOUT_US: u64 = 10_000_000;
/// Pause before the first new attempt; it doubles up to the longest.
const FIRST_RETRY_US: u64 = 100_000;
const LAST_RETRY_US: u64 = 1_000_000;
/// Pause after the device refused the server; it would refuse the same server again.
const REFUSED_RETRY_US: u64 = 10_000_000;
/// Longest sleep of the main loop. The watchdog must be fed in time.
const LONGEST_SLEEP_US: u64 = 500_000;
/// Time in which the reply to a wipe is sent.
const WIPE_DELAY_US: u64 = 200_000;
/// Longest token that a host may give.
const MAX_TOKEN_BYTES: usize = 64;

/// The firmware.
pub struct Device {
    board: BoardRef,
    state: Rc<RefCell<DeviceState>>,
    link: Rc<Link>,
    buffers: Rc<RefCell<Buffers>>,
    conversation: Option<Conversation>,
    conversation_since_us: u64,
    pair: Option<Rc<Pair>>,
    next_identity_us: u64,
    next_attempt_us: u64,
    retry_us: u64,
    was_welcome: bool,
    wipe_at_us: Option<u64>,
    /// The device restarted the link, and the host has not answered yet.
    restarted_link: bool,
}

impl Device {
    /// Starts the firmware on a board.
    ///
    /// # Errors
    /// [`FlashError`](crate::board::FlashError) if flash fails.
    pub fn new(board: BoardRef) -> Result<Self, crate::board::FlashError> {
        let link = Rc::new(Link::new(board));
        let buffers = Rc::new(RefCell::new(Buffers::new()));
        let state = DeviceState::load(board)?;
        let info = board.info();
        link.log(&format!(
            "drydock {} on {}, reset {} by {}",
            info.firmware,
            info.name,
            state.boot_count(),
            reset_text(board.reset_reason())
        ));
        Ok(Self {
            board,
            state: Rc::new(RefCell::new(state)),
            link,
            buffers,
            conversation: None,
            conversation_since_us: 0,
            pair: None,
            next_identity_us: 0,
            next_attempt_us: 0,
            retry_us: FIRST_RETRY_US,
            was_welcome: false,
            wipe_at_us: None,
            restarted_link: false,
        })
    }

    /// Runs the main loop.
    pub fn run(mut self) -> ! {
        loop {
            self.turn();
        }
    }

    /// One turn of the main loop: does everything that is due, then sleeps until the next deadline.
    pub fn turn(&mut self) {
        self.board.feed_watchdog();
        self.board.services().set_phase(Phase::Link);
        let moved = self.board.link_has_moved();
        if moved {
            self.link.moved();
        }
        let reset = self.link.pump() || moved;
        if reset {
            self.conversation = None;
            self.state.borrow_mut().session_ended();
            self.next_identity_us = 0;
            // If the host restarted the link, try at once; if it only answers our restart, wait.
            if !core::mem::take(&mut self.restarted_link) {
                self.next_attempt_us = 0;
            }
        }
        self.board.services().set_phase(Phase::Host);
        self.control();
        self.board.services().set_phase(Phase::Gateway);
        self.advance_conversation();
        self.finish_wipe();
        self.board.services().set_phase(Phase::Apps);
        let ran = self.state.borrow_mut().run_apps();
        self.board.services().set_phase(Phase::Link);
        // Send what this turn produced before sleeping.
        if !self.link.pump() && !ran {
            self.sleep();
        }
    }

    fn control(&mut self) {
        let now_us = self.board.now_us();
        while let Some(message) = self.link.receive_control() {
            match message {
                FromHost::Identify => self.next_identity_us = 0,
                #[cfg(feature = "link-rates")]
                FromHost::LinkRate(baud) => self.link.ask_rate(baud),
                FromHost::Pair(pair) => {
                    let result = self.pair(pair);
                    self.link.send_control(&FromDevice::PairResult(result));
                    self.next_identity_us = 0;
                }
            }
        }
        if now_us >= self.next_identity_us && self.link.is_up() && !self.state.borrow().is_welcome() {
            self.next_identity_us = now_us + IDENTITY_INTERVAL_US;
            self.link.send_control(&FromDevice::Identity(self.identity()));
        }
    }

    fn pair(&mut self, pair: Pair) -> PairResult {
        if self.state.borrow().identity.is_some() {
            return PairResult::AlreadyEnrolled;
        }
        let usable = !pair.token.is_empty()
            && pair.token.len() <= MAX_TOKEN_BYTES
            && !pair.gateway_name.is_empty()
            && verifier::is_anchor(&pair.anchor);
        if !usable {
            return PairResult::Malformed;
        }
        // A newer pairing replaces one that has not succeeded.
        if self.conversation.take().is_some() {
            self.restart_link();
        }
        self.pair = Some(Rc::new(pair));
        self.next_attempt_us = 0;
        PairResult::Accepted
    }

    fn identity(&self) -> Identity {
        let info = self.board.info();
        Identity {
            board: info.name.into(),
            chip_id: self.board.chip_id().into(),
            firmware: info.firmware.into(),
            state: if self.state.borrow().identity.is_some() {
                IdentityState::Enrolled
            } else if self.pair.is_some() {
                IdentityState::Enrolling
            } else {
                IdentityState::Blank
            },
            reset_reason: self.board.reset_reason(),
        }
    }

    fn advance_conversation(&mut self) {
        let now_us = self.board.now_us();
        if self.conversation.is_none() && self.link.is_up() && now_us >= self.next_attempt_us {
            self.conversation = self.begin_conversation();
            self.conversation_since_us = now_us;
            self.was_welcome = false;
        }
        let Some(conversation) = &mut self.conversation else {
            return;
        };
        let polled = conversation.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let is_welcome = self.state.borrow().is_welcome();
        if is_welcome && !self.was_welcome {
            self.was_welcome = true;
            self.retry_us = FIRST_RETRY_US;
            self.link.log("session stands");
        }
        match polled {
            Poll::Ready(end) => self.conversation_ended(end),
            Poll::Pending if !is_welcome && now_us > self.conversation_since_us + HANDSHAKE_TIMEOUT_US => {
                self.conversation_ended(ConversationEnd::Protocol("the gateway does not answer"));
            }
            Poll::Pending => {}
        }
    }

    fn begin_conversation(&mut self) -> Option<Conversation> {
        let purpose = match (&self.state.borrow().identity, &self.pair) {
            (Some(identity), _) => Purpose::Session(identity.clone()),
            (None, Some(pair)) => Purpose::Enroll(pair.clone()),
            (None, None) => return None,
        };
        Some(session::begin(
            self.board,
            self.state.clone(),
            self.link.clone(),
            self.buffers.clone(),
            purpose,
        ))
    }

    /// Restarts the link, so that the host notices that the conversation is over.
    fn conversation_ended(&mut self, end: ConversationEnd) {
        self.conversation = None;
        self.state.borrow_mut().session_ended();
        let end = match end {
            ConversationEnd::Enrolled if self.state.borrow_mut().keep_given().is_err() => ConversationEnd::Flash,
            end => end,
        };
        self.restart_link();
        let now_us = self.board.now_us();
        let pause_us = match end {
            ConversationEnd::Enrolled | ConversationEnd::EnrollRefused(_) => {
                self.pair = None;
                0
            }
            ConversationEnd::Connection(crate::tls::ConnectError::Refused(_)) => REFUSED_RETRY_US,
            _ => self.retry_us,
        };
        self.next_attempt_us = now_us + pause_us;
        self.retry_us = (self.retry_us * 2).min(LAST_RETRY_US);
        self.link.log(&format!("{}: {end}", severity_text(&end)));
    }

    fn restart_link(&mut self) {
        self.link.restart();
        self.restarted_link = true;
    }

    fn finish_wipe(&mut self) {
        let now_us = self.board.now_us();
        if self.wipe_at_us.is_none() && self.state.borrow().is_wipe_due() {
            self.wipe_at_us = Some(now_us + WIPE_DELAY_US);
        }
        if self.wipe_at_us.is_some_and(|at| now_us >= at) {
            self.wipe_at_us = None;
            self.conversation = None;
            self.state.borrow_mut().wipe();
            self.board.reset();
        }
    }

    fn sleep(&mut self) {
        let now_us = self.board.now_us();
        let state = self.state.borrow();
        let in_session = state.is_welcome();
        let deadlines = [
            Some(now_us + LONGEST_SLEEP_US),
            self.link.next_timeout_us(),
            state.apps.next_due_us(),
            // A message that does not fit waits for the host, which then wakes the board.
            (in_session && self.link.takes_session()).then(|| state.next_message_due_us()),
            (!in_session && self.link.is_up()).then_some(self.next_identity_us),
            (self.conversation.is_none() && self.link.is_up() && self.next_attempt_us > now_us)
                .then_some(self.next_attempt_us),
            self.wipe_at_us,
        ];
        drop(state);
        let deadline_us = deadlines.into_iter().flatten().min().unwrap_or(now_us);
        // Nothing else is due for this long.
        if in_session && deadline_us > now_us + PART_OF_ERASURE_US && self.state.borrow_mut().erase_ahead() {
            return;
        }
        if deadline_us > now_us {
            self.board.services().set_phase(Phase::Idle);
            let slept_us = self.board.sleep_until(deadline_us);
            self.state.borrow_mut().slept(slept_us);
        }
    }
}

fn severity_text(end: &ConversationEnd) -> &'static str {
    use drydock_protocol::types::LogLevel;
    match session::severity(end) {
        LogLevel::Warn | LogLevel::Error => "warning",
        _ => "note",
    }
}

pub(crate) fn reset_text(reason: ResetReason) -> &'static str {
    match reason {
        ResetReason::PowerOn => "power-on",
        ResetReason::Pin => "pin",
        ResetReason::Watchdog => "watchdog",
        ResetReason::Software => "software",
        ResetReason::Lockup => "lockup",
        ResetReason::Panic => "panic",
        ResetReason::HardFault => "hard fault",
        ResetReason::Unknown => "unknown",
    }
}
