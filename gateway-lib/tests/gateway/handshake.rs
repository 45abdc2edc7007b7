//! Bad peers are refused and recorded, and touch no other session.

use crate::{
    device::{Messages, Running, TestDevice, client_builder, connect, metrics, write},
    scene::{NOW_MS, Scene, events, minute, until},
    wire::{Tap, records},
};
use drydock_gateway::{DeviceId, DeviceState, EventKind, Gateway, GatewayConfig, PeerLabel, SessionLimits};
use drydock_protocol::{
    envelope::{self, Envelope, Kind},
    gateway_to_device::{EnrollRefusalCode, EnrollRefused},
    limits::{CHUNK_WINDOW, GATEWAY_MAX_FRAGMENT_BYTES, MAX_MESSAGE_BYTES},
};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName},
};
use std::{sync::Arc, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsConnector;

/// Content types of TLS records (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// A gateway with one good session, for tests of bad peers.
struct Beside {
    scene: Scene,
    good: Running,
    good_id: DeviceId,
    before: u64,
}

impl Beside {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let (good, good_id) = scene.connected("good", 1).await;
        let before = scene.gateway.snapshot().revision;
        Self {
            scene,
            good,
            good_id,
            before,
        }
    }

    fn gateway(&self) -> &Gateway {
        &self.scene.gateway
    }

    /// The bad peer was refused with these words, and the good session is still open.
    async fn check_refused(self, words: &str) {
        let gateway = self.gateway().clone();
        let refused = refusal(&gateway, self.before).await;
        assert!(refused.contains(words), "{refused:?} does not say {words:?}");
        self.good.metrics(9).await;
        until(&gateway, || gateway.latest_metrics(&self.good_id).is_some()).await;
        assert_eq!(self.scene.view(&self.good_id).state, DeviceState::Connected);
    }
}

/// Waits for the first refusal after a revision; returns its reason.
async fn refusal(gateway: &Gateway, after: u64) -> String {
    let refusal = async {
        loop {
            let told = events(gateway, after).await;
            let refused = told.into_iter().find_map(|kind| match kind {
                EventKind::ConnectionRefused { reason, .. } | EventKind::EnrollmentRefused { reason, .. } => {
                    Some(reason)
                }
                _ => None,
            });
            match refused {
                Some(refused) => return refused,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refusal)
        .await
        .expect("it is refused")
}

fn raw(gateway: &Gateway) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    drop(gateway.accept(theirs, PeerLabel::new("somebody")));
    ours
}

/// Tries a session with this configuration. In TLS 1.3 a refused client certificate shows at the first read.
async fn refused_session(gateway: &Gateway, config: ClientConfig, name: &str) {
    if let Ok(mut tls) = connect(gateway, PeerLabel::new("somebody"), config, name).await {
        let mut byte = [0];
        assert!(
            tls.read(&mut byte).await.is_err(),
            "the gateway accepted the certificate"
        );
    }
}

#[tokio::test]
async fn the_whole_flight_fits_one_record_and_messages_are_small() {
    let scene = Scene::new().await;
    let (device, id) = scene.enrolled("bench-1", 1).await;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    drop(scene.gateway.accept(theirs, PeerLabel::new("cable")));
    let tap = Tap::new(ours);
    let (read, name) = (tap.read.clone(), device.identity.as_ref().unwrap().gateway_name.clone());
    let connector = TlsConnector::from(Arc::new(device.client_config()));
    let mut tls = connector
        .connect(ServerName::try_from(name).unwrap(), tap)
        .await
        .unwrap();

    let flight = records(&read.lock().unwrap());
    let encrypted: Vec<_> = flight
        .iter()
        .filter(|record| record.content_type == APPLICATION_DATA)
        .collect();
    assert_eq!(flight[0].content_type, HANDSHAKE, "ServerHello comes first");
    assert_eq!(encrypted.len(), 1, "the flight is split over records: {flight:?}");
    assert!(encrypted[0].length < GATEWAY_MAX_FRAGMENT_BYTES, "{flight:?}");
    println!("flight: {} bytes", encrypted[0].length);

    let hello = envelope::encode(Kind::Hello, 0, &device.hello()).unwrap();
    tls.write_all(&drydock_protocol::framing::framed(&hello).unwrap())
        .await
        .unwrap();
    let package = scene
        .gateway
        .upload(&crate::scene::blink("1.0.0", 4_000), Default::default())
        .await
        .unwrap();
    until(&scene.gateway, || scene.view(&id).state == DeviceState::Connected).await;
    scene.gateway.deploy(&[id], &package.id, true).await.unwrap();
    // Welcome, begin, and the chunks that may be in flight: the device does not answer, so no more are sent.
    let expected = flight.len() + 2 + CHUNK_WINDOW;
    let mut bytes = vec![0; 4096];
    while records(&read.lock().unwrap()).len() < expected {
        assert!(tls.read(&mut bytes).await.unwrap() > 0);
    }
    let after = records(&read.lock().unwrap());
    // No tickets: the first record after the flight is the welcome.
    assert!(
        after[flight.len()..]
            .iter()
            .all(|record| record.length <= MAX_MESSAGE_BYTES + 2 + 17),
        "{after:?}"
    );
    assert_eq!(after.len(), expected, "{after:?}");
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let beside = Beside::new().await;
    let anchor = beside.gateway().info().anchor_der;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(anchor)).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"drydock/1".to_vec()];
    let name = beside.gateway().info().name;
    assert!(
        connect(beside.gateway(), PeerLabel::new("old"), config, &name)
            .await
            .is_err()
    );
    beside.check_refused("TLS").await;
}

#[tokio::test]
async fn a_session_without_certificate_is_refused() {
    let beside = Beside::new().await;
    let info = beside.gateway().info();
    let mut config = client_builder(&info.anchor_der).with_no_client_auth();
    config.alpn_protocols = vec![b"drydock/1".to_vec()];
    refused_session(beside.gateway(), config, &info.name).await;
    beside.check_refused("no certificates").await;
}

#[tokio::test]
async fn another_authoritys_device_is_refused() {
    let beside = Beside::new().await;
    let other = Scene::new().await;
    let (stranger, _) = other.enrolled("stranger", 2).await;
    let info = beside.gateway().info();
    // The peer would even trust this gateway.
    let chain = vec![CertificateDer::from(
        stranger.identity.as_ref().unwrap().enrolled.certificate.clone(),
    )];
    let key = PrivatePkcs8KeyDer::from(stranger.key.serialize_der());
    let trusting = client_builder(&info.anchor_der);
    let mut config = trusting.with_client_auth_cert(chain, key.into()).unwrap();
    config.alpn_protocols = vec![b"drydock/1".to_vec()];
    refused_session(beside.gateway(), config, &info.name).await;
    beside.check_refused("UnknownIssuer").await;
}

#[tokio::test]
async fn a_gateway_of_another_authority_is_not_accepted() {
    let scene = Scene::new().await;
    let (device, _) = scene.enrolled("bench-1", 1).await;
    let impostor = Scene::new().await;
    let name = impostor.gateway.info().name;
    let result = connect(
        &impostor.gateway,
        PeerLabel::new("cable"),
        device.client_config(),
        &name,
    )
    .await;
    assert!(result.unwrap_err().to_string().contains("UnknownIssuer"));
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let beside = Beside::new().await;
    let (device, _) = beside.scene.enrolled("aged", 2).await;
    let mut config = device.client_config();
    // The device's clock has stopped; the gateway's is 21 years ahead.
    let years = Duration::from_secs(21 * 365 * 24 * 3600);
    let aged = drydock_gateway::clock::ManualClock::new(NOW_MS + years.as_millis() as u64);
    beside.gateway().close().await;
    let gateway = Gateway::open(GatewayConfig {
        clock: Arc::new(aged),
        ..beside.scene.config()
    });
    let gateway = gateway.await.unwrap();
    config.time_provider = Arc::new(Later(years));
    refused_session(&gateway, config, &gateway.info().name).await;
    let refused = refusal(&gateway, beside.before).await;
    assert!(refused.contains("Expired"), "{refused}");
    // Its own certificate was issued again, with the key that devices pin.
    assert_eq!(gateway.info().pin, beside.gateway().info().pin);
}

/// The time of a client that is some years ahead.
#[derive(Debug)]
struct Later(Duration);

impl rustls::time_provider::TimeProvider for Later {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let now = Duration::from_millis(NOW_MS) + self.0;
        Some(rustls::pki_types::UnixTime::since_unix_epoch(now))
    }
}

#[tokio::test]
async fn a_revoked_device_loses_its_session_and_gets_no_other() {
    let beside = Beside::new().await;
    let (revoked, id) = beside.scene.connected("revoked", 2).await;
    beside.gateway().revoke_device(&id).await.unwrap();
    let (device, _) = revoked.ended().await;
    beside.scene.until_state(&id, DeviceState::Disconnected).await;
    let name = beside.gateway().info().name;
    refused_session(beside.gateway(), device.client_config(), &name).await;
    beside.check_refused("Revoked").await;
}

#[tokio::test]
async fn a_devices_certificate_issues_nothing() {
    let beside = Beside::new().await;
    let (device, id) = beside.scene.enrolled("forger", 2).await;
    let identity = device.identity.clone().unwrap();
    let name = beside.gateway().info().name;
    // A certificate for the good device, signed with the forger's key.
    let own = CertificateDer::from(identity.enrolled.certificate.clone());
    let key = KeyPair::try_from(device.key.serialize_der()).unwrap();
    let issuer = Issuer::from_ca_cert_der(&own, key).unwrap();
    let forged_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, beside.good_id.0.clone());
    let uri = format!("spiffe://{name}/device/{}", beside.good_id);
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let forged = params.signed_by(&forged_key, &issuer).unwrap();
    let chain = vec![
        forged.der().clone(),
        own,
        CertificateDer::from(identity.enrolled.intermediate.clone()),
    ];
    let mut config = client_builder(&identity.anchor)
        .with_client_auth_cert(chain, PrivatePkcs8KeyDer::from(forged_key.serialize_der()).into())
        .unwrap();
    config.alpn_protocols = vec![b"drydock/1".to_vec()];
    refused_session(beside.gateway(), config, &name).await;
    assert_eq!(beside.scene.view(&id).state, DeviceState::Enrolled);
    beside.check_refused("UnknownIssuer").await;
}

#[tokio::test]
async fn a_known_certificate_without_its_key_is_refused() {
    let beside = Beside::new().await;
    let (device, _) = beside.scene.enrolled("copied", 2).await;
    let identity = device.identity.clone().unwrap();
    let thief = KeyPair::generate().unwrap();
    let chain = vec![CertificateDer::from(identity.enrolled.certificate.clone())];
    let key: rustls::pki_types::PrivateKeyDer<'_> = PrivatePkcs8KeyDer::from(thief.serialize_der()).into();
    // rustls would notice that they do not belong together: the key is inserted without its check.
    let signing = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let certified = Arc::new(rustls::sign::CertifiedKey::new(chain, signing));
    let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    let mut config = client_builder(&identity.anchor).with_client_cert_resolver(resolver);
    config.alpn_protocols = vec![b"drydock/1".to_vec()];
    refused_session(beside.gateway(), config, &identity.gateway_name).await;
    beside.check_refused("BadSignature").await;
}

#[tokio::test]
async fn a_peer_that_does_not_say_what_it_speaks_is_refused() {
    for alpn in [vec![], vec![b"http/1.1".to_vec()]] {
        let beside = Beside::new().await;
        let info = beside.gateway().info();
        let mut config = client_builder(&info.anchor_der).with_no_client_auth();
        config.alpn_protocols = alpn;
        if let Ok(mut tls) = connect(beside.gateway(), PeerLabel::new("web"), config, &info.name).await {
            assert_eq!(tls.read(&mut [0]).await.unwrap_or(0), 0);
        }
        beside.check_refused("").await;
    }
}

#[tokio::test]
async fn half_open_connections_are_dropped() {
    let beside = Beside::new().await;
    let mut silent = raw(beside.gateway());
    let mut half = raw(beside.gateway());
    // The begin of a ClientHello that never ends.
    half.write_all(&[22, 3, 1, 1, 0, 1]).await.unwrap();
    let limits = SessionLimits::default();
    // The good device is heard meanwhile.
    for _ in 0..limits.handshake_timeout_ms / 2_000 + 1 {
        beside.good.metrics(1).await;
        tokio::task::yield_now().await;
        beside.scene.clock.advance(2_000);
    }
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(half.read(&mut [0; 64]).await.unwrap_or(0), 0);
    beside.check_refused("took longer").await;
}

#[tokio::test]
async fn a_device_that_does_not_introduce_itself_is_dropped() {
    let beside = Beside::new().await;
    let (device, _) = beside.scene.enrolled("shy", 2).await;
    let mut tls = device.open(beside.gateway(), PeerLabel::new("cable")).await.unwrap();
    // The gateway has finished its part of the handshake once it waits for the hello.
    let waited = async {
        loop {
            beside.good.metrics(1).await;
            beside.scene.clock.advance(1_000);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut byte = [0];
    tokio::select! {
        () = waited => {}
        read = tls.read(&mut byte) => assert_eq!(read.unwrap_or(0), 0),
    }
    beside.check_refused("did not introduce itself").await;
}

#[tokio::test]
async fn oversized_and_empty_messages_end_only_their_session() {
    for length in [0u16, MAX_MESSAGE_BYTES as u16 + 1, u16::MAX] {
        let beside = Beside::new().await;
        let (device, _) = beside.scene.enrolled("loud", 2).await;
        let mut tls = device.open(beside.gateway(), PeerLabel::new("cable")).await.unwrap();
        tls.write_all(&length.to_be_bytes()).await.unwrap();
        tls.flush().await.unwrap();
        assert_eq!(tls.read(&mut [0]).await.unwrap_or(0), 0);
        beside.check_refused("was announced").await;
    }
}

#[tokio::test]
async fn records_beyond_the_limit_and_noise_are_refused() {
    // A record of 32 KiB, more than TLS allows; and bytes that are not TLS at all.
    for noise in [&[22u8, 3, 1, 0x80, 0][..], b"GET / HTTP/1.1\r\n\r\n"] {
        let beside = Beside::new().await;
        let mut stream = raw(beside.gateway());
        stream.write_all(noise).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        beside.check_refused("handshake failed").await;
    }
}

#[tokio::test]
async fn a_replayed_session_is_refused() {
    let beside = Beside::new().await;
    let (device, id) = beside.scene.enrolled("recorded", 2).await;
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    drop(beside.gateway().accept(theirs, PeerLabel::new("cable")));
    let tap = Tap::new(ours);
    let written = tap.written.clone();
    let name = ServerName::try_from(device.identity.as_ref().unwrap().gateway_name.clone()).unwrap();
    let connector = TlsConnector::from(Arc::new(device.client_config()));
    let mut tls = connector.connect(name, tap).await.unwrap();
    let hello = envelope::encode(Kind::Hello, 0, &device.hello()).unwrap();
    tls.write_all(&drydock_protocol::framing::framed(&hello).unwrap())
        .await
        .unwrap();
    beside.scene.until_state(&id, DeviceState::Connected).await;
    drop(tls);
    beside.scene.until_state(&id, DeviceState::Disconnected).await;

    let mut replay = raw(beside.gateway());
    let recorded = written.lock().unwrap().clone();
    // As the recorded device did: the rest follows the gateway's answer.
    let first = 5 + records(&recorded)[0].length;
    replay.write_all(&recorded[..first]).await.unwrap();
    assert!(replay.read(&mut [0; 64]).await.unwrap() > 0);
    replay.write_all(&recorded[first..]).await.unwrap();
    let mut rest = Vec::new();
    let _ = replay.read_to_end(&mut rest).await;
    assert_eq!(beside.scene.view(&id).state, DeviceState::Disconnected);
    beside.check_refused("handshake failed").await;
}

#[tokio::test]
async fn each_protocol_carries_only_its_own_messages() {
    let beside = Beside::new().await;
    let info = beside.gateway().info();
    // A session's message where only enrollment is spoken.
    let mut config = client_builder(&info.anchor_der).with_no_client_auth();
    config.alpn_protocols = vec![b"drydock-enroll/1".to_vec()];
    let peer = PeerLabel::new("cable");
    let mut tls = connect(beside.gateway(), peer, config, &info.name).await.unwrap();
    write(&mut tls, &envelope::encode(Kind::Metrics, 0, &metrics(1)).unwrap()).await;
    let answer = Messages::default().next(&mut tls).await.unwrap();
    let refused: EnrollRefused = Envelope::decode(&answer).unwrap().body().unwrap();
    assert_eq!(refused.code, EnrollRefusalCode::BadRequest);

    // And enrollment in a session.
    let (device, id) = beside.scene.enrolled("confused", 2).await;
    let pairing = beside.gateway().create_pairing(minute(), None, None).await.unwrap();
    let mut tls = device.open(beside.gateway(), PeerLabel::new("cable")).await.unwrap();
    let request = device.enroll_request(&pairing);
    write(&mut tls, &envelope::encode(Kind::EnrollRequest, 1, &request).unwrap()).await;
    assert!(Messages::default().next(&mut tls).await.is_err());
    assert_eq!(beside.scene.view(&id).state, DeviceState::Enrolled);
    beside.check_refused("only enrollment is spoken").await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_turned_away() {
    let scene = Scene::new().await;
    let config = GatewayConfig {
        data_dir: scene.directory.path().join("small"),
        limits: SessionLimits {
            max_handshakes: 2,
            ..SessionLimits::default()
        },
        ..scene.config()
    };
    let gateway = Gateway::open(config).await.unwrap();
    let waiting = [raw(&gateway), raw(&gateway)];
    // Both hold a permit before the third arrives.
    tokio::task::yield_now().await;
    let mut third = raw(&gateway);
    assert_eq!(third.read(&mut [0]).await.unwrap(), 0);
    drop(waiting);
    until(&gateway, || gateway.snapshot().revision > 3).await;
    // There is space again.
    let mut device = TestDevice::new(1);
    let pairing = gateway.create_pairing(minute(), None, None).await.unwrap();
    device.enroll(&gateway, &pairing).await.unwrap();
}

#[tokio::test]
async fn a_newer_protocol_version_is_told_apart() {
    let beside = Beside::new().await;
    let (device, _) = beside.scene.enrolled("future", 2).await;
    let mut tls = device.open(beside.gateway(), PeerLabel::new("cable")).await.unwrap();
    let mut hello = envelope::encode(Kind::Hello, 0, &device.hello()).unwrap();
    // The version stands behind the array's head; 0x17 is 23.
    assert_eq!(hello[1], 1);
    hello[1] = 0x17;
    write(&mut tls, &hello).await;
    assert_eq!(tls.read(&mut [0]).await.unwrap_or(0), 0);
    beside.check_refused("protocol version 23").await;
}
