//! A gateway in a temporary directory, and the set-up that most tests share.

use crate::device::{Running, TestDevice};
use drydock_gateway::{
    BoardSpec, DeviceId, DeviceState, DeviceView, EventKind, EventMessage, Gateway, GatewayConfig, PeerLabel,
    clock::ManualClock,
};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// 2026-11-21, in milliseconds since the Unix epoch.
pub(crate) const NOW_MS: u64 = 1_795_219_200_000;

pub(crate) struct Scene {
    pub(crate) directory: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gateway: Gateway,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::new(NOW_MS));
        let gateway = Gateway::open(config(&directory, &clock)).await.unwrap();
        Self {
            directory,
            clock,
            gateway,
        }
    }

    pub(crate) fn config(&self) -> GatewayConfig {
        config(&self.directory, &self.clock)
    }

    /// A board that is enrolled under this name.
    pub(crate) async fn enrolled(&self, name: &str, chip: u8) -> (TestDevice, DeviceId) {
        self.enrolled_as("nano33ble", name, chip).await
    }

    /// A board of this kind that is enrolled under this name.
    pub(crate) async fn enrolled_as(&self, board: &'static str, name: &str, chip: u8) -> (TestDevice, DeviceId) {
        let mut device = TestDevice::new(chip);
        device.board = board;
        let pairing = self
            .gateway
            .create_pairing(minute(), None, Some(name.into()))
            .await
            .unwrap();
        let enrolled = device.enroll(&self.gateway, &pairing).await.unwrap();
        assert_eq!(enrolled.device_id, pairing.device.0);
        (device, pairing.device)
    }

    /// A board with a session.
    pub(crate) async fn connected(&self, name: &str, chip: u8) -> (Running, DeviceId) {
        let (device, id) = self.enrolled(name, chip).await;
        (device.run(&self.gateway, PeerLabel::new("cable")).await, id)
    }

    pub(crate) fn view(&self, device: &DeviceId) -> DeviceView {
        self.gateway.device(device).unwrap()
    }

    pub(crate) async fn until_state(&self, device: &DeviceId, state: DeviceState) {
        until(&self.gateway, || self.view(device).state == state).await;
    }
}

pub(crate) fn config(directory: &TempDir, clock: &Arc<ManualClock>) -> GatewayConfig {
    GatewayConfig {
        clock: clock.clone(),
        boards: vec![nano(), discovery()],
        ..GatewayConfig::new(directory.path())
    }
}

pub(crate) fn nano() -> BoardSpec {
    BoardSpec {
        id: "nano33ble".into(),
        title: "Arduino Nano 33 BLE".into(),
        heap_bytes: 160 * 1024,
        store_bytes: 256 * 1024,
        pins: vec![13, 16, 24, 41],
        led_pins: vec![13, 24],
    }
}

/// A board with other LEDs than [`nano`].
pub(crate) fn discovery() -> BoardSpec {
    BoardSpec {
        id: "stm32f4discovery".into(),
        title: "STM32F4 Discovery".into(),
        heap_bytes: 100 * 1024,
        store_bytes: 256 * 1024,
        pins: vec![60, 61],
        led_pins: vec![60, 61],
    }
}

pub(crate) fn minute() -> Duration {
    Duration::from_secs(60)
}

/// Waits until a condition holds; fails after ten seconds. Checked after each event, and every 20 ms.
pub(crate) async fn until(gateway: &Gateway, mut holds: impl FnMut() -> bool) {
    let mut events = gateway.subscribe(gateway.snapshot().revision);
    let wait = async {
        while !holds() {
            let _ = tokio::time::timeout(Duration::from_millis(20), events.next()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .expect("it comes true");
}

/// All events after a revision that exist now.
pub(crate) async fn events(gateway: &Gateway, after: u64) -> Vec<EventKind> {
    let tip = gateway.snapshot().revision;
    let mut stream = gateway.subscribe(after);
    let mut events = Vec::new();
    for revision in after + 1..=tip {
        match stream.next().await {
            Some(EventMessage::Event(event)) => {
                assert_eq!(event.revision, revision);
                events.push(event.kind.clone());
            }
            other => panic!("{other:?} instead of event {revision}"),
        }
    }
    events
}

/// An app that logs and counts; `size` bytes of data make it as large as a test needs.
pub(crate) fn blink(version: &str, size: usize) -> Vec<u8> {
    let section = drydock_protocol::section::Section {
        name: Some("blink".into()),
        version: Some(version.parse().unwrap()),
        ..Default::default()
    };
    let escaped: String = section.encode().iter().map(|byte| format!("\\{byte:02x}")).collect();
    let data = "x".repeat(size);
    let text = format!(
        r#"(module
            (import "drydock" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") {} (pagesize 1))
            (data (i32.const 0) "{data}")
            (@custom "drydock" "{escaped}")
            (func (export "init") (call $log (i32.const 2) (i32.const 0) (i32.const 1)))
            (func (export "tick")))"#,
        size.max(64)
    );
    text.into_bytes()
}

/// A copy of the directory as a killed process leaves it: database, journal, keys and modules, but no lock.
pub(crate) fn copy_store(from: &std::path::Path) -> TempDir {
    let to = TempDir::new().unwrap();
    for folder in ["", "pki", "modules"] {
        std::fs::create_dir_all(to.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(from.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with("gateway.lock") {
                std::fs::copy(&path, to.path().join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    to
}
