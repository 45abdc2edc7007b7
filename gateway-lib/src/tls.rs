//! TLS within the limits of the devices: 1.3 only, P-256, no tickets, small records.

use crate::{
    clock::Clock,
    pki::{Authority, DeviceVerifier},
};
use drydock_protocol::limits::{ALPN_ENROLL, ALPN_SESSION, GATEWAY_MAX_FRAGMENT_BYTES};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{PrivatePkcs8KeyDer, UnixTime},
    server::{ClientHello, NoServerSessionStorage},
    time_provider::TimeProvider,
};
use std::{fmt, sync::Arc, time::Duration};

/// The two ways in.
pub(crate) struct TlsConfigs {
    /// `drydock/1`: the device shows its certificate.
    session: Arc<ServerConfig>,
    /// `drydock-enroll/1`: no client certificate; carries enrollment only.
    enroll: Arc<ServerConfig>,
}

/// The protocol that a peer offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Session,
    Enroll,
}

impl TlsConfigs {
    pub(crate) fn new(
        authority: &Authority,
        verifier: Arc<DeviceVerifier>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: vec![
                ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
                ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            ],
            kx_groups: vec![ring::kx_group::SECP256R1, ring::kx_group::X25519],
            ..ring::default_provider()
        });
        let config = |purpose| -> Result<Arc<ServerConfig>, rustls::Error> {
            let builder = ServerConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[&rustls::version::TLS13])?;
            let (builder, alpn) = match purpose {
                Purpose::Session => (builder.with_client_cert_verifier(verifier.clone()), ALPN_SESSION),
                Purpose::Enroll => (builder.with_no_client_auth(), ALPN_ENROLL),
            };
            let chain = vec![authority.gateway.clone(), authority.intermediate.clone()];
            let key = PrivatePkcs8KeyDer::from(authority.gateway_key.clone());
            let mut config = builder.with_single_cert(chain, key.into())?;
            config.alpn_protocols = vec![alpn.to_vec()];
            config.max_fragment_size = Some(GATEWAY_MAX_FRAGMENT_BYTES);
            config.send_tls13_tickets = 0;
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.time_provider = Arc::new(ClockTime(clock.clone()));
            Ok(Arc::new(config))
        };
        Ok(Self {
            session: config(Purpose::Session)?,
            enroll: config(Purpose::Enroll)?,
        })
    }

    /// The configuration for a peer's offer. `None` if it offers neither protocol.
    pub(crate) fn choose(&self, hello: &ClientHello<'_>) -> Option<(Purpose, Arc<ServerConfig>)> {
        let offers = |wanted: &[u8]| {
            hello
                .alpn()
                .is_some_and(|mut offered| offered.any(|name| name == wanted))
        };
        if offers(ALPN_SESSION) {
            Some((Purpose::Session, self.session.clone()))
        } else if offers(ALPN_ENROLL) {
            Some((Purpose::Enroll, self.enroll.clone()))
        } else {
            None
        }
    }

    /// A configuration whose handshake fails with `no_application_protocol`.
    pub(crate) fn any(&self) -> Arc<ServerConfig> {
        self.enroll.clone()
    }
}

/// Certificates are checked at the gateway's time.
struct ClockTime(Arc<dyn Clock>);

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.unix_ms())))
    }
}
