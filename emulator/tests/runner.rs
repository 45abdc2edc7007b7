//! The runner: machines on worker threads, UARTs as streams, isolated crashes, recordings that replay.
#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use drydock_assets::Board;
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::runner::{MachineEvent, MachineHandle, Pace, RunOptions, RunState, Runner, UartError, replay};
use drydock_emulator::{Engine, Image, Machine, PartTable, ResetKind, RunLimit, Seed, VirtualTime, snapshot_file};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Far longer than any condition of these tests takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Number of snapshot files in a long run.
const FILES: u64 = 10;

fn machine(guest: &str) -> Box<dyn Machine> {
    let mut machine = Builtin.open(&board(), Seed([3; 32])).unwrap();
    machine.load(&image(guest)).unwrap();
    machine.reset(ResetKind::PowerOn).unwrap();
    machine
}

fn board() -> Board {
    drydock_assets::board("nano33ble").unwrap()
}

fn image(guest: &str) -> Image {
    let path = format!("{}/tests/guests/{guest}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let bytes: Vec<u8> = text
        .split_ascii_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    Image::from_bin(0x1_0000, bytes)
}

fn runner(workers: usize) -> Runner {
    Runner::with_workers(NonZeroUsize::new(workers).unwrap()).unwrap()
}

fn add(runner: &Runner, guest: &str, pace: Pace) -> MachineHandle {
    runner.add(machine(guest), options(guest, pace, false))
}

fn options(name: &str, pace: Pace, paused: bool) -> RunOptions {
    RunOptions {
        name: name.to_owned(),
        pace,
        paused,
    }
}

/// Waits until the machine's status is as wished.
#[track_caller]
fn wait(handle: &MachineHandle, what: &str, wished: impl Fn(&drydock_emulator::runner::MachineStatus) -> bool) {
    let started = Instant::now();
    while !wished(&handle.status()) {
        assert!(
            started.elapsed() < PATIENCE,
            "waiting until {what}: {:?}",
            handle.status()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

async fn exchange(port: &mut drydock_emulator::runner::UartPort, bytes: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; bytes.len()];
    port.write_all(bytes).await.unwrap();
    tokio::time::timeout(PATIENCE, port.read_exact(&mut answer))
        .await
        .expect("an answer")
        .unwrap();
    answer
}

#[tokio::test]
async fn a_uart_is_a_stream() {
    for pace in [Pace::Max, Pace::Realtime] {
        let runner = runner(1);
        let handle = add(&runner, "echo", pace);
        let mut port = handle.uart(0).unwrap();
        // The guest must be listening: earlier bytes are lost, as on a board.
        wait(&handle, "it listens", |status| {
            status.virtual_time > VirtualTime::from_us(20) || status.instructions > 30
        });
        assert_eq!(exchange(&mut port, b"HAL").await, b"IBM");
        let long: Vec<u8> = (0..20_000).map(|index| index as u8).collect();
        let expected: Vec<u8> = long.iter().map(|byte| byte.wrapping_add(1)).collect();
        let (mut reader, mut writer) = tokio::io::split(port);
        let writing = tokio::spawn(async move {
            writer.write_all(&long).await.unwrap();
            writer
        });
        let mut answer = vec![0; expected.len()];
        tokio::time::timeout(PATIENCE, reader.read_exact(&mut answer))
            .await
            .expect("all of it")
            .unwrap();
        assert!(answer == expected, "{pace:?}");
        drop(writing.await);
    }
}

#[tokio::test]
async fn a_uart_has_one_holder_and_ends_with_its_machine() {
    let runner = runner(1);
    let handle = add(&runner, "echo", Pace::Max);
    let in_use = UartError::InUse {
        machine: "echo".to_owned(),
        index: 0,
    };
    let none = UartError::None {
        machine: "echo".to_owned(),
        index: 2,
    };
    let port = handle.uart(0).unwrap();
    assert_eq!(handle.uart(0).err(), Some(in_use));
    assert_eq!(handle.uart(2).err(), Some(none));
    drop(port);
    let mut port = handle.uart(0).unwrap();
    handle.stop();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, port.read_to_end(&mut rest))
        .await
        .expect("the end")
        .unwrap();
    assert_eq!(handle.status().state, RunState::Stopped);
    assert!(port.write_all(b"x").await.is_err());
    assert!(handle.with_machine(|_| ()).await.is_err());
}

#[tokio::test]
async fn output_that_nobody_fetches_holds_the_machine() {
    let runner = runner(1);
    let handle = add(&runner, "echo", Pace::Max);
    let mut port = handle.uart(0).unwrap();
    wait(&handle, "it listens", |status| status.instructions > 30);
    let sent = 150_000;
    let mut given = 0;
    let started = Instant::now();
    // Two queues of 64 KiB and the bytes in transfer: beyond that, nothing is accepted until output is fetched.
    while given < sent && started.elapsed() < Duration::from_secs(2) {
        given += port.give(&vec![7; sent - given]);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(given < sent, "{given}");
    let mut fetched = 0;
    while fetched < sent {
        given += port.give(&vec![7; sent - given]);
        fetched += port.fetch().len();
        assert!(started.elapsed() < PATIENCE, "{fetched} of {given}");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(fetched, sent);
}

#[test]
fn a_machine_that_takes_nothing_is_not_buried_in_repetitions() {
    // Half of the firmware's receive buffer: more bytes at once, while flash is erased, would be overwritten.
    const RECEIVER_BYTES: usize = 2_048;
    let runner = runner(1);
    let handle = runner.add(machine("echo"), options("echo", Pace::Max, true));
    let mut port = handle.uart(0).unwrap();
    let taken: usize = (0..100).map(|_| port.give(&[7; 256])).sum();
    assert!((256..RECEIVER_BYTES).contains(&taken), "{taken}");
}

#[test]
fn a_machine_pauses_steps_and_goes_on() {
    let runner = runner(1);
    let handle = runner.add(machine("count"), options("count", Pace::Max, true));
    assert_eq!(handle.status().instructions, 0);
    handle.step(5);
    wait(&handle, "it stepped", |status| status.instructions == 5);
    assert_eq!(handle.status().state, RunState::Paused);
    handle.resume();
    wait(&handle, "it runs", |status| {
        status.instructions > 100_000 && status.state == RunState::Running
    });
    handle.pause();
    wait(&handle, "it pauses", |status| status.state == RunState::Paused);
    let stands = handle.status().instructions;
    let counted = handle
        .with_machine_blocking(|machine| machine.read_register("r0").unwrap())
        .unwrap();
    assert!(counted > 10_000);
    assert_eq!(handle.status().instructions, stands);
    let target = handle.status().virtual_time + VirtualTime::from_ms(500);
    handle.pause_at(target);
    handle.resume();
    wait(&handle, "it pauses again", |status| {
        status.state == RunState::Paused && status.instructions > stands
    });
    let late = handle.status().virtual_time - target;
    assert!(late < VirtualTime::from_us(1), "{late}");
}

#[test]
fn realtime_is_not_faster_than_the_host_and_max_is() {
    let runner = runner(1);
    let started = Instant::now();
    let slow = add(&runner, "blink", Pace::Realtime);
    let fast = add(&runner, "blink", Pace::Max);
    wait(&fast, "a minute has passed", |status| {
        status.virtual_time > VirtualTime::from_seconds(60)
    });
    wait(&slow, "it blinked", |status| {
        status.virtual_time > VirtualTime::from_ms(90)
    });
    let now = slow.status().virtual_time;
    assert!(now.as_us() <= started.elapsed().as_micros() as u64, "{now}");
    // A host is connected now: from here on its idle time follows the host's.
    let port = fast.uart(0).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let (before, mark) = (fast.status().virtual_time, Instant::now());
    std::thread::sleep(Duration::from_millis(300));
    let passed = fast.status().virtual_time - before;
    assert!(
        passed.as_us() <= mark.elapsed().as_micros() as u64 + 130_000,
        "{passed}"
    );
    drop(port);
}

#[test]
fn a_sleeping_machine_tells_the_time() {
    let runner = runner(1);
    let handle = add(&runner, "mirror", Pace::Max);
    let port = handle.uart(0).unwrap();
    wait(&handle, "it sleeps", |status| status.instructions > 10);
    // Nothing is ever due in it; time passes all the same, and does not go back when input arrives.
    wait(&handle, "time passes", |status| {
        status.virtual_time > VirtualTime::from_ms(20)
    });
    let before = handle.status().virtual_time;
    handle.drive_pin(43, Some(false));
    wait(&handle, "it saw the pin", |_| handle.pin(13) == Some(false));
    assert!(handle.status().virtual_time >= before);
    drop(port);
}

#[test]
fn a_machine_that_gets_no_turn_is_not_late_in_its_own_time() {
    // An event is due in it ten times a second.
    const PERIOD: VirtualTime = VirtualTime::from_ms(101);
    let runner = runner(1);
    let handle = add(&runner, "blink", Pace::Max);
    let port = handle.uart(0).unwrap();
    wait(&handle, "it sleeps between its turns", |status| {
        status.virtual_time > PERIOD
    });
    let other = add(&runner, "mirror", Pace::Max);
    let (busy, is_busy) = std::sync::mpsc::channel();
    let (let_go, is_let_go) = std::sync::mpsc::channel::<()>();
    let visitor = std::thread::spawn(move || {
        other.with_machine_blocking(move |_| {
            busy.send(()).unwrap();
            is_let_go.recv().unwrap();
        })
    });
    is_busy.recv().unwrap();
    let before = handle.status().virtual_time;
    std::thread::sleep(Duration::from_millis(500));
    // A caller that waits for its output does not count the time in which it could not send any.
    assert!(handle.status().virtual_time <= before + PERIOD);
    let_go.send(()).unwrap();
    visitor.join().unwrap().unwrap();
    wait(&handle, "it goes on", |status| status.virtual_time > before + PERIOD);
    drop(port);
}

#[test]
fn a_crash_stays_with_its_machine() {
    let runner = runner(2);
    let sound: Vec<MachineHandle> = (0..3).map(|_| add(&runner, "count", Pace::Max)).collect();
    let board = machine("count");
    let bang = Arc::new(AtomicBool::new(false));
    let crashing = Crashing {
        inner: board,
        bang: bang.clone(),
        clock_bang: Arc::default(),
    };
    let handle = runner.add(Box::new(crashing), options("bad", Pace::Max, false));
    let mut events = handle.events();
    wait(&handle, "it runs", |status| status.instructions > 1_000);
    bang.store(true, Ordering::Relaxed);
    wait(&handle, "it crashed", |status| {
        matches!(status.state, RunState::Crashed { .. })
    });
    let RunState::Crashed { cause } = handle.status().state else {
        unreachable!()
    };
    assert_eq!(cause, "bang");
    let told = std::iter::from_fn(|| events.try_recv().ok());
    assert!(
        told.into_iter()
            .any(|event| matches!(event, MachineEvent::State(RunState::Crashed { .. })))
    );
    // Its state can be inspected, and the others continue.
    let counted = handle
        .with_machine_blocking(|machine| machine.read_register("r0").unwrap())
        .unwrap();
    assert!(counted > 0);
    for other in &sound {
        let before = other.status().instructions;
        wait(other, "the others run", |status| {
            status.instructions > before + 1_000_000
        });
    }
    bang.store(false, Ordering::Relaxed);
    handle.reset(ResetKind::PowerOn);
    wait(&handle, "it runs again", |status| status.state == RunState::Running);
}

#[test]
fn a_panic_where_none_is_expected_costs_no_worker() {
    let runner = runner(1);
    let sound = add(&runner, "count", Pace::Max);
    let clock_bang = Arc::new(AtomicBool::new(false));
    let crashing = Crashing {
        inner: machine("count"),
        bang: Arc::default(),
        clock_bang: clock_bang.clone(),
    };
    let handle = runner.add(Box::new(crashing), options("bad", Pace::Max, false));
    wait(&handle, "it runs", |status| status.instructions > 1_000);
    clock_bang.store(true, Ordering::Relaxed);
    wait(
        &handle,
        "it crashed",
        |status| matches!(&status.state, RunState::Crashed { cause } if cause == "no clock"),
    );
    let before = sound.status().instructions;
    wait(&sound, "the other runs", |status| {
        status.instructions > before + 1_000_000
    });
    handle.stop();
    wait(&handle, "it stops all the same", |status| {
        status.state == RunState::Stopped
    });
}

#[test]
fn faults_resets_and_pins_are_told() {
    let runner = runner(1);
    let handle = runner.add(machine("trespass"), options("trespass", Pace::Max, true));
    let mut events = handle.events();
    handle.resume();
    wait(&handle, "it faulted", |status| status.faults > 0);
    assert!(!handle.faults().is_empty());
    handle.reset(ResetKind::Pin);
    let mut told = Vec::new();
    let started = Instant::now();
    while !told.iter().any(|event| {
        matches!(
            event,
            MachineEvent::Reset {
                kind: ResetKind::Pin,
                ..
            }
        )
    }) {
        assert!(started.elapsed() < PATIENCE, "{told:?}");
        match events.try_recv() {
            Ok(event) => told.push(event),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    assert!(told.iter().any(|event| matches!(event, MachineEvent::Fault(_))));

    let handle = add(&runner, "mirror", Pace::Max);
    let shows = |level| {
        let started = Instant::now();
        while handle.pin(13) != Some(level) {
            assert!(started.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    for level in [true, false, true, false] {
        handle.drive_pin(43, Some(level));
        shows(level);
    }
    handle.drive_pin(999, Some(true));
    assert_eq!(handle.pin(999), None);
    assert_eq!(handle.status().state, RunState::Running);
}

#[tokio::test]
async fn what_was_recorded_replays_to_the_same_state() {
    let runner = runner(1);
    let handle = add(&runner, "echo", Pace::Max);
    let mut port = handle.uart(0).unwrap();
    wait(&handle, "it listens", |status| status.instructions > 30);
    for round in 0..50_u8 {
        let bytes = vec![round; 1 + usize::from(round) * 7 % 90];
        exchange(&mut port, &bytes).await;
    }
    handle.pause();
    wait(&handle, "it pauses", |status| status.state == RunState::Paused);
    let recording = handle.input_log();
    handle.read_memory(0x2000_0000, 16).await.unwrap();
    assert!(handle.read_memory(0x3000_0000, 16).await.is_err());
    assert!(!handle.input_log().incomplete);
    let state = |machine: &mut dyn Machine| {
        let hash = machine.snapshots().unwrap().state_hash().unwrap();
        (machine.now(), machine.instructions(), hash)
    };
    let recorded = handle.with_machine(move |machine| state(machine)).await.unwrap();
    assert!(handle.input_log().incomplete, "a visitor may have changed anything");
    let mut second = machine("echo");
    replay(&mut *second, &recording, recorded.0).unwrap();
    assert_eq!(state(&mut *second), recorded);
}

#[test]
fn recorded_pins_and_resets_replay_too() {
    let runner = runner(1);
    let handle = add(&runner, "mirror", Pace::Max);
    // A machine with a connected host follows the host's time, so that each input has its own instant.
    let port = handle.uart(0).unwrap();
    wait(&handle, "it sleeps", |status| status.instructions > 10);
    for round in 0..20 {
        handle.drive_pin(43, Some(round % 2 == 0));
        let shown = Some(round % 2 == 0);
        wait(&handle, "it saw the pin", |_| handle.pin(13) == shown);
        if round == 11 {
            let before = handle.status().instructions;
            handle.reset(ResetKind::Pin);
            wait(&handle, "it started anew", |status| status.instructions > before);
        }
    }
    drop(port);
    handle.pause();
    wait(&handle, "it pauses", |status| status.state == RunState::Paused);
    let recording = handle.input_log();
    assert_eq!(recording.inputs.len(), 21);
    let recorded = handle.with_machine_blocking(state).unwrap();
    let mut second = machine("mirror");
    replay(&mut *second, &recording, recorded.0).unwrap();
    assert_eq!(state(&mut *second), recorded);
}

#[tokio::test]
async fn a_recorded_table_replays_its_values_at_their_instants() {
    let runner = runner(1);
    let handle = add(&runner, "blink", Pace::Max);
    let parts = drydock_assets::board("nano33ble").unwrap().parts;
    let rows: String = (0..200).map(|row| format!("{}.5,{}\n", row, row % 2)).collect();
    let table = PartTable::read(format!("time,lsm9ds1.acceleration_x\n{rows}").as_bytes(), &parts).unwrap();
    handle.play_table(Some(table)).await.unwrap().unwrap();
    let played_at = handle.input_log().inputs[0].at;
    wait(&handle, "some rows are played", |status| {
        status.virtual_time > played_at + VirtualTime::from_ms(2_600)
    });
    handle.play_table(None).await.unwrap().unwrap();
    handle.pause();
    wait(&handle, "it pauses", |status| status.state == RunState::Paused);
    let recording = handle.input_log();
    assert_eq!(recording.inputs.len(), 2);
    let recorded = handle.with_machine(state).await.unwrap();
    let value = |machine: &mut dyn Machine| machine.parts().unwrap().value("lsm9ds1", "acceleration_x").unwrap();
    let stopped = handle.with_machine(move |machine| value(machine)).await.unwrap();
    let mut second = machine("blink");
    replay(&mut *second, &recording, recorded.0).unwrap();
    assert_eq!((state(&mut *second), value(&mut *second)), (recorded, stopped));
    // In between, the replay has the row of that instant.
    let mut third = machine("blink");
    replay(&mut *third, &recording, played_at + VirtualTime::from_ms(1_600)).unwrap();
    assert_eq!(value(&mut *third).to_f64(), 1.0);
}

/// Time, instructions and hash.
fn state(machine: &mut dyn Machine) -> (VirtualTime, u64, u64) {
    let hash = machine.snapshots().unwrap().state_hash().unwrap();
    (machine.now(), machine.instructions(), hash)
}

/// One program run for at least this many instructions: in one go, in uneven pieces and from a snapshot restored
/// halfway into another machine, from machine to machine through snapshot files, and by the runner at each pace.
#[track_caller]
fn ends_in_the_same_state(instructions: u64) {
    let mut whole = machine("count");
    let mut end = VirtualTime::ZERO;
    while whole.instructions() < instructions {
        end += VirtualTime::from_ms(100);
        whole.run(RunLimit::until(end)).unwrap();
    }
    let expected = state(&mut *whole);

    let mut first = machine("count");
    let half = VirtualTime::from_us(end.as_us() / 2);
    let mut piece = VirtualTime::from_ns(777_700);
    while first.now() < half {
        let next = first.now() + piece;
        first.run(RunLimit::until(next.min(half))).unwrap();
        piece = VirtualTime::from_ns(1_000 + piece.as_ns() * 7 % 9_999_991);
    }
    let saved = first.snapshots().unwrap().snapshot().unwrap();
    first.run(RunLimit::until(half + VirtualTime::from_ms(3))).unwrap();
    let mut second = machine("count");
    second.snapshots().unwrap().restore(&saved).unwrap();
    second.run(RunLimit::until(end)).unwrap();
    assert_eq!(state(&mut *second), expected, "in pieces, from a snapshot");

    let mut last = machine("count");
    for file in 1..=FILES {
        last.run(RunLimit::until(VirtualTime::from_ns(end.as_ns() / (FILES + 1) * file)))
            .unwrap();
        let before = state(&mut *last);
        let saved = snapshot_file::save(&Builtin, &board(), &image("count"), &mut *last).unwrap();
        last = snapshot_file::load(&Builtin, &board(), &image("count"), &saved).unwrap();
        assert_eq!(state(&mut *last), before, "file {file}");
    }
    last.run(RunLimit::until(end)).unwrap();
    assert_eq!(state(&mut *last), expected, "through {FILES} snapshot files");

    let runner = runner(1);
    for pace in [Pace::Max, Pace::Realtime] {
        let handle = runner.add(machine("count"), options("count", pace, true));
        handle.pause_at(end);
        handle.resume();
        wait(&handle, "it is at the end", |status| {
            status.state == RunState::Paused && status.instructions > 0
        });
        let ended = handle.with_machine_blocking(state).unwrap();
        assert_eq!(ended, expected, "{pace:?}");
    }
}

#[test]
fn thirty_million_instructions_end_in_the_same_state_however_they_are_run() {
    ends_in_the_same_state(30_000_000);
}

/// Half a minute: the machine at `realtime` takes as long as its virtual time.
#[test]
#[ignore = "long: cargo test -p drydock-emulator --test runner -- --ignored"]
fn a_billion_instructions_end_in_the_same_state_however_they_are_run() {
    ends_in_the_same_state(1_000_000_000);
}

#[test]
fn a_runner_that_ends_stops_its_machines() {
    let runner = runner(2);
    let handles: Vec<MachineHandle> = (0..4).map(|_| add(&runner, "count", Pace::Max)).collect();
    drop(runner);
    for handle in &handles {
        assert_eq!(handle.status().state, RunState::Stopped);
        assert!(handle.with_machine_blocking(|_| ()).is_err());
    }
}

#[test]
fn a_thousand_sleepers_share_one_worker() {
    let runner = runner(1);
    let handles: Vec<MachineHandle> = (0..1_000).map(|_| add(&runner, "mirror", Pace::Max)).collect();
    for handle in &handles {
        wait(handle, "it sleeps", |status| status.instructions > 10);
    }
    // Each still responds to calls.
    for (index, handle) in handles.iter().enumerate().step_by(97) {
        handle.drive_pin(43, Some(false));
        let started = Instant::now();
        while handle.pin(13) != Some(false) {
            assert!(started.elapsed() < PATIENCE, "{index}");
            std::thread::yield_now();
        }
    }
}

/// A machine whose engine panics on request: while it runs, or when it reports the time.
struct Crashing {
    inner: Box<dyn Machine>,
    bang: Arc<AtomicBool>,
    clock_bang: Arc<AtomicBool>,
}

impl Machine for Crashing {
    fn info(&self) -> &drydock_emulator::MachineInfo {
        self.inner.info()
    }
    fn load(&mut self, image: &Image) -> Result<(), drydock_emulator::MachineError> {
        self.inner.load(image)
    }
    fn reset(&mut self, kind: ResetKind) -> Result<(), drydock_emulator::MachineError> {
        self.inner.reset(kind)
    }
    fn run(&mut self, limit: RunLimit) -> Result<drydock_emulator::StopReason, drydock_emulator::MachineError> {
        assert!(!self.bang.load(Ordering::Relaxed), "bang");
        self.inner.run(limit)
    }
    fn step(&mut self) -> Result<drydock_emulator::StopReason, drydock_emulator::MachineError> {
        self.inner.step()
    }
    fn pause_switch(&self) -> drydock_emulator::PauseSwitch {
        self.inner.pause_switch()
    }
    fn now(&self) -> VirtualTime {
        assert!(!self.clock_bang.load(Ordering::Relaxed), "no clock");
        self.inner.now()
    }
    fn instructions(&self) -> u64 {
        self.inner.instructions()
    }
    fn read_memory(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), drydock_emulator::MachineError> {
        self.inner.read_memory(addr, bytes)
    }
    fn write_memory(&mut self, addr: u32, bytes: &[u8]) -> Result<(), drydock_emulator::MachineError> {
        self.inner.write_memory(addr, bytes)
    }
    fn registers(&self) -> &[drydock_emulator::RegisterInfo] {
        self.inner.registers()
    }
    fn read_register(&mut self, name: &str) -> Result<u64, drydock_emulator::MachineError> {
        self.inner.read_register(name)
    }
    fn write_register(&mut self, name: &str, value: u64) -> Result<(), drydock_emulator::MachineError> {
        self.inner.write_register(name, value)
    }
    fn take_uart_output(&mut self) -> Vec<drydock_emulator::UartOutput> {
        self.inner.take_uart_output()
    }
    fn uart_input(&mut self, index: u8, bytes: &[u8]) -> Result<usize, drydock_emulator::MachineError> {
        self.inner.uart_input(index, bytes)
    }
    fn uart_input_room(&self, index: u8) -> usize {
        self.inner.uart_input_room(index)
    }
    fn pin_input(&mut self, pin: u16, level: Option<bool>) -> Result<(), drydock_emulator::MachineError> {
        self.inner.pin_input(pin, level)
    }
    fn pin_level(&self, pin: u16) -> Option<bool> {
        self.inner.pin_level(pin)
    }
    fn take_pin_changes(&mut self) -> Vec<drydock_emulator::PinChange> {
        self.inner.take_pin_changes()
    }
    fn take_faults(&mut self) -> Vec<drydock_emulator::GuestFault> {
        self.inner.take_faults()
    }
}
