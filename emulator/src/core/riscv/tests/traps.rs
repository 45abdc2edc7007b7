//! Exceptions and their return (priv 3.1.6 to 3.1.16).

use super::asm::*;
use super::{DEVICE, MAIN, RAM, Rig};

/// Runs `main` and returns the handler's view: `mcause`, `mtval`, and `mepc` less the program's start.
#[track_caller]
fn check(main: &[&[u32]], expected: (u32, u32, u32)) {
    let rig = Rig::new(&program(main)).run();
    let found = (rig.csr("mcause"), rig.csr("mtval"), rig.csr("mepc").wrapping_sub(MAIN));
    assert_eq!(found, expected, "{:x?} {:?}", found, rig.faults());
    assert_eq!(rig.csr("pc"), super::HANDLER + 4, "the handler ran");
}

#[test]
fn causes_and_values_are_those_of_the_specification() {
    // Instruction access fault: a jump to an unmapped address, which is also in mepc.
    check(
        &[&li(5, 0x7000_0000), &[jalr(0, 5, 0)]],
        (1, 0x7000_0000, 0x7000_0000 - MAIN),
    );
    // Illegal instruction: mtval is the instruction, 16 bits of a short one.
    check(&[&[0xffff_ffff]], (2, 0xffff_ffff, 0));
    check(&[&[0x0000_0000]], (2, 0, 0));
    check(&[&[addi(1, 0, 1), EBREAK]], (3, MAIN + 4, 4));
    check(&[&li(5, RAM + 2), &[lw(6, 5, 0)]], (4, RAM + 2, 8));
    check(&[&li(5, RAM + 1), &[lh(6, 5, 2)]], (4, RAM + 3, 8));
    check(&[&li(5, 0x6000_0000), &[lw(6, 5, 4)]], (5, 0x6000_0004, 8));
    check(&[&li(5, RAM), &[sw(6, 5, 1)]], (6, RAM + 1, 8));
    check(&[&li(5, RAM + 2), &[amoor(6, 6, 5)]], (6, RAM + 2, 8));
    check(&[&li(5, DEVICE), &[sw(6, 5, 0x20)]], (7, DEVICE + 0x20, 8));
    // Flash does not take stores; an AMO there is a store's fault.
    check(&[&[amoor(6, 6, 0)]], (7, 0, 0));
    check(&[&[ECALL]], (11, 0, 0));
}

#[test]
fn a_refused_access_is_told_with_address_and_instruction() {
    let mut rig = Rig::new(&program(&[&li(5, DEVICE), &[lw(6, 5, 0x20)]])).run();
    let faults = rig.core.fabric_mut().take_faults();
    assert_eq!((faults[0].addr, faults[0].pc), (DEVICE + 0x20, MAIN + 8));
    let text = rig.faults().join("\n");
    assert!(
        text.starts_with("load access fault (0x40000020) at 0x00000108"),
        "{text}"
    );
}

#[test]
fn a_trap_stacks_mode_and_interrupt_enable_and_mret_takes_them_back() {
    // MIE is set; the trap moves it to MPIE; MRET brings it back and leaves MPP at user mode (3.1.6.1).
    let handler = [
        csrrs(10, MSTATUS, 0),
        csrrs(11, MEPC, 0),
        addi(11, 11, 4),
        csrrw(0, MEPC, 11),
        MRET,
    ];
    let main = program(&[&[
        addi(5, 0, 8),
        csrrs(0, MSTATUS, 5),
        ECALL,
        addi(12, 0, 1),
        csrrs(13, MSTATUS, 0),
    ]]);
    let rig = Rig::new(&main).place(super::HANDLER, &handler).run();
    assert_eq!(rig.x(10), 0x1880, "MPP machine, MPIE, no MIE");
    assert_eq!(rig.x(12), 1, "it went on behind the call");
    assert_eq!(rig.x(13), 0x88, "MIE is back, MPIE set, MPP user");
}

#[test]
fn user_mode_calls_and_may_not_do_what_is_the_machines() {
    let user = MAIN + 0x100;
    let to = to_user(user);
    for (code, cause, value) in [
        (ECALL, 8, 0),
        (MRET, 2, MRET),
        (csrrs(5, MSTATUS, 0), 2, csrrs(5, MSTATUS, 0)),
    ] {
        let rig = Rig::new(&program(&[&to])).place(user, &[addi(6, 0, 7), code]).run();
        let found = (rig.csr("mcause"), rig.csr("mtval"), rig.csr("mepc"));
        assert_eq!(found, (cause, value, user + 4));
        assert_eq!(rig.x(6), 7);
        assert_eq!(rig.csr("mstatus") & 0x1800, 0, "it came from user mode");
    }
}

#[test]
fn only_a_semihosting_ebreak_ends_a_program() {
    // A lone EBREAK traps, even if the host could serve it as a debugger would.
    let rig = Rig::new(&program(&[&[EBREAK, addi(5, 0, 1)]])).run();
    assert_eq!((rig.csr("mcause"), rig.x(5)), (3, 0));
}
