//! Physical memory protection (priv 3.7).

use super::asm::*;
use super::{MAIN, RAM, Rig};
use crate::core::riscv::pmp::{Pmp, Want};

const R: u32 = 1;
const W: u32 = 2;
const X: u32 = 4;
const TOR: u32 = 8;
const NA4: u32 = 0x10;
const NAPOT: u32 = 0x18;
const L: u32 = 0x80;

#[test]
fn ranges_are_those_of_the_address_modes() {
    let mut pmp = Pmp::new(16);
    // Entry 0: NA4 at 0x1000. Entry 1: NAPOT, 64 bytes at 0x2000. Entries 2, 3: top of range, 0x3000..0x3008.
    for (index, address) in [0x1000 >> 2, 0x2000 >> 2 | 7, 0x3000 >> 2, 0x3008 >> 2]
        .into_iter()
        .enumerate()
    {
        pmp.set_address(index as u16, address);
    }
    pmp.set_config(0, (NA4 | R) | (NAPOT | R | W) << 8 | (TOR | X) << 24);
    let reads = |addr, bytes| pmp.allows(addr, bytes, Want::Read, true);
    assert!(reads(0x1000, 4) && !reads(0x0ffc, 4) && !reads(0x1004, 4));
    assert!(reads(0x2000, 4) && reads(0x203c, 4) && !reads(0x2040, 4) && !reads(0x1ffc, 4));
    assert!(pmp.allows(0x203c, 4, Want::Write, true) && !pmp.allows(0x1000, 4, Want::Write, true));
    assert!(pmp.allows(0x3004, 4, Want::Execute, true) && !reads(0x3004, 4));
    assert!(!pmp.allows(0x3008, 4, Want::Execute, true));
    // The entry must match all bytes.
    assert!(!pmp.allows(0x3006, 4, Want::Execute, true) && pmp.allows(0x3006, 2, Want::Execute, true));
    // Machine mode is free where nothing is locked.
    assert!(pmp.allows(0x1000, 4, Want::Write, false));
}

#[test]
fn the_lowest_entry_decides_and_locked_ones_stay() {
    let mut pmp = Pmp::new(16);
    pmp.set_address(0, 0x1000 >> 2);
    pmp.set_address(1, u32::MAX);
    pmp.set_config(0, NA4 | L | (NAPOT | R | W | X) << 8);
    assert!(!pmp.allows(0x1000, 4, Want::Read, true) && pmp.allows(0x1004, 4, Want::Read, true));
    assert!(
        !pmp.allows(0x1000, 4, Want::Read, false),
        "locked entries bind machine mode"
    );
    pmp.set_config(0, R | W | X);
    pmp.set_address(0, 0);
    assert_eq!((pmp.config(0) & 0xff, pmp.address(0)), (NA4 | L, 0x400));
    // R = 0 with W = 1 is reserved.
    pmp.set_config(1, NA4 | W);
    assert_eq!(pmp.config(1), NA4);
}

/// Opens code to user mode for execution, RAM's first word for reading; runs `code` there.
fn in_user(code: &[u32]) -> Rig {
    let user = MAIN + 0x200;
    let [high, low] = li(6, NAPOT | X | (NA4 | R) << 8);
    let [entry_high, entry_low] = li(7, user);
    let setup = [
        addi(5, 0, 0x1ff),
        csrrw(0, 0x3b0, 5),
        0x37 | 5 << 7 | (RAM >> 2) & 0xffff_f000,
        csrrw(0, 0x3b1, 5),
        high,
        low,
        csrrw(0, 0x3a0, 6),
        entry_high,
        entry_low,
        csrrw(0, MEPC, 7),
        csrrw(0, MSTATUS, 0),
        MRET,
    ];
    Rig::new(&program(&[&setup])).place(user, code).run()
}

#[test]
fn user_mode_reaches_what_it_is_given_and_no_more() {
    let ram = li(8, RAM);
    let run = |access: u32| {
        let rig = in_user(&[ram[0], ram[1], access, ECALL]);
        (rig.csr("mcause"), rig.csr("mtval"))
    };
    assert_eq!(run(lw(9, 8, 0)), (8, 0));
    assert_eq!(run(lw(9, 8, 4)), (5, RAM + 4));
    assert_eq!(run(sw(9, 8, 0)), (7, RAM));
    assert_eq!(run(lw(9, 0, 0)), (5, 0), "execution is no reading");
    assert_eq!(run(jalr(0, 8, 0)), (1, RAM), "reading is no execution");
}

/// RAM as machine mode sees it if entry 0 locks its second page read-only and entry 1, which is not locked, covers
/// everything else.
fn with_locked_page(pieces: &[&[u32]]) -> Rig {
    let setup = [
        0x37 | 5 << 7 | ((RAM + 0x1000) >> 2) & 0xffff_f000,
        addi(5, 5, 0x5ff),
        csrrw(0, 0x3b0, 5),
        addi(5, 0, (L | NAPOT | R) as i32),
        csrrw(0, 0x3a0, 5),
    ];
    let pages = [li(8, RAM), li(9, RAM + 0x1000)].concat();
    // Both pages are known to the fast path before the entry is locked.
    let before = [sw(5, 8, 0), sw(5, 9, 0), lw(6, 8, 0), lw(6, 9, 0)];
    Rig::new(&program(&[&[&pages[..], &before, &setup], pieces].concat())).run()
}

#[test]
fn a_locked_entry_binds_machine_mode_and_what_it_knew_before() {
    let rig = with_locked_page(&[&[addi(7, 0, 1), lw(6, 9, 4), sw(7, 8, 8), sw(7, 9, 8)]]);
    assert_eq!((rig.csr("mcause"), rig.csr("mtval")), (7, RAM + 0x1008));
    assert_eq!(
        (rig.at(RAM + 8), rig.at(RAM + 0x1008)),
        (1, 0),
        "the other page is open, this one is not"
    );
    let rig = with_locked_page(&[&[jalr(0, 9, 0)]]);
    assert_eq!(
        (rig.csr("mcause"), rig.csr("mtval")),
        (1, RAM + 0x1000),
        "it is not for running"
    );
}

#[test]
fn machine_mode_can_load_as_user_mode() {
    // MPRV with MPP user, and an entry that grants nothing.
    let [high, low] = li(6, 1 << 17);
    let main = program(&[
        &[addi(5, 0, -1), csrrw(0, 0x3b0, 5), addi(5, 0, 0x18), csrrw(0, 0x3a0, 5)],
        &li(8, RAM),
        &[lw(9, 8, 0), high, low, csrrw(0, MSTATUS, 6), lw(9, 8, 8)],
    ]);
    let rig = Rig::new(&main).run();
    assert_eq!((rig.csr("mcause"), rig.csr("mtval")), (5, RAM + 8));
}
