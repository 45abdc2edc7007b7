//! RTC on LOCO, whose 32,768 Hz RFRL makes 128 Hz of.

use super::*;

const RTC: u32 = 0x4004_4000;
const RCR1: u32 = RTC + 0x22;
const RCR2: u32 = RTC + 0x24;
const START: u32 = 1;
const RESET: u32 = 2;
const ADJ30: u32 = 4;
const HR24: u32 = 1 << 6;

fn ms(ms: u64) -> VirtualTime {
    VirtualTime::from_ms(ms)
}

/// Stopped at the given second, minute, hour, weekday, day, month (BCD) and year.
fn set_to(rig: &mut Rig, fields: [u32; 6], year: u32) {
    rig.write_byte(RTC + 0x28, 1);
    rig.write_half(RTC + 0x2a, 0);
    rig.write_half(RTC + 0x2c, 0xff);
    rig.write_byte(RCR2, HR24);
    rig.write_byte(RCR2, HR24 | RESET);
    for (index, field) in fields.into_iter().enumerate() {
        rig.write_byte(RTC + 2 + 2 * index as u32, field);
    }
    rig.write_half(RTC + 0x0e, year);
}

fn fields(rig: &mut Rig) -> ([u32; 6], u32) {
    let fields = std::array::from_fn(|index| rig.read_byte(RTC + 2 + 2 * index as u32));
    (fields, rig.read_half(RTC + 0x0e))
}

#[test]
fn it_counts_seconds_to_years() {
    for (from, year, to, next) in [
        (
            [0x58, 0x00, 0x00, 1, 0x01, 0x01],
            0x26,
            [0x59, 0x00, 0x00, 1, 0x01, 0x01],
            0x26,
        ),
        (
            [0x59, 0x09, 0x19, 1, 0x01, 0x01],
            0x26,
            [0x00, 0x10, 0x19, 1, 0x01, 0x01],
            0x26,
        ),
        (
            [0x59, 0x59, 0x23, 6, 0x30, 0x11],
            0x26,
            [0x00, 0x00, 0x00, 0, 0x01, 0x12],
            0x26,
        ),
        (
            [0x59, 0x59, 0x23, 3, 0x28, 0x02],
            0x26,
            [0x00, 0x00, 0x00, 4, 0x01, 0x03],
            0x26,
        ),
        (
            [0x59, 0x59, 0x23, 3, 0x28, 0x02],
            0x28,
            [0x00, 0x00, 0x00, 4, 0x29, 0x02],
            0x28,
        ),
        (
            [0x59, 0x59, 0x23, 3, 0x31, 0x12],
            0x99,
            [0x00, 0x00, 0x00, 4, 0x01, 0x01],
            0x00,
        ),
    ] {
        let mut rig = Rig::fast();
        set_to(&mut rig, from, year);
        rig.write_byte(RCR2, HR24 | START);
        rig.pass(ms(999));
        assert_eq!(fields(&mut rig), (from, year));
        rig.pass(ms(1));
        assert_eq!(fields(&mut rig), (to, next));
    }
}

#[test]
fn r64cnt_counts_128_hz_and_a_stop_keeps_it() {
    let mut rig = Rig::fast();
    set_to(&mut rig, [0, 0, 0, 0, 1, 1], 0);
    rig.write_byte(RCR2, HR24 | START);
    rig.pass(ms(500));
    assert_eq!(rig.read_byte(RTC), 64);
    rig.write_byte(RCR2, HR24);
    rig.pass(ms(3_000));
    assert_eq!((rig.read_byte(RTC), fields(&mut rig).0[0]), (64, 0));
    rig.write_byte(RCR2, HR24 | START);
    rig.pass(ms(500));
    assert_eq!((rig.read_byte(RTC), fields(&mut rig).0[0]), (0, 1));
    let stored = rig.chip.write(&mut rig.fabric, RTC + 2, 5, AccessSize::Byte);
    assert_eq!(stored, Err(AccessFault::UnmodelledUse), "it counts");
    // It goes on through a reset of the chip.
    rig.reset(ResetKind::Watchdog);
    rig.pass(ms(2_000));
    assert_eq!(fields(&mut rig).0[0], 3);
}

#[test]
fn an_adjustment_goes_to_the_nearest_minute() {
    for (second, expected) in [(0x29, [0, 0x59]), (0x30, [0, 0])] {
        let mut rig = Rig::fast();
        set_to(&mut rig, [second, 0x59, 0x10, 0, 1, 1], 0);
        rig.write_byte(RCR2, HR24 | START | ADJ30);
        assert_eq!(fields(&mut rig).0[..2], expected, "{second:#x}");
        assert_eq!(rig.read_byte(RCR2), HR24 | START);
    }
}

#[test]
fn its_alarm_its_period_and_its_carry_are_events() {
    let mut rig = Rig::fast();
    for (line, event) in [0x26, 0x27, 0x28].into_iter().enumerate() {
        rig.write(0x4000_6300 + 4 * line as u32, event);
    }
    let taken = |rig: &mut Rig| -> [bool; 3] {
        std::array::from_fn(|line| {
            let addr = 0x4000_6300 + 4 * line as u32;
            let event = rig.read(addr);
            rig.write(addr, event & 0xff);
            event >> 16 & 1 != 0
        })
    };
    set_to(&mut rig, [0x57, 0x59, 0x07, 0, 1, 1], 0);
    // 8:00:00, whatever the day is.
    for (register, value) in [(0x10, 0x80), (0x12, 0x80), (0x14, 0x88)] {
        rig.write_byte(RTC + register, value);
    }
    // AIE, PIE, a quarter of a second.
    rig.write_byte(RCR1, 0xc5);
    rig.write_byte(RCR2, HR24 | START);
    rig.pass(ms(249));
    assert_eq!(taken(&mut rig), [false; 3]);
    rig.pass(ms(1));
    assert_eq!(taken(&mut rig), [false, true, false]);
    rig.write_byte(RCR1, 3);
    rig.pass(ms(1_750));
    assert_eq!(taken(&mut rig), [false, false, true]);
    rig.pass(ms(999));
    assert_eq!(taken(&mut rig), [false; 3]);
    rig.pass(ms(1));
    assert_eq!(taken(&mut rig), [true, false, true]);
    rig.pass(ms(1_000));
    assert_eq!(taken(&mut rig), [false, false, true], "once");
}

#[test]
fn what_it_cannot_do_is_refused() {
    let mut rig = Rig::fast();
    let stored = |rig: &mut Rig, addr, value| rig.chip.write(&mut rig.fabric, addr, value, AccessSize::Byte);
    assert_eq!(
        stored(&mut rig, RCR2, HR24 | START),
        Err(AccessFault::UnmodelledUse),
        "the sub-clock"
    );
    rig.write_byte(RTC + 0x28, 1);
    for value in [START, START | HR24 | 1 << 7, HR24 | 1 << 3] {
        assert_eq!(
            stored(&mut rig, RCR2, value),
            Err(AccessFault::UnmodelledUse),
            "{value:#x}"
        );
    }
    assert_eq!(
        stored(&mut rig, RCR1, 0x64),
        Err(AccessFault::UnmodelledUse),
        "a 256th of a second"
    );
}
