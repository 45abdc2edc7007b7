//! LR, SC and AMOs where the oracle cannot test them: with traps between, and on devices.

use super::asm::*;
use super::{DEVICE, HANDLER, RAM, Rig};

#[test]
fn sc_fails_after_a_trap() {
    let handler = [csrrs(12, MEPC, 0), addi(12, 12, 4), csrrw(0, MEPC, 12), MRET];
    for (between, failed) in [(addi(0, 0, 0), 0), (ECALL, 1)] {
        let main = program(&[&li(8, RAM), &[addi(9, 0, 42), lr(10, 8), between, sc(11, 9, 8)]]);
        let rig = Rig::new(&main).place(HANDLER, &handler).run();
        assert_eq!(rig.x(11), failed);
        assert_eq!(rig.at(RAM), if failed == 0 { 42 } else { 0 });
    }
}

#[test]
fn sc_without_or_to_another_address_fails_and_spends_the_reservation() {
    let main = program(&[
        &li(8, RAM),
        &[
            addi(7, 8, 4),
            addi(9, 0, 42),
            sc(10, 9, 8),
            lr(0, 8),
            sc(11, 9, 7),
            sc(12, 9, 8),
        ],
    ]);
    let rig = Rig::new(&main).run();
    assert_eq!((rig.x(10), rig.x(11), rig.x(12)), (1, 1, 1));
    assert_eq!((rig.at(RAM), rig.at(RAM + 4)), (0, 0));
}

#[test]
fn an_amo_reaches_devices_and_a_reservation_does_not() {
    let main = program(&[&li(8, DEVICE + 0x18), &[addi(9, 0, 0x0a), amoor(10, 9, 8)]]);
    let mut rig = Rig::new(&main).run();
    assert_eq!(rig.x(10), 0x55);
    assert_eq!(rig.core.fabric_mut().take_uart_output()[0].bytes, [0x5f]);
    let rig = Rig::new(&program(&[&li(8, DEVICE + 0x18), &[lr(10, 8)]])).run();
    assert_eq!((rig.csr("mcause"), rig.csr("mtval")), (5, DEVICE + 0x18));
}
