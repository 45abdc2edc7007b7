//! Measures how many sessions the gateway holds and how many samples it takes. The simulated devices run in the same
//! process, so the figures include their side of TLS.
//!
//! `cargo run --release -p drydock-sim --example bench_sessions [-- --sessions N | --quick]` (2,000 unless said otherwise).

use drydock_gateway::{DeviceId, DeviceState, Gateway, GatewayConfig, PeerLabel};
use drydock_protocol::{
    control::Pair,
    device_to_gateway::Metrics,
    envelope::{self, Kind},
};
use drydock_sim::{RunningDevice, SimBoard, SimDevice};
use std::{
    error::Error,
    time::{Duration, Instant},
};
use tokio::{
    io::DuplexStream,
    task::{JoinSet, yield_now},
};

type Failure = Box<dyn Error + Send + Sync>;

const SESSIONS: u64 = 2_000;
const QUICK_SESSIONS: u64 = 200;
/// Devices of the flood, and samples that each of them sends.
const FLOOD: (usize, u32) = (100, 2_000);
/// Handshakes at one time.
const AT_ONCE: usize = 256;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let sessions = sessions()?;
    let directory = tempfile::tempdir()?;
    let gateway = Gateway::open(GatewayConfig::new(directory.path())).await?;
    let idle_kib = resident_kib();

    let begin = Instant::now();
    let enrolled = each_of(0..sessions, |number| enroll(gateway.clone(), number)).await?;
    let enrolling = begin.elapsed();

    let before_kib = resident_kib();
    let begin = Instant::now();
    let running = each_of(enrolled, |device| connect(gateway.clone(), device)).await?;
    let connecting = begin.elapsed();
    let held_kib = resident_kib();
    // All sessions must still exist after a round of heartbeats.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let connected = gateway
        .devices()
        .iter()
        .filter(|it| it.state == DeviceState::Connected)
        .count();

    row(
        "gateway: resident when idle",
        idle_kib / 1024.0,
        "MB",
        Some("<= 50"),
        "",
    );
    row(
        "gateway: enrollments",
        sessions as f64 / enrolling.as_secs_f64(),
        "1/s",
        None,
        "",
    );
    row(
        "gateway: sessions held",
        connected as f64,
        "",
        (sessions >= SESSIONS).then_some(">= 2000"),
        "one metrics message a second each",
    );
    row(
        "gateway: handshakes",
        sessions as f64 / connecting.as_secs_f64(),
        "1/s",
        None,
        "both sides",
    );
    let each = (held_kib - before_kib) / sessions as f64;
    row("gateway: memory of a session", each, "KiB", None, "both sides");
    let rate = flood(&gateway, &running).await?;
    row(
        "gateway: metric samples taken",
        rate,
        "1/s",
        Some(">= 200000"),
        "both sides",
    );
    gateway.close().await;
    Ok(())
}

fn sessions() -> Result<u64, Failure> {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().position(|arg| arg == "--sessions") {
        Some(at) => Ok(args.get(at + 1).ok_or("--sessions needs a number")?.parse()?),
        None if args.iter().any(|arg| arg == "--quick") => Ok(QUICK_SESSIONS),
        None => Ok(SESSIONS),
    }
}

/// Runs a task for each item, a bounded number at a time, in no particular order.
async fn each_of<T, R, F>(all: impl IntoIterator<Item = T>, act: impl Fn(T) -> F) -> Result<Vec<R>, Failure>
where
    R: Send + 'static,
    F: Future<Output = Result<R, Failure>> + Send + 'static,
{
    let (mut tasks, mut done) = (JoinSet::new(), Vec::new());
    for one in all {
        if tasks.len() == AT_ONCE
            && let Some(result) = tasks.join_next().await
        {
            done.push(result??);
        }
        tasks.spawn(act(one));
    }
    while let Some(result) = tasks.join_next().await {
        done.push(result??);
    }
    Ok(done)
}

fn stream(gateway: &Gateway) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(4096);
    gateway.accept(theirs, PeerLabel::new("simulated"));
    ours
}

async fn enroll(gateway: Gateway, number: u64) -> Result<SimDevice, Failure> {
    let name = format!("sim-{number}");
    let pairing = gateway
        .create_pairing(Duration::from_secs(600), None, Some(name))
        .await?;
    let pair = Pair {
        anchor: pairing.anchor_der,
        token: pairing.token,
        gateway_name: pairing.gateway_name,
    };
    let mut device = SimDevice::new(SimBoard::nano33ble(number))?;
    device.enroll(stream(&gateway), &pair).await?;
    Ok(device)
}

async fn connect(gateway: Gateway, device: SimDevice) -> Result<(RunningDevice, DeviceId), Failure> {
    let identity = device.identity().ok_or("the device is blank")?;
    let id = DeviceId(identity.enrolled.device_id.clone());
    let running = device.connect(stream(&gateway)).await.map_err(|(_, error)| error)?;
    Ok((running, id))
}

/// Lets some devices send metrics as fast as possible; returns the samples received per second.
async fn flood(gateway: &Gateway, running: &[(RunningDevice, DeviceId)]) -> Result<f64, Failure> {
    let (devices, samples) = FLOOD;
    let devices = &running[..devices.min(running.len())];
    let taken = || -> u64 {
        let latest = devices.iter().filter_map(|(_, id)| gateway.latest_metrics(id));
        latest.map(|sample| sample.sequence + 1).sum()
    };
    let (begin, before) = (Instant::now(), taken());
    for sequence in 0..samples {
        let message = envelope::encode(Kind::Metrics, 0, &metrics(sequence)).map_err(|_| "a sample fits a message")?;
        for (device, _) in devices {
            device.say(message.clone()).await?;
        }
    }
    let wanted = before + u64::from(samples) * devices.len() as u64;
    while taken() < wanted {
        yield_now().await;
    }
    Ok((taken() - before) as f64 / begin.elapsed().as_secs_f64())
}

fn metrics(sequence: u32) -> Metrics {
    Metrics {
        uptime_ms: sequence.into(),
        cpu_busy_bp: 1_500,
        heap_used_bytes: 40_000,
        heap_peak_bytes: 50_000,
        heap_total_bytes: 160_000,
        stack_peak_bytes: 9_000,
        stack_total_bytes: 16_384,
        link_retries: 0,
        link_errors: 0,
        sequence,
        logs_dropped: 0,
        apps: vec![],
        temperature_mc: Some(24_000),
    }
}

/// Resident memory of this process in bytes; 0 where the kernel does not report it.
fn resident_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0.0)
}

fn row(what: &str, value: f64, unit: &str, goal: Option<&str>, note: &str) {
    let row = serde_json::json!({ "what": what, "value": value, "unit": unit, "goal": goal, "note": note });
    println!("{row}");
}
