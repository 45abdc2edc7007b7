//! TLS 1.3 to the gateway. No byte of application data goes either way unless our verifier accepted the server.

use crate::{
    board::BoardRef,
    curve::DerSignature,
    identity::{DeviceKey, Identity},
    link::SessionStream,
    verifier::{Accepted, GatewayVerifier, Refusal, Trust},
};
use alloc::{boxed::Box, rc::Rc, vec};
use drydock_protocol::limits::{DEVICE_RECORD_BUFFER_BYTES, MAX_MESSAGE_BYTES};
use embedded_tls::{
    Aes128GcmSha256, Certificate, CryptoProvider, SignatureScheme, TlsConfig, TlsConnection, TlsContext, TlsError,
    TlsVerifier,
};
use rand_core::{CryptoRng, CryptoRngCore, RngCore};

/// An open connection.
pub(crate) type Connection<'a> = TlsConnection<'a, SessionStream, Aes128GcmSha256>;

/// Largest message with its length in front, and the overhead of a record (embedded-tls reserves 128 bytes).
const WRITE_BUFFER_BYTES: usize = MAX_MESSAGE_BYTES + 2 + 128;

/// Buffers of a connection. They are allocated once: later, the heap may have no free block of their size.
pub struct Buffers {
    read: Box<[u8]>,
    write: Box<[u8]>,
}

impl Buffers {
    pub(crate) fn new() -> Self {
        Self {
            read: vec![0; DEVICE_RECORD_BUFFER_BYTES].into(),
            write: vec![0; WRITE_BUFFER_BYTES].into(),
        }
    }

    /// A connection over a stream, not opened yet.
    pub(crate) fn connection(&mut self, stream: SessionStream) -> Connection<'_> {
        TlsConnection::new(stream, &mut self.read, &mut self.write)
    }
}

/// Why a connection could not be opened, or why it ended.
#[derive(Debug, Clone, Copy)]
pub enum ConnectError {
    /// Our verifier refused the server.
    Refused(Refusal),
    /// The stream or the peer ended it.
    Tls(TlsError),
}

impl From<TlsError> for ConnectError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl core::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Tls(TlsError::ConnectionClosed) => f.write_str("the gateway closed the session"),
            Self::Tls(TlsError::HandshakeAborted(_, alert)) => {
                write!(f, "the gateway refused the handshake: {alert:?}")
            }
            Self::Tls(error) => write!(f, "TLS failed: {error:?}"),
        }
    }
}

/// The device's identity in the handshake: none yet (enrollment), or the owner of a certificate.
pub(crate) struct Client {
    pub(crate) key: Rc<DeviceKey>,
    pub(crate) identity: Rc<Identity>,
}

/// Opens the connection and authenticates the gateway. The connection is not moved, because it is large.
///
/// # Errors
/// [`ConnectError`]; nothing but the handshake has been sent then.
pub(crate) async fn open(
    connection: &mut Connection<'_>,
    board: BoardRef,
    alpn: &[u8],
    trust: Trust,
    client: Option<Client>,
) -> Result<Accepted, ConnectError> {
    let name = trust.gateway_name.clone();
    let protocols = [alpn];
    let config = TlsConfig::new().with_server_name(&name).with_alpn(&protocols);
    let mut provider = Provider {
        entropy: Entropy(board),
        verifier: GatewayVerifier::new(trust),
        client,
    };
    let opened = connection.open(TlsContext::new(&config, &mut provider)).await;
    // The verifier's outcome comes first: it also explains why `open` failed.
    match (provider.verifier.outcome(), opened) {
        (Ok(gateway), Ok(())) => Ok(gateway.clone()),
        (Ok(_), Err(error)) => Err(error.into()),
        (Err(refusal), Ok(())) => Err(ConnectError::Refused(refusal)),
        (Err(Refusal::NotAuthenticated), Err(error)) => Err(error.into()),
        (Err(refusal), Err(_)) => Err(ConnectError::Refused(refusal)),
    }
}

struct Provider {
    entropy: Entropy,
    verifier: GatewayVerifier,
    client: Option<Client>,
}

impl CryptoProvider for Provider {
    type CipherSuite = Aes128GcmSha256;
    type Signature = DerSignature;

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.entropy
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Self::CipherSuite>, TlsError> {
        Ok(&mut self.verifier)
    }

    fn signer(&mut self) -> Result<(impl signature::SignerMut<Self::Signature>, SignatureScheme), TlsError> {
        // The key signs nothing for a server that is not authenticated.
        let client = self.client.as_ref().filter(|_| self.verifier.outcome().is_ok());
        let client = client.ok_or(TlsError::InvalidPrivateKey)?;
        Ok((KeyRef(&client.key), SignatureScheme::EcdsaSecp256r1Sha256))
    }

    fn client_cert(&mut self) -> Option<Certificate<impl AsRef<[u8]>>> {
        let client = self.client.as_ref().filter(|_| self.verifier.outcome().is_ok())?;
        Some(Certificate::X509(&client.identity.certificate[..]))
    }
}

struct KeyRef<'a>(&'a DeviceKey);

impl signature::Signer<DerSignature> for KeyRef<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<DerSignature, signature::Error> {
        self.0.try_sign(message)
    }
}

/// The board's entropy as TLS wants it.
struct Entropy(BoardRef);

impl RngCore for Entropy {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill_random(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill_random(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill_random(out);
        Ok(())
    }
}

impl CryptoRng for Entropy {}
