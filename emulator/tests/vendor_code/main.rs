//! Programs that do what the vendors' start-up code, RTOSes and drivers do, with their right results by the manuals. The
//! sources are in `programs`; `programs/renew` builds their ELF files anew.

mod elf;

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::{Engine, GuestFault, Machine, ResetKind, RunLimit, Seed, StopReason, VirtualTime};

/// A machine that has run the program for `ms` of virtual time, with how the run ended.
fn run(board: &str, program: &str, ms: u64) -> (Box<dyn Machine>, StopReason) {
    let board = drydock_assets::board(board).unwrap();
    let mut machine = Builtin.open(&board, Seed([7; 32])).unwrap();
    machine.load(&elf::image(program)).unwrap();
    machine.reset(ResetKind::PowerOn).unwrap();
    let stop = machine.run(RunLimit::until(VirtualTime::from_ms(ms))).unwrap();
    (machine, stop)
}

/// The text that the UARTs sent since the last call.
fn said(machine: &mut dyn Machine) -> String {
    let output = machine.take_uart_output();
    let bytes: Vec<u8> = output.into_iter().flat_map(|output| output.bytes).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn told(faults: &[GuestFault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

/// A program that checks by itself finds everything right, and nothing is refused to it.
#[track_caller]
fn check(board: &str, program: &str) {
    let (mut machine, _) = run(board, program, 1_000);
    let (said, faults) = (said(&mut *machine), told(&machine.take_faults()));
    assert!(said.ends_with("RESULT all ok\n"), "{said}{faults:?}");
    assert_eq!(faults, [""; 0], "{said}");
}

#[test]
fn nordics_start_up_code_identifies_the_chip() {
    check("nano33ble", include_str!("programs/nrf_ficr.hex"));
}
