//! Which chip is behind a probe, while its board runs.

use crate::bench::Desk;
use drydock_hardware::probe::{ProbeAccess, ProbeError};
use probe_rs::{MemoryInterface, Permissions, config::TargetSelector};

#[test]
fn a_virtual_probe_is_listed_until_it_is_unplugged() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 1);
    let listed = |desk: &Desk| {
        let list = desk.probes.list();
        list.into_iter().filter(|probe| probe.is_virtual).collect::<Vec<_>>()
    };
    let list = listed(&desk);
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].id, board.plug.id());
    assert_eq!(list[0].id, "1209:0001:nano33ble-1");
    assert_eq!(list[0].topology.as_ref().unwrap().as_str(), "virtual-1");
    assert_eq!(list[0].access, ProbeAccess::Ready);
    let id = list[0].id.clone();
    drop(board);
    assert!(listed(&desk).is_empty());
    assert!(matches!(desk.probes.open(&id), Err(ProbeError::NotFound(_))));
}

#[test]
fn the_id_by_probe_is_the_one_that_the_firmware_reports() {
    let desk = Desk::new();
    for (name, chip) in [
        ("nano33ble", "nrf52840"),
        ("stm32f4-discovery", "stm32f407"),
        ("uno-r4-minima", "ra4m1"),
    ] {
        let mut board = desk.running(name, 3);
        board.wait_for_link();
        let found = desk.probes.identify(board.plug.id()).unwrap();
        assert_eq!(found.chip.asset_name(), chip);
        assert!(!found.is_locked);
        // A board without a session says its identity each second.
        let id = found.id.unwrap();
        let bytes: Vec<u8> = (0..16)
            .step_by(2)
            .map(|at| u8::from_str_radix(&id.as_str()[at..at + 2], 16).unwrap())
            .collect();
        let seen = board.control_bytes();
        assert!(seen.windows(8).any(|window| window == bytes), "{name}: {id}");
    }
}

#[test]
fn looking_at_a_running_board_does_not_disturb_it() {
    let desk = Desk::new();
    let mut board = desk.running("nano33ble", 4);
    board.wait_for_link();
    let mut events = board.handle.events();
    let first = desk.probes.identify(board.plug.id()).unwrap();
    for _ in 0..20 {
        assert_eq!(desk.probes.identify(board.plug.id()).unwrap(), first);
    }
    let halted = board.handle.with_machine_blocking(|machine| {
        let debug = machine.debug_access().unwrap();
        (debug.halting_debug(), debug.core_activity())
    });
    let (debugged, activity) = halted.unwrap();
    assert!(!debugged, "{activity:?}");
    // It goes on, and was not reset.
    board.uart.fetch();
    board.wait_for_link();
    while let Ok(event) = events.try_recv() {
        assert!(
            !matches!(event, drydock_emulator::runner::MachineEvent::Reset { .. }),
            "{event:?}"
        );
    }
}

#[test]
fn probe_rs_finds_the_chip_by_itself() {
    let desk = Desk::new();
    for (name, target) in [("nano33ble", "nRF52840_xxAA"), ("uno-r4-minima", "R7FA4M1AB")] {
        let board = desk.blank(name, 5);
        let probe = desk.probes.open(board.plug.id()).unwrap();
        let session = probe.attach(TargetSelector::Auto, Permissions::new()).unwrap();
        assert_eq!(session.target().name, target);
    }
}

#[test]
fn memory_and_registers_are_the_boards() {
    let desk = Desk::new();
    let board = desk.running("nano33ble", 6);
    let probe = desk.probes.open(board.plug.id()).unwrap();
    let mut session = probe.attach("nRF52840_xxAA", Permissions::new()).unwrap();
    let mut core = session.core(0).unwrap();
    core.halt(std::time::Duration::from_secs(5)).unwrap();
    let at = board.board.chip.ram[0].base + 0x3f000;
    // Byte lanes, and more than the 1 KiB after which the address register wraps.
    let bytes: Vec<u8> = (0..3001_u32).map(|at| (at * 31) as u8).collect();
    core.write_8(u64::from(at) + 1, &bytes).unwrap();
    assert_eq!(board.memory(at + 1, bytes.len()), bytes);
    let mut back = vec![0; bytes.len()];
    core.read(u64::from(at) + 1, &mut back).unwrap();
    assert_eq!(back, bytes);
    // Nothing answers there; the next access works all the same.
    assert!(core.read_word_32(0x6000_0000).is_err());
    assert_eq!(
        core.read_word_32(u64::from(at) + 4).unwrap(),
        u32::from_le_bytes(bytes[3..7].try_into().unwrap())
    );

    for (register, value) in [(0_u16, 0x1234_5678_u32), (12, 0xcafe_f00d), (14, 0x0001_0101)] {
        core.write_core_reg(register, value).unwrap();
        let read: u32 = core.read_core_reg(register).unwrap();
        assert_eq!(read, value, "register {register}");
    }
    // Two halfword instructions: each step executes one.
    core.write_8(u64::from(at), &[0x08, 0x30, 0x08, 0x30]).unwrap(); // adds r0, #8
    core.write_core_reg(15_u16, at).unwrap();
    core.write_core_reg(0_u16, 1_u32).unwrap();
    for expected in [9_u32, 17] {
        core.step().unwrap();
        let r0: u32 = core.read_core_reg(0_u16).unwrap();
        assert_eq!(r0, expected);
    }
}
