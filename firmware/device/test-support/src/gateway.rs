//! A gateway: rustls without I/O, and the messages in its stream.

use crate::{
    bare_tls::BareServer,
    pki::{GATEWAY_NAME, Pki},
};
use drydock_protocol::{
    control::Pair,
    device_to_gateway::EnrollRequest,
    envelope::{self, Envelope, Kind},
    framing,
    gateway_to_device::{Enrolled, Welcome},
    limits::{ALPN_ENROLL, ALPN_SESSION, GATEWAY_MAX_FRAGMENT_BYTES},
};
use p256::ecdsa::{SigningKey, VerifyingKey};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection,
    pki_types::CertificateDer,
    server::{Acceptor, WebPkiClientVerifier},
};
use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    sync::Arc,
};

/// The token that an enrolling device shows.
pub const TOKEN: &[u8] = b"one-time token";
/// The gateway's time, in milliseconds since 1970.
pub const NOW_MS: u64 = 1_760_000_000_000;

/// A gateway with at most one connection. It answers enrollments and hellos by itself; all other messages are in
/// `inbox`.
pub struct Gateway {
    /// Its certificates.
    pub pki: Pki,
    /// Signs packages.
    pub publisher: SigningKey,
    /// The chain that it presents; tests replace it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key that it shows.
    pub server_key: rustls::pki_types::PrivateKeyDer<'static>,
    /// The TLS version that it speaks.
    pub version: &'static rustls::SupportedProtocolVersion,
    connection: Option<Connection>,
    /// Unread messages of the present session.
    pub inbox: VecDeque<Vec<u8>>,
    /// Sessions that were greeted.
    pub sessions: u64,
    /// Devices that were enrolled.
    pub enrollments: u32,
    /// Why connections failed, the oldest first.
    pub failures: Vec<String>,
    /// Bytes of application data that arrived before and after the handshake.
    pub application_bytes: usize,
    /// Gives enrolled devices a wrong pin of the gateway's key.
    pub alter_pin: bool,
    /// Takes bytes and never answers.
    pub mute: bool,
    /// Answers in the gateway's place.
    pub bare: Option<BareServer>,
    next_id: u32,
}

/// A chip id as users read it.
fn hex(chip_id: &[u8]) -> String {
    chip_id.iter().map(|byte| format!("{byte:02x}")).collect()
}

enum Connection {
    Accepting(Acceptor),
    Open {
        tls: Box<ServerConnection>,
        reader: framing::Reader,
        enrolling: bool,
    },
    /// After a failure: discards all further bytes.
    Dead,
}

impl Default for Gateway {
    fn default() -> Self {
        Self::new()
    }
}

impl Gateway {
    /// A gateway with certificates of its own.
    pub fn new() -> Self {
        let pki = Pki::new();
        Self {
            chain: pki.chain(),
            server_key: pki.gateway.private_key(),
            pki,
            publisher: SigningKey::from_slice(&[7; 32]).expect("a key"),
            version: &rustls::version::TLS13,
            connection: None,
            inbox: VecDeque::new(),
            sessions: 0,
            enrollments: 0,
            failures: Vec::new(),
            application_bytes: 0,
            alter_pin: false,
            mute: false,
            bare: None,
            next_id: 1,
        }
    }

    /// The pairing that a blank device is offered.
    pub fn pair(&self) -> Pair {
        Pair {
            anchor: self.pki.root.der.to_vec(),
            token: TOKEN.to_vec(),
            gateway_name: GATEWAY_NAME.into(),
        }
    }

    /// Forgets the connection: the link restarted.
    pub fn reset(&mut self) {
        self.connection = None;
        self.inbox.clear();
        if let Some(bare) = &mut self.bare {
            bare.reset();
        }
    }

    /// Whether a device has finished the handshake of a session.
    pub fn has_session(&self) -> bool {
        matches!(&self.connection, Some(Connection::Open { tls, enrolling: false, .. }) if !tls.is_handshaking())
    }

    /// Takes bytes of the device and returns bytes for it.
    pub fn exchange(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.mute {
            return out;
        }
        if let Some(bare) = &mut self.bare {
            return bare.exchange(bytes);
        }
        if !bytes.is_empty() && self.connection.is_none() {
            self.connection = Some(Connection::Accepting(Acceptor::default()));
        }
        while !bytes.is_empty() {
            match self.connection.take() {
                Some(Connection::Accepting(mut acceptor)) => {
                    acceptor.read_tls(&mut bytes).expect("reads from memory");
                    self.connection = Some(match acceptor.accept() {
                        Ok(None) => Connection::Accepting(acceptor),
                        Ok(Some(accepted)) => {
                            let enrolling = accepted
                                .client_hello()
                                .alpn()
                                .is_some_and(|mut alpn| alpn.any(|name| name == ALPN_ENROLL));
                            match accepted.into_connection(Arc::new(self.config(enrolling))) {
                                Ok(tls) => Connection::Open {
                                    tls: Box::new(tls),
                                    reader: framing::Reader::new(),
                                    enrolling,
                                },
                                Err((error, mut alert)) => {
                                    alert.write(&mut out).expect("writes to memory");
                                    self.fail(error.to_string())
                                }
                            }
                        }
                        Err((error, mut alert)) => {
                            alert.write(&mut out).expect("writes to memory");
                            self.fail(error.to_string())
                        }
                    });
                }
                Some(Connection::Open {
                    mut tls,
                    reader,
                    enrolling,
                }) => {
                    tls.read_tls(&mut bytes).expect("reads from memory");
                    let result = tls.process_new_packets();
                    while tls.wants_write() {
                        tls.write_tls(&mut out).expect("writes to memory");
                    }
                    self.connection = Some(match result {
                        Ok(_) => Connection::Open { tls, reader, enrolling },
                        Err(error) => self.fail(error.to_string()),
                    });
                }
                dead => {
                    self.connection = dead;
                    break;
                }
            }
        }
        // Bytes that arrived in the first flight were processed by the acceptor.
        if let Some(Connection::Open { tls, .. }) = &mut self.connection {
            while tls.wants_write() {
                tls.write_tls(&mut out).expect("writes to memory");
            }
        }
        self.take_messages();
        self.flush(&mut out);
        out
    }

    fn fail(&mut self, error: String) -> Connection {
        self.failures.push(error);
        Connection::Dead
    }

    fn config(&self, enrolling: bool) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[self.version])
            .expect("versions");
        let builder = if enrolling {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            roots.add(self.pki.intermediate.der.clone()).expect("an anchor");
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .expect("a verifier"),
            )
        };
        let mut config = builder
            .with_single_cert(self.chain.clone(), self.server_key.clone_key())
            .expect("a key pair");
        config.alpn_protocols = vec![if enrolling { ALPN_ENROLL } else { ALPN_SESSION }.to_vec()];
        config.max_fragment_size = Some(GATEWAY_MAX_FRAGMENT_BYTES);
        config.send_tls13_tickets = 0;
        config
    }

    fn take_messages(&mut self) {
        let mut data = Vec::new();
        let mut messages = Vec::new();
        let Some(Connection::Open { tls, reader, enrolling }) = &mut self.connection else {
            return;
        };
        // The end of the stream is an error here; the bytes before it count.
        let _ = tls.reader().read_to_end(&mut data);
        self.application_bytes += data.len();
        let mut rest = &data[..];
        while let Some(message) = reader.next(&mut rest).expect("framed messages") {
            messages.push(message.to_vec());
        }
        let enrolling = *enrolling;
        for message in messages {
            self.receive(enrolling, message);
        }
    }

    fn receive(&mut self, enrolling: bool, message: Vec<u8>) {
        let envelope = Envelope::decode(&message).expect("an envelope");
        match Kind::from_number(envelope.kind) {
            Some(Kind::EnrollRequest) => {
                assert!(enrolling, "enrollment has its own protocol");
                let request: EnrollRequest = envelope.body().expect("a request");
                assert_eq!(request.token, TOKEN);
                let (certificate, name) = self.pki.certify(&request.csr);
                assert_eq!(name, hex(&request.chip_id));
                self.enrollments += 1;
                let mut gateway_pin = self.pki.gateway.pin();
                gateway_pin[0] ^= u8::from(self.alter_pin);
                let answer = Enrolled {
                    device_id: "device-1".into(),
                    certificate,
                    intermediate: self.pki.intermediate.der.to_vec(),
                    gateway_pin,
                    publisher_key: VerifyingKey::from(&self.publisher)
                        .to_encoded_point(false)
                        .as_bytes()
                        .to_vec(),
                    time_ms: NOW_MS,
                };
                self.send(&envelope::encode(Kind::Enrolled, 0, &answer).expect("fits"));
            }
            Some(Kind::Hello) => {
                assert!(!enrolling);
                self.sessions += 1;
                let welcome = Welcome {
                    session_id: self.sessions,
                    time_ms: NOW_MS,
                    metrics_interval_ms: 1000,
                };
                self.send(&envelope::encode(Kind::Welcome, 0, &welcome).expect("fits"));
                self.inbox.push_back(message);
            }
            Some(_) => self.inbox.push_back(message),
            None => panic!("unknown kind {}", envelope.kind),
        }
    }

    /// Sends a message as one application write.
    pub fn send(&mut self, message: &[u8]) {
        let Some(Connection::Open { tls, .. }) = &mut self.connection else {
            panic!("no connection");
        };
        let framed = framing::framed(message).expect("fits");
        tls.writer().write_all(&framed).expect("writes to memory");
    }

    /// Sends a request and returns its id.
    pub fn request<T: minicbor::Encode<()>>(&mut self, kind: Kind, body: &T) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&envelope::encode(kind, id, body).expect("fits"));
        id
    }

    /// Ends the session in good manners.
    pub fn close(&mut self) {
        if let Some(Connection::Open { tls, .. }) = &mut self.connection {
            tls.send_close_notify();
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        if let Some(Connection::Open { tls, .. }) = &mut self.connection {
            while tls.wants_write() {
                tls.write_tls(out).expect("writes to memory");
            }
        }
    }
}
