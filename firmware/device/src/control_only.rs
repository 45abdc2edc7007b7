//! The firmware of a board that cannot hold a session, because it is too small for TLS or has lost its source of
//! randomness. It sends its unauthenticated identity on `control`, and accepts neither an identity nor apps.

use crate::{board::BoardRef, device::reset_text, link::Link};
use alloc::format;
use drydock_protocol::control::{FromDevice, FromHost, Identity, IdentityState};

/// Interval of identity messages.
const IDENTITY_INTERVAL_US: u64 = 1_000_000;
/// Longest sleep of the main loop. The watchdog must be fed in time.
const LONGEST_SLEEP_US: u64 = 500_000;

/// The firmware.
pub struct ControlOnly {
    board: BoardRef,
    link: Link,
    next_identity_us: u64,
}

impl ControlOnly {
    /// Starts the firmware on a board.
    pub fn new(board: BoardRef) -> Self {
        let (link, info) = (Link::new(board), board.info());
        let reason = reset_text(board.reset_reason());
        link.log(&format!(
            "drydock {} on {}, control only, reset by {reason}",
            info.firmware, info.name
        ));
        if let Some(fault) = board.services().take_fault() {
            let reason = reset_text(fault.reason);
            link.log(&format!("crashed by {reason} at {:#x}: {}", fault.pc, fault.message));
        }
        Self {
            board,
            link,
            next_identity_us: 0,
        }
    }

    /// Writes a line to the `log` channel.
    pub fn say(&self, line: &str) {
        self.link.log(line);
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
        if self.link.pump() {
            self.next_identity_us = 0;
        }
        while let Some(message) = self.link.receive_control() {
            match message {
                // These boards have one rate.
                #[cfg(feature = "link-rates")]
                FromHost::LinkRate(_) => {}
                FromHost::Identify => self.next_identity_us = 0,
                // The board cannot store an identity; its own identity message says so.
                FromHost::Pair(_) => {}
            }
        }
        let now_us = self.board.now_us();
        if self.link.is_up() && now_us >= self.next_identity_us {
            self.next_identity_us = now_us + IDENTITY_INTERVAL_US;
            self.link.send_control(&FromDevice::Identity(self.identity()));
        }
        if !self.link.pump() {
            self.sleep();
        }
    }

    fn identity(&self) -> Identity {
        let info = self.board.info();
        Identity {
            board: info.name.into(),
            chip_id: self.board.chip_id().into(),
            firmware: info.firmware.into(),
            state: IdentityState::Unauthenticated,
            reset_reason: self.board.reset_reason(),
        }
    }

    fn sleep(&self) {
        let now_us = self.board.now_us();
        let deadlines = [
            Some(now_us + LONGEST_SLEEP_US),
            self.link.next_timeout_us(),
            self.link.is_up().then_some(self.next_identity_us),
        ];
        let deadline_us = deadlines.into_iter().flatten().min().unwrap_or(now_us);
        if deadline_us > now_us {
            self.board.sleep_until(deadline_us);
        }
    }
}
