//! Boards on a cable: bytes over a pseudo-terminal, programs that come and go, bootloaders that are called and left.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod bootloaders;
mod client;
mod other_programs;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use drydock_assets::Board;
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::cable::{CableFaults, CableOptions, Power, Runs, SerialCable};
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, RunState, Runner};
use drydock_emulator::{Engine, Image, ResetKind, Seed};

use self::client::Client;

/// Far longer than any condition of these tests takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn board(name: &str) -> Board {
    drydock_assets::board(name).unwrap()
}

fn runner() -> Runner {
    Runner::with_workers(NonZeroUsize::MIN).unwrap()
}

/// A board with a program in its flash, or a blank one.
fn add(runner: &Runner, board: &Board, image: Option<&Image>) -> MachineHandle {
    let mut machine = Builtin.open(board, Seed([3; 32])).unwrap();
    if let Some(image) = image {
        machine.load(image).unwrap();
        machine.reset(ResetKind::PowerOn).unwrap();
    }
    let options = RunOptions {
        name: board.name.clone(),
        pace: Pace::Max,
        paused: false,
    };
    runner.add(machine, options)
}

/// A guest that answers each byte with its successor.
fn echo(runner: &Runner) -> MachineHandle {
    let text = std::fs::read_to_string(format!("{}/tests/guests/echo.hex", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let bytes: Vec<u8> = text
        .split_ascii_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let handle = add(runner, &board("nano33ble"), Some(&Image::from_bin(0x1_0000, bytes)));
    // The guest must be listening: earlier bytes are lost, as on a board.
    wait(|| handle.status().instructions > 30);
    handle
}

/// A cable over the pins of the board's UART: these guests know nothing of USB.
fn plug(handle: MachineHandle, board: &Board) -> std::io::Result<SerialCable> {
    let options = CableOptions {
        over_adapter: true,
        ..CableOptions::default()
    };
    SerialCable::plug_with(handle, board, options)
}

#[track_caller]
fn wait(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "the condition never held");
        std::thread::sleep(Duration::from_millis(1));
    }
}

const BAUD: u32 = 1_000_000;

#[test]
fn bytes_pass_in_order_both_ways() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let cable = plug(echo(&runner), &nano).unwrap();
    assert_eq!(cable.runs(), Runs::Firmware);
    assert_eq!(cable.watch().borrow().usb, Some((0x2341, 0x805a)));
    let mut client = Client::open(&cable.path().unwrap(), BAUD);
    for piece in [
        b"HAL".to_vec(),
        (0..60_000_u32).map(|at| (at ^ at >> 7) as u8).collect(),
    ] {
        let expected: Vec<u8> = piece.iter().map(|byte| byte.wrapping_add(1)).collect();
        let mut answer = Vec::new();
        // No more is under way than the terminal holds.
        for part in piece.chunks(2_000) {
            client.write(part);
            answer.extend(client.read(part.len()));
        }
        assert!(answer == expected);
    }
}

#[test]
fn the_wrong_baud_rate_damages_bytes() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let cable = plug(echo(&runner), &nano).unwrap();
    let mut client = Client::open(&cable.path().unwrap(), 115_200);
    client.write(b"HAL");
    assert_ne!(client.read(3), b"IBM");
    client.set_baud(BAUD);
    client.write(b"HAL");
    assert_eq!(client.read(3), b"IBM");
}

#[test]
fn programs_come_and_go() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let cable = plug(echo(&runner), &nano).unwrap();
    let path = cable.path().unwrap();
    for round in 0..20 {
        let mut client = Client::open(&path, BAUD);
        client.write(b"HAL");
        assert_eq!(client.read(3), b"IBM", "round {round}");
        // What it does not read is not there for the next program.
        client.write(&[b'x'; 100]);
        client.read(1);
        drop(client);
    }
    assert_eq!(cable.path(), Some(path));
}

#[test]
fn a_program_that_does_not_read_holds_nothing_up() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let handle = echo(&runner);
    let cable = plug(handle.clone(), &nano).unwrap();
    let mut client = Client::open(&cable.path().unwrap(), BAUD);
    let before = handle.status().instructions;
    // More than all buffers on the way hold.
    for _ in 0..300 {
        client.write(&[b'x'; 1_000]);
    }
    wait(|| handle.status().instructions > before + 300_000);
    assert_eq!(handle.status().state, RunState::Running);
}

#[test]
fn a_pulled_cable_is_the_end_of_the_stream() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let handle = echo(&runner);
    for power in [Power::Own, Power::Cable] {
        let options = CableOptions {
            power,
            over_adapter: true,
            ..CableOptions::default()
        };
        let cable = SerialCable::plug_with(handle.clone(), &nano, options).unwrap();
        let (path, lines, state) = (cable.path().unwrap(), cable.lines(), cable.watch());
        let mut client = Client::open(&path, BAUD);
        drop(cable);
        client.wait_for_end();
        drop(client);
        assert!(!path.exists(), "{}", path.display());
        assert_eq!(
            (state.borrow().path.clone(), state.borrow().runs),
            (None, Runs::Nothing)
        );
        assert!(lines.set(true, true).is_err());
        let expected = match power {
            Power::Own => RunState::Running,
            Power::Cable => RunState::Paused,
        };
        wait(|| handle.status().state == expected);
    }
}

#[test]
fn a_cable_needs_the_uart_for_itself_and_ends_with_the_machine() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let handle = echo(&runner);
    let cable = plug(handle.clone(), &nano).unwrap();
    let second = plug(handle.clone(), &nano).unwrap_err();
    assert_eq!(second.kind(), std::io::ErrorKind::ResourceBusy);
    assert_eq!(second.to_string(), "UART 0 of nano33ble is in use");
    handle.stop();
    wait(|| cable.path().is_none());
    assert_eq!(cable.runs(), Runs::Nothing);
}

#[test]
fn two_cables_are_swapped_and_one_is_pulled_at_a_byte() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let mut first = plug(echo(&runner), &nano).unwrap();
    let mut second = plug(add(&runner, &nano, None), &nano).unwrap();
    let (place, before) = (first.watch(), first.path().unwrap());
    let mut client = Client::open(&before, BAUD);
    SerialCable::swap(&mut first, &mut second).unwrap();
    client.wait_for_end();
    assert_eq!((first.runs(), second.runs()), (Runs::Bootloader, Runs::Firmware));
    assert_eq!(place.borrow().runs, Runs::Bootloader, "a place is followed");
    let mut client = Client::open(&second.path().unwrap(), BAUD);
    client.write(b"HAL");
    assert_eq!(client.read(3), b"IBM");
    let faults = CableFaults {
        pull_after_from_host: Some(5),
        ..CableFaults::default()
    };
    second.set_faults(faults).unwrap();
    client.write(b"HALHAL");
    client.wait_for_end();
    wait(|| second.path().is_none());
    assert!(second.set_faults(CableFaults::default()).is_err());
}
