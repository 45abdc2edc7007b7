//! Who called whom in programs for RISC-V chips, from their DWARF. Cortex-M programs have this test in the workbench.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../emulator/tests/guests/building.rs"]
mod building;

use drydock_backtrace::DebugInfo;
use drydock_emulator::{Engine as _, ResetKind, RunLimit, Seed, StopReason, VirtualTime, builtin::engine::Builtin};
use drydock_program::{Program, Stopped};

const TARGET: &str = "riscv32imac-unknown-none-elf";
const SOURCE: &str = include_str!("../../backtrace/tests/guest-riscv/src/lib.rs");

/// The place of a piece of the source, as a backtrace names it.
fn place(piece: &str) -> String {
    let line = SOURCE.lines().position(|line| line.contains(piece));
    format!("(src/lib.rs:{})", line.expect("the source has it") + 1)
}

#[track_caller]
fn check(kind: &str, name: &str) {
    if !building::is_installed(TARGET) {
        println!("drydock-skip: the target {TARGET} is not installed");
        return;
    }
    let elf = building::build("backtrace/tests/guest-riscv", TARGET, name).unwrap();
    let file = std::fs::read(elf).unwrap();
    let debug_info = DebugInfo::read(&file).unwrap();
    let board = drydock_assets::board(kind).unwrap();
    let program = Program::parse(file, None, &board).unwrap();
    let mut machine = Builtin.open(&program.board, Seed([1; 32])).unwrap();
    machine.load(&program.image).unwrap();
    machine.collect_logs();
    machine.reset(ResetKind::PowerOn).unwrap();
    let stopped = machine.run(RunLimit::until(VirtualTime::from_ms(50))).unwrap();
    let faults = machine.take_faults();
    assert!(
        matches!(stopped, StopReason::Breakpoint { exit: Some(3), .. }),
        "{stopped:?} {faults:?}"
    );
    let stopped = Stopped::of(&mut *machine, &program.board).unwrap();
    let frames: Vec<String> = stopped.backtrace(&debug_info).iter().map(ToString::to_string).collect();
    let expected = [
        format!("guest_backtrace_riscv::inner {}", place("end(black_box")),
        format!("guest_backtrace_riscv::middle {}", place("let sum = inner")),
        format!("guest_backtrace_riscv::outer {}", place("middle(black_box")),
        format!("run {}", place("outer(black_box")),
    ];
    assert!(frames[0].starts_with("guest_backtrace_riscv::end "), "{frames:#?}");
    assert!(frames[1..].starts_with(&expected), "{frames:#?}");
    assert_eq!(frames.last().map(String::as_str), Some("_start"), "{frames:#?}");
}

#[test]
fn a_program_on_an_fe310_says_who_called_whom() {
    check("hifive1-revb", "fe310");
}

#[test]
fn a_program_on_an_esp32_c6_says_who_called_whom() {
    check("esp32-c6", "esp32c6");
}
