//! Measures the costs of machines besides execution: creation, memory and host time of idle ones, snapshot and fork,
//! and the latency from a byte sent to a sleeping guest to its answer. Prints one JSON object a line for `./x bench`;
//! `--quick` takes a tenth of the machines.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, Runner};
use drydock_emulator::{Engine, Image, Machine, ResetKind, RunLimit, Seed, VirtualTime};

const FLEET: usize = 1_000;
const QUICK_FLEET: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let fleet = match std::env::args().nth(1).as_deref() {
        None => FLEET,
        Some("--quick") => QUICK_FLEET,
        Some(other) => return Err(format!("unknown argument {other}").into()),
    };
    let board = drydock_assets::board("nano33ble").ok_or("no such board")?;
    let blink = guest("blink")?;
    let open = |image: &Image| -> Result<Box<dyn Machine>, Box<dyn Error>> {
        let mut machine = Builtin.open(&board, Seed([1; 32]))?;
        machine.load(image)?;
        machine.reset(ResetKind::PowerOn)?;
        Ok(machine)
    };

    let mut machines = Vec::new();
    let before = resident_kib();
    let started = Instant::now();
    for _ in 0..fleet {
        machines.push(open(&blink)?);
    }
    let each = started.elapsed() / fleet as u32;
    line("machine created, loaded and reset", micros(each), "us", "<= 50");
    let each_kib = |machines: usize| resident_kib().saturating_sub(before) as f64 / machines as f64;
    line(
        "memory of a machine that was never run",
        each_kib(fleet),
        "KiB",
        "<= 300",
    );
    for machine in &mut machines {
        machine.run(RunLimit::until(VirtualTime::from_ms(200)))?;
    }
    line("memory of a machine that blinks", each_kib(fleet), "KiB", "<= 300");

    let machine = &mut machines[0];
    machine.write_memory(0x2000_0000, &[7; 64 * 1_024])?;
    let snapshots = machine.snapshots().ok_or("the builtin engine has snapshots")?;
    line(
        "snapshot",
        best(|| black_box(snapshots.snapshot().is_ok())),
        "us",
        "<= 1000",
    );
    line("fork", best(|| black_box(snapshots.fork().is_ok())), "us", "<= 1000");

    // While the others exist: otherwise memory freed by an ended machine would be reused first.
    with_firmware(fleet / 20, open)?;
    idle(machines, fleet)?;
    latency(open(&guest("echo")?)?)
}

/// Machines that have booted Drydock's own firmware and wait for a gateway.
fn with_firmware(
    fleet: usize,
    open: impl Fn(&Image) -> Result<Box<dyn Machine>, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let firmware = Image::from_elf(drydock_embedded::firmware("nano33ble")?.elf)?;
    // The first one is not counted: it creates the data that all share.
    let mut machines = vec![open(&firmware)?];
    machines[0].run(RunLimit::until(VirtualTime::from_ms(500)))?;
    let before = resident_kib();
    for _ in 0..fleet {
        let mut machine = open(&firmware)?;
        machine.run(RunLimit::until(VirtualTime::from_ms(500)))?;
        machines.push(machine);
    }
    let kib = resident_kib().saturating_sub(before) as f64 / fleet as f64;
    line("memory of a machine that has booted our firmware", kib, "KiB", "");
    Ok(())
}

/// Machines that wake up ten times a second at real time: the share of a core that they use.
fn idle(machines: Vec<Box<dyn Machine>>, fleet: usize) -> Result<(), Box<dyn Error>> {
    let runner = Runner::new()?;
    let handles: Vec<MachineHandle> = machines
        .into_iter()
        .map(|machine| runner.add(machine, options(Pace::Realtime)))
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let (cpu, started) = (cpu_time(), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let share = (cpu_time() - cpu).as_secs_f64() / started.elapsed().as_secs_f64();
    line(
        &format!("{fleet} machines blinking at real time, of one core"),
        share * 100.0,
        "%",
        "",
    );
    drop(handles);
    Ok(())
}

/// One byte to a sleeping guest, and its answer; 20 µs of it are the line's at 1 Mbaud.
fn latency(machine: Box<dyn Machine>) -> Result<(), Box<dyn Error>> {
    let runner = Runner::new()?;
    let handle = runner.add(machine, options(Pace::Max));
    let mut port = handle.uart(0)?;
    std::thread::sleep(Duration::from_millis(50));
    let mut times: Vec<Duration> = (0..1_000)
        .map(|_| {
            let started = Instant::now();
            port.give(b"x");
            while port.fetch().is_empty() {
                std::thread::yield_now();
            }
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    line(
        "byte to a sleeping guest and back, median",
        micros(times[500]),
        "us",
        "<= 1000",
    );
    line(
        "byte to a sleeping guest and back, p99",
        micros(times[990]),
        "us",
        "<= 1000",
    );
    let (started, bytes) = (Instant::now(), 100_000);
    let (mut given, mut fetched) = (0, 0);
    while fetched < bytes {
        given += port.give(&vec![1; (bytes - given).min(4_096)]);
        fetched += port.fetch().len();
        std::thread::yield_now();
    }
    line(
        "bytes through an echoing guest",
        f64::from(bytes as u32) / started.elapsed().as_secs_f64() / 1e3,
        "kB/s",
        "",
    );
    Ok(())
}

fn options(pace: Pace) -> RunOptions {
    RunOptions {
        name: "bench".to_owned(),
        pace,
        paused: false,
    }
}

fn guest(name: &str) -> Result<Image, Box<dyn Error>> {
    let path = format!("{}/tests/guests/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path)?;
    let bytes = text
        .split_ascii_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16))
        .collect::<Result<Vec<u8>, _>>()?;
    Ok(Image::from_bin(0x1_0000, bytes))
}

fn best(mut action: impl FnMut() -> bool) -> f64 {
    let times = (0..50).map(|_| {
        let started = Instant::now();
        black_box(action());
        started.elapsed()
    });
    micros(times.min().unwrap_or_default())
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn line(what: &str, value: f64, unit: &str, goal: &str) {
    let goal = if goal.is_empty() {
        String::new()
    } else {
        format!(r#", "goal": "{goal}""#)
    };
    println!(r#"{{"what": "{what}", "value": {value:.1}, "unit": "{unit}"{goal}}}"#);
}

/// Resident memory of this process, from /proc; 0 on systems without it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// User and system time of this process, in clock ticks of 10 ms (proc_pid_stat(5), fields 14 and 15).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}
