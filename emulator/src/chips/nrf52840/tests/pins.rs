//! GPIO and GPIOTE.

use super::*;

const P0: u32 = 0x5000_0000;
const P1: u32 = 0x5000_0300;
const GPIOTE: u32 = 0x4000_6000;

fn drive(rig: &mut Rig, pin: u16, level: Option<bool>) {
    rig.chip.pin_input(&mut rig.fabric, pin, level);
}

fn changes(rig: &mut Rig) -> Vec<(u16, Option<bool>)> {
    let changes = rig.fabric.take_pin_changes();
    changes.into_iter().map(|change| (change.pin, change.level)).collect()
}

#[test]
fn outputs_are_told_once_each() {
    let mut rig = Rig::new();
    rig.write(P0 + 0x518, 1 << 13);
    rig.write(P0 + 0x508, 1 << 13);
    rig.write(P0 + 0x508, 1 << 13);
    rig.write(P0 + 0x50c, 1 << 13 | 1 << 14);
    rig.write(P1 + 0x508, 1 << 9);
    rig.write(P1 + 0x700 + 4 * 9, 1);
    rig.write(P0 + 0x51c, 1 << 13);
    let (low, high) = (Some(false), Some(true));
    assert_eq!(
        changes(&mut rig),
        [(13, low), (13, high), (13, low), (41, high), (13, None)]
    );
    assert_eq!(rig.chip.pin_level(41), high);
    assert_eq!((rig.read(P1 + 0x514), rig.read(P1 + 0x504)), (1 << 9, 1 << 9));
}

#[test]
fn levels_come_from_drive_then_outside_then_pulls() {
    // PIN_CNF, OUT bit, driven outside, level, IN bit
    for (cnf, out, outside, level, input) in [
        (0x0, false, None, None, false),
        (0x4, false, None, Some(false), false),
        (0xc, false, None, Some(true), true),
        (0xc, false, Some(false), Some(false), false),
        (0xe, false, Some(true), Some(true), false), // input buffer disconnected
        (0x1, true, Some(false), Some(true), true),
        (0x3, true, None, Some(true), false),
        (0x60d, true, None, Some(true), true), // S0D1 with pull-up: released
        (0x60d, true, Some(false), Some(false), false), // and pulled low from outside
        (0x60d, false, Some(true), Some(false), false),
    ] {
        let mut rig = Rig::new();
        drive(&mut rig, 5, outside);
        rig.write(if out { P0 + 0x508 } else { P0 + 0x50c }, 1 << 5);
        rig.write(P0 + 0x700 + 4 * 5, cnf);
        assert_eq!(rig.chip.pin_level(5), level, "{cnf:#x} {out} {outside:?}");
        assert_eq!(rig.read(P0 + 0x510) >> 5 & 1 != 0, input, "{cnf:#x} {out} {outside:?}");
    }
}

#[test]
fn edges_become_events() {
    // POLARITY, events after a rise, after a fall
    for (polarity, rise, fall) in [(1, 1, 0), (2, 0, 1), (3, 1, 1)] {
        let mut rig = Rig::new();
        rig.write(P1 + 0x700 + 4 * 11, 0x4);
        rig.write(GPIOTE + 0x510 + 4 * 2, 1 | 43 << 8 | polarity << 16);
        rig.write(GPIOTE + 0x304, 1 << 2);
        for (level, expected) in [(true, rise), (false, fall)] {
            drive(&mut rig, 43, Some(level));
            assert_eq!(rig.read(GPIOTE + 0x108), expected, "{polarity} {level}");
            assert_eq!(rig.fabric.irq_level(6), expected == 1);
            rig.write(GPIOTE + 0x108, 0);
        }
    }
}

#[test]
fn tasks_drive_the_pin_they_took() {
    let mut rig = Rig::new();
    rig.write(GPIOTE + 0x510, 3 | 24 << 8 | 3 << 16 | 1 << 20);
    assert_eq!(rig.chip.pin_level(24), Some(true), "OUTINIT");
    for (task, level) in [(0x000, false), (0x000, true), (0x060, false), (0x030, true)] {
        rig.write(GPIOTE + task, 1);
        assert_eq!(rig.chip.pin_level(24), Some(level), "{task:#x}");
    }
    rig.write(GPIOTE + 0x510, 0);
    assert_eq!(rig.chip.pin_level(24), None);
}

#[test]
fn sensed_pins_detect_and_latch() {
    let mut rig = Rig::new();
    rig.write(P0 + 0x700 + 4 * 3, 0x0002_0004); // sense high
    drive(&mut rig, 3, Some(true));
    assert_eq!((rig.read(GPIOTE + 0x17c), rig.read(P0 + 0x520)), (1, 1 << 3));
    rig.write(P0 + 0x520, 1 << 3);
    assert_eq!(rig.read(P0 + 0x520), 1 << 3, "still high");
    drive(&mut rig, 3, Some(false));
    rig.write(P0 + 0x520, 1 << 3);
    assert_eq!(rig.read(P0 + 0x520), 0);
}

#[test]
fn the_reset_button_resets() {
    let mut rig = Rig::new();
    drive(&mut rig, 18, Some(false));
    assert_eq!(rig.request(), None, "UICR does not name a reset pin");
    super::super::prepare(rig.fabric.memory_mut(), Some(18), 0x1_0000);
    drive(&mut rig, 18, Some(true));
    drive(&mut rig, 18, Some(false));
    assert_eq!(rig.request(), Some(Request::Reset(ResetKind::Pin)));
}

#[test]
fn a_reset_lets_go_of_outputs_but_not_of_what_is_outside() {
    let mut rig = Rig::new();
    rig.write(P0 + 0x518, 1);
    drive(&mut rig, 7, Some(true));
    changes(&mut rig);
    rig.reset(ResetKind::Software);
    assert_eq!(changes(&mut rig), [(0, None)]);
    assert_eq!(rig.chip.pin_level(7), Some(true));
}
