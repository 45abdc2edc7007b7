//! The flash sequencer.

use super::*;

const FACI: u32 = 0x407e_c000;
const FCR: u32 = FACI + 0x114;
const FSTATR1: u32 = FACI + 0x12c;
const FSTATR2: u32 = FACI + 0x1f0;
const FENTRYR: u32 = FACI + 0x3fb2;
const PLACE: u32 = 0x2_0000;
const DATA: u32 = 0xfe00_0000;

fn set_mode(bench: &mut Bench, mode: u32) {
    bench.write_byte(FACI + 0x180, 0xa5);
    for value in [mode, !mode & 0xff, mode] {
        bench.write_byte(FACI + 0x100, value);
    }
}

/// In P/E mode of code flash, the program in RAM.
fn code() -> Bench {
    let mut bench = Bench::new();
    bench.fabric.set_position(VirtualTime::from_ms(1), 0x2000_0100);
    bench.write_half(FENTRYR, 0xaa01);
    set_mode(&mut bench, 0x82);
    bench
}

fn data() -> Bench {
    let mut bench = Bench::new();
    bench.write_byte(FACI + 0x90, 1);
    bench.write_half(FENTRYR, 0xaa80);
    set_mode(&mut bench, 0x50);
    bench
}

/// Gives a command; tells how long it took in microseconds, and FSTATR2.
fn command(bench: &mut Bench, number: u32, start: u32, end: u32) -> (u64, u32) {
    for (offset, value) in [
        (0x108, start & 0xffff),
        (0x110, start >> 16),
        (0x118, end & 0xffff),
        (0x120, end >> 16),
    ] {
        bench.write_half(FACI + offset, value);
    }
    bench.write_byte(FCR, 0x80 | number);
    let from = bench.fabric.now();
    assert_eq!(bench.read_byte(FSTATR1), 0);
    let at = bench.fabric.next_event_at();
    bench.pass(at.saturating_sub(from));
    assert_eq!(bench.read_byte(FSTATR1), 0x40, "FRDY");
    bench.write_byte(FCR, 0);
    assert_eq!(bench.read_byte(FSTATR1), 0);
    ((at - from).as_us(), bench.read_byte(FSTATR2))
}

fn buffer(bench: &mut Bench, halves: [u32; 4]) {
    for (offset, half) in [0x130, 0x138, 0x140, 0x144].into_iter().zip(halves) {
        bench.write_half(FACI + offset, half);
    }
}

fn bytes<const N: usize>(bench: &Bench, addr: u32) -> [u8; N] {
    let mut bytes = [0; N];
    bench.fabric.memory().read(addr, &mut bytes).unwrap();
    bytes
}

#[test]
fn code_flash_is_programmed_by_eight_bytes_and_erased_by_blocks() {
    let mut bench = code();
    buffer(&mut bench, [0x2211, 0x4433, 0x6655, 0x8877]);
    assert_eq!(command(&mut bench, 1, PLACE, 0), (54, 0));
    assert_eq!(bytes(&bench, PLACE), [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
    assert_eq!(command(&mut bench, 1, PLACE, 0).1, 2, "PRGERR: it is not blank");
    assert_eq!(command(&mut bench, 1, PLACE + 4, 0).1, 0x10, "ILGLERR: not a unit");
    bench.fabric.memory_mut().write(PLACE + 0x800, &[0]).unwrap();
    assert_eq!(command(&mut bench, 3, PLACE, PLACE + 7).1, 8, "BCERR");
    assert_eq!(command(&mut bench, 4, PLACE, PLACE + 0x7ff), (5_670, 0));
    assert_eq!(bytes(&bench, PLACE), [0xff; 8]);
    assert_eq!(bytes(&bench, PLACE + 0x800), [0], "the next block was not meant");
    assert_eq!(command(&mut bench, 3, PLACE, PLACE + 0x7ff).1, 0);
    assert_eq!(command(&mut bench, 4, PLACE, PLACE + 0x3ff).1, 0x11, "half a block");
}

#[test]
fn data_flash_is_programmed_by_the_byte() {
    let mut bench = data();
    buffer(&mut bench, [0x5a, 0, 0, 0]);
    assert_eq!(command(&mut bench, 1, DATA + 3, 0), (41, 0));
    assert_eq!(bytes(&bench, 0x4010_0000), [0xff, 0xff, 0xff, 0x5a, 0xff]);
    assert_eq!(command(&mut bench, 4, DATA, DATA + 0x7ff), (12_900, 0), "two blocks");
    assert_eq!(bytes(&bench, 0x4010_0003), [0xff]);
    assert_eq!(command(&mut bench, 1, PLACE, 0).1, 0x10, "code flash is another mode's");
    assert_eq!(command(&mut bench, 1, DATA + 0x2000, 0).1, 0x10, "behind its end");
}

#[test]
fn modes_are_entered_with_their_keys_only() {
    let mut bench = Bench::new();
    bench.fabric.set_position(VirtualTime::from_ms(1), 0x2000_0100);
    bench.write_half(FENTRYR, 0x0001);
    assert_eq!(bench.read_half(FENTRYR), 0, "without the key");
    for value in [0x82, 0x7d, 0x82] {
        bench.write_byte(FACI + 0x100, value);
    }
    assert_eq!(bench.read_byte(FACI + 0x100), 8, "FPR was not unlocked");
    assert_eq!(command(&mut bench, 1, PLACE, 0).1, 0x10, "no P/E mode");
    bench.fabric.set_position(VirtualTime::from_ms(2), 0x5000);
    let refused = bench.chip.write(&mut bench.fabric, FENTRYR, 0xaa01, AccessSize::Half);
    assert_eq!(refused, Err(AccessFault::UnmodelledUse), "from code flash itself");
}

#[test]
fn the_end_of_a_command_is_an_event() {
    let mut bench = data();
    bench.write(0x4000_6300 + 4 * 7, 0x18);
    command(&mut bench, 4, DATA, DATA + 0x3ff);
    assert!(bench.fabric.irq_level(7));
    bench.write(0x4000_6300 + 4 * 7, 0x18);
    assert!(!bench.fabric.irq_level(7));
}
