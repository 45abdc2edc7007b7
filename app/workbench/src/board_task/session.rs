//! The session with a board on any host: the link, first trust, the connection to the gateway, logs and metrics.

use super::{context::BoardContext, host::BoardHost};
use crate::{
    api::EventName,
    clock::now_ms,
    fleet::{self, NewLine},
};
use drydock_connector::{LinkDriver, LinkEvent, LinkSession};
use drydock_gateway::{
    Gateway, PeerLabel,
    stream::{AppSampleStream, LogStream, MetricsStream},
};
use drydock_protocol::control::{Identity, IdentityState, Pair, PairResult};
use serde_json::{Map, json};
use std::{
    io,
    pin::Pin,
    time::{Duration, Instant},
};
use tokio::io::AsyncReadExt;

/// How long a one-time token is valid. A blank board that asks again gets a new one.
const TOKEN_TTL: Duration = Duration::from_secs(600);

/// A device that does not answer a pairing is offered it again after this time, both its own and the host's: what it said
/// before the offer arrived is read late on a busy host, and early at pace `max`.
const PAIR_AGAIN: Duration = Duration::from_secs(3);

type ConnectionEnd = Pin<Box<dyn Future<Output = String> + Send>>;

/// The session with one board while it is on.
pub(super) struct BoardSession {
    context: BoardContext,
    link: Option<LinkDriver>,
    /// Completes with one sentence when the gateway's connection to the device has ended.
    connection: Option<ConnectionEnd>,
    /// When the device was offered its first trust in this life of the link: the host's time, and the board's.
    paired: Option<(Instant, Duration)>,
    /// Why the link ended, until the host has been told.
    link_end: Option<LinkEnd>,
    logs: Option<LogStream>,
    metrics: Option<MetricsStream>,
    app_samples: Option<AppSampleStream>,
}

/// Why a link ended.
pub(super) enum LinkEnd {
    /// The byte stream ended or failed.
    Lost(String),
    /// Another board than the host's is behind it.
    WrongBoard,
}

/// An event of a session.
pub(super) enum SessionEvent {
    /// The link says something; `None` when its task has ended.
    Link(Option<LinkEvent>),
    /// The connection to the gateway ended.
    Disconnected(String),
    /// The gateway took log lines.
    Logs,
    /// The gateway took a metrics sample.
    Metrics,
    /// The gateway took numbers that apps published.
    AppSamples,
}

impl BoardSession {
    /// A session without a link yet.
    pub(super) fn new(context: BoardContext) -> Self {
        let device = context.board.state().record.device.clone();
        let gateway = &context.workbench.gateway;
        Self {
            logs: Some(gateway.follow_logs(&device, None)),
            metrics: Some(gateway.follow_metrics(&device)),
            app_samples: Some(gateway.follow_app_samples(&device)),
            context,
            link: None,
            connection: None,
            paired: None,
            link_end: None,
        }
    }

    /// Why the link ended, once after each end.
    pub(super) fn take_link_end(&mut self) -> Option<LinkEnd> {
        self.link_end.take()
    }

    /// Speaks over this link from now on.
    pub(super) fn open(&mut self, link: LinkDriver) {
        self.link = Some(link);
    }

    /// Drops the link, and with it the connection to the gateway.
    pub(super) fn close(&mut self) {
        self.link = None;
        self.connection = None;
    }

    /// The next event. Cancel safe: nothing is lost if this is dropped while it waits.
    pub(super) async fn next(&mut self) -> SessionEvent {
        tokio::select! {
            event = next_of(&mut self.link) => SessionEvent::Link(event),
            reason = end_of(&mut self.connection) => SessionEvent::Disconnected(reason),
            () = wait_logs(&mut self.logs) => SessionEvent::Logs,
            () = wait_metrics(&mut self.metrics) => SessionEvent::Metrics,
            () = wait_app_samples(&mut self.app_samples) => SessionEvent::AppSamples,
        }
    }

    /// Handles what happened.
    pub(super) async fn handle(&mut self, event: SessionEvent, host: &impl BoardHost) {
        let BoardContext { workbench, board } = &self.context;
        match event {
            SessionEvent::Link(Some(event)) => self.link_event(event, host).await,
            SessionEvent::Link(None) => self.end_link(LinkEnd::Lost("the link ended".into())),
            SessionEvent::Disconnected(reason) => {
                tracing::debug!(board = board.name(), reason, "session ended");
                self.connection = None;
                self.context.set_phase("reconnecting");
            }
            SessionEvent::Logs => {
                if fleet::read_logs(board, &workbench.gateway) {
                    self.context.post();
                }
            }
            SessionEvent::Metrics => {
                if fleet::read_metrics(board, &workbench.gateway) {
                    self.context.post();
                }
            }
            SessionEvent::AppSamples => {
                let batches = fleet::read_app_samples(board, &workbench.gateway);
                if !batches.is_empty() {
                    workbench.recordings.app_samples(&board.id, &batches);
                    self.context.post();
                }
            }
        }
    }

    fn end_link(&mut self, end: LinkEnd) {
        if self.link.take().is_some() {
            self.link_end = Some(end);
        }
    }

    async fn link_event(&mut self, event: LinkEvent, host: &impl BoardHost) {
        let BoardContext { workbench, board } = &self.context;
        board.state().flash_changed = true;
        match event {
            LinkEvent::Up { session, .. } => {
                self.paired = None;
                self.connection = Some(Box::pin(serve(session, workbench.gateway.clone(), host.peer())));
            }
            LinkEvent::Identity(identity) => self.identity(identity, host).await,
            LinkEvent::PairResult(PairResult::Accepted) => self.context.set_phase("enrolling"),
            LinkEvent::PairResult(PairResult::AlreadyEnrolled) => {}
            LinkEvent::PairResult(PairResult::Malformed) => {
                let text = "The board cannot use the gateway's certificate; its firmware may be too old.";
                self.context.refuse(text);
            }
            LinkEvent::Log(text) => {
                let line = NewLine {
                    time_ms: now_ms(),
                    uptime_ms: None,
                    source: "fw".into(),
                    level: "info",
                    text,
                };
                board.state().log(0, line);
                self.context.post();
            }
            LinkEvent::Rate { baud, given_up } => {
                let text = match given_up {
                    None => format!("The link runs at {baud} baud."),
                    Some(rate) => format!("The link runs at {baud} baud again: {rate} baud did not carry it."),
                };
                let level = if given_up.is_some() { "warn" } else { "info" };
                board.state().note(level, text);
                self.context.post();
            }
            LinkEvent::VersionMismatch { device, host } => {
                self.context.refuse(format!(
                    "The firmware speaks version {device} of the link, this Drydock {host}; use firmware of this Drydock."
                ));
            }
            LinkEvent::Closed(reason) => {
                tracing::debug!(board = board.name(), %reason, "link");
                self.end_link(LinkEnd::Lost(reason.to_string()));
            }
        }
    }

    /// Pairs a blank board: the user created it here.
    async fn identity(&mut self, identity: Identity, host: &impl BoardHost) {
        if let Err(wrong) = host.admit(&identity) {
            self.context.refuse(wrong);
            self.connection = None;
            return self.end_link(LinkEnd::WrongBoard);
        }
        let BoardContext { workbench, board } = &self.context;
        if identity.board != board.description().firmware_name() {
            let text = format!(
                "The firmware is for the board {}; this is a {}.",
                identity.board,
                board.description().title
            );
            return self.context.refuse(text);
        }
        match identity.state {
            IdentityState::Enrolling => return self.context.set_phase("enrolling"),
            IdentityState::Enrolled => return self.context.set_phase("handshake"),
            IdentityState::Unauthenticated => return self.unauthenticated(&identity),
            IdentityState::Blank => match host.may_enroll() {
                Ok(()) => self.context.set_phase("pairing"),
                Err(phase) => return self.context.set_phase(phase),
            },
        }
        // A device reports several times that it is blank; another offer would make it start over.
        let now = host.board_time();
        if let Some((host_then, board_then)) = self.paired
            && is_fresh(host_then.elapsed(), now.saturating_sub(board_then))
        {
            return;
        }
        self.paired = Some((Instant::now(), now));
        let Some(link) = self.link.as_ref().map(LinkDriver::handle) else {
            return;
        };
        let device = board.state().record.device.clone();
        match workbench.gateway.create_own_pairing_for(&device, TOKEN_TTL).await {
            Ok(pairing) => {
                let pair = Pair {
                    anchor: pairing.anchor_der,
                    token: pairing.token,
                    gateway_name: pairing.gateway_name,
                };
                if let Err(error) = link.pair(pair).await {
                    tracing::debug!(%error, board = board.name(), "pairing");
                }
            }
            Err(error) => self.context.refuse(format!("The board cannot be paired: {error}.")),
        }
    }

    /// The board can never authenticate. Its claims are published once after each of its restarts, marked as claims.
    fn unauthenticated(&self, identity: &Identity) {
        const PHASE: &str = "unauthenticated";
        let board = &self.context.board;
        if board.state().phase == PHASE {
            return;
        }
        self.context.set_phase(PHASE);
        let mut data = Map::new();
        data.insert("firmware".into(), json!(identity.firmware));
        let description = board.description();
        let limit = description.limit.as_ref();
        let text = format!(
            "{} says that it is a {}, and cannot prove it{}.",
            board.name(),
            board.description().title,
            limit.map_or(String::new(), |limit| format!(": {}", limit.text))
        );
        self.context.publish(EventName::DeviceUnauthenticated, text, data);
    }
}

/// Whether an offer so long ago, in the host's time and the board's, may not have been answered yet.
fn is_fresh(host: Duration, board: Duration) -> bool {
    host < PAIR_AGAIN || board < PAIR_AGAIN
}

/// Hands a session to the gateway once the device says something on it: a blank device waits for its pairing and then
/// restarts the link, without having used the session.
async fn serve(session: LinkSession, gateway: Gateway, peer: PeerLabel) -> String {
    let (mut reader, writer) = tokio::io::split(session);
    let mut first = [0];
    match reader.read(&mut first).await {
        Ok(1) => {}
        _ => return "the session was not used".into(),
    }
    let whole = tokio::io::join(io::Cursor::new(first).chain(reader), writer);
    gateway.accept(whole, peer).ended().await
}

async fn next_of(link: &mut Option<LinkDriver>) -> Option<LinkEvent> {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

async fn end_of(connection: &mut Option<ConnectionEnd>) -> String {
    match connection {
        Some(end) => end.await,
        None => std::future::pending().await,
    }
}

/// Completes when the gateway took a line; which one is read from its page.
async fn wait_logs(stream: &mut Option<LogStream>) {
    match stream {
        Some(logs) => {
            if logs.next().await.is_none() {
                *stream = None;
            }
        }
        None => std::future::pending().await,
    }
}

async fn wait_metrics(stream: &mut Option<MetricsStream>) {
    match stream {
        Some(metrics) => {
            if metrics.next().await.is_none() {
                *stream = None;
            }
        }
        None => std::future::pending().await,
    }
}

async fn wait_app_samples(stream: &mut Option<AppSampleStream>) {
    match stream {
        Some(samples) => {
            if samples.next().await.is_none() {
                *stream = None;
            }
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pairing_is_offered_again_when_neither_clock_excuses_the_silence() {
        let (short, long) = (PAIR_AGAIN / 2, PAIR_AGAIN * 2);
        assert!(is_fresh(short, short));
        assert!(
            is_fresh(long, short),
            "the host was busy, the board had no time to answer"
        );
        assert!(is_fresh(short, long), "the board ran ahead of the host");
        assert!(!is_fresh(long, long));
    }
}
