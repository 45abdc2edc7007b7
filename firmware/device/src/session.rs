//! Talking to the gateway: enrollment of a blank device, and the session of an enrolled one.

use crate::{
    board::BoardRef,
    csr::certificate_request,
    identity::{Digest, Identity},
    link::Link,
    state::DeviceState,
    tls::{self, Buffers, Client, ConnectError, Connection},
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
pub enum End {
    /// The device has an identity now; the session follows in a new life of the link.
    Enrolled,
    /// The gateway refused to enroll the device.
    EnrollRefused(String),
    /// No connection, or it ended.
    Connection(ConnectError),
    /// The peer said what makes no sense here.
    Protocol(&'static str),
    /// Flash did not take the identity.
    Flash,
}

impl From<ConnectError> for End {
    fn from(error: ConnectError) -> Self {
        Self::Connection(error)
    }
}

impl From<TlsError> for End {
    fn from(error: TlsError) -> Self {
        Self::Connection(error.into())
    }
}

impl core::fmt::Display for End {
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

/// A conversation under way. It advances when it is polled after the link was pumped.
pub type Conversation = Pin<Box<dyn Future<Output = End>>>;

/// Enrolls the device with a gateway that the cable vouched for.
pub fn enroll(board: BoardRef, state: Rc<RefCell<DeviceState>>, link: Rc<Link>, pair: Pair) -> Conversation {
    Box::pin(async move {
        match try_enroll(board, &state, &link, pair).await {
            Ok(()) => End::Enrolled,
            Err(end) => end,
        }
    })
}

/// Holds a session; it never ends well.
pub fn converse(board: BoardRef, state: Rc<RefCell<DeviceState>>, link: Rc<Link>, identity: &Identity) -> Conversation {
    let trust = Trust {
        anchor: identity.anchor.clone(),
        gateway_name: identity.gateway_name.clone(),
        gateway_pin: Some(Digest(identity.gateway_pin)),
        verified: identity.verified.clone(),
        time_ms: state.borrow().clock.now_ms(),
    };
    let client = Client {
        key: state.borrow().key.clone(),
        certificate: identity.certificate.clone(),
    };
    Box::pin(async move {
        let end = match try_converse(board, &state, &link, trust, client).await {
            Ok(end) | Err(end) => end,
        };
        state.borrow_mut().session_ended();
        end
    })
}

async fn try_enroll(board: BoardRef, state: &Rc<RefCell<DeviceState>>, link: &Rc<Link>, pair: Pair) -> Result<(), End> {
    let mut buffers = Buffers::new();
    let trust = Trust {
        anchor: pair.anchor.clone(),
        gateway_name: pair.gateway_name.clone(),
        gateway_pin: None,
        verified: Vec::new(),
        time_ms: state.borrow().clock.now_ms(),
    };
    let (mut connection, gateway) =
        tls::connect(board, link.session_stream(), &mut buffers, ALPN_ENROLL, trust, None).await?;
    let (info, chip_id) = (board.info(), board.chip_id());
    let request = EnrollRequest {
        token: pair.token.clone(),
        csr: certificate_request(&state.borrow().key, &crate::board::chip_id_text(&chip_id)),
        chip_id: chip_id.into(),
        board: info.name.into(),
        firmware: info.firmware.into(),
    };
    let request = envelope::encode(Kind::EnrollRequest, 0, &request)
        .map_err(|_| End::Protocol("the enrollment request is too long"))?;
    send_whole(&mut connection, &request).await?;
    let answer = receive_whole(&mut connection).await?;
    let (identity, time_ms) = read_answer(&answer, pair, gateway)?;
    state.borrow_mut().enrolled(identity, time_ms).map_err(|_| End::Flash)?;
    // The gateway knows that the device has kept it when the session comes; a failed goodbye harms nobody.
    let _ = connection.close().await;
    Ok(())
}

fn read_answer(answer: &[u8], pair: Pair, gateway: Accepted) -> Result<(Identity, u64), End> {
    let malformed = End::Protocol("the answer to the enrollment request is malformed");
    let Ok(envelope) = Envelope::decode(answer) else {
        return Err(malformed);
    };
    match Kind::from_number(envelope.kind) {
        Some(Kind::Enrolled) => {
            let Ok(enrolled) = envelope.body::<Enrolled>() else {
                return Err(malformed);
            };
            // The gateway that speaks is the one to pin; another pin would lock the device out.
            if enrolled.gateway_pin != gateway.key_digest.0 {
                return Err(End::Protocol("the gateway gave a pin that is not its own"));
            }
            let identity = Identity {
                device_id: enrolled.device_id,
                certificate: enrolled.certificate,
                anchor: pair.anchor,
                gateway_name: pair.gateway_name,
                gateway_pin: enrolled.gateway_pin,
                publisher_key: enrolled.publisher_key,
                verified: gateway.verified,
            };
            Ok((identity, enrolled.time_ms))
        }
        Some(Kind::EnrollRefused) => Err(match envelope.body::<EnrollRefused>() {
            Ok(refused) => End::EnrollRefused(refused.detail),
            Err(_) => malformed,
        }),
        _ => Err(malformed),
    }
}

async fn try_converse(
    board: BoardRef,
    state: &Rc<RefCell<DeviceState>>,
    link: &Rc<Link>,
    trust: Trust,
    client: Client,
) -> Result<End, End> {
    let mut buffers = Buffers::new();
    let stream = link.session_stream();
    let (mut connection, _) = tls::connect(board, stream, &mut buffers, ALPN_SESSION, trust, Some(client)).await?;
    let hello = state.borrow_mut().hello();
    let hello = hello.ok_or(End::Protocol(
        "what this device says about itself does not fit a message",
    ))?;
    send_whole(&mut connection, &hello).await?;
    let (mut reader, mut writer) = connection.split();
    let mut reading = pin!(read_requests(state, &mut reader));
    let mut writing = pin!(write_messages(state, link, &mut writer));
    poll_fn(|context| {
        if let Poll::Ready(end) = reading.as_mut().poll(context) {
            return Poll::Ready(end);
        }
        writing.as_mut().poll(context)
    })
    .await
}

type Suite = embedded_tls::Aes128GcmSha256;

/// Takes the gateway's messages and queues the answers.
async fn read_requests(
    state: &Rc<RefCell<DeviceState>>,
    reader: &mut TlsReader<'_, crate::link::SessionStream, Suite>,
) -> Result<End, End> {
    let mut messages = framing::Reader::new();
    loop {
        // A gateway that asks faster than it reads has to wait.
        poll_fn(|_| {
            if state.borrow().is_congested() {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        let mut record = reader.read_buffered().await?;
        let mut bytes = record.pop_all();
        while let Some(message) = messages
            .next(&mut bytes)
            .map_err(|_| End::Protocol("the gateway sent a message that is too long"))?
        {
            let mut state = state.borrow_mut();
            if !state.is_welcome() && !is_welcome(message) {
                return Err(End::Protocol("the gateway's first message is no welcome"));
            }
            if let Some(reply) = handle_message(&mut *state, message) {
                state.reply(reply);
            }
        }
    }
}

fn is_welcome(message: &[u8]) -> bool {
    Envelope::decode(message).is_ok_and(|envelope| envelope.kind == Kind::Welcome as u16)
}

/// Sends what the device has to say, once it is welcome.
async fn write_messages(
    state: &Rc<RefCell<DeviceState>>,
    link: &Rc<Link>,
    writer: &mut TlsWriter<'_, crate::link::SessionStream, Suite>,
) -> Result<End, End> {
    loop {
        let message = poll_fn(|_| {
            let mut state = state.borrow_mut();
            if !state.is_welcome() {
                return Poll::Pending;
            }
            state.next_message(link.stats()).map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        let Ok(message) = framing::framed(&message) else {
            continue;
        };
        let mut rest = &message[..];
        while !rest.is_empty() {
            let written = writer.write(rest).await?;
            rest = &rest[written..];
        }
        writer.flush().await?;
    }
}

async fn send_whole(connection: &mut Connection<'_>, message: &[u8]) -> Result<(), End> {
    let message = framing::framed(message).map_err(|_| End::Protocol("a message is too long"))?;
    let mut rest = &message[..];
    while !rest.is_empty() {
        let written = connection.write(rest).await?;
        rest = &rest[written..];
    }
    connection.flush().await?;
    Ok(())
}

async fn receive_whole(connection: &mut Connection<'_>) -> Result<Vec<u8>, End> {
    let mut messages = framing::Reader::new();
    loop {
        let mut record = connection.read_buffered().await?;
        let mut bytes = record.pop_all();
        match messages.next(&mut bytes) {
            Ok(None) => {}
            Ok(Some(message)) => return Ok(message.to_vec()),
            Err(_) => return Err(End::Protocol("the gateway sent a message that is too long")),
        }
    }
}

/// The level at which an end is logged.
pub(crate) fn severity(end: &End) -> LogLevel {
    match end {
        End::Enrolled => LogLevel::Info,
        End::Connection(ConnectError::Tls(TlsError::ConnectionClosed | TlsError::Io(_))) => LogLevel::Info,
        _ => LogLevel::Warn,
    }
}
