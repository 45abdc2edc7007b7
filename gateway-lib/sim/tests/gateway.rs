//! Simulated devices against the real gateway, over in-memory streams.
#![allow(clippy::unwrap_used)]

use drydock_gateway::{
    AppState, BoardSpec, DeviceId, DeviceState, Gateway, GatewayConfig, LogLevel as GatewayLogLevel, PeerLabel,
    SessionLimits, UploadOptions,
};
use drydock_protocol::{
    control::Pair,
    gateway_to_device::EnrollRefusalCode,
    types::{Failure, FailureKind, LogLevel, ResetReason},
};
use drydock_sim::{Behaviour, RunningDevice, SessionEnd, SimBoard, SimDevice, SimError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::DuplexStream;

struct Scene {
    gateway: Gateway,
    _directory: TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self::with(SessionLimits::default()).await
    }

    async fn with(limits: SessionLimits) -> Self {
        let directory = TempDir::new().unwrap();
        let board = SimBoard::nano33ble(0);
        let config = GatewayConfig {
            boards: vec![BoardSpec {
                id: board.board,
                title: "Arduino Nano 33 BLE".into(),
                heap_bytes: board.heap_bytes,
                store_bytes: board.store_bytes,
                pins: board.pins,
                led_pins: vec![13, 24],
            }],
            limits,
            ..GatewayConfig::new(directory.path())
        };
        let gateway = Gateway::open(config).await.unwrap();
        Self {
            gateway,
            _directory: directory,
        }
    }

    fn stream(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(4096);
        let connection = self.gateway.accept(theirs, PeerLabel::new("simulated"));
        // Shown when the test fails.
        tokio::spawn(async move { println!("connection: {}", connection.ended().await) });
        ours
    }

    async fn pair(&self, name: &str) -> (Pair, DeviceId) {
        let minute = Duration::from_secs(60);
        let pairing = self
            .gateway
            .create_pairing(minute, None, Some(name.into()))
            .await
            .unwrap();
        let pair = Pair {
            anchor: pairing.anchor_der,
            token: pairing.token,
            gateway_name: pairing.gateway_name,
        };
        (pair, pairing.device)
    }

    async fn enrolled(&self, number: u64) -> (SimDevice, DeviceId) {
        let mut device = SimDevice::new(SimBoard::nano33ble(number)).unwrap();
        let (pair, id) = self.pair(&format!("sim-{number}")).await;
        device.enroll(self.stream(), &pair).await.unwrap();
        (device, id)
    }

    async fn connect(&self, device: SimDevice) -> RunningDevice {
        device.connect(self.stream()).await.map_err(|(_, error)| error).unwrap()
    }

    async fn deploy(&self, device: &DeviceId, version: &str) {
        let options = UploadOptions {
            targets: vec!["nano33ble".into()],
            ..UploadOptions::default()
        };
        let package = self.gateway.upload(&module(version), options).await.unwrap();
        self.gateway
            .deploy(std::slice::from_ref(device), &package.id, true)
            .await
            .unwrap();
    }

    fn app_state(&self, device: &DeviceId) -> Option<AppState> {
        self.gateway.device(device).unwrap().apps.first().map(|app| app.state)
    }

    async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let mut events = self.gateway.subscribe(self.gateway.snapshot().revision);
        let wait = async {
            while !holds() {
                let _ = tokio::time::timeout(Duration::from_millis(20), events.next()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("never: {what}"));
    }
}

fn module(version: &str) -> Vec<u8> {
    let section = drydock_protocol::section::Section {
        name: Some("blink".into()),
        version: Some(version.parse().unwrap()),
        ..Default::default()
    };
    let escaped: String = section.encode().iter().map(|byte| format!("\\{byte:02x}")).collect();
    let data = "x".repeat(5_000);
    format!(
        r#"(module (memory (export "memory") 6000 (pagesize 1)) (data (i32.const 0) "{data}")
            (@custom "drydock" "{escaped}") (func (export "init")) (func (export "tick")))"#
    )
    .into_bytes()
}

fn trap() -> Failure {
    Failure {
        kind: FailureKind::Trap,
        export: "tick".into(),
        detail: "unreachable".into(),
        exit_code: None,
    }
}

#[tokio::test]
async fn enrolls_runs_an_app_and_reports() {
    let scene = Scene::new().await;
    let (device, id) = scene.enrolled(1).await;
    let device = scene.connect(device).await;
    assert_eq!(scene.gateway.device(&id).unwrap().state, DeviceState::Connected);
    scene.deploy(&id, "1.0.0").await;
    scene
        .until("running", || scene.app_state(&id) == Some(AppState::Running))
        .await;

    scene.gateway.set_metrics_interval(&id, 100).await.unwrap();
    let mut metrics = scene.gateway.follow_metrics(&id);
    let Some(drydock_gateway::StreamItem::Item(sample)) = metrics.next().await else {
        panic!("a sample comes");
    };
    assert_eq!((sample.lost_before, sample.metrics.apps[0].app.as_str()), (0, "blink"));
    let mut lines = scene.gateway.follow_logs(&id, None);
    device.log("blink", LogLevel::Warn, "hot").await.unwrap();
    assert!(matches!(
        lines.next().await,
        Some(drydock_gateway::StreamItem::Item(line)) if line.text == "hot" && line.level == GatewayLogLevel::Warn
    ));

    device.fail("blink", trap()).await.unwrap();
    scene
        .until("failed", || scene.app_state(&id) == Some(AppState::Failed))
        .await;
    let (device, _) = device.unplug().await;
    scene
        .until("disconnected", || {
            scene.gateway.device(&id).unwrap().state == DeviceState::Disconnected
        })
        .await;
    assert_eq!(device.store().app("blink").unwrap().failure, Some(trap()));
}

#[tokio::test]
async fn flash_survives_a_reboot_and_an_app_that_fails_is_told() {
    let scene = Scene::new().await;
    let (device, id) = scene.enrolled(1).await;
    let device = scene.connect(device).await;
    scene.deploy(&id, "1.0.0").await;
    scene
        .until("running", || scene.app_state(&id) == Some(AppState::Running))
        .await;
    let (mut device, end) = device.unplug().await;
    assert!(matches!(end, SessionEnd::Unplugged));
    device.store_mut().set_behaviour("blink", Behaviour::Fails(trap()));
    device.reboot(ResetReason::Watchdog);
    let _device = scene.connect(device).await;
    scene
        .until("failed", || scene.app_state(&id) == Some(AppState::Failed))
        .await;
    assert_eq!(
        scene.gateway.device(&id).unwrap().apps[0]
            .failure
            .as_ref()
            .unwrap()
            .detail,
        "unreachable"
    );
}

#[tokio::test]
async fn refuses_what_the_firmware_would_refuse() {
    let scene = Scene::new().await;
    let board = SimBoard {
        heap_bytes: 1_000,
        ..SimBoard::nano33ble(1)
    };
    let mut device = SimDevice::new(board).unwrap();
    let (pair, id) = scene.pair("small").await;
    device.enroll(scene.stream(), &pair).await.unwrap();
    let options = UploadOptions::default();
    let package = scene.gateway.upload(&module("1.0.0"), options).await.unwrap();
    let deployed = scene
        .gateway
        .deploy(std::slice::from_ref(&id), &package.id, true)
        .await
        .unwrap();
    let _device = scene.connect(device).await;
    scene
        .until("refused", || {
            let target = &scene.gateway.deployment(deployed.id).unwrap().targets[0];
            target.status == drydock_gateway::TargetStatus::Refused
        })
        .await;
    assert_eq!(scene.app_state(&id), None);
}

#[tokio::test]
async fn a_token_is_good_once() {
    let scene = Scene::new().await;
    let (pair, _) = scene.pair("first").await;
    let mut first = SimDevice::new(SimBoard::nano33ble(1)).unwrap();
    let mut second = SimDevice::new(SimBoard::nano33ble(2)).unwrap();
    first.enroll(scene.stream(), &pair).await.unwrap();
    match second.enroll(scene.stream(), &pair).await {
        Err(SimError::EnrollRefused(refused)) => assert_eq!(refused.code, EnrollRefusalCode::BadToken),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        second.connect(scene.stream()).await,
        Err((_, SimError::Blank))
    ));
}

#[tokio::test]
async fn another_gateway_is_not_talked_to() {
    let (home, other) = (Scene::new().await, Scene::new().await);
    let (device, _) = home.enrolled(1).await;
    let (device, error) = device.connect(other.stream()).await.unwrap_err();
    assert!(matches!(error, SimError::Connection(_)), "{error:?}");
    home.connect(device).await;
}

#[tokio::test]
async fn a_wiped_device_is_blank_and_enrolls_again() {
    let scene = Scene::new().await;
    let (device, id) = scene.enrolled(1).await;
    let device = scene.connect(device).await;
    scene.gateway.wipe_device(&id).await.unwrap();
    let (mut device, end) = device.ended().await;
    assert!(
        matches!(end, SessionEnd::Wiped) && device.identity().is_none(),
        "{end:?}"
    );
    let pairing = scene
        .gateway
        .create_pairing_for(&id, Duration::from_secs(60))
        .await
        .unwrap();
    let pair = Pair {
        anchor: pairing.anchor_der,
        token: pairing.token,
        gateway_name: pairing.gateway_name,
    };
    device.enroll(scene.stream(), &pair).await.unwrap();
    scene.connect(device).await;
}

#[tokio::test]
async fn devices_tell_more_rarely_as_others_come_and_more_often_as_they_go() {
    // Twenty devices get twice that interval.
    let least_ms = 100;
    let scene = Scene::with(SessionLimits {
        metrics_interval_ms: least_ms,
        ..SessionLimits::default()
    })
    .await;
    let told_again = async |id: &DeviceId| {
        let told = || scene.gateway.metrics(id, 0).next;
        let before = told();
        scene.until("three samples more", || told() >= before + 3).await;
    };
    let (device, first) = scene.enrolled(0).await;
    let first_device = scene.connect(device).await;
    assert_eq!(first_device.welcome().metrics_interval_ms, least_ms);
    let (device, asked) = scene.enrolled(1).await;
    let asked_device = scene.connect(device).await;
    scene.gateway.set_metrics_interval(&asked, least_ms).await.unwrap();
    let mut others = Vec::new();
    for number in 2..24 {
        let (device, id) = scene.enrolled(number).await;
        others.push((scene.connect(device).await, id));
    }

    told_again(&asked).await;
    let (device, _) = asked_device.unplug().await;
    assert_eq!(device.store().metrics_interval_ms(), least_ms, "somebody asked for it");

    told_again(&first).await;
    let (device, _) = first_device.unplug().await;
    assert!(device.store().metrics_interval_ms() >= 2 * least_ms);
    let first_device = scene.connect(device).await;
    assert!(first_device.welcome().metrics_interval_ms >= 2 * least_ms);

    for (other, id) in others {
        other.unplug().await;
        let gone = || scene.gateway.device(&id).unwrap().state == DeviceState::Disconnected;
        scene.until("gone", gone).await;
    }
    told_again(&first).await;
    let (device, _) = first_device.unplug().await;
    assert!(device.store().metrics_interval_ms() < 2 * least_ms);
}
