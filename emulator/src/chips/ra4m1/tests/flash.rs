//! The flash sequencer.

use super::*;

const FACI: u32 = 0x407e_c000;
const FCR: u32 = FACI + 0x114;
const FSTATR1: u32 = FACI + 0x12c;
const FSTATR2: u32 = FACI + 0x1f0;
const FENTRYR: u32 = FACI + 0x3fb2;
const PLACE: u32 = 0x2_0000;
const DATA: u32 = 0xfe00_0000;

fn set_mode(rig: &mut Rig, mode: u32) {
    rig.write_byte(FACI + 0x180, 0xa5);
    for value in [mode, !mode & 0xff, mode] {
        rig.write_byte(FACI + 0x100, value);
    }
}

/// In P/E mode of code flash, the program in RAM.
fn code() -> Rig {
    let mut rig = Rig::new();
    rig.fabric.set_position(VirtualTime::from_ms(1), 0x2000_0100);
    rig.write_half(FENTRYR, 0xaa01);
    set_mode(&mut rig, 0x82);
    rig
}

fn data() -> Rig {
    let mut rig = Rig::new();
    rig.write_byte(FACI + 0x90, 1);
    rig.write_half(FENTRYR, 0xaa80);
    set_mode(&mut rig, 0x50);
    rig
}

/// Executes a command; returns its duration in microseconds, and FSTATR2.
fn command(rig: &mut Rig, number: u32, start: u32, end: u32) -> (u64, u32) {
    for (offset, value) in [
        (0x108, start & 0xffff),
        (0x110, start >> 16),
        (0x118, end & 0xffff),
        (0x120, end >> 16),
    ] {
        rig.write_half(FACI + offset, value);
    }
    rig.write_byte(FCR, 0x80 | number);
    let from = rig.fabric.now();
    assert_eq!(rig.read_byte(FSTATR1), 0);
    let at = rig.fabric.next_event_at();
    rig.pass(at.saturating_sub(from));
    assert_eq!(rig.read_byte(FSTATR1), 0x40, "FRDY");
    rig.write_byte(FCR, 0);
    assert_eq!(rig.read_byte(FSTATR1), 0);
    ((at - from).as_us(), rig.read_byte(FSTATR2))
}

fn buffer(rig: &mut Rig, halves: [u32; 4]) {
    for (offset, half) in [0x130, 0x138, 0x140, 0x144].into_iter().zip(halves) {
        rig.write_half(FACI + offset, half);
    }
}

fn bytes<const N: usize>(rig: &Rig, addr: u32) -> [u8; N] {
    let mut bytes = [0; N];
    rig.fabric.memory().read(addr, &mut bytes).unwrap();
    bytes
}

#[test]
fn code_flash_is_programmed_by_eight_bytes_and_erased_by_blocks() {
    let mut rig = code();
    buffer(&mut rig, [0x2211, 0x4433, 0x6655, 0x8877]);
    assert_eq!(command(&mut rig, 1, PLACE, 0), (54, 0));
    assert_eq!(bytes(&rig, PLACE), [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
    assert_eq!(command(&mut rig, 1, PLACE, 0).1, 2, "PRGERR: it is not blank");
    assert_eq!(command(&mut rig, 1, PLACE + 4, 0).1, 0x10, "ILGLERR: not a unit");
    rig.fabric.memory_mut().write(PLACE + 0x800, &[0]).unwrap();
    assert_eq!(command(&mut rig, 3, PLACE, PLACE + 7).1, 8, "BCERR");
    assert_eq!(command(&mut rig, 4, PLACE, PLACE + 0x7ff), (5_670, 0));
    assert_eq!(bytes(&rig, PLACE), [0xff; 8]);
    assert_eq!(bytes(&rig, PLACE + 0x800), [0], "the next block was not meant");
    assert_eq!(command(&mut rig, 3, PLACE, PLACE + 0x7ff).1, 0);
    assert_eq!(command(&mut rig, 4, PLACE, PLACE + 0x3ff).1, 0x11, "half a block");
}

#[test]
fn data_flash_is_programmed_by_the_byte() {
    let mut rig = data();
    buffer(&mut rig, [0x5a, 0, 0, 0]);
    assert_eq!(command(&mut rig, 1, DATA + 3, 0), (41, 0));
    assert_eq!(bytes(&rig, 0x4010_0000), [0xff, 0xff, 0xff, 0x5a, 0xff]);
    assert_eq!(command(&mut rig, 4, DATA, DATA + 0x7ff), (12_900, 0), "two blocks");
    assert_eq!(bytes(&rig, 0x4010_0003), [0xff]);
    assert_eq!(command(&mut rig, 1, PLACE, 0).1, 0x10, "code flash is another mode's");
    assert_eq!(command(&mut rig, 1, DATA + 0x2000, 0).1, 0x10, "behind its end");
}

#[test]
fn modes_are_entered_with_their_keys_only() {
    let mut rig = Rig::new();
    rig.fabric.set_position(VirtualTime::from_ms(1), 0x2000_0100);
    rig.write_half(FENTRYR, 0x0001);
    assert_eq!(rig.read_half(FENTRYR), 0, "without the key");
    for value in [0x82, 0x7d, 0x82] {
        rig.write_byte(FACI + 0x100, value);
    }
    assert_eq!(rig.read_byte(FACI + 0x100), 8, "FPR was not unlocked");
    assert_eq!(command(&mut rig, 1, PLACE, 0).1, 0x10, "no P/E mode");
    rig.fabric.set_position(VirtualTime::from_ms(2), 0x5000);
    let refused = rig.chip.write(&mut rig.fabric, FENTRYR, 0xaa01, AccessSize::Half);
    assert_eq!(refused, Err(AccessFault::UnmodelledUse), "from code flash itself");
}

#[test]
fn the_end_of_a_command_is_an_event() {
    let mut rig = data();
    rig.write(0x4000_6300 + 4 * 7, 0x18);
    command(&mut rig, 4, DATA, DATA + 0x3ff);
    assert!(rig.fabric.irq_level(7));
    rig.write(0x4000_6300 + 4 * 7, 0x18);
    assert!(!rig.fabric.irq_level(7));
}
