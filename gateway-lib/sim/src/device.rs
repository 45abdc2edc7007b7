//! A simulated board: its key, its identity, and the way to a session.

use crate::{
    running::RunningDevice,
    store::SimStore,
    stream::Messages,
    tls::{self, Client},
};
use drydock_protocol::{
    control::Pair,
    device_to_gateway::{EnrollRequest, Hello},
    envelope::{self, DecodeError, Envelope, Kind},
    framing::FramingError,
    gateway_to_device::{EnrollRefused, Enrolled, Welcome},
    limits::{ALPN_ENROLL, ALPN_SESSION},
    types::ResetReason,
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use std::io;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::Instant,
};

/// The simulated kind of board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimBoard {
    /// Id of the board's description.
    pub board: String,
    /// The chip's unique id.
    pub chip_id: Vec<u8>,
    /// Version of the firmware.
    pub firmware: String,
    /// Heap for all apps together, in bytes.
    pub heap_bytes: u32,
    /// Capacity for packages in bytes.
    pub store_bytes: u32,
    /// Pins that apps may be granted.
    pub pins: Vec<u8>,
}

impl SimBoard {
    /// An Arduino Nano 33 BLE with a chip id made of a number.
    pub fn nano33ble(number: u64) -> Self {
        Self {
            board: "nano33ble".into(),
            chip_id: number.to_be_bytes().into(),
            firmware: env!("CARGO_PKG_VERSION").into(),
            heap_bytes: 160 * 1024,
            store_bytes: 512 * 1024,
            pins: (0..48).collect(),
        }
    }
}

/// A simulated board.
#[derive(Debug)]
pub struct SimDevice {
    pub(crate) board: SimBoard,
    key: KeyPair,
    identity: Option<Identity>,
    pub(crate) store: SimStore,
    boot_count: u32,
    reset_reason: ResetReason,
    pub(crate) booted: Instant,
    /// Metrics messages since reset.
    pub(crate) metrics_sequence: u32,
    /// Log lines since reset.
    pub(crate) log_sequence: u32,
}

/// The result of a device's enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The gateway's answer.
    pub enrolled: Enrolled,
    /// The gateway's root certificate (X.509, DER).
    pub anchor: Vec<u8>,
    /// Server name in the gateway's certificate.
    pub gateway_name: String,
}

/// Why a device has no identity or no session.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// No key could be made, or it could not sign.
    #[error("the device's key cannot be used")]
    Key(#[source] rcgen::Error),
    /// TLS does not take the identity.
    #[error("the device's identity cannot be used for TLS")]
    Tls(#[source] rustls::Error),
    /// The trust anchor or the gateway's name cannot be used.
    #[error("the pairing cannot be used: {0}")]
    Pairing(&'static str),
    /// The handshake failed, or the stream.
    #[error("the connection to the gateway failed")]
    Connection(#[source] io::Error),
    /// The gateway has another key than the one that was pinned.
    #[error("the gateway is not the one that enrolled this device")]
    WrongGateway,
    /// The gateway refused to enroll the device.
    #[error("enrollment was refused: {}", .0.detail)]
    EnrollRefused(EnrollRefused),
    /// The device has no identity.
    #[error("the device is blank")]
    Blank,
    /// The gateway's bytes are no messages.
    #[error("the gateway's bytes are no messages")]
    Framing(#[source] FramingError),
    /// A message of the gateway has no valid form.
    #[error("a message of the gateway has no valid form")]
    Malformed(#[source] DecodeError),
    /// The gateway said something that has no place here.
    #[error("message {0} of the gateway has no place here")]
    Unexpected(u16),
}

impl SimDevice {
    /// A blank device with a key of its own.
    ///
    /// # Errors
    /// [`SimError::Key`].
    pub fn new(board: SimBoard) -> Result<Self, SimError> {
        Ok(Self {
            store: SimStore::new(&board),
            board,
            key: KeyPair::generate().map_err(SimError::Key)?,
            identity: None,
            boot_count: 1,
            reset_reason: ResetReason::PowerOn,
            booted: Instant::now(),
            metrics_sequence: 0,
            log_sequence: 0,
        })
    }

    /// The kind of board.
    pub fn board(&self) -> &SimBoard {
        &self.board
    }

    /// The result of enrollment; `None` while blank.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The content of the device's flash.
    pub fn store(&self) -> &SimStore {
        &self.store
    }

    /// The content of the device's flash, to change how its apps behave.
    pub fn store_mut(&mut self) -> &mut SimStore {
        &mut self.store
    }

    /// Resets the device; flash keeps its content.
    pub fn reboot(&mut self, reason: ResetReason) {
        self.boot_count += 1;
        self.reset_reason = reason;
        self.booted = Instant::now();
        self.metrics_sequence = 0;
        self.log_sequence = 0;
        self.store.reboot();
    }

    /// Milliseconds since reset.
    pub fn uptime_ms(&self) -> u64 {
        self.booted.elapsed().as_millis() as u64
    }

    /// Enrolls over a separate connection, with the pairing that the cable would carry.
    ///
    /// # Errors
    /// [`SimError`]; the device stays unchanged.
    pub async fn enroll<S>(&mut self, stream: S, pair: &Pair) -> Result<(), SimError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let client = Client {
            anchor: &pair.anchor,
            gateway_name: &pair.gateway_name,
            alpn: ALPN_ENROLL,
            certificate: None,
        };
        let (mut tls, gateway_key) = tls::connect(stream, &client).await?;
        let request = EnrollRequest {
            token: pair.token.clone(),
            csr: self.certificate_request()?,
            chip_id: self.board.chip_id.clone(),
            board: self.board.board.clone(),
            firmware: self.board.firmware.clone(),
        };
        let mut messages = Messages::default();
        messages.send(&mut tls, Kind::EnrollRequest, &request).await?;
        let answer = messages.receive(&mut tls).await?;
        let envelope = Envelope::decode(&answer).map_err(SimError::Malformed)?;
        let enrolled: Enrolled = match Kind::from_number(envelope.kind) {
            Some(Kind::Enrolled) => envelope.body().map_err(SimError::Malformed)?,
            Some(Kind::EnrollRefused) => {
                return Err(SimError::EnrollRefused(envelope.body().map_err(SimError::Malformed)?));
            }
            _ => return Err(SimError::Unexpected(envelope.kind)),
        };
        if enrolled.gateway_pin != gateway_key {
            return Err(SimError::WrongGateway);
        }
        // The gateway waits for our close_notify, but does not need it.
        let _ = tls.shutdown().await;
        self.store.set_publisher_key(enrolled.publisher_key.clone());
        self.identity = Some(Identity {
            enrolled,
            anchor: pair.anchor.clone(),
            gateway_name: pair.gateway_name.clone(),
        });
        Ok(())
    }

    /// Opens a session: handshake, hello, welcome. The session runs in a task of its own.
    ///
    /// # Errors
    /// [`SimError`], with the device, which can try again.
    pub async fn connect<S>(self, stream: S) -> Result<RunningDevice, (Self, SimError)>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        match self.open(stream).await {
            Ok((tls, messages, welcome)) => Ok(RunningDevice::spawn(self, tls, messages, welcome)),
            Err(error) => Err((self, error)),
        }
    }

    async fn open<S>(&self, stream: S) -> Result<(tls::Stream<S>, Messages, Welcome), SimError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let identity = self.identity.as_ref().ok_or(SimError::Blank)?;
        let client = Client {
            anchor: &identity.anchor,
            gateway_name: &identity.gateway_name,
            alpn: ALPN_SESSION,
            certificate: Some((&identity.enrolled.certificate, &self.key)),
        };
        let (mut tls, gateway_key) = tls::connect(stream, &client).await?;
        if gateway_key != identity.enrolled.gateway_pin {
            return Err(SimError::WrongGateway);
        }
        let mut messages = Messages::default();
        messages.send(&mut tls, Kind::Hello, &self.hello()).await?;
        let first = messages.receive(&mut tls).await?;
        let envelope = Envelope::decode(&first).map_err(SimError::Malformed)?;
        if envelope.kind != Kind::Welcome as u16 {
            return Err(SimError::Unexpected(envelope.kind));
        }
        let welcome = envelope.body().map_err(SimError::Malformed)?;
        Ok((tls, messages, welcome))
    }

    fn hello(&self) -> Hello {
        let now_ms = self.uptime_ms();
        Hello {
            board: self.board.board.clone(),
            chip_id: self.board.chip_id.clone(),
            firmware: self.board.firmware.clone(),
            reset_reason: self.reset_reason,
            fault: None,
            heap_bytes: self.board.heap_bytes,
            store_bytes: self.board.store_bytes,
            store_free_bytes: self.store.free_bytes(),
            apps: self.store.installed().map(|app| app.report(now_ms)).collect(),
            uptime_ms: now_ms,
            boot_count: self.boot_count,
        }
    }

    /// PKCS#10 with the chip id in hexadecimal as common name.
    fn certificate_request(&self) -> Result<Vec<u8>, SimError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let chip_id: String = self.board.chip_id.iter().map(|byte| format!("{byte:02x}")).collect();
        params.distinguished_name.push(DnType::CommonName, chip_id);
        let request = params.serialize_request(&self.key).map_err(SimError::Key)?;
        Ok(request.der().to_vec())
    }

    /// After the gateway had the device wiped: blank again, with a new key.
    pub(crate) fn wiped(&mut self) -> Result<(), SimError> {
        self.key = KeyPair::generate().map_err(SimError::Key)?;
        self.identity = None;
        self.store = SimStore::new(&self.board);
        self.reboot(ResetReason::Software);
        Ok(())
    }
}

pub(crate) fn encoded<T: minicbor::Encode<()>>(kind: Kind, body: &T) -> Result<Vec<u8>, SimError> {
    envelope::encode(kind, 0, body).map_err(|_| SimError::Malformed(DecodeError::TooLong))
}
