//! Ports, pin functions, external interrupts.

use super::*;

const PORT1: u32 = 0x4004_0020;
const ICU: u32 = 0x4000_6000;
/// P111 (the LED) and P105 (D2, IRQ0).
const LED: u16 = 32 + 11;
const D2: u16 = 32 + 5;
const LED_PFS: u32 = 0x4004_0840 + 4 * 11;
const D2_PFS: u32 = 0x4004_0840 + 4 * 5;

fn changes(bench: &mut Bench) -> Vec<(u16, Option<bool>)> {
    let changes = bench.fabric.take_pin_changes();
    changes.into_iter().map(|change| (change.pin, change.level)).collect()
}

#[test]
fn an_output_follows_both_ways_to_it() {
    let mut bench = Bench::awake();
    bench.write(LED_PFS, 4);
    assert_eq!(changes(&mut bench), [(LED, Some(false))]);
    bench.write(PORT1 + 8, 1 << 11);
    assert_eq!(
        (changes(&mut bench), bench.read(PORT1)),
        (vec![(LED, Some(true))], 0x0800_0800),
        "POSR"
    );
    bench.write_half(PORT1 + 8, 1 << 11);
    assert_eq!(
        changes(&mut bench),
        [(LED, Some(false))],
        "PORR is the upper half, which comes first"
    );
    bench.write_byte(LED_PFS + 3, 5);
    assert_eq!(
        (changes(&mut bench), bench.read_half(PORT1)),
        (vec![(LED, Some(true))], 0x800)
    );
    bench.write(PORT1, 0x0800);
    assert_eq!(changes(&mut bench), [(LED, Some(false))]);
    assert_eq!(bench.read(LED_PFS), 4);
    bench.reset(ResetKind::Software);
    assert_eq!(bench.chip.pin_level(LED), None);
}

#[test]
fn functions_are_written_only_when_pwpr_lets() {
    let mut bench = Bench::new();
    bench.write(LED_PFS, 4);
    assert_eq!((bench.read(LED_PFS), bench.faults()), (0, vec![AccessFault::Denied]));
    bench.write_byte(0x4004_0d03, 0x40);
    bench.write(LED_PFS, 4);
    assert_eq!(bench.faults(), [AccessFault::Denied], "B0WI was still set");
    bench.write_byte(0x4004_0d03, 0x40);
    bench.write(LED_PFS, 4);
    assert_eq!((bench.read(LED_PFS), bench.faults()), (4, vec![]));
}

#[test]
fn an_input_is_what_drives_it_or_its_pull() {
    let mut bench = Bench::awake();
    for (pfs, level, read) in [
        (0, None, 0),
        (0x10, None, 2),
        (0x10, Some(false), 0),
        (0, Some(true), 2),
        (0x8000, Some(true), 0),
    ] {
        bench.write(D2_PFS, pfs);
        bench.chip.pin_input(&mut bench.fabric, D2, level);
        assert_eq!(bench.read(D2_PFS) & 2, read, "{pfs:#x}, {level:?}");
        assert_eq!(bench.read_half(PORT1 + 6) >> 5 & 1, read / 2, "PIDR");
    }
}

#[test]
fn a_pin_interrupts_by_its_edges() {
    // IRQMD, and whether falling and rising interrupt.
    for (mode, expected) in [(0, [true, false]), (1, [false, true]), (2, [true, true])] {
        let mut bench = Bench::awake();
        bench.write_byte(ICU, mode);
        bench.write(D2_PFS, 0x4010);
        bench.write(ICU + 0x300 + 4 * 3, 1);
        for (level, interrupts) in [false, true].into_iter().zip(expected) {
            bench.write(ICU + 0x300 + 4 * 3, 1);
            bench.chip.pin_input(&mut bench.fabric, D2, Some(level));
            assert_eq!(bench.fabric.irq_level(3), interrupts, "mode {mode}, {level}");
        }
    }
}

#[test]
fn a_low_level_interrupts_as_long_as_it_stands() {
    let mut bench = Bench::awake();
    bench.write_byte(ICU, 3);
    bench.write(D2_PFS, 0x4010);
    bench.write(ICU + 0x300, 1);
    bench.chip.pin_input(&mut bench.fabric, D2, Some(false));
    bench.write(ICU + 0x300, 1);
    assert!(bench.fabric.irq_level(0), "cleared, but it is low still");
    bench.chip.pin_input(&mut bench.fabric, D2, None);
    bench.write(ICU + 0x300, 1);
    assert!(!bench.fabric.irq_level(0));
}
