//! TIMER and PPI.

use super::*;

const TIMER0: u32 = 0x4000_8000;
const TIMER1: u32 = 0x4000_9000;
const COMPARE0: u32 = TIMER0 + 0x140;

/// A started timer with `prescaler` and `bitmode`.
fn started(prescaler: u32, bitmode: u32, setup: &[(u32, u32)]) -> Rig {
    let mut rig = Rig::new();
    rig.write(TIMER0 + 0x510, prescaler);
    rig.write(TIMER0 + 0x508, bitmode);
    for (offset, value) in setup {
        rig.write(TIMER0 + offset, *value);
    }
    rig.write(TIMER0, 1);
    rig
}

fn capture(rig: &mut Rig) -> u32 {
    rig.write(TIMER0 + 0x04c, 1);
    rig.read(TIMER0 + 0x54c)
}

#[test]
fn counts_at_its_rate_and_width() {
    // prescaler, BITMODE, time, count
    for (prescaler, bitmode, us, count) in [
        (0, 3, 1_000, 16_000),
        (4, 3, 1_000, 1_000),
        (9, 3, 32_000, 1_000),
        (4, 0, 65_536 + 7, 7),
        (4, 1, 256 + 9, 9),
        (4, 2, (1 << 24) + 5, 5),
    ] {
        let mut rig = started(prescaler, bitmode, &[]);
        rig.pass(VirtualTime::from_us(us));
        assert_eq!(capture(&mut rig), count, "2^{prescaler}, mode {bitmode}");
    }
}

#[test]
fn compares_at_the_exact_instant_and_clears() {
    let mut rig = started(4, 3, &[(0x540, 100), (0x200, 1)]);
    for round in 0..3 {
        assert_eq!(rig.pass_until(COMPARE0), VirtualTime::from_us(100), "round {round}");
        rig.write(COMPARE0, 0);
    }
    rig.write(TIMER0 + 0x200, 1 << 8);
    rig.pass_until(COMPARE0);
    rig.pass(VirtualTime::from_us(50));
    assert_eq!(capture(&mut rig), 100, "COMPARE0_STOP");
}

#[test]
fn a_compare_value_behind_the_count_waits_for_the_next_turn() {
    let mut rig = started(4, 1, &[]);
    rig.pass(VirtualTime::from_us(100));
    rig.write(TIMER0 + 0x540, 50);
    assert_eq!(rig.pass_until(COMPARE0), VirtualTime::from_us(256 - 50));
}

#[test]
fn stop_keeps_and_clear_drops_the_count() {
    let mut rig = started(4, 3, &[]);
    rig.pass(VirtualTime::from_us(10));
    rig.write(TIMER0 + 0x004, 1);
    rig.pass(VirtualTime::from_us(10));
    assert_eq!(capture(&mut rig), 10);
    rig.write(TIMER0, 1);
    rig.pass(VirtualTime::from_us(10));
    assert_eq!(capture(&mut rig), 20);
    rig.write(TIMER0 + 0x00c, 1);
    rig.pass(VirtualTime::from_us(3));
    assert_eq!(capture(&mut rig), 3);
    let before = capture(&mut rig);
    rig.write(TIMER0 + 0x510, 0);
    rig.pass(VirtualTime::from_us(10));
    assert_eq!(capture(&mut rig), before + 160, "the prescaler, while it runs");
}

#[test]
fn ppi_carries_events_to_tasks_and_forks() {
    // TIMER0 COMPARE[0] counts in TIMER1, and stops TIMER0 by the fork, through group 2's enable task.
    let mut rig = started(4, 3, &[(0x540, 10), (0x200, 1)]);
    rig.write(TIMER1 + 0x504, 1);
    rig.write(TIMER1, 1);
    rig.write(0x4001_f510 + 8 * 7, COMPARE0);
    rig.write(0x4001_f514 + 8 * 7, TIMER1 + 0x008);
    rig.write(0x4001_f808, 1 << 7);
    rig.pass(VirtualTime::from_us(35));
    rig.write(0x4001_f010, 1); // CHG[2].EN
    assert_eq!(rig.read(0x4001_f500), 1 << 7);
    rig.pass(VirtualTime::from_us(30));
    rig.write(TIMER1 + 0x040, 1);
    assert_eq!(rig.read(TIMER1 + 0x540), 3);
    rig.write(0x4001_f910 + 4 * 7, TIMER0 + 0x004);
    rig.pass(VirtualTime::from_us(30));
    rig.write(TIMER1 + 0x040, 1);
    assert_eq!(rig.read(TIMER1 + 0x540), 4, "stopped by the fork at the first event");
}

#[test]
fn fixed_channels_and_rings_of_ppi() {
    // Channel 31: RTC0 COMPARE[0] starts TIMER0.
    let mut rig = Rig::new();
    rig.write(0x4000_0008, 1);
    rig.pass(VirtualTime::from_ms(1));
    rig.write(TIMER0 + 0x508, 3);
    rig.write(0x4000_b540, 100);
    rig.write(0x4000_b344, 1 << 16);
    rig.write(0x4001_f504, 1 << 31);
    rig.write(0x4000_b000, 1);
    rig.pass(VirtualTime::from_ms(4));
    assert!(capture(&mut rig) > 0);
    // EGU0 triggers itself: on silicon this oscillates, here it is a logged fault.
    rig.write(0x4001_f510, 0x4001_4100);
    rig.write(0x4001_f514, 0x4001_4000);
    rig.write(0x4001_f504, 1);
    rig.fabric.take_faults();
    rig.write(0x4001_4000, 1);
    assert_eq!(rig.fabric.take_faults().len(), 1);
}
