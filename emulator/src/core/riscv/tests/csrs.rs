//! Control and status registers: their contents and access rights.

use super::asm::*;
use super::{MAIN, Rig};

/// Writes all ones and then zeroes to `csr`, and checks the stored value each time.
#[track_caller]
fn holds(csr: u32, ones: u32, zeroes: u32) {
    let main = program(&[&[addi(5, 0, -1), csrrw(0, csr, 5), csrrw(10, csr, 0), csrrs(11, csr, 0)]]);
    let rig = Rig::new(&main).run();
    assert_eq!(
        (rig.x(10), rig.x(11)),
        (ones, zeroes),
        "csr {csr:#x}: {:?}",
        rig.faults()
    );
}

#[test]
fn fields_keep_to_their_values() {
    // mstatus: TW, MPRV, MPP, MPIE, MIE.
    holds(MSTATUS, 0x0022_1888, 0);
    holds(0x301, 0x4010_1105, 0x4010_1105);
    holds(MIE, 0xffff_0888, 0);
    holds(MTVEC, 0xffff_fffd, 0);
    holds(0x306, 5, 0);
    holds(0x310, 0, 0);
    holds(0x320, 5, 0);
    holds(0x323, 0, 0);
    holds(0x340, u32::MAX, 0);
    holds(MEPC, 0xffff_fffe, 0);
    holds(0x342, 0x8000_03ff, 0);
    holds(0x343, u32::MAX, 0);
    // Lines cannot be raised by software here.
    holds(0x344, 0, 0);
    // The core's own.
    holds(0x7c0, u32::MAX, 0);
}

#[test]
fn what_is_not_there_or_read_only_is_illegal() {
    for code in [
        csrrs(5, 0x123, 0),
        csrrw(0, 0xf11, 5),
        csrrs(0, 0xf14, 5),
        // satp, mideleg: no supervisor mode.
        csrrs(5, 0x180, 0),
        csrrs(5, 0x303, 0),
        // time is in memory only.
        csrrs(5, 0xc01, 0),
    ] {
        let rig = Rig::new(&program(&[&[code]])).run();
        assert_eq!((rig.csr("mcause"), rig.csr("mtval")), (2, code), "{code:#x}");
    }
    // Reading a read-only register through CSRRS and CSRRC with x0 is no write (unpriv 9.1).
    let rig = Rig::new(&program(&[&[csrrs(5, 0xf11, 0), csrrc(6, 0xf13, 0)]])).run();
    assert_eq!((rig.csr("mcause"), rig.x(5), rig.x(6)), (0, 1, 3));
}

#[test]
fn minstret_counts_what_retires_and_takes_writes_for_the_next() {
    // Reads: 2 instructions before the first, 3 more (including one that traps) before the second.
    let handler = [csrrs(12, MEPC, 0), addi(12, 12, 4), csrrw(0, MEPC, 12), MRET];
    let main = [
        addi(5, 0, 100),
        csrrw(0, 0xb02, 5),
        csrrs(10, 0xb02, 0),
        ECALL,
        csrrs(11, 0xb02, 0),
    ];
    let rig = Rig::new(&program(&[&main])).place(super::HANDLER, &handler).run();
    assert_eq!(
        rig.x(10),
        100,
        "the write is what the next instruction reads (priv 3.1.10)"
    );
    assert_eq!(
        rig.x(11),
        105,
        "the read and four of the handler; ECALL does not retire"
    );
}

#[test]
fn a_stopped_counter_stands_still() {
    let main = [
        addi(5, 0, 5),
        csrrw(0, 0x320, 5),
        csrrs(10, 0xb00, 0),
        addi(0, 0, 0),
        csrrs(11, 0xb00, 0),
        csrrw(0, 0x320, 0),
        csrrs(12, 0xb00, 0),
    ];
    let rig = Rig::new(&program(&[&main])).run();
    assert_eq!(rig.x(10), rig.x(11));
    assert!(rig.x(12) > rig.x(11) && rig.x(12) < rig.x(11) + 10);
}

#[test]
fn user_mode_reads_the_counters_it_is_given() {
    let user = MAIN + 0x100;
    for (enabled, cause) in [(0, 2), (1, 8)] {
        let main = program(&[&[addi(5, 0, enabled), csrrw(0, 0x306, 5)], &to_user(user)]);
        let rig = Rig::new(&main).place(user, &[csrrs(5, 0xc00, 0), ECALL]).run();
        assert_eq!(rig.csr("mcause"), cause);
    }
}
