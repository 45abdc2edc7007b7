//! GPIO, SYSCFG and EXTI.

use super::*;

const GPIOA: u32 = 0x4002_0000;
const GPIOD: u32 = 0x4002_0c00;
const EXTI: u32 = 0x4001_3c00;
/// PA0 and PD12 in the chip's numbering.
const BUTTON: u16 = 0;
const LED: u16 = 3 * 32 + 12;

fn changes(rig: &mut Rig) -> Vec<(u16, Option<bool>)> {
    let changes = rig.fabric.take_pin_changes();
    changes.into_iter().map(|change| (change.pin, change.level)).collect()
}

#[test]
fn an_output_follows_odr_and_bsrr() {
    let mut rig = Rig::clocked();
    rig.write(GPIOD, 1 << 24);
    assert_eq!(changes(&mut rig), [(LED, Some(false))]);
    rig.write(GPIOD + 0x18, 1 << 12);
    assert_eq!(changes(&mut rig), [(LED, Some(true))]);
    rig.write(GPIOD + 0x18, 1 << 28 | 1 << 12);
    assert_eq!(changes(&mut rig), [], "setting has priority");
    rig.write(GPIOD + 0x18, 1 << 28);
    assert_eq!(changes(&mut rig), [(LED, Some(false))]);
    rig.write(GPIOD + 0x14, 0x1000);
    assert_eq!(rig.read(GPIOD + 0x10), 0x1000, "IDR sees the pad");
    // An open drain lets go of a high.
    rig.write(GPIOD + 0x04, 0x1000);
    assert_eq!(changes(&mut rig), [(LED, Some(true)), (LED, None)]);
    rig.reset(ResetKind::Software);
    assert_eq!(rig.chip.pin_level(LED), None);
}

#[test]
fn narrow_stores_reach_their_half() {
    let mut rig = Rig::clocked();
    rig.write(GPIOD, 1 << 24);
    for (offset, value, odr) in [(0x18, 0x1000, 0x1000), (0x1a, 0x1000, 0), (0x14, 0x1001, 0x1001)] {
        let done = rig.chip.write(&mut rig.fabric, GPIOD + offset, value, AccessSize::Half);
        assert_eq!(done, Ok(()));
        assert_eq!(rig.read(GPIOD + 0x14), odr, "{offset:#x}");
    }
    let done = rig.chip.write(&mut rig.fabric, GPIOD + 0x15, 0x30, AccessSize::Byte);
    assert_eq!((done, rig.read(GPIOD + 0x14)), (Ok(()), 0x3001));
}

#[test]
fn an_input_is_what_drives_it_or_its_pull() {
    let mut rig = Rig::clocked();
    rig.write(GPIOA, 0);
    for (pull, level, read) in [
        (0, None, 0),
        (1, None, 1),
        (2, None, 0),
        (1, Some(false), 0),
        (2, Some(true), 1),
    ] {
        rig.write(GPIOA + 0x0c, pull);
        rig.chip.pin_input(&mut rig.fabric, BUTTON, level);
        assert_eq!(rig.read(GPIOA + 0x10) & 1, read, "pull {pull}, {level:?}");
    }
    rig.write(GPIOA, 3);
    assert_eq!(rig.read(GPIOA + 0x10) & 1, 0, "analog");
}

#[test]
fn an_edge_on_the_wired_port_interrupts_until_it_is_cleared() {
    let mut rig = Rig::clocked();
    let set = |rig: &mut Rig, pin, level| rig.chip.pin_input(&mut rig.fabric, pin, Some(level));
    rig.write(EXTI, 1);
    rig.write(EXTI + 0x08, 1);
    set(&mut rig, BUTTON, true);
    assert!(rig.fabric.irq_level(6), "EXTI0");
    rig.write(EXTI + 0x14, 1);
    assert!(!rig.fabric.irq_level(6));
    set(&mut rig, BUTTON, false);
    assert_eq!(rig.read(EXTI + 0x14), 0, "only the rising edge");
    rig.write(0x4001_3808, 3);
    set(&mut rig, BUTTON, true);
    assert_eq!(rig.read(EXTI + 0x14), 0, "port D is on the line now");
    set(&mut rig, 3 * 32, true);
    assert_eq!(rig.read(EXTI + 0x14), 1);

    // Lines 5 to 9 and 10 to 15 share.
    rig.write(EXTI, 1 << 7 | 1 << 15);
    rig.write(EXTI + 0x0c, 1 << 7 | 1 << 15);
    for (pin, irq) in [(7, 23), (15, 40)] {
        set(&mut rig, pin, true);
        set(&mut rig, pin, false);
        assert!(rig.fabric.irq_level(irq), "{irq}");
    }
    rig.write(EXTI + 0x10, 1 << 3);
    assert_eq!(rig.read(EXTI + 0x14) >> 3 & 1, 1, "SWIER");
}
