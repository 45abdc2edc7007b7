//! What a running machine tells who traces it.
#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, RunState, Runner, Traced, Tracer};
use drydock_emulator::{Engine, Image, Machine, PinChange, ResetKind, RunLimit, Seed, VirtualTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Far longer than any condition of these tests takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// P0.13, the LED.
const LED: u16 = 13;
/// P1.11, which the guest `mirror` copies to the LED.
const BUTTON: u16 = 43;

/// What a test keeps of a trace.
#[derive(Clone, Debug, PartialEq)]
enum Kept {
    Begin(VirtualTime, RunState),
    Pin(PinChange),
    Input(u16, Option<bool>),
    Sent(Vec<u8>),
    Received(Vec<u8>),
    Reset(ResetKind),
    State(RunState),
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<(Vec<Kept>, VirtualTime)>>);

impl Notes {
    fn all(&self) -> Vec<Kept> {
        self.0.lock().unwrap().0.clone()
    }

    fn until(&self) -> VirtualTime {
        self.0.lock().unwrap().1
    }
}

impl Tracer for Notes {
    fn take(&mut self, what: &Traced<'_>) {
        let (notes, until) = &mut *self.0.lock().unwrap();
        match what {
            Traced::Begin { at, state, .. } => notes.push(Kept::Begin(*at, (*state).clone())),
            Traced::Pins(changes) => notes.extend(changes.iter().copied().map(Kept::Pin)),
            Traced::Input { pin, level, .. } => notes.push(Kept::Input(*pin, *level)),
            Traced::Sent(output) => notes.push(Kept::Sent(output.bytes.clone())),
            Traced::Received { bytes, .. } => notes.push(Kept::Received(bytes.to_vec())),
            Traced::Reset { kind, .. } => notes.push(Kept::Reset(*kind)),
            Traced::State { state, .. } => notes.push(Kept::State((*state).clone())),
            Traced::Until(at) => *until = *at,
            Traced::Inside(_) | Traced::Fault(_) => {}
        }
    }
}

fn machine(guest: &str) -> Box<dyn Machine> {
    let board = drydock_assets::board("nano33ble").unwrap();
    let mut machine = Builtin.open(&board, Seed([3; 32])).unwrap();
    let path = format!("{}/tests/guests/{guest}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let bytes = text
        .split_ascii_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap());
    machine
        .load(&Image::from_bin(0x1_0000, bytes.collect::<Vec<u8>>()))
        .unwrap();
    machine.reset(ResetKind::PowerOn).unwrap();
    machine
}

/// A paused machine that is traced.
fn traced(guest: &str) -> (Runner, MachineHandle, Notes) {
    let runner = Runner::with_workers(NonZeroUsize::MIN).unwrap();
    let options = RunOptions {
        name: guest.to_owned(),
        pace: Pace::Max,
        paused: true,
    };
    let handle = runner.add(machine(guest), options);
    let notes = Notes::default();
    handle.trace(Some(Box::new(notes.clone())));
    (runner, handle, notes)
}

#[track_caller]
fn wait(what: &str, mut wished: impl FnMut() -> bool) {
    let started = Instant::now();
    while !wished() {
        assert!(started.elapsed() < PATIENCE, "waiting until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn every_edge_is_told_at_its_instant_and_the_guest_does_not_notice() {
    let end = VirtualTime::from_ms(1_050);
    let (_runner, handle, notes) = traced("blink");
    handle.pause_at(end);
    handle.resume();
    wait("it stands again", || {
        handle.status().state == RunState::Paused && handle.status().virtual_time >= end
    });
    let mut alone = machine("blink");
    while alone.now() < end {
        alone.run(RunLimit::until(end)).unwrap();
    }
    let edges: Vec<Kept> = alone.take_pin_changes().into_iter().map(Kept::Pin).collect();
    let told = notes.all();
    assert_eq!(told.first(), Some(&Kept::Begin(VirtualTime::ZERO, RunState::Paused)));
    let told_edges: Vec<Kept> = told.iter().filter(|it| matches!(it, Kept::Pin(_))).cloned().collect();
    assert!(edges.len() >= 10, "{edges:?}");
    assert_eq!(told_edges, edges);
    assert_eq!(handle.status().instructions, alone.instructions());
    assert!(notes.until() >= end, "all is told up to the end");
    let states: Vec<&Kept> = told.iter().filter(|it| matches!(it, Kept::State(_))).collect();
    assert_eq!(
        states,
        [&Kept::State(RunState::Running), &Kept::State(RunState::Paused)]
    );

    // Nobody is told any more.
    handle.trace(None);
    let before = notes.all().len();
    handle.pause_at(end + end);
    handle.resume();
    wait("it went on", || handle.status().virtual_time >= end + end);
    assert_eq!(notes.all().len(), before);
}

#[tokio::test]
async fn bytes_pins_and_resets_from_outside_are_told() {
    let (_runner, handle, notes) = traced("echo");
    let mut port = handle.uart(0).unwrap();
    handle.resume();
    wait("it listens", || handle.status().instructions > 30);
    port.write_all(b"HAL").await.unwrap();
    let mut answer = [0; 3];
    tokio::time::timeout(PATIENCE, port.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let bytes = |wanted: fn(&Kept) -> Option<&Vec<u8>>| -> Vec<u8> {
        notes.all().iter().filter_map(wanted).flatten().copied().collect()
    };
    assert_eq!(
        bytes(|it| if let Kept::Sent(bytes) = it { Some(bytes) } else { None }),
        answer
    );
    assert_eq!(
        bytes(|it| if let Kept::Received(bytes) = it {
            Some(bytes)
        } else {
            None
        }),
        b"HAL"
    );
    handle.reset(ResetKind::Pin);
    wait("the reset is told", || {
        notes.all().contains(&Kept::Reset(ResetKind::Pin))
    });

    let (_runner, handle, notes) = traced("mirror");
    handle.resume();
    handle.drive_pin(BUTTON, Some(true));
    wait("the LED follows", || handle.pin(LED) == Some(true));
    let told = notes.all();
    let place = |wanted: &dyn Fn(&Kept) -> bool| told.iter().position(wanted);
    let driven = place(&|it| *it == Kept::Input(BUTTON, Some(true)));
    let followed = place(&|it| {
        matches!(
            it,
            Kept::Pin(PinChange {
                pin: LED,
                level: Some(true),
                ..
            })
        )
    });
    assert!(driven.is_some() && driven < followed, "{told:?}");
}

#[tokio::test]
async fn a_restored_state_begins_the_trace_anew() {
    let (_runner, handle, notes) = traced("blink");
    let (state, _) = handle.snapshot().await.unwrap().unwrap().unwrap();
    handle.pause_at(VirtualTime::from_ms(500));
    handle.resume();
    wait("it blinked", || {
        handle.status().virtual_time >= VirtualTime::from_ms(500)
    });
    handle.restore(Arc::new(state)).await.unwrap().unwrap();
    wait("the trace begins anew", || {
        let begins = notes
            .all()
            .into_iter()
            .filter(|it| matches!(it, Kept::Begin(VirtualTime::ZERO, _)));
        begins.count() == 2
    });
    let edges = || notes.all().iter().filter(|it| matches!(it, Kept::Pin(_))).count();
    let before = edges();
    handle.resume();
    wait("edges are told again", || edges() > before + 2);
}
