//! A device for tests: real TLS, real messages, apps that do not run. It misbehaves on demand.

use drydock_gateway::{Gateway, Pairing, PeerLabel};
use drydock_protocol::{
    device_handler::{DeviceHandler, handle_message},
    device_to_gateway::{AppReport, EnrollRequest, Hello, Log, Metrics, Refusal, RefusalCode},
    envelope::{self, Envelope, Kind},
    framing::{self, Reader},
    gateway_to_device::{EnrollRefused, Enrolled, Welcome},
    manifest::Manifest,
    package::SignedManifest,
    types::{AppState, LogLevel, ResetReason, Version},
};
use rcgen::{CertificateParams, DnType, KeyPair};
use ring::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub(crate) type Tls = TlsStream<DuplexStream>;

/// A board with its key.
pub(crate) struct TestDevice {
    pub(crate) key: KeyPair,
    pub(crate) chip_id: Vec<u8>,
    /// Id of its board's description.
    pub(crate) board: &'static str,
    pub(crate) identity: Option<Identity>,
    pub(crate) store: Apps,
    pub(crate) boot_count: u32,
}

/// The result of enrollment.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) enrolled: Enrolled,
    pub(crate) anchor: Vec<u8>,
    pub(crate) gateway_name: String,
}

/// Apps in "flash", and how the device shall misbehave.
#[derive(Clone, Default)]
pub(crate) struct Apps {
    pub(crate) installed: BTreeMap<String, Installed>,
    pub(crate) high_water: BTreeMap<String, u64>,
    pub(crate) publisher_key: Vec<u8>,
    transfer: Option<(Manifest, Vec<u8>)>,
    pub(crate) chunks_taken: usize,
    /// Refuse every package with this.
    pub(crate) refuse: Option<Refusal>,
    /// Answer this many chunks, then stop answering.
    pub(crate) stall_after_chunks: Option<usize>,
    /// The result of starting an app.
    pub(crate) start_ends_in: Option<AppReport>,
    reports: Vec<AppReport>,
}

#[derive(Clone)]
pub(crate) struct Installed {
    pub(crate) manifest: Manifest,
    pub(crate) state: AppState,
    pub(crate) autostart: bool,
}

/// A device with a session.
pub(crate) struct Running {
    pub(crate) welcome: Welcome,
    say: mpsc::Sender<Vec<u8>>,
    task: JoinHandle<(TestDevice, String)>,
    stop: watch::Sender<bool>,
    answers: Arc<AtomicUsize>,
}

impl TestDevice {
    pub(crate) fn new(chip: u8) -> Self {
        Self {
            key: KeyPair::generate().unwrap(),
            chip_id: vec![chip; 8],
            board: "nano33ble",
            identity: None,
            store: Apps::default(),
            boot_count: 1,
        }
    }

    pub(crate) fn csr(&self) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, hex::encode(&self.chip_id));
        params.serialize_request(&self.key).unwrap().der().to_vec()
    }

    pub(crate) fn enroll_request(&self, pairing: &Pairing) -> EnrollRequest {
        EnrollRequest {
            token: pairing.token.clone(),
            csr: self.csr(),
            chip_id: self.chip_id.clone(),
            board: self.board.into(),
            firmware: "0.1.0".into(),
        }
    }

    /// Enrolls over its own connection.
    pub(crate) async fn enroll(&mut self, gateway: &Gateway, pairing: &Pairing) -> Result<Enrolled, EnrollRefused> {
        let request = self.enroll_request(pairing);
        let enrolled = enroll(gateway, pairing, &request).await?;
        self.store.publisher_key = enrolled.publisher_key.clone();
        self.identity = Some(Identity {
            enrolled: enrolled.clone(),
            anchor: pairing.anchor_der.clone(),
            gateway_name: pairing.gateway_name.clone(),
        });
        Ok(enrolled)
    }

    pub(crate) fn client_config(&self) -> ClientConfig {
        let identity = self.identity.as_ref().unwrap();
        let chain = vec![CertificateDer::from(identity.enrolled.certificate.clone())];
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let mut config = client_builder(&identity.anchor)
            .with_client_auth_cert(chain, key.into())
            .unwrap();
        config.alpn_protocols = vec![b"drydock/1".to_vec()];
        config
    }

    /// Opens the TLS connection of a session.
    pub(crate) async fn open(&self, gateway: &Gateway, peer: PeerLabel) -> Result<Tls, std::io::Error> {
        let identity = self.identity.as_ref().unwrap();
        connect(gateway, peer, self.client_config(), &identity.gateway_name).await
    }

    pub(crate) fn hello(&self) -> Hello {
        Hello {
            board: self.board.into(),
            chip_id: self.chip_id.clone(),
            firmware: "0.1.0".into(),
            reset_reason: ResetReason::PowerOn,
            fault: None,
            heap_bytes: 160 * 1024,
            store_bytes: 256 * 1024,
            store_free_bytes: 256 * 1024,
            apps: self.store.installed.values().map(Installed::report).collect(),
            uptime_ms: 1_000,
            boot_count: self.boot_count,
        }
    }

    /// Connects, sends its hello and continues in a task of its own.
    pub(crate) async fn run(self, gateway: &Gateway, peer: PeerLabel) -> Running {
        let tls = self.open(gateway, peer).await.expect("the handshake succeeds");
        self.run_on(tls).await
    }

    pub(crate) async fn run_on(self, mut tls: Tls) -> Running {
        let hello = envelope::encode(Kind::Hello, 0, &self.hello()).unwrap();
        write(&mut tls, &hello).await;
        let mut messages = Messages::default();
        let first = messages.next(&mut tls).await.expect("the gateway says welcome");
        let envelope = Envelope::decode(&first).unwrap();
        assert_eq!(envelope.kind, Kind::Welcome as u16);
        let welcome: Welcome = envelope.body().unwrap();
        let (say, said) = mpsc::channel(64);
        let (stop, stopped) = watch::channel(false);
        let answers = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(live(self, tls, messages, said, stopped, answers.clone()));
        Running {
            welcome,
            say,
            task,
            stop,
            answers,
        }
    }
}

impl Running {
    pub(crate) async fn say<T: minicbor::Encode<()>>(&self, kind: Kind, body: &T) {
        self.say_bytes(envelope::encode(kind, 0, body).unwrap()).await;
    }

    pub(crate) async fn say_bytes(&self, message: Vec<u8>) {
        self.say.send(message).await.expect("the device lives");
    }

    pub(crate) async fn log(&self, sequence: u32, text: &str) {
        let log = Log {
            app: "blink".into(),
            level: LogLevel::Info,
            text: text.into(),
            uptime_ms: 5,
            sequence,
        };
        self.say(Kind::Log, &log).await;
    }

    /// Reports an app, whether the device has it or not.
    pub(crate) async fn report(&self, app: &str, sequence: u64) {
        let report = AppReport {
            app: app.into(),
            version: Version::default(),
            sequence,
            digest: [9; 32],
            state: AppState::Running,
            failure: None,
            autostart: true,
            uptime_ms: 0,
        };
        self.say(Kind::AppReport, &report).await;
    }

    pub(crate) async fn metrics(&self, sequence: u32) {
        self.say(Kind::Metrics, &metrics(sequence)).await;
    }

    /// How many requests it has answered.
    pub(crate) fn answers(&self) -> usize {
        self.answers.load(Ordering::SeqCst)
    }

    /// Pulls the cable; gives the board back.
    pub(crate) async fn unplug(self) -> TestDevice {
        self.stop.send(true).unwrap();
        self.task.await.unwrap().0
    }

    /// Waits until the gateway ends the session; returns the board and the reason.
    pub(crate) async fn ended(self) -> (TestDevice, String) {
        self.task.await.unwrap()
    }
}

async fn live(
    mut device: TestDevice,
    mut tls: Tls,
    mut messages: Messages,
    mut said: mpsc::Receiver<Vec<u8>>,
    mut stopped: watch::Receiver<bool>,
    answers: Arc<AtomicUsize>,
) -> (TestDevice, String) {
    loop {
        tokio::select! {
            message = messages.next(&mut tls) => {
                let message = match message {
                    Ok(message) => message,
                    Err(reason) => return (device, reason),
                };
                let is_chunk = Envelope::decode(&message).unwrap().kind == Kind::PackageChunk as u16;
                if is_chunk && device.store.stall_after_chunks == Some(device.store.chunks_taken) {
                    continue;
                }
                if let Some(answer) = handle_message(&mut device.store, &message) {
                    write(&mut tls, &answer).await;
                    answers.fetch_add(1, Ordering::SeqCst);
                }
                for report in std::mem::take(&mut device.store.reports) {
                    write(&mut tls, &envelope::encode(Kind::AppReport, 0, &report).unwrap()).await;
                }
            }
            Some(message) = said.recv() => write(&mut tls, &message).await,
            _ = stopped.changed() => return (device, "unplugged".into()),
        }
    }
}

impl Installed {
    pub(crate) fn report(&self) -> AppReport {
        AppReport {
            app: self.manifest.app.clone(),
            version: self.manifest.version,
            sequence: self.manifest.sequence,
            digest: self.manifest.digest,
            state: self.state,
            failure: None,
            autostart: self.autostart,
            uptime_ms: 0,
        }
    }
}

impl Apps {
    fn set(&mut self, app: &str, state: AppState, autostart: bool) -> Result<(), Refusal> {
        let refused = || Refusal::new(RefusalCode::NoSuchApp, "there is no such app");
        let installed = self.installed.get_mut(app).ok_or_else(refused)?;
        (installed.state, installed.autostart) = (state, autostart);
        let mut report = installed.report();
        if let Some(end) = self.start_ends_in.clone().filter(|_| state == AppState::Running) {
            (report.state, report.failure) = (end.state, end.failure);
            installed.state = end.state;
        }
        self.reports.push(report);
        Ok(())
    }
}

impl DeviceHandler for Apps {
    fn welcome(&mut self, _: &Welcome) {}

    fn package_begin(&mut self, signed: &SignedManifest<'_>) -> Result<(), Refusal> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.publisher_key)
            .verify(&signed.sig_structure(), signed.signature)
            .map_err(|_| Refusal::new(RefusalCode::BadSignature, "the signature does not hold"))?;
        if let Some(refusal) = self.refuse.clone() {
            return Err(refusal);
        }
        let manifest = signed.manifest().unwrap();
        let high_water = self.high_water.get(&manifest.app).copied().unwrap_or(0);
        if manifest.sequence <= high_water {
            let detail = format!("sequence {} is not above {high_water}", manifest.sequence);
            return Err(Refusal::new(RefusalCode::Downgrade, &detail));
        }
        self.transfer = Some((manifest, Vec::new()));
        self.chunks_taken = 0;
        Ok(())
    }

    fn package_chunk(&mut self, offset: u32, data: &[u8]) -> Result<u32, Refusal> {
        let refused = || Refusal::new(RefusalCode::OutOfSequence, "no such transfer");
        let (_, module) = self.transfer.as_mut().ok_or_else(refused)?;
        if module.len() != offset as usize {
            return Err(refused());
        }
        module.extend_from_slice(data);
        self.chunks_taken += 1;
        Ok(module.len() as u32)
    }

    fn package_commit(&mut self, start: bool) -> Result<(), Refusal> {
        let (manifest, module) = self.transfer.take().unwrap();
        if digest(&SHA256, &module).as_ref() != manifest.digest {
            return Err(Refusal::new(RefusalCode::BadDigest, "the digest does not match"));
        }
        let app = manifest.app.clone();
        self.high_water.insert(app.clone(), manifest.sequence);
        let installed = Installed {
            manifest,
            state: AppState::Installed,
            autostart: false,
        };
        self.reports.push(installed.report());
        self.installed.insert(app.clone(), installed);
        if start {
            self.set(&app, AppState::Running, true)?;
        }
        Ok(())
    }

    fn package_abort(&mut self) {
        self.transfer = None;
    }

    fn app_start(&mut self, app: &str) -> Result<(), Refusal> {
        self.set(app, AppState::Running, true)
    }

    fn app_stop(&mut self, app: &str) -> Result<(), Refusal> {
        // As the firmware: an app that has ended stays as it is, and is not reported again.
        if let Some(ended) = self.installed.get_mut(app).filter(|app| app.state != AppState::Running) {
            ended.autostart = false;
            return Ok(());
        }
        self.set(app, AppState::Stopped, false)
    }

    fn app_remove(&mut self, app: &str) -> Result<(), Refusal> {
        let refused = || Refusal::new(RefusalCode::NoSuchApp, "there is no such app");
        self.installed.remove(app).map(|_| ()).ok_or_else(refused)
    }

    fn configure(&mut self, _: u32) {}

    fn time(&mut self, _: u64) {}

    fn wipe(&mut self) -> Result<(), Refusal> {
        *self = Self::default();
        Ok(())
    }
}

pub(crate) async fn enroll(
    gateway: &Gateway,
    pairing: &Pairing,
    request: &EnrollRequest,
) -> Result<Enrolled, EnrollRefused> {
    let mut config = client_builder(&pairing.anchor_der).with_no_client_auth();
    config.alpn_protocols = vec![b"drydock-enroll/1".to_vec()];
    let peer = PeerLabel::new("cable");
    let mut tls = connect(gateway, peer, config, &pairing.gateway_name).await.unwrap();
    write(&mut tls, &envelope::encode(Kind::EnrollRequest, 1, request).unwrap()).await;
    let answer = Messages::default().next(&mut tls).await.unwrap();
    let envelope = Envelope::decode(&answer).unwrap();
    if envelope.kind == Kind::Enrolled as u16 {
        Ok(envelope.body().unwrap())
    } else {
        assert_eq!(envelope.kind, Kind::EnrollRefused as u16);
        Err(envelope.body().unwrap())
    }
}

pub(crate) fn client_builder(anchor: &[u8]) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(anchor.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
}

pub(crate) async fn connect(
    gateway: &Gateway,
    peer: PeerLabel,
    config: ClientConfig,
    name: &str,
) -> Result<Tls, std::io::Error> {
    let (ours, theirs) = tokio::io::duplex(4096);
    let connection = gateway.accept(theirs, peer);
    tokio::spawn(async move {
        // Shown when the test fails.
        println!("connection: {}", connection.ended().await);
    });
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, ours).await
}

pub(crate) async fn write(tls: &mut Tls, message: &[u8]) {
    // If the gateway ended the session, the next read fails.
    if tls.write_all(&framing::framed(message).unwrap()).await.is_ok() {
        let _ = tls.flush().await;
    }
}

/// Messages out of a TLS stream.
#[derive(Default)]
pub(crate) struct Messages {
    reader: Reader,
    buffer: Vec<u8>,
}

impl Messages {
    pub(crate) async fn next(&mut self, tls: &mut Tls) -> Result<Vec<u8>, String> {
        loop {
            let mut rest = self.buffer.as_slice();
            let message = self.reader.next(&mut rest).unwrap().map(<[u8]>::to_vec);
            let left = rest.len();
            self.buffer.drain(..self.buffer.len() - left);
            if let Some(message) = message {
                return Ok(message);
            }
            let mut bytes = [0; 2048];
            match tls.read(&mut bytes).await {
                Ok(0) => return Err("closed".into()),
                Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

pub(crate) fn metrics(sequence: u32) -> Metrics {
    Metrics {
        uptime_ms: u64::from(sequence) * 1000,
        cpu_busy_bp: 1234,
        heap_used_bytes: 1,
        heap_peak_bytes: 2,
        heap_total_bytes: 3,
        stack_peak_bytes: 4,
        stack_total_bytes: 5,
        link_retries: 6,
        link_errors: 7,
        sequence,
        logs_dropped: 0,
        apps: vec![],
        temperature_mc: None,
    }
}
