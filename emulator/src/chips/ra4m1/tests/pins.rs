//! Ports, pin functions, external interrupts.

use super::*;

const PORT1: u32 = 0x4004_0020;
const ICU: u32 = 0x4000_6000;
/// P111 (the LED) and P105 (D2, IRQ0).
const LED: u16 = 32 + 11;
const D2: u16 = 32 + 5;
const LED_PFS: u32 = 0x4004_0840 + 4 * 11;
const D2_PFS: u32 = 0x4004_0840 + 4 * 5;

fn changes(rig: &mut Rig) -> Vec<(u16, Option<bool>)> {
    let changes = rig.fabric.take_pin_changes();
    changes.into_iter().map(|change| (change.pin, change.level)).collect()
}

#[test]
fn an_output_follows_both_ways_to_it() {
    let mut rig = Rig::awake();
    rig.write(LED_PFS, 4);
    assert_eq!(changes(&mut rig), [(LED, Some(false))]);
    rig.write(PORT1 + 8, 1 << 11);
    assert_eq!(
        (changes(&mut rig), rig.read(PORT1)),
        (vec![(LED, Some(true))], 0x0800_0800),
        "POSR"
    );
    rig.write_half(PORT1 + 8, 1 << 11);
    assert_eq!(
        changes(&mut rig),
        [(LED, Some(false))],
        "PORR is the upper half, which comes first"
    );
    rig.write_byte(LED_PFS + 3, 5);
    assert_eq!(
        (changes(&mut rig), rig.read_half(PORT1)),
        (vec![(LED, Some(true))], 0x800)
    );
    rig.write(PORT1, 0x0800);
    assert_eq!(changes(&mut rig), [(LED, Some(false))]);
    assert_eq!(rig.read(LED_PFS), 4);
    rig.reset(ResetKind::Software);
    assert_eq!(rig.chip.pin_level(LED), None);
}

#[test]
fn functions_are_written_only_when_pwpr_lets() {
    let mut rig = Rig::new();
    rig.write(LED_PFS, 4);
    assert_eq!((rig.read(LED_PFS), rig.faults()), (0, vec![AccessFault::Denied]));
    rig.write_byte(0x4004_0d03, 0x40);
    rig.write(LED_PFS, 4);
    assert_eq!(rig.faults(), [AccessFault::Denied], "B0WI was still set");
    rig.write_byte(0x4004_0d03, 0x40);
    rig.write(LED_PFS, 4);
    assert_eq!((rig.read(LED_PFS), rig.faults()), (4, vec![]));
}

#[test]
fn an_input_is_what_drives_it_or_its_pull() {
    let mut rig = Rig::awake();
    for (pfs, level, read) in [
        (0, None, 0),
        (0x10, None, 2),
        (0x10, Some(false), 0),
        (0, Some(true), 2),
        (0x8000, Some(true), 0),
    ] {
        rig.write(D2_PFS, pfs);
        rig.chip.pin_input(&mut rig.fabric, D2, level);
        assert_eq!(rig.read(D2_PFS) & 2, read, "{pfs:#x}, {level:?}");
        assert_eq!(rig.read_half(PORT1 + 6) >> 5 & 1, read / 2, "PIDR");
    }
}

#[test]
fn a_pin_interrupts_by_its_edges() {
    // IRQMD, and whether falling and rising interrupt.
    for (mode, expected) in [(0, [true, false]), (1, [false, true]), (2, [true, true])] {
        let mut rig = Rig::awake();
        rig.write_byte(ICU, mode);
        rig.write(D2_PFS, 0x4010);
        rig.write(ICU + 0x300 + 4 * 3, 1);
        for (level, interrupts) in [false, true].into_iter().zip(expected) {
            rig.write(ICU + 0x300 + 4 * 3, 1);
            rig.chip.pin_input(&mut rig.fabric, D2, Some(level));
            assert_eq!(rig.fabric.irq_level(3), interrupts, "mode {mode}, {level}");
        }
    }
}

#[test]
fn a_low_level_interrupts_as_long_as_it_stands() {
    let mut rig = Rig::awake();
    rig.write_byte(ICU, 3);
    rig.write(D2_PFS, 0x4010);
    rig.write(ICU + 0x300, 1);
    rig.chip.pin_input(&mut rig.fabric, D2, Some(false));
    rig.write(ICU + 0x300, 1);
    assert!(rig.fabric.irq_level(0), "cleared, but it is low still");
    rig.chip.pin_input(&mut rig.fabric, D2, None);
    rig.write(ICU + 0x300, 1);
    assert!(!rig.fabric.irq_level(0));
}
