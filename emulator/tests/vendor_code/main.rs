//! Programs that do what the vendors' start-up code, RTOSes and drivers do, with their right results by the manuals. The
//! sources are in `programs`; `programs/renew` builds their ELF files anew.
#![allow(clippy::unwrap_used)]

mod elf;

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::{
    Engine, GuestFault, Image, Machine, ResetKind, RunLimit, Seed, Segment, StopReason, UnmodelledAnswer, VirtualTime,
};

/// A machine that has run the program for `ms` of virtual time, with how the run ended.
fn run(board: &str, program: &str, ms: u64) -> (Box<dyn Machine>, StopReason) {
    run_answered(board, program, ms, UnmodelledAnswer::Fault)
}

/// As [`run`], with another answer to what is not modelled.
fn run_answered(board: &str, program: &str, ms: u64, answer: UnmodelledAnswer) -> (Box<dyn Machine>, StopReason) {
    let board = drydock_assets::board(board).unwrap();
    let mut machine = Builtin.open(&board, Seed([7; 32])).unwrap();
    assert!(machine.answer_unmodelled(answer));
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

#[test]
fn renesas_start_up_code_waits_for_the_backup_supply() {
    // It sleeps for ever when all is right, and has no UART.
    let (mut machine, stop) = run("uno-r4-minima", include_str!("programs/ra_vbatt.hex"), 10);
    assert_eq!(told(&machine.take_faults()), [""; 0]);
    assert!(machine.instructions() < 1_000, "it sleeps: {stop:?}");
}

#[test]
fn drivers_clear_reserved_priorities() {
    check("hifive1-revb", include_str!("programs/fe310_plic.hex"));
}

#[test]
fn a_ticker_compares_without_a_pin() {
    check("stm32f4-discovery", include_str!("programs/f4_output_compare.hex"));
}

#[test]
fn a_pend_by_software_wakes_wfe() {
    check("stm32f4-discovery", include_str!("programs/f4_sevonpend.hex"));
}

#[test]
fn sts_start_up_code_finds_the_crystal_ready() {
    check("stm32f4-discovery", include_str!("programs/f4_hse.hex"));
}

#[test]
fn a_trap_that_traps_again_is_a_lockup() {
    let (mut machine, stop) = run("hifive1-revb", include_str!("programs/fe310_trap_loop.hex"), 1_000);
    assert_eq!(stop, StopReason::Lockup { pc: 0 });
    assert!(machine.instructions() < 100);
    let faults = told(&machine.take_faults());
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].starts_with("instruction access fault (0x00000000) at 0x00000000"),
        "{faults:?}"
    );
    assert!(faults[1].starts_with("lockup at 0x00000000"), "{faults:?}");
}

#[test]
fn faults_come_in_order_of_time() {
    let (mut machine, _) = run("nano33ble", include_str!("programs/nrf_two_faults.hex"), 100);
    let faults = machine.take_faults();
    let sorted = faults.windows(2).all(|pair| pair[0].at() <= pair[1].at());
    assert!(sorted && faults.len() >= 4, "{:?}", told(&faults));
    assert!(faults.len() < 50, "one that is repeated is told a few times");
    assert!(matches!(faults[0], GuestFault::Exception { .. }), "{:?}", told(&faults));
}

#[test]
fn an_esp32c6_program_starts_where_its_file_says() {
    for program in [
        include_str!("programs/c6_elf_entry.hex"),
        include_str!("programs/c6_elf_overlap.hex"),
        include_str!("programs/c6_entry_stack.hex"),
    ] {
        let (mut machine, _) = run("esp32-c6", program, 20);
        let faults = told(&machine.take_faults());
        assert_eq!((said(&mut *machine).trim_end(), faults), ("ok", Vec::new()));
    }
}

/// USB-Serial-JTAG is the port after the two UARTs.
const USB_PORT: u8 = 2;

#[test]
fn esp32c6_programs_print_over_usb_serial_jtag() {
    let (mut machine, _) = run("esp32-c6", include_str!("programs/c6_usb_serial_jtag.hex"), 100);
    assert_eq!(told(&machine.take_faults()), [""; 0]);
    let output = machine.take_uart_output();
    let (usb, uart): (Vec<_>, Vec<_>) = output.into_iter().partition(|output| output.index == USB_PORT);
    let text = |parts: Vec<drydock_emulator::UartOutput>| {
        let bytes: Vec<u8> = parts.into_iter().flat_map(|part| part.bytes).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    assert_eq!(text(usb), "hello by USB-Serial-JTAG\n");
    assert!(text(uart).ends_with("RESULT all ok\n"));
}

#[test]
fn esp32c6_programs_read_from_usb_serial_jtag() {
    let (mut machine, _) = run("esp32-c6", include_str!("programs/c6_usb_echo.hex"), 10);
    let long = "capitals, please, and more than one packet of sixty-four bytes of it\n";
    machine.uart_input(USB_PORT, long.as_bytes()).unwrap();
    machine.run(RunLimit::until(VirtualTime::from_ms(20))).unwrap();
    assert_eq!(
        (said(&mut *machine), told(&machine.take_faults())),
        (long.to_uppercase(), Vec::new())
    );
}

#[test]
fn what_is_not_modelled_faults_or_is_passed_over() {
    let program = include_str!("programs/nrf_unmodelled.hex");
    let (mut machine, _) = run("nano33ble", program, 100);
    let faults = machine.take_faults();
    assert!(
        matches!(faults[..], [GuestFault::Access(_), GuestFault::Exception { .. }]),
        "{:?}",
        told(&faults)
    );
    assert_eq!(said(&mut *machine), "");

    let (mut machine, _) = run_answered("nano33ble", program, 100, UnmodelledAnswer::Zero);
    let faults = machine.take_faults();
    assert!(
        matches!(faults[..], [GuestFault::Access(_), GuestFault::Access(_)]),
        "{:?}",
        told(&faults)
    );
    assert!(said(&mut *machine).ends_with("RESULT all ok\n"));
}

#[test]
fn images_may_hold_option_bytes() {
    // UICR; OFS0 and OFS1 in code flash, OSIS in option-setting memory; RDP and USER, nWRP.
    for (board, addr) in [
        ("nano33ble", 0x1000_1080),
        ("uno-r4-minima", 0x400),
        ("uno-r4-minima", 0x0101_0018),
        ("stm32f4-discovery", 0x1fff_c000),
        ("stm32f4-discovery", 0x1fff_c008),
        ("hifive1-revb", 0x0002_0000),
    ] {
        let description = drydock_assets::board(board).unwrap();
        let mut machine = Builtin.open(&description, Seed([7; 32])).unwrap();
        let bytes = vec![0xef, 0xaa, 0xfe, 0xff];
        let segment = Segment {
            addr,
            bytes: bytes.clone(),
        };
        machine.load(&Image::new(vec![segment], Vec::new())).unwrap();
        machine.reset(ResetKind::PowerOn).unwrap();
        let mut found = [0; 4];
        machine.read_memory(addr, &mut found).unwrap();
        assert_eq!(found[..], bytes, "{board}, {addr:#010x}");
    }
}
