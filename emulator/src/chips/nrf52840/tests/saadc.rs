//! SAADC with a potentiometer at AIN2 (P0.04).

use super::*;
use crate::parts::Parts;
use drydock_assets::{Millionths, PartChoice, part_kinds};

const SAADC: u32 = 0x4000_7000;
const START: u32 = SAADC;
const SAMPLE: u32 = SAADC + 0x004;
const END: u32 = SAADC + 0x104;
const DONE: u32 = SAADC + 0x108;
const RAM: u32 = 0x2000_1000;
/// Single-ended, 10 µs; gain and reference are 0.
const CONFIG: u32 = 0x0002_0000;

/// Enabled, with a potentiometer at `percent` and room for `words` results.
fn with_potentiometer(percent: i64, words: u32) -> Rig {
    let mut board = drydock_assets::board("nano33ble").unwrap();
    let choice = PartChoice {
        kind: "potentiometer".to_owned(),
        ..PartChoice::default()
    };
    board.add_part(&choice, part_kinds()).unwrap();
    let mut parts = Parts::of(&board).unwrap();
    let value = Millionths(percent * 1_000_000);
    parts
        .set(VirtualTime::ZERO, "potentiometer", "position", value)
        .unwrap();
    let mut rig = Rig::new();
    rig.fabric.wire_parts(Some(parts));
    for (offset, value) in [(0x62c, RAM), (0x630, words), (0x500, 1)] {
        rig.write(SAADC + offset, value);
    }
    rig
}

fn channel(rig: &mut Rig, index: u32, pselp: u32, pseln: u32, config: u32) {
    for (offset, value) in [(0x510, pselp), (0x514, pseln), (0x518, config)] {
        rig.write(SAADC + offset + 16 * index, value);
    }
}

fn result(rig: &Rig, index: u32) -> i16 {
    let mut bytes = [0; 2];
    rig.fabric.memory().read(RAM + 2 * index, &mut bytes).unwrap();
    i16::from_le_bytes(bytes)
}

#[test]
fn a_voltage_is_converted_by_gain_reference_and_resolution() {
    // Percent of 3.3 V, PSELP, PSELN, CONFIG, RESOLUTION, result
    for (percent, pselp, pseln, config, resolution, expected) in [
        (50, 3, 0, CONFIG, 2, 1_877),                    // 1.65 V / 3.6 V of 4,096
        (50, 3, 0, CONFIG, 0, 117),                      // of 256
        (50, 3, 0, CONFIG, 3, 7_509),                    // of 16,384
        (50, 3, 0, CONFIG | 2 << 8 | 1 << 12, 2, 2_048), // gain 1/4, a quarter of the supply
        (100, 3, 0, CONFIG | 5 << 8, 2, 4_095),          // beyond the range
        (10, 3, 0, CONFIG | 5 << 8, 2, 2_252),           // 0.33 V / 0.6 V
        (10, 3, 0, CONFIG | 6 << 8, 2, 4_095),           // twice that
        (50, 3, 9, CONFIG | 1 << 20, 2, -939),           // against the supply: -1.65 V of 2,048
        (50, 9, 3, CONFIG | 1 << 20, 2, 938),
        (50, 9, 0, CONFIG, 2, 3_754), // the supply
        (50, 1, 0, CONFIG, 2, 0),     // a pin that nobody drives
    ] {
        let mut rig = with_potentiometer(percent, 1);
        rig.write(SAADC + 0x5f0, resolution);
        channel(&mut rig, 0, pselp, pseln, config);
        rig.write(START, 1);
        rig.write(SAMPLE, 1);
        rig.pass_until(END);
        assert_eq!(result(&rig, 0), expected, "{percent} %, {pselp}, {config:#x}");
        assert_eq!(rig.read(SAADC + 0x634), 1, "AMOUNT");
    }
}

#[test]
fn each_channel_takes_its_time() {
    let mut rig = with_potentiometer(50, 4);
    rig.write(SAADC + 0x304, 1 << 1);
    // 3 µs and 40 µs of acquisition; channels 1 and 6.
    channel(&mut rig, 1, 3, 0, 0);
    channel(&mut rig, 6, 9, 0, 5 << 16);
    rig.write(START, 1);
    rig.write(SAMPLE, 1);
    assert_eq!(rig.pass_until(DONE), VirtualTime::from_us(5));
    rig.write(DONE, 0);
    assert_eq!(rig.pass_until(DONE), VirtualTime::from_us(42));
    assert_eq!((rig.read(SAADC + 0x634), rig.read(END)), (2, 0));
    rig.write(SAMPLE, 1);
    assert!(!rig.fabric.irq_level(7));
    assert_eq!(rig.pass_until(END), VirtualTime::from_us(47));
    assert!(rig.fabric.irq_level(7));
    assert_eq!(result(&rig, 3), 938, "10 bits");
    // Behind the end it waits for START.
    rig.write(END, 0);
    rig.write(SAMPLE, 1);
    rig.pass(VirtualTime::from_ms(1));
    assert_eq!(rig.read(END), 0);
}

#[test]
fn limits_are_told_and_a_burst_takes_its_samples() {
    // LIMIT, LIMITH, LIMITL
    for (limit, high, low) in [(0x0100_0000, 1, 0), (0x7fff_0300, 0, 1), (0x7fff_8000, 0, 0)] {
        let mut rig = with_potentiometer(50, 1);
        rig.write(SAADC + 0x51c, limit);
        channel(&mut rig, 0, 3, 0, CONFIG | 1 << 24);
        rig.write(SAADC + 0x5f4, 3);
        rig.write(START, 1);
        rig.write(SAMPLE, 1);
        assert_eq!(rig.pass_until(END), VirtualTime::from_us(8 * 12));
        assert_eq!(
            (rig.read(SAADC + 0x118), rig.read(SAADC + 0x11c)),
            (high, low),
            "{limit:#x}"
        );
    }
    let mut rig = with_potentiometer(50, 1);
    channel(&mut rig, 0, 3, 0, CONFIG);
    rig.write(SAADC + 0x5f4, 3);
    rig.write(START, 1);
    assert_eq!(
        rig.try_write(SAMPLE, 1),
        Err(AccessFault::UnmodelledUse),
        "without BURST"
    );
    assert_eq!(
        rig.try_write(SAADC + 0x5f8, 1 << 12 | 80),
        Err(AccessFault::UnmodelledUse)
    );
}

#[test]
fn a_stop_ends_the_conversion() {
    let mut rig = with_potentiometer(50, 1);
    channel(&mut rig, 0, 3, 0, CONFIG);
    rig.write(START, 1);
    rig.write(SAMPLE, 1);
    rig.pass(VirtualTime::from_us(5));
    rig.write(SAADC + 0x008, 1);
    assert_eq!(rig.read(SAADC + 0x114), 1, "STOPPED");
    rig.pass(VirtualTime::from_ms(1));
    assert_eq!((rig.read(END), rig.read(DONE)), (0, 0));
    rig.write(SAADC + 0x00c, 1);
    assert_eq!(rig.pass_until(SAADC + 0x110), VirtualTime::from_us(42), "CALIBRATEDONE");
}
