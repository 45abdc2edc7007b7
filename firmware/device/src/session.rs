//! Conversations with the gateway: enrollment of a blank device, and the session of an enrolled one.

use crate::{
    board::BoardRef,
    csr::certificate_request,
    identity::{Digest, Identity},
    link::{Link, SessionStream},
    state::DeviceState,
    tls::{self, Buffers, Client, ConnectError},
    verifier::{Accepted, Trust},
};
use alloc::{boxed::Box, rc::Rc, string::String, vec::Vec};
use core::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};
use drydock_protocol::{
    control::Pair,
    device_handler::handle_message,
    device_to_gateway::EnrollRequest,
    envelope::{self, Envelope, Kind},
    framing,
    gateway_to_device::{EnrollRefused, Enrolled},
    limits::{ALPN_ENROLL, ALPN_SESSION},
    types::LogLevel,
};
use embedded_io_async::Write as _;
use embedded_tls::{TlsError, TlsReader, TlsWriter};

/// How a conversation with the gateway ended.
#[derive(Debug)]
pub enum ConversationEnd {
    /// The gateway issued an identity. [`DeviceState::keep_given`] stores it once the conversation has freed its heap.
    /// The session follows after a restart of the link.
    Enrolled,
    /// The gateway refused to enroll the device.
    EnrollRefused(String),
    /// No connection, or it ended.
    Connection(ConnectError),
    /// The peer sent an unexpected or malformed message.
    Protocol(&'static str),
    /// The identity could not be written to flash.
    Flash,
}

impl From<ConnectError> for ConversationEnd {
    fn from(error: ConnectError) -> Self {
        Self::Connection(error)
    }
}

impl From<TlsError> for ConversationEnd {
    fn from(error: TlsError) -> Self {
        Self::Connection(error.into())
    }
}

impl core::fmt::Display for ConversationEnd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Enrolled => f.write_str("enrolled"),
            Self::EnrollRefused(detail) => write!(f, "enrollment refused: {detail}"),
            Self::Connection(error) => error.fmt(f),
            Self::Protocol(detail) => f.write_str(detail),
            Self::Flash => f.write_str("flash did not take the identity"),
        }
    }
}

/// A running conversation. It advances when it is polled after the link was pumped.
pub type Conversation = Pin<Box<dyn Future<Output = ConversationEnd>>>;

/// The purpose of a conversation.
pub enum Purpose {
    /// A blank device enrolls with the gateway that was named over the cable.
    Enroll(Rc<Pair>),
    /// An enrolled device holds a session.
    Session(Rc<Identity>),
}

/// Begins a conversation.
pub fn begin(
    board: BoardRef,
    state: Rc<RefCell<DeviceState>>,
    link: Rc<Link>,
    buffers: Rc<RefCell<Buffers>>,
    purpose: Purpose,
) -> Conversation {
    Box::pin(async move {
        let (Ok(end) | Err(end)) = converse(board, &state, &link, &buffers, purpose).await;
        state.borrow_mut().session_ended();
        end
    })
}

// Both purposes share one function, so that the TLS code is in the image once.
#[allow(
    clippy::await_holding_refcell_ref,
    reason = "there is one conversation at a time, and the buffers are its own while it lasts"
)]
async fn converse(
    board: BoardRef,
    state: &Rc<RefCell<DeviceState>>,
    link: &Rc<Link>,
    buffers: &RefCell<Buffers>,
    purpose: Purpose,
) -> Result<ConversationEnd, ConversationEnd> {
    let mut buffers = buffers.borrow_mut();
    let (trust, client) = credentials(&state.borrow(), &purpose);
    let alpn = match purpose {
        Purpose::Enroll(_) => ALPN_ENROLL,
        Purpose::Session(_) => ALPN_SESSION,
    };
    let mut connection = buffers.connection(link.session_stream());
    let gateway = tls::open(&mut connection, board, alpn, trust, client).await?;
    let (mut reader, mut writer) = connection.split();
    let first = match &purpose {
        Purpose::Enroll(pair) => enroll_request(board, &state.borrow(), pair),
        Purpose::Session(_) => state.borrow_mut().hello(),
    };
    let first = first.ok_or(ConversationEnd::Protocol(
        "what this device says about itself does not fit a message",
    ))?;
    let mut reading = pin!(read_messages(state, &mut reader, purpose, gateway));
    let mut writing = pin!(write_messages(state, link, &mut writer, first));
    poll_fn(|context| {
        if let Poll::Ready(end) = reading.as_mut().poll(context) {
            return Poll::Ready(end);
        }
        writing.as_mut().poll(context)
    })
    .await
}

fn credentials(state: &DeviceState, purpose: &Purpose) -> (Trust, Option<Client>) {
    let time_ms = state.clock.now_ms();
    match purpose {
        Purpose::Enroll(pair) => {
            let trust = Trust {
                anchor: pair.anchor.clone(),
                gateway_name: pair.gateway_name.clone(),
                gateway_pin: None,
                verified: Vec::new(),
                time_ms,
            };
            (trust, None)
        }
        Purpose::Session(identity) => {
            let trust = Trust {
                anchor: identity.anchor.clone(),
                gateway_name: identity.gateway_name.clone(),
                gateway_pin: Some(Digest(identity.gateway_pin)),
                verified: identity.verified.clone(),
                time_ms,
            };
            let client = Client {
                key: state.key.clone(),
                identity: identity.clone(),
            };
            (trust, Some(client))
        }
    }
}

fn enroll_request(board: BoardRef, state: &DeviceState, pair: &Pair) -> Option<Vec<u8>> {
    let (info, chip_id) = (board.info(), board.chip_id());
    let request = EnrollRequest {
        token: pair.token.clone(),
        csr: certificate_request(&state.key, &crate::board::chip_id_text(&chip_id)),
        chip_id: chip_id.into(),
        board: info.name.into(),
        firmware: info.firmware.into(),
    };
    envelope::encode(Kind::EnrollRequest, 0, &request).ok()
}

type Suite = embedded_tls::Aes128GcmSha256;

/// Reads the gateway's messages: the answer to an enrollment, or the requests of a session, and queues the replies.
async fn read_messages(
    state: &Rc<RefCell<DeviceState>>,
    reader: &mut TlsReader<'_, SessionStream, Suite>,
    purpose: Purpose,
    gateway: Accepted,
) -> Result<ConversationEnd, ConversationEnd> {
    let mut messages = framing::Reader::new();
    loop {
        // While the reply queue is full, read no further requests.
        poll_fn(|_| match state.borrow().is_congested() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
        let mut record = reader.read_buffered().await?;
        let bytes = record.peek_all();
        let mut rest = bytes;
        let message = messages
            .next(&mut rest)
            .map_err(|_| ConversationEnd::Protocol("the gateway sent a message that is too long"))?;
        let used = bytes.len() - rest.len();
        if let Some(message) = message {
            if let Purpose::Enroll(pair) = purpose {
                let (identity, time_ms) = read_answer(message, &pair, gateway)?;
                state.borrow_mut().given(identity, time_ms);
                return Ok(ConversationEnd::Enrolled);
            }
            let mut state = state.borrow_mut();
            if !state.is_welcome() && !is_welcome(message) {
                return Err(ConversationEnd::Protocol("the gateway's first message is no welcome"));
            }
            if let Some(reply) = handle_message(&mut *state, message) {
                state.reply(reply);
            }
        }
        record.pop(used);
    }
}

fn is_welcome(message: &[u8]) -> bool {
    Envelope::decode(message).is_ok_and(|envelope| envelope.kind == Kind::Welcome as u16)
}

/// Sends the first message, and after the gateway's welcome all further messages.
async fn write_messages(
    state: &Rc<RefCell<DeviceState>>,
    link: &Rc<Link>,
    writer: &mut TlsWriter<'_, SessionStream, Suite>,
    first: Vec<u8>,
) -> Result<ConversationEnd, ConversationEnd> {
    let mut message = first;
    loop {
        // The protocol crate never encodes a message that is too long.
        if let Ok(message) = framing::framed(&message) {
            let mut rest = &message[..];
            while !rest.is_empty() {
                let written = writer.write(rest).await?;
                rest = &rest[written..];
            }
            writer.flush().await?;
        }
        message = poll_fn(|_| {
            let mut state = state.borrow_mut();
            if !state.is_welcome() {
                return Poll::Pending;
            }
            state.next_message(link.stats()).map_or(Poll::Pending, Poll::Ready)
        })
        .await;
    }
}

fn read_answer(answer: &[u8], pair: &Pair, gateway: Accepted) -> Result<(Identity, u64), ConversationEnd> {
    let malformed = ConversationEnd::Protocol("the answer to the enrollment request is malformed");
    let Ok(envelope) = Envelope::decode(answer) else {
        return Err(malformed);
    };
    match Kind::from_number(envelope.kind) {
        Some(Kind::Enrolled) => {
            let Ok(enrolled) = envelope.body::<Enrolled>() else {
                return Err(malformed);
            };
            // The pin must be that of the connected gateway; another pin would lock the device out.
            if enrolled.gateway_pin != gateway.key_digest.0 {
                return Err(ConversationEnd::Protocol("the gateway gave a pin that is not its own"));
            }
            let identity = Identity {
                device_id: enrolled.device_id,
                certificate: enrolled.certificate,
                anchor: pair.anchor.clone(),
                gateway_name: pair.gateway_name.clone(),
                gateway_pin: enrolled.gateway_pin,
                publisher_key: enrolled.publisher_key,
                verified: gateway.verified,
            };
            Ok((identity, enrolled.time_ms))
        }
        Some(Kind::EnrollRefused) => Err(match envelope.body::<EnrollRefused>() {
            Ok(refused) => ConversationEnd::EnrollRefused(refused.detail),
            Err(_) => malformed,
        }),
        _ => Err(malformed),
    }
}

/// The level at which an end is logged.
pub(crate) fn severity(end: &ConversationEnd) -> LogLevel {
    match end {
        ConversationEnd::Enrolled => LogLevel::Info,
        ConversationEnd::Connection(ConnectError::Tls(TlsError::ConnectionClosed | TlsError::Io(_))) => LogLevel::Info,
        _ => LogLevel::Warn,
    }
}
