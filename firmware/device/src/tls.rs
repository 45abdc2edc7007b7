//! TLS 1.3 to the gateway. No byte of application data goes either way unless our verifier accepted the server.

use crate::{
    board::BoardRef,
    identity::DeviceKey,
    link::SessionStream,
    verifier::{Accepted, GatewayVerifier, Refusal, Trust},
};
use alloc::rc::Rc;
use drydock_protocol::limits::{DEVICE_RECORD_BUFFER_BYTES, MAX_MESSAGE_BYTES};
use embedded_tls::{
    Aes128GcmSha256, Certificate, CryptoProvider, SignatureScheme, TlsConfig, TlsConnection, TlsContext, TlsError,
    TlsVerifier,
};
use p256::ecdsa::DerSignature;
use rand_core::{CryptoRng, CryptoRngCore, RngCore};

/// An open connection.
pub(crate) type Connection<'a> = TlsConnection<'a, SessionStream, Aes128GcmSha256>;

/// Largest message behind its length, and what a record adds (embedded-tls reserves 128 bytes).
const WRITE_BUFFER_BYTES: usize = MAX_MESSAGE_BYTES + 2 + 128;

/// Buffers of a connection.
pub(crate) struct Buffers {
    read: [u8; DEVICE_RECORD_BUFFER_BYTES],
    write: [u8; WRITE_BUFFER_BYTES],
}

impl Buffers {
    pub(crate) const fn new() -> Self {
        Self {
            read: [0; DEVICE_RECORD_BUFFER_BYTES],
            write: [0; WRITE_BUFFER_BYTES],
        }
    }
}

/// Why no connection came to be, or why it ended.
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

/// Who the device is for the handshake: nobody yet (enrollment), or the owner of a certificate.
pub(crate) struct Client {
    pub(crate) key: Rc<DeviceKey>,
    pub(crate) certificate: alloc::vec::Vec<u8>,
}

/// Connects and authenticates the gateway.
///
/// # Errors
/// [`ConnectError`]; nothing but the handshake has been sent then.
pub(crate) async fn connect<'a>(
    board: BoardRef,
    stream: SessionStream,
    buffers: &'a mut Buffers,
    alpn: &[u8],
    trust: Trust,
    client: Option<Client>,
) -> Result<(Connection<'a>, Accepted), ConnectError> {
    let name = trust.gateway_name.clone();
    let protocols = [alpn];
    let config = TlsConfig::new().with_server_name(&name).with_alpn(&protocols);
    let mut provider = Provider {
        entropy: Entropy(board),
        verifier: GatewayVerifier::new(trust),
        client,
    };
    let mut connection = TlsConnection::new(stream, &mut buffers.read, &mut buffers.write);
    let opened = connection.open(TlsContext::new(&config, &mut provider)).await;
    // The verifier's word comes first: it also explains why `open` failed.
    match (provider.verifier.outcome(), opened) {
        (Ok(gateway), Ok(())) => Ok((connection, gateway.clone())),
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
        // The key signs nothing for a server that has not proved who it is.
        let client = self.client.as_ref().filter(|_| self.verifier.outcome().is_ok());
        let client = client.ok_or(TlsError::InvalidPrivateKey)?;
        Ok((KeyRef(&client.key), SignatureScheme::EcdsaSecp256r1Sha256))
    }

    fn client_cert(&mut self) -> Option<Certificate<impl AsRef<[u8]>>> {
        let client = self.client.as_ref().filter(|_| self.verifier.outcome().is_ok())?;
        Some(Certificate::X509(&client.certificate[..]))
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
