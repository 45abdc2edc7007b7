//! A TLS 1.3 server (RFC 8446) made by hand, for behaviour that no library has: it omits or forges the messages that
//! authenticate a server. One suite (TLS_AES_128_GCM_SHA256), one group (P-256), no resumption.

use aes_gcm::{Aes128Gcm, KeyInit as _, aead::Aead as _, aead::Payload};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use p256::{
    PublicKey,
    ecdh::EphemeralSecret,
    ecdsa::{DerSignature, SigningKey, signature::Signer as _},
    elliptic_curve::sec1::ToEncodedPoint as _,
};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;

// Content types (section 5.1) and handshake types (section 4).
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const SERVER_HELLO: u8 = 2;
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;

/// A message between EncryptedExtensions and Finished.
#[derive(Clone)]
pub enum Step {
    /// CertificateRequest: the server wants to know who the client is.
    AskForCertificate,
    /// Certificate with these certificates (DER).
    Certificate(Vec<Vec<u8>>),
    /// CertificateVerify, signed with this key over the transcript.
    Proof(SigningKey),
    /// CertificateVerify, signed with this key over something else.
    ForeignProof(SigningKey),
}

/// The server, and its knowledge about its client.
pub struct BareServer {
    steps: Vec<Step>,
    /// Application data that is sent after Finished.
    greeting: Vec<u8>,
    incoming: VecDeque<u8>,
    keys: Option<ClientKeys>,
    /// Handshakes that it has begun.
    pub handshakes: usize,
    /// Bytes of application data that the client has sent.
    pub application_bytes: usize,
    /// Bytes of the client's certificate and of its proof.
    pub client_proof_bytes: usize,
    /// The client has sent its Finished.
    pub client_finished: bool,
}

/// The client's traffic keys; those of the handshake are in use until its Finished.
struct ClientKeys {
    present: TrafficKey,
    application: Option<TrafficKey>,
}

impl BareServer {
    /// A server that takes these steps and then sends `greeting`.
    pub fn new(steps: Vec<Step>, greeting: Vec<u8>) -> Self {
        Self {
            steps,
            greeting,
            incoming: VecDeque::new(),
            keys: None,
            handshakes: 0,
            application_bytes: 0,
            client_proof_bytes: 0,
            client_finished: false,
        }
    }

    /// Forgets the connection: the link restarted.
    pub fn reset(&mut self) {
        self.incoming.clear();
        self.keys = None;
    }

    /// Takes bytes of the client and returns bytes for it.
    pub fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.incoming.extend(bytes);
        let mut out = Vec::new();
        while let Some(record) = self.next_record() {
            match (record[0], &mut self.keys) {
                (HANDSHAKE, None) => out.extend(self.answer(&record[5..])),
                (APPLICATION_DATA, Some(keys)) => {
                    let message = keys.present.open(&record);
                    self.take_message(&message);
                }
                _ => {}
            }
        }
        out
    }

    fn next_record(&mut self) -> Option<Vec<u8>> {
        let len = u16::from_be_bytes([*self.incoming.get(3)?, *self.incoming.get(4)?]);
        let end = 5 + usize::from(len);
        (self.incoming.len() >= end).then(|| self.incoming.drain(..end).collect())
    }

    fn take_message(&mut self, message: &[u8]) {
        // Zeros are padding; the last other byte is the content type (section 5.2).
        let end = message.iter().rposition(|byte| *byte != 0).expect("a content type");
        match message[end] {
            APPLICATION_DATA => self.application_bytes += end,
            HANDSHAKE if message[0] == FINISHED => {
                self.client_finished = true;
                let keys = self.keys.as_mut().expect("keys");
                keys.present = keys.application.take().expect("one Finished");
            }
            // An empty list of certificates is 8 bytes long and proves nothing.
            HANDSHAKE if message[0] == CERTIFICATE && end <= 8 => {}
            HANDSHAKE => self.client_proof_bytes += end,
            _ => {}
        }
    }

    /// ServerHello and the encrypted flight after it.
    fn answer(&mut self, client_hello: &[u8]) -> Vec<u8> {
        self.handshakes += 1;
        let secret = EphemeralSecret::random(&mut Dice(self.handshakes as u64));
        let public = secret.public_key().to_encoded_point(false);
        let client = PublicKey::from_sec1_bytes(key_share(client_hello)).expect("a point");
        let shared = secret.diffie_hellman(&client);
        let server_hello = server_hello(public.as_bytes());
        let mut transcript = Sha256::new_with_prefix(client_hello);
        transcript.update(&server_hello);

        // Section 7.1.
        let nothing = Sha256::digest([]);
        let early = extract(&[0; 32], &[0; 32]);
        let handshake = extract(&derive(&early, "derived", &nothing), shared.raw_secret_bytes());
        let master = extract(&derive(&handshake, "derived", &nothing), &[0; 32]);
        let hellos = transcript.clone().finalize();
        let client_secret = derive(&handshake, "c hs traffic", &hellos);
        let server_secret = derive(&handshake, "s hs traffic", &hellos);

        let mut flight = message(ENCRYPTED_EXTENSIONS, &[0, 0]);
        transcript.update(&flight);
        for step in &self.steps {
            let step = step.encode(&transcript);
            transcript.update(&step);
            flight.extend(step);
        }
        let finished_key = expand(&server_secret, "finished", &[], 32);
        let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&finished_key).expect("any key");
        mac.update(&transcript.clone().finalize());
        let finished = message(FINISHED, &mac.finalize().into_bytes());
        transcript.update(&finished);
        flight.extend(finished);

        let finish = transcript.finalize();
        let mut application = TrafficKey::new(&derive(&master, "s ap traffic", &finish));
        self.keys = Some(ClientKeys {
            present: TrafficKey::new(&client_secret),
            application: Some(TrafficKey::new(&derive(&master, "c ap traffic", &finish))),
        });
        let mut out = record(HANDSHAKE, &server_hello);
        out.extend(TrafficKey::new(&server_secret).seal(HANDSHAKE, &flight));
        if !self.greeting.is_empty() {
            out.extend(application.seal(APPLICATION_DATA, &self.greeting));
        }
        out
    }
}

impl Step {
    fn encode(&self, transcript: &Sha256) -> Vec<u8> {
        match self {
            // No context; signature_algorithms (13) with ecdsa_secp256r1_sha256 (0x0403).
            Self::AskForCertificate => message(CERTIFICATE_REQUEST, &[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]),
            Self::Certificate(chain) => {
                let mut entries = Vec::new();
                for der in chain {
                    entries.extend(&(der.len() as u32).to_be_bytes()[1..]);
                    entries.extend(der);
                    entries.extend([0, 0]);
                }
                let mut body = vec![0];
                body.extend(&(entries.len() as u32).to_be_bytes()[1..]);
                body.extend(entries);
                message(CERTIFICATE, &body)
            }
            Self::Proof(key) => proof(key, &transcript.clone().finalize()),
            Self::ForeignProof(key) => proof(key, &Sha256::digest(b"another handshake")),
        }
    }
}

/// CertificateVerify (section 4.4.3).
fn proof(key: &SigningKey, transcript_hash: &[u8]) -> Vec<u8> {
    let mut signed = vec![b' '; 64];
    signed.extend(b"TLS 1.3, server CertificateVerify\0");
    signed.extend(transcript_hash);
    let signature: DerSignature = key.sign(&signed);
    let mut body = vec![4, 3];
    body.extend((signature.as_bytes().len() as u16).to_be_bytes());
    body.extend(signature.as_bytes());
    message(CERTIFICATE_VERIFY, &body)
}

fn server_hello(public_key: &[u8]) -> Vec<u8> {
    let mut extensions = vec![0, 43, 0, 2, 3, 4]; // supported_versions: TLS 1.3
    extensions.extend([0, 51, 0, 69, 0, 23, 0, 65]); // key_share: secp256r1
    extensions.extend(public_key);
    let mut body = vec![3, 3];
    body.extend([0x5A; 32]); // random
    body.extend([0, 0x13, 0x01, 0]); // no session id, TLS_AES_128_GCM_SHA256, no compression
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    message(SERVER_HELLO, &body)
}

/// The client's point for P-256, from its ClientHello.
fn key_share(client_hello: &[u8]) -> &[u8] {
    let u16_at = |at: usize| usize::from(u16::from_be_bytes([client_hello[at], client_hello[at + 1]]));
    let mut at = 4 + 2 + 32;
    at += 1 + usize::from(client_hello[at]); // session id
    at += 2 + u16_at(at); // cipher suites
    at += 1 + usize::from(client_hello[at]); // compression methods
    at += 2; // length of the extensions
    while u16_at(at) != 51 {
        at += 4 + u16_at(at + 2);
    }
    assert_eq!((u16_at(at + 6), u16_at(at + 8)), (23, 65), "one share, of P-256");
    &client_hello[at + 10..at + 75]
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = (body.len() as u32).to_be_bytes().to_vec();
    message[0] = kind;
    message.extend(body);
    message
}

fn record(content_type: u8, content: &[u8]) -> Vec<u8> {
    let mut record = header(content_type, content.len()).to_vec();
    record.extend(content);
    record
}

fn header(content_type: u8, len: usize) -> [u8; 5] {
    let [high, low] = (len as u16).to_be_bytes();
    [content_type, 3, 3, high, low]
}

/// One direction's key, its nonce and its count of records (section 5.3).
struct TrafficKey {
    key: Aes128Gcm,
    iv: Vec<u8>,
    sequence: u64,
}

impl TrafficKey {
    fn new(secret: &[u8]) -> Self {
        Self {
            key: Aes128Gcm::new_from_slice(&expand(secret, "key", &[], 16)).expect("16 bytes"),
            iv: expand(secret, "iv", &[], 12),
            sequence: 0,
        }
    }

    fn nonce(&mut self) -> Vec<u8> {
        let mut nonce = self.iv.clone();
        for (byte, count) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= count;
        }
        self.sequence += 1;
        nonce
    }

    fn seal(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let msg = &[content, &[content_type]].concat();
        let aad = &header(APPLICATION_DATA, msg.len() + 16);
        let nonce = self.nonce();
        let sealed = self.key.encrypt(nonce[..].into(), Payload { msg, aad });
        record(APPLICATION_DATA, &sealed.expect("seals"))
    }

    fn open(&mut self, record: &[u8]) -> Vec<u8> {
        let (aad, msg) = record.split_at(5);
        let nonce = self.nonce();
        let opened = self.key.decrypt(nonce[..].into(), Payload { msg, aad });
        opened.expect("a record of the client")
    }
}

fn extract(salt: &[u8], secret: &[u8]) -> Vec<u8> {
    Hkdf::<Sha256>::extract(Some(salt), secret).0.to_vec()
}

/// Derive-Secret with the transcript's hash.
fn derive(secret: &[u8], label: &str, hash: &[u8]) -> Vec<u8> {
    expand(secret, label, hash, 32)
}

/// HKDF-Expand-Label.
fn expand(secret: &[u8], label: &str, context: &[u8], len: usize) -> Vec<u8> {
    let label = [b"tls13 ", label.as_bytes()].concat();
    let info = [
        &(len as u16).to_be_bytes(),
        &[label.len() as u8][..],
        &label,
        &[context.len() as u8],
        context,
    ]
    .concat();
    let mut out = vec![0; len];
    let secret = Hkdf::<Sha256>::from_prk(secret).expect("32 bytes");
    secret.expand(&info, &mut out).expect("is short");
    out
}

/// Tests want the same numbers each time.
struct Dice(u64);

impl rand_core::RngCore for Dice {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        self.0 ^ (self.0 >> 33)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for byte in out {
            *byte = (self.next_u64() >> 40) as u8;
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl rand_core::CryptoRng for Dice {}
