//! Pace `lockstep`: machines advance in quanta of virtual time, host input enters at their boundaries, and its
//! recording replays to the same machines.

use std::num::NonZeroUsize;

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::runner::{Input, InputLog, MachineHandle, Pace, RunOptions, RunState, Runner, UartPort, replay};
use drydock_emulator::{Engine, Image, Machine, ResetKind, Seed, VirtualTime};

/// Where the Nano's applications begin.
const BASE: u32 = 0x1_0000;
const QUANTUM_PS: u64 = 1_000_000_000;

/// A Nano that sends back each byte plus one.
fn echo(seed: u8) -> Box<dyn Machine> {
    let bytes: Vec<u8> = include_str!("guests/echo.hex")
        .split_ascii_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal bytes"))
        .collect();
    let board = drydock_assets::board("nano33ble").expect("the board is there");
    let mut machine = Builtin.open(&board, Seed([seed; 32])).expect("it opens");
    machine.load(&Image::from_bin(BASE, bytes)).expect("it fits");
    machine.reset(ResetKind::PowerOn).expect("it resets");
    machine
}

fn hash(machine: &mut dyn Machine) -> u64 {
    let snapshots = machine.snapshots().expect("the builtin engine has snapshots");
    snapshots.state_hash().expect("it does not fail")
}

/// Runs three machines together, with bytes from outside at arbitrary host times; returns the result of each.
fn run() -> Vec<(InputLog, VirtualTime, u64)> {
    let runner = Runner::with_workers(NonZeroUsize::new(2).expect("two")).expect("threads");
    let start = |seed: u8| {
        let options = RunOptions {
            name: format!("echo-{seed}"),
            pace: Pace::Lockstep,
            paused: true,
        };
        runner.add(echo(seed), options)
    };
    let machines: Vec<MachineHandle> = (1..=3).map(start).collect();
    let mut ports: Vec<UartPort> = machines.iter().map(|it| it.uart(0).expect("a UART")).collect();
    // Each completes its first quantum before any begins the second: a machine that joined later would lag behind
    // permanently.
    for machine in &machines {
        machine.pause_at(VirtualTime::from_ps(QUANTUM_PS));
        machine.resume();
        while machine.status().state != RunState::Paused || machine.status().virtual_time == VirtualTime::ZERO {
            std::thread::yield_now();
        }
    }
    for machine in &machines {
        machine.resume();
    }
    let mut round = 0u8;
    let mut echoed = [0; 3];
    while echoed.iter().any(|count| *count < 300) {
        round = round.wrapping_add(1);
        for (port, echoed) in ports.iter_mut().zip(&mut echoed) {
            port.give(&[round, round ^ 0x55]);
            *echoed += port.fetch().len();
        }
        std::thread::sleep(std::time::Duration::from_micros(700));
    }
    // A paused machine holds all others.
    machines[0].pause();
    for machine in &machines[1..] {
        machine.pause();
    }
    let mut outcome = Vec::new();
    for machine in &machines {
        while machine.status().state != RunState::Paused {
            std::thread::yield_now();
        }
        let recording = machine.input_log();
        let (now, hash) = machine
            .with_machine_blocking(|machine| (machine.now(), hash(machine)))
            .expect("it is there");
        outcome.push((recording, now, hash));
    }
    outcome
}

#[test]
fn what_was_recorded_gives_the_same_machines_again() {
    let outcome = run();
    for (index, (recording, now, live)) in outcome.iter().enumerate() {
        assert!(!recording.incomplete && !recording.inputs.is_empty());
        for _ in 0..2 {
            let mut again = echo(index as u8 + 1);
            replay(&mut *again, recording, *now).expect("it replays");
            assert_eq!((again.now(), hash(&mut *again)), (*now, *live), "machine {index}");
        }
        for input in &recording.inputs {
            assert!(matches!(input.input, Input::Uart { index: 0, .. }));
            let late = input.at.as_ps() % QUANTUM_PS;
            assert!(late < 5_000_000, "input at {} s is at no boundary", input.at);
        }
    }
    // None is more than a quantum ahead of another.
    let times: Vec<u64> = outcome.iter().map(|(_, now, _)| now.as_ps()).collect();
    let (first, last) = (times.iter().min().expect("three"), times.iter().max().expect("three"));
    assert!(last - first <= 2 * QUANTUM_PS, "{times:?}");
}

/// If a machine's run ends before its quantum does, input that arrived in between waits for the boundary.
#[test]
fn what_comes_in_mid_quantum_waits_for_its_end() {
    let runner = Runner::with_workers(NonZeroUsize::new(2).expect("two")).expect("threads");
    let options = RunOptions {
        name: "echo".into(),
        pace: Pace::Lockstep,
        paused: true,
    };
    let machine = runner.add(echo(1), options);
    let mut port = machine.uart(0).expect("a UART");
    let stands = VirtualTime::from_us(20_300);
    machine.pause_at(stands);
    machine.resume();
    while machine.status().state != RunState::Paused || machine.status().virtual_time < stands {
        std::thread::yield_now();
    }
    let stood = machine.status().virtual_time.as_ps();
    assert!(stood % QUANTUM_PS > QUANTUM_PS / 5, "{stood} ps is at a boundary");
    port.give(&[7]);
    machine.resume();
    while port.fetch() != [8] {
        std::thread::yield_now();
    }
    // A job of the host would have made the recording incomplete.
    let recording = machine.input_log();
    assert!(!recording.incomplete);
    let boundary = stood.next_multiple_of(QUANTUM_PS);
    let at: Vec<u64> = recording.inputs.iter().map(|input| input.at.as_ps()).collect();
    assert!(
        matches!(at[..], [at] if (boundary..boundary + 5_000_000).contains(&at)),
        "{at:?}, not at {boundary} ps"
    );
}

#[test]
fn one_that_is_paused_holds_the_others_and_one_that_is_stopped_does_not() {
    let runner = Runner::with_workers(NonZeroUsize::new(2).expect("two")).expect("threads");
    let start = |seed: u8| {
        let options = RunOptions {
            name: format!("echo-{seed}"),
            pace: Pace::Lockstep,
            paused: false,
        };
        runner.add(echo(seed), options)
    };
    let (one, two) = (start(1), start(2));
    let reaches = |machine: &MachineHandle, ms: u64| {
        while machine.status().virtual_time < VirtualTime::from_ms(ms) {
            std::thread::yield_now();
        }
    };
    reaches(&one, 20);
    reaches(&two, 20);
    one.pause();
    while one.status().state != RunState::Paused {
        std::thread::yield_now();
    }
    let stood = one.status().virtual_time;
    // A job on the other machine comes after everything that it still does.
    for _ in 0..50 {
        let now = two.with_machine_blocking(|machine| machine.now()).expect("it is there");
        assert!(
            now <= stood + VirtualTime::from_ms(30),
            "{now} s, while the other stands at {stood} s"
        );
        std::thread::yield_now();
    }
    let held = two.with_machine_blocking(|machine| machine.now()).expect("it is there");
    one.resume();
    reaches(&two, held.as_us() / 1_000 + 20);
    one.stop();
    let then = two.with_machine_blocking(|machine| machine.now()).expect("it is there");
    reaches(&two, then.as_us() / 1_000 + 20);
}
