//! Attackers, from outside. `drydock gateway --listen` refuses them one by one at its port and reports their addresses,
//! while a board continues to work. A board refuses a gateway that only foreign authorities vouch for.

use crate::{
    driver::{Running, drydock_in},
    stolen::{Stolen, authority, certified, pem},
};
use drydock_protocol::{
    device_to_gateway::{EnrollRequest, Hello, Log},
    envelope::{Envelope, Kind, encode},
    framing::{LENGTH_BYTES, framed},
    limits::{ALPN_ENROLL, ALPN_SESSION, MAX_MESSAGE_BYTES},
    types::{LogLevel, ResetReason},
};
use rcgen::{ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use serde_json::Value;
use std::{
    cell::RefCell,
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

/// Longest wait for an answer; the gateway's own patience is shorter.
const PATIENCE: Duration = Duration::from_secs(90);

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn done(data: &Path, arguments: &[&str]) -> Vec<Value> {
    let outcome = drydock_in(data, &[arguments, &["--json"]].concat());
    assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
    outcome.events()
}

fn board(data: &Path, name: &str) -> Value {
    let listed = done(data, &["boards"]);
    let found = listed.into_iter().find(|event| event["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

/// Adds a board and waits until it has its session.
fn add(data: &Path, gateway: &Running, name: &str) {
    done(data, &["boards", "add", "nano33ble", "--pace", "max"]);
    gateway.wait_until(|event| event["event"] == "device.connected" && event["board"] == name);
}

/// The gateway's listener, as a client on the network sees it.
struct Listener {
    address: SocketAddr,
    name: String,
    anchor: CertificateDer<'static>,
}

impl Listener {
    fn raw(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn tls(&self, config: ClientConfig) -> Tls {
        let name = ServerName::try_from(self.name.clone()).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), self.raw())
    }

    fn config(
        &self,
        version: &'static SupportedProtocolVersion,
        alpn: &[u8],
        certificate: Option<(Vec<CertificateDer<'static>>, &KeyPair)>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.anchor.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                // Written without the library, which would notice a key that does not belong to its certificate.
                let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
                let key = ring::sign::any_supported_type(&key).unwrap();
                let certified = Arc::new(CertifiedKey::new(chain, key));
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        config
    }

    /// As a device with this chain.
    fn device(&self, chain: &[&CertificateDer<'static>], key: &KeyPair) -> Tls {
        let chain = chain.iter().copied().cloned().collect();
        self.tls(self.config(&TLS13, ALPN_SESSION, Some((chain, key))))
    }
}

/// Sends bytes and waits for the answer. TLS 1.3 reports a refused certificate at the first read.
fn say(tls: &mut Tls, words: &[u8]) -> io::Result<Vec<u8>> {
    tls.write_all(words)?;
    tls.flush()?;
    let mut answer = vec![0; 4096];
    let length = tls.read(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

/// All events of the gateway. It reports attackers in the order in which their time limits end.
struct GatewayLog {
    gateway: Running,
    before: RefCell<Vec<Value>>,
}

impl GatewayLog {
    fn until(&self, is_meant: impl Fn(&Value) -> bool) -> Value {
        let before = self.before.borrow().iter().find(|event| is_meant(event)).cloned();
        before.unwrap_or_else(|| {
            self.gateway.wait_until(|event| {
                self.before.borrow_mut().push(event.clone());
                is_meant(event)
            })
        })
    }

    /// Tries to get in, and is refused for this reason.
    fn refused(&self, mut tls: Tls, words: &[u8], reason: &str) {
        if let Ok(answer) = say(&mut tls, words) {
            assert!(answer.is_empty(), "who should be refused ({reason}) was answered");
        }
        self.refused_from(tls.sock.local_addr().unwrap(), reason);
    }

    /// Waits for the refusal of the connection from this address.
    fn refused_from(&self, address: SocketAddr, reason: &str) -> Value {
        let begin = format!("A connection over {address} was refused: ");
        let is_meant = |event: &Value| event["text"].as_str().is_some_and(|text| text.starts_with(&begin));
        let refusal = self.until(is_meant);
        assert_eq!(refusal["event"], "connection.refused");
        assert!(
            refusal["text"].as_str().unwrap().contains(reason),
            "{reason} in: {refusal}"
        );
        refusal
    }
}

/// Whether a session that continues to send ends within this many messages.
fn ends(tls: &mut Tls, messages: u32) -> bool {
    tls.sock.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut rest = [0; 4096];
    (1..=messages).any(|sequence| {
        let log = Log {
            app: "fw".into(),
            level: LogLevel::Info,
            text: "still here".into(),
            uptime_ms: 2_000,
            sequence,
        };
        let log = framed(&encode(Kind::Log, 0, &log).unwrap()).unwrap();
        let told = tls.write_all(&log).and_then(|()| tls.flush());
        let answer = tls.read(&mut rest);
        let quiet = |error: &io::Error| matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        told.is_err() || answer.is_ok_and(|read| read == 0) || tls.read(&mut rest).is_err_and(|error| !quiet(&error))
    })
}

/// Whether the other side ended the connection, after any number of bytes.
fn is_ended(mut stream: &TcpStream) -> bool {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

fn hello(chip_id: &[u8]) -> Vec<u8> {
    let hello = Hello {
        board: "nano33ble".into(),
        chip_id: chip_id.to_vec(),
        firmware: "0.1.0".into(),
        reset_reason: ResetReason::PowerOn,
        fault: None,
        heap_bytes: 160 * 1024,
        store_bytes: 256 * 1024,
        store_free_bytes: 256 * 1024,
        apps: Vec::new(),
        uptime_ms: 1_000,
        boot_count: 1,
    };
    framed(&encode(Kind::Hello, 0, &hello).unwrap()).unwrap()
}

#[test]
fn whoever_has_no_right_to_a_session_is_turned_away_and_a_board_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = GatewayLog {
        gateway: Running::start(data, &["gateway", "--listen", "127.0.0.1:0"]),
        before: RefCell::default(),
    };
    let ready = gateway.until(|event| event["event"] == "gateway.ready");
    add(data, &gateway.gateway, "bench-1");
    done(data, &["deploy", "counter", "--on", "bench-1"]);
    // An attacker had access to the flash of this board for a minute.
    add(data, &gateway.gateway, "bench-2");
    done(data, &["boards", "off", "bench-2"]);
    let bench_2 = board(data, "bench-2");
    let thief = Stolen::from_flash(&data.join("boards").join(bench_2["id"].as_str().unwrap()));
    assert_eq!(bench_2["device"]["id"], thief.device.as_str());
    let before = board(data, "bench-1");
    let good = before["device"]["id"].as_str().unwrap();

    let pki = data.join("gateway/pki");
    let listener = Listener {
        address: ready["listening"].as_str().unwrap().parse().unwrap(),
        name: thief.gateway.clone(),
        anchor: CertificateDer::from_pem_file(pki.join("root.crt.pem")).unwrap(),
    };
    let intermediate = CertificateDer::from_pem_file(pki.join("intermediate.crt.pem")).unwrap();
    let own = &thief.certificate;
    let chip_id = bench_2["device"]["chip_id"].as_str().unwrap();
    let hello = &hello(&hex(chip_id));

    // Half-open: one sends nothing, one begins a ClientHello and never ends it, one completes TLS and sends no hello.
    let silent = listener.raw();
    let mut half = listener.raw();
    half.write_all(&[22, 3, 1, 1, 0, 1]).unwrap();
    let mut shy = listener.device(&[own], &thief.key);
    while shy.conn.is_handshaking() {
        shy.conn.complete_io(&mut shy.sock).unwrap();
    }

    // With the board's own certificate and key, everything that follows would be accepted.
    let mut twin = listener.device(&[own], &thief.key);
    let welcome = say(&mut twin, hello).unwrap();
    assert_eq!(
        Envelope::decode(&welcome[LENGTH_BYTES..]).unwrap().kind,
        Kind::Welcome as u16
    );
    gateway.until(|event| event["event"] == "device.connected" && event["board"] == "bench-2");

    let old = listener.config(&TLS12, ALPN_SESSION, Some((vec![own.clone()], &thief.key)));
    gateway.refused(listener.tls(old), hello, "TLS");
    let nobody = listener.config(&TLS13, ALPN_SESSION, None);
    gateway.refused(listener.tls(nobody), hello, "no certificates");
    let deaf = listener.config(&TLS13, b"http/1.1", Some((vec![own.clone()], &thief.key)));
    gateway.refused(listener.tls(deaf), hello, "any known protocol");

    // The same names, serial number and key, but another authority's signature.
    let (other, other_key) = authority(&thief.gateway);
    let foreign = Issuer::from_ca_cert_der(&other, other_key).unwrap();
    let wrong_ca = certified(&thief.params(), &thief.key, &foreign);
    let chain = [&wrong_ca, &other];
    gateway.refused(listener.device(&chain, &thief.key), hello, "BadSignature");

    // The right authority's signature, but expired, and for another purpose.
    let issuer_key = fs::read_to_string(pki.join("intermediate.key.pem")).unwrap();
    let issuer_key = KeyPair::from_pem(&issuer_key).unwrap();
    let issuer = Issuer::from_ca_cert_der(&intermediate, issuer_key).unwrap();
    let mut params = thief.params();
    params.not_after = rcgen::date_time_ymd(2026, 1, 1);
    let expired = certified(&params, &thief.key, &issuer);
    gateway.refused(listener.device(&[&expired], &thief.key), hello, "Expired");
    let mut params = thief.params();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = certified(&params, &thief.key, &issuer);
    gateway.refused(listener.device(&[&server], &thief.key), hello, "InvalidPurpose");

    // The stolen board's key signs a certificate for another device: the connected one.
    let forger = Issuer::from_ca_cert_der(own, thief.key()).unwrap();
    let forged_key = KeyPair::generate().unwrap();
    let forged = certified(&thief.params_of(good), &forged_key, &forger);
    let chain = [&forged, own, &intermediate];
    gateway.refused(listener.device(&chain, &forged_key), hello, "UnknownIssuer");
    // A certificate alone is no proof.
    let keyless = listener.device(&[own], &forged_key);
    gateway.refused(keyless, hello, "BadSignature");

    // Messages over the limit, where the board's own certificate was accepted; and bytes that are not TLS at all.
    for length in [0, MAX_MESSAGE_BYTES as u16 + 1, u16::MAX] {
        let loud = listener.device(&[own], &thief.key);
        gateway.refused(loud, &length.to_be_bytes(), "was announced");
    }
    for noise in [&[22, 3, 1, 0x80, 0][..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = listener.raw();
        stream.write_all(noise).unwrap();
        assert!(is_ended(&stream));
        gateway.refused_from(stream.local_addr().unwrap(), "the TLS handshake failed");
    }

    // A token that was never issued.
    let mut guess = listener.tls(listener.config(&TLS13, ALPN_ENROLL, None));
    let request = EnrollRequest {
        token: vec![0; 16],
        csr: thief.request(chip_id),
        chip_id: hex(chip_id),
        board: "nano33ble".into(),
        firmware: "0.1.0".into(),
    };
    let request = framed(&encode(Kind::EnrollRequest, 1, &request).unwrap()).unwrap();
    let answer = say(&mut guess, &request).unwrap();
    assert_eq!(
        Envelope::decode(&answer[LENGTH_BYTES..]).unwrap().kind,
        Kind::EnrollRefused as u16
    );
    let trail = done(data, &["audit", "list"]);
    let from = format!("from {}: ", guess.sock.local_addr().unwrap());
    let entry = trail.iter().find(|entry| {
        let detail = entry["detail"].as_str();
        entry["action"] == "enrollment.refused" && detail.is_some_and(|detail| detail.starts_with(&from))
    });
    assert!(entry.is_some(), "{from} in {trail:?}");

    // The session with the stolen identity survived all that; it ends when its board is retired.
    assert!(!ends(&mut twin, 3));
    done(data, &["boards", "remove", "bench-2"]);
    assert!(
        ends(&mut twin, 60),
        "a device that was taken out of service keeps its session"
    );
    gateway.refused(listener.device(&[own], &thief.key), hello, "Revoked");

    // The gateway's time limit ends idle connections.
    gateway.refused_from(shy.sock.local_addr().unwrap(), "did not introduce itself");
    gateway.refused_from(half.local_addr().unwrap(), "handshake took longer");
    let last = gateway.refused_from(silent.local_addr().unwrap(), "handshake took longer");
    assert!([&shy.sock, &half, &silent].into_iter().all(is_ended));

    // The board was not disturbed: the same session, and the app still counts.
    let follower = Running::start(data, &["metrics", "bench-1", "--follow"]);
    let sample = follower
        .wait_until(|event| event["event"] == "device.metrics" && event["time_ms"].as_u64() > last["time_ms"].as_u64());
    assert_eq!(sample["apps"][0]["app"], "counter", "{sample}");
    assert_eq!(follower.end().0, 0);
    let after = board(data, "bench-1");
    assert_eq!(after["device"]["session"], before["device"]["session"]);
    assert_eq!(after["device"]["state"], "connected");
    assert_eq!(gateway.gateway.end().0, 0);
    let log = fs::read_to_string(data.join("logs/drydock.log")).unwrap();
    for reason in ["BadSignature", "Expired", "Revoked", "took longer", "was announced"] {
        assert!(log.contains(reason), "{reason} is not in the log");
    }
}

/// A peer with the gateway's own key, but without a certificate from the gateway's authority, is not the board's
/// gateway.
#[test]
fn a_board_turns_away_a_gateway_that_its_authority_did_not_make() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    add(data, &gateway, "bench-1");
    add(data, &gateway, "bench-2");
    let id = board(data, "bench-2")["id"].as_str().unwrap().to_owned();
    assert_eq!(gateway.end().0, 0);
    let thief = Stolen::from_flash(&data.join("boards").join(id));

    let pki = data.join("gateway/pki");
    let kept = ["intermediate.crt.pem", "intermediate.key.pem", "gateway.crt.pem"]
        .map(|name| (pki.join(name), fs::read(pki.join(name)).unwrap()));
    let gateway_key = KeyPair::from_pem(&fs::read_to_string(pki.join("gateway.key.pem")).unwrap()).unwrap();
    let (other, other_key) = authority(&thief.gateway);
    let cases = [
        (&thief.certificate, thief.key(), "is no certificate authority"),
        (&other, other_key, "does not lead to the trust anchor"),
    ];
    for (issuer, key, why) in cases {
        let key_pem = key.serialize_pem();
        let signer = Issuer::from_ca_cert_der(issuer, key).unwrap();
        let forged = certified(&thief.params_of_gateway(), &gateway_key, &signer);
        fs::write(pki.join("intermediate.crt.pem"), pem(issuer)).unwrap();
        fs::write(pki.join("intermediate.key.pem"), key_pem).unwrap();
        fs::write(pki.join("gateway.crt.pem"), pem(&forged)).unwrap();

        let gateway = Running::gateway(data);
        let console = Running::start(data, &["logs", "bench-1", "--app", "fw", "--follow"]);
        console.wait_until(|event| event["text"].as_str().is_some_and(|text| text.contains(why)));
        assert_eq!(console.end().0, 0);
        gateway.wait_for("connection.refused");
        assert_ne!(board(data, "bench-1")["device"]["state"], "connected");
        let (code, events) = gateway.end();
        assert_eq!(code, 0);
        assert!(
            events.iter().all(|event| event["event"] != "device.connected"),
            "{events:?}"
        );
    }
    // Its own gateway it knows again.
    for (path, content) in kept {
        fs::write(path, content).unwrap();
    }
    let gateway = Running::gateway(data);
    gateway.wait_until(|event| event["event"] == "device.connected" && event["board"] == "bench-1");
    assert_eq!(gateway.end().0, 0);
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
