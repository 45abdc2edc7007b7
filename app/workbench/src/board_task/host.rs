//! What hosts a board: a machine of the emulator, or a serial port with a physical board behind it.

use super::{context::BoardContext, emulated::EmulatedHost, physical::PhysicalHost, session::LinkEnd};
use crate::{
    api::{ApiError, ErrorCode, PowerAction},
    fleet::{HostRecord, PortUser},
};
use drydock_connector::LinkDriver;
use drydock_emulator::MachineSnapshot;
use drydock_gateway::PeerLabel;
use drydock_protocol::control::Identity;
use std::{sync::Arc, time::Duration};

/// What a board's session needs from the board's host.
pub(super) trait BoardHost {
    /// The far end of the board's link, as the gateway sees it: name, clock, and the flash that the host keeps.
    fn peer(&self) -> PeerLabel;

    /// Time that has passed for the board itself. An emulated board may be ahead of the host, or behind it.
    fn board_time(&self) -> Duration;

    /// Whether the board behind the link is the one that this host is for; the error says in a sentence why not.
    fn admit(&self, identity: &Identity) -> Result<(), String>;

    /// Whether the board may enroll now, if it says that it is blank; the error is the board's step to show.
    fn may_enroll(&self) -> Result<(), &'static str>;
}

/// The host of one board while it is on.
pub(super) enum Host {
    Emulated(Box<EmulatedHost>),
    Physical(Box<PhysicalHost>),
}

/// What a host reports.
pub(super) enum HostEvent {
    /// Something that the host has shown itself.
    Shown,
    /// The link to the board was opened.
    Link(LinkDriver),
    /// The link is to be dropped.
    Unlink,
    /// The program of the user's own speaks Drydock's link.
    SpeaksLink,
}

impl Host {
    /// Starts the host of a board. With an `origin` its machine continues from that state, without a link.
    pub(super) async fn start(
        context: &BoardContext,
        origin: Option<Arc<MachineSnapshot>>,
    ) -> Result<(Self, Option<LinkDriver>), String> {
        let record = context.board.state().record.host.clone();
        match record {
            HostRecord::Emulated(record) => {
                let (host, link) = EmulatedHost::start(context.clone(), &record, origin).await?;
                Ok((Self::Emulated(Box::new(host)), link))
            }
            HostRecord::Physical(_) => {
                // It may wait for its cable for days; others must not wait for it.
                context.workbench.startup.release(&context.board.id);
                Ok((Self::Physical(Box::new(PhysicalHost::start(context.clone()))), None))
            }
        }
    }

    /// Waits for the next event of the host. Cancel safe.
    pub(super) async fn attend(&mut self) -> HostEvent {
        match self {
            Self::Emulated(host) => host.attend().await,
            Self::Physical(host) => host.attend().await,
        }
    }

    /// The session noticed that the link ended.
    pub(super) fn link_ended(&mut self, end: &LinkEnd) {
        if let Self::Physical(host) = self {
            host.link_ended(end);
        }
    }

    pub(super) fn power(&self, action: PowerAction) -> Result<(), ApiError> {
        match self {
            Self::Emulated(host) => {
                host.power(action);
                Ok(())
            }
            Self::Physical(host) => host.power(action),
        }
    }

    pub(super) fn press(&self, button: usize, pressed: bool) -> Result<(), ApiError> {
        match self {
            Self::Emulated(host) => {
                host.press(button, pressed);
                Ok(())
            }
            Self::Physical(host) => Err(host.has_no_machine("Press its buttons with a finger")),
        }
    }

    /// Closes the port for somebody else, or opens it again.
    pub(super) fn hand_over(&mut self, user: Option<PortUser>) -> Result<(), ApiError> {
        match self {
            Self::Physical(host) => {
                host.hand_over(user);
                Ok(())
            }
            Self::Emulated(_) => Err(ApiError::new(
                ErrorCode::Refused,
                "An emulated board has no serial port of this host.",
            )),
        }
    }

    pub(super) async fn save_now_and_then(&mut self) {
        if let Self::Emulated(host) = self {
            host.save_now_and_then().await;
        }
    }

    /// Ends the host. The link must have been dropped.
    pub(super) async fn switch_off(&mut self, ends: bool) {
        match self {
            Self::Emulated(host) => host.switch_off(ends).await,
            Self::Physical(host) => host.switch_off(),
        }
    }
}

impl BoardHost for Host {
    fn peer(&self) -> PeerLabel {
        match self {
            Self::Emulated(host) => host.peer(),
            Self::Physical(host) => host.peer(),
        }
    }

    fn board_time(&self) -> Duration {
        match self {
            Self::Emulated(host) => host.board_time(),
            Self::Physical(host) => host.board_time(),
        }
    }

    fn admit(&self, identity: &Identity) -> Result<(), String> {
        match self {
            Self::Emulated(host) => host.admit(identity),
            Self::Physical(host) => host.admit(identity),
        }
    }

    fn may_enroll(&self) -> Result<(), &'static str> {
        match self {
            Self::Emulated(host) => host.may_enroll(),
            Self::Physical(host) => host.may_enroll(),
        }
    }
}
