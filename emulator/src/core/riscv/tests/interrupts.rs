//! Interrupts and WFI (priv 3.1.9, 3.3.3).

use super::asm::*;
use super::{CYCLE, DEVICE, HANDLER, Rig};
use crate::machine::VirtualTime;

/// Enables all interrupts, individually and globally.
fn enable() -> Vec<u32> {
    vec![addi(5, 0, -1), csrrw(0, MIE, 5), addi(5, 0, 8), csrrs(0, MSTATUS, 5)]
}

/// Raises lines in the device whose address is in x8.
fn raise(lines: &[u32]) -> Vec<u32> {
    lines
        .iter()
        .flat_map(|line| [addi(6, 0, *line as i32), sw(6, 8, 0)])
        .collect()
}

#[test]
fn the_most_urgent_is_taken_first() {
    let device = li(8, DEVICE);
    for (lines, first) in [
        (&[7, 3, 11][..], 11),
        (&[7, 3][..], 3),
        (&[7][..], 7),
        // The platform's own interrupts come before them, the highest first.
        (&[11, 16, 31][..], 31),
    ] {
        let rig = Rig::new(&program(&[&device, &raise(lines), &enable(), &[addi(9, 0, 1)]])).run();
        assert_eq!(rig.csr("mcause"), 1 << 31 | first);
        assert_eq!(rig.csr("mtval"), 0);
        assert_eq!(rig.x(9), 0, "it was taken before the next instruction");
    }
}

#[test]
fn vectored_mode_spreads_interrupts_but_not_exceptions() {
    let device = li(8, DEVICE);
    let vectored = [addi(5, 0, HANDLER as i32 | 1), csrrw(0, MTVEC, 5)];
    let mut table = vec![addi(10, 0, 1), addi(0, 0, 0), addi(0, 0, 0)];
    table.extend(END);
    let at_seven = [addi(10, 0, 7), END[0], END[1], END[2]];
    let main = program(&[&device, &vectored, &raise(&[7]), &enable(), &[addi(9, 0, 1)]]);
    let rig = Rig::new(&main)
        .place(HANDLER, &table)
        .place(HANDLER + 28, &at_seven)
        .run();
    assert_eq!(rig.x(10), 7);
    let rig = Rig::new(&program(&[&vectored, &[ECALL]])).place(HANDLER, &table).run();
    assert_eq!(rig.x(10), 1);
}

#[test]
fn an_interrupt_waits_for_its_enables() {
    let device = li(8, DEVICE);
    let mie_only = [addi(5, 0, -1), csrrw(0, MIE, 5)];
    let global_only = [addi(5, 0, 8), csrrs(0, MSTATUS, 5)];
    for enables in [&mie_only[..], &global_only[..]] {
        let rig = Rig::new(&program(&[&device, enables, &raise(&[7]), &[addi(9, 0, 1)]])).run();
        assert_eq!((rig.x(9), rig.csr("mcause")), (1, 0));
        assert_eq!(rig.csr("mip"), 1 << 7);
    }
    // User mode is interrupted regardless of MIE.
    let user = super::MAIN + 0x100;
    let main = program(&[&device, &mie_only, &to_user(user)]);
    let rig = Rig::new(&main)
        .place(user, &program(&[&raise(&[7]), &[addi(9, 0, 1)]]))
        .run();
    assert_eq!((rig.csr("mcause"), rig.x(9)), (1 << 31 | 7, 0));
}

#[test]
fn wfi_jumps_to_the_event_and_wakes_without_the_global_enable() {
    let device = li(8, DEVICE);
    // Line 7 rises 50,000 cycles from now.
    let later = li(6, 7 << 16 | 50_000);
    let mie = [addi(5, 0, -1), csrrw(0, MIE, 5)];
    let main = program(&[&device, &mie, &later, &[sw(6, 8, 8), WFI, addi(9, 0, 1)]]);
    let rig = Rig::new(&main).run();
    assert_eq!(
        (rig.x(9), rig.csr("mcause")),
        (1, 0),
        "it went on, and no trap was taken"
    );
    let (now, event) = (rig.core.now(), VirtualTime::from_ps(50_000 * CYCLE.as_ps()));
    assert!(now > event && now < event + VirtualTime::from_us(1), "{now}");
    assert!(rig.core.instructions() < 40);
}
