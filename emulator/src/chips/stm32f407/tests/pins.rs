//! GPIO, SYSCFG and EXTI.

use super::*;

const GPIOA: u32 = 0x4002_0000;
const GPIOD: u32 = 0x4002_0c00;
const EXTI: u32 = 0x4001_3c00;
/// PA0 and PD12 in the chip's numbering.
const BUTTON: u16 = 0;
const LED: u16 = 3 * 32 + 12;

fn changes(bench: &mut Bench) -> Vec<(u16, Option<bool>)> {
    let changes = bench.fabric.take_pin_changes();
    changes.into_iter().map(|change| (change.pin, change.level)).collect()
}

#[test]
fn an_output_follows_odr_and_bsrr() {
    let mut bench = Bench::clocked();
    bench.write(GPIOD, 1 << 24);
    assert_eq!(changes(&mut bench), [(LED, Some(false))]);
    bench.write(GPIOD + 0x18, 1 << 12);
    assert_eq!(changes(&mut bench), [(LED, Some(true))]);
    bench.write(GPIOD + 0x18, 1 << 28 | 1 << 12);
    assert_eq!(changes(&mut bench), [], "setting has priority");
    bench.write(GPIOD + 0x18, 1 << 28);
    assert_eq!(changes(&mut bench), [(LED, Some(false))]);
    bench.write(GPIOD + 0x14, 0x1000);
    assert_eq!(bench.read(GPIOD + 0x10), 0x1000, "IDR sees the pad");
    // An open drain lets go of a high.
    bench.write(GPIOD + 0x04, 0x1000);
    assert_eq!(changes(&mut bench), [(LED, Some(true)), (LED, None)]);
    bench.reset(ResetKind::Software);
    assert_eq!(bench.chip.pin_level(LED), None);
}

#[test]
fn narrow_stores_reach_their_half() {
    let mut bench = Bench::clocked();
    bench.write(GPIOD, 1 << 24);
    for (offset, value, odr) in [(0x18, 0x1000, 0x1000), (0x1a, 0x1000, 0), (0x14, 0x1001, 0x1001)] {
        let done = bench
            .chip
            .write(&mut bench.fabric, GPIOD + offset, value, AccessSize::Half);
        assert_eq!(done, Ok(()));
        assert_eq!(bench.read(GPIOD + 0x14), odr, "{offset:#x}");
    }
    let done = bench
        .chip
        .write(&mut bench.fabric, GPIOD + 0x15, 0x30, AccessSize::Byte);
    assert_eq!((done, bench.read(GPIOD + 0x14)), (Ok(()), 0x3001));
}

#[test]
fn an_input_is_what_drives_it_or_its_pull() {
    let mut bench = Bench::clocked();
    bench.write(GPIOA, 0);
    for (pull, level, read) in [
        (0, None, 0),
        (1, None, 1),
        (2, None, 0),
        (1, Some(false), 0),
        (2, Some(true), 1),
    ] {
        bench.write(GPIOA + 0x0c, pull);
        bench.chip.pin_input(&mut bench.fabric, BUTTON, level);
        assert_eq!(bench.read(GPIOA + 0x10) & 1, read, "pull {pull}, {level:?}");
    }
    bench.write(GPIOA, 3);
    assert_eq!(bench.read(GPIOA + 0x10) & 1, 0, "analog");
}

#[test]
fn an_edge_on_the_wired_port_interrupts_until_it_is_cleared() {
    let mut bench = Bench::clocked();
    let set = |bench: &mut Bench, pin, level| bench.chip.pin_input(&mut bench.fabric, pin, Some(level));
    bench.write(EXTI, 1);
    bench.write(EXTI + 0x08, 1);
    set(&mut bench, BUTTON, true);
    assert!(bench.fabric.irq_level(6), "EXTI0");
    bench.write(EXTI + 0x14, 1);
    assert!(!bench.fabric.irq_level(6));
    set(&mut bench, BUTTON, false);
    assert_eq!(bench.read(EXTI + 0x14), 0, "only the rising edge");
    bench.write(0x4001_3808, 3);
    set(&mut bench, BUTTON, true);
    assert_eq!(bench.read(EXTI + 0x14), 0, "port D is on the line now");
    set(&mut bench, 3 * 32, true);
    assert_eq!(bench.read(EXTI + 0x14), 1);

    // Lines 5 to 9 and 10 to 15 share.
    bench.write(EXTI, 1 << 7 | 1 << 15);
    bench.write(EXTI + 0x0c, 1 << 7 | 1 << 15);
    for (pin, irq) in [(7, 23), (15, 40)] {
        set(&mut bench, pin, true);
        set(&mut bench, pin, false);
        assert!(bench.fabric.irq_level(irq), "{irq}");
    }
    bench.write(EXTI + 0x10, 1 << 3);
    assert_eq!(bench.read(EXTI + 0x14) >> 3 & 1, 1, "SWIER");
}
